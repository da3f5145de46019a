"""Options and fixtures of the benchmarks.

    python -m pytest benchmarks --benchmark-only
    python -m pytest benchmarks --smoke                  every benchmark once, small

Both twins use PELLUCID_NUM_THREADS threads, 1 by default.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if "numpy" in sys.modules:
    raise pytest.UsageError(
        "NumPy was imported before the benchmarks could choose its number of threads.\n"
        "Run them alone: python -m pytest benchmarks --benchmark-only"
    )
THREADS = os.environ.setdefault("PELLUCID_NUM_THREADS", "1")
for library in ("OMP", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR"):
    suffix = "MAXIMUM_THREADS" if library == "VECLIB" else "NUM_THREADS"
    os.environ[f"{library}_{suffix}"] = THREADS

FILES = {path.name for path in Path(__file__).parent.glob("bench_*.py")}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--smoke", action="store_true", help="run every benchmark once, small, untimed"
    )
    parser.addoption(
        "--every-isa",
        action="store_true",
        help="time every instruction set, not the best",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("python_files", "bench_*.py")
    config.addinivalue_line("python_functions", "bench_*")
    if config.getoption("--smoke"):
        config.option.benchmark_disable = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from pellucid import kernels
    from pellucid.debug.yardsticks import fma_peak

    terminalreporter.write_line(
        f"pellucid: {kernels.active_isa()}, {kernels.get_num_threads()} threads, "
        f"FMA peak now {fma_peak():.0f} GFLOP/s"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from benchmarks.harness import missing_ops

    if {item.path.name for item in items} >= FILES and missing_ops():
        raise pytest.UsageError(f"no benchmark for: {', '.join(missing_ops())}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "on_backend" in metafunc.fixturenames:
        from pellucid import kernels

        names = kernels.isas() if kernels.backend() == "compiled" else []
        if not metafunc.config.getoption("--every-isa"):
            names = [name for name in names if name == kernels.active_isa()]
        metafunc.parametrize("on_backend", [*names, "reference"], indirect=True)


@pytest.fixture
def on_backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Compute with one instruction set, or with NumPy."""
    from pellucid import kernels

    if request.param == "reference":
        with kernels.use("reference"):
            yield request.param
    else:
        with kernels.use_isa(request.param):
            yield request.param


@pytest.fixture
def smoke(request: pytest.FixtureRequest) -> bool:
    """True in a run that only shows that the benchmarks work."""
    return bool(request.config.getoption("--smoke"))
