"""Every public op is timed, on shapes that fit its kernel."""

from __future__ import annotations

from importlib import import_module

from benchmarks import harness


def test_every_op_has_a_benchmark() -> None:
    files = sorted(harness.FOLDER.glob("bench_*.py"))
    assert len(files) > 8
    for path in files:
        import_module(f"benchmarks.{path.stem}")
    assert harness.missing_ops() == []


def test_a_missing_benchmark_is_seen() -> None:
    missing = harness.BENCHMARKED & {"gemm"}
    harness.BENCHMARKED.discard("gemm")
    assert "gemm" in harness.missing_ops()
    harness.BENCHMARKED.update(missing)


def test_shapes_have_names_of_their_own() -> None:
    tables = sorted((harness.FOLDER / "shapes").glob("*.csv"))
    assert tables
    for table in tables:
        names = [str(shape) for shape in harness.shapes(table.stem)]
        assert names, table
        assert len(set(names)) == len(names), table
