"""The benchmark suite's tables: figures made up, and the smallest real runs."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import compare, memory, percent, race, report, scaling
from benchmarks.contestants import PEERS, Contestant, interpreter, running
from benchmarks.networks import NETWORKS
from pellucid import kernels
from pellucid.debug.kernel_cases import CASES

needs_compiled = pytest.mark.skipif(
    kernels.backend() != "compiled", reason="the extension measures the machine"
)
SMALL = {"task": "predict", "batch": 1, "threads": 1, "mode": ""}


# Contestants -----------------------------------------------------------------------


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of peers: one works, one is not installed, one breaks."""
    shutil.copy(PEERS / "child.py", tmp_path)
    text = 'VERSION = "works 1.0"\ndef prepare(**task):\n    return {}\n'
    sleeps = "lambda: __import__('time').sleep(0.001)"
    (tmp_path / "works_peer.py").write_text(text.format(sleeps), encoding="ascii")
    (tmp_path / "absent_peer.py").write_text("import no_such_module", encoding="ascii")
    broken = text.format("1 / 0")
    (tmp_path / "broken_peer.py").write_text(broken, encoding="ascii")
    monkeypatch.setattr("benchmarks.contestants.PEERS", tmp_path)
    return tmp_path


def test_those_that_cannot_take_part_say_why(stand_in: Path) -> None:
    task = {"network": "mlp_100", **SMALL}
    names = ("works", "absent", "broken")
    children = {name: Contestant(sys.executable, name, task) for name in names}
    with running(children) as (ready, missing):
        assert list(ready) == ["works"]
        assert ready["works"].version == "works 1.0"
        assert 0.001 <= ready["works"]() < 0.1
        assert ready["works"].ask("memory") >= 0
    assert missing["absent"] == "missing: No module named 'no_such_module'"
    assert missing["broken"] == "failed: ZeroDivisionError: division by zero"
    assert all(child.process.returncode is not None for child in children.values())


def test_a_build_is_taken_from_its_own_folder(tmp_path: Path) -> None:
    fake = tmp_path / "pellucid"
    fake.mkdir()
    (fake / "__init__.py").write_text("raise ImportError('the fake')", "ascii")
    row = compare.compare(
        "train: mlp_100",
        [tmp_path, compare.built(compare.HERE, tmp_path)],
        argparse.Namespace(batch=1, threads=1, rounds=1),
    )
    assert row["missing"] == {"first": "missing: the fake"}
    assert compare.verdict(row) == "first missing: the fake"


def test_a_peer_is_looked_for_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(interpreter.__globals__["MODULES"], "torch", "no_such_module")
    assert interpreter("torch", [sys.executable]) == sys.executable
    monkeypatch.setitem(interpreter.__globals__["MODULES"], "torch", "numpy")
    assert interpreter("torch", [sys.executable, "/no/such/file"]) == sys.executable


@pytest.mark.parametrize("name", NETWORKS)
def test_onnxruntime_has_the_same_networks(name: str) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    task = {"network": name, **SMALL}
    with running({"one": Contestant(sys.executable, "onnxruntime", task)}) as found:
        assert found[1] == {}
    sys.path.insert(0, str(PEERS))
    try:
        from onnxruntime_peer import NETWORKS as GRAPHS
    finally:
        sys.path.remove(str(PEERS))
    make, shape = GRAPHS[name]
    model = NETWORKS[name].model()
    if len(shape) == 3:
        c, h, w = shape
        shape = (h, w, c)
    assert shape == model.input_shape
    theirs = sum(int(np.prod(weight.dims)) for weight in make().weights)
    assert theirs == sum(array.size for array in model.state_dict().values())


# Training and prediction -------------------------------------------------------------


def row(network: str, ours: float, others: dict[str, float], **task: Any) -> Any:
    """A row whose times were the same in three rounds."""
    times = {"pellucid": [ours] * 3} | {name: [t] * 3 for name, t in others.items()}
    fixed = {"task": "train", "batch": 64, "threads": 1, "missing": {}, "versions": []}
    return {"network": network, **fixed, **task, **race.compared(times)}


def test_the_best_peer_counts() -> None:
    found = row("lenet5_sgd", 1.0, {"torch eager": 6.0, "torch channels_last": 5.0})
    assert (found["best_peer"], found["ratio"]) == ("torch channels_last", 5.0)
    assert (found["low"], found["high"]) == (5.0, 5.0)
    assert race.verdict(found) == "met"
    slow = row("lenet5_sgd", 1.0, {"torch eager": 4.0})
    assert race.verdict(slow) == "short by 0.50"
    other_batch = row("lenet5_sgd", 1.0, {"torch eager": 4.0}, batch=8)
    assert race.verdict(other_batch) == ""


def test_without_peers_the_row_says_so() -> None:
    alone = row("lenet5_sgd", 1.0, {}, missing={"torch eager": "missing: torch"})
    text = race.table([alone])
    assert "| none |" in text
    assert "Did not run: torch eager (missing: torch): lenet5_sgd." in text
    assert race.verdict(alone) == "unknown"
    assert race.means([alone]) == []


def test_one_sample_has_two_ways_to_reach_its_bar() -> None:
    task = {"task": "predict", "batch": 1}
    peers = {"torch eager": 20e-6, "onnxruntime": 6e-6}
    near = {"torch eager": 10e-6}
    assert race.verdict(row("mlp_100", 6e-6, near, **task)) == "met"  # 6 us
    assert race.verdict(row("mlp_100", 6.5e-6, peers, **task)) == "met"  # 3 times
    assert race.verdict(row("mlp_100", 8e-6, peers, **task)) == "short by 0.50"


def test_the_mean_is_geometric_and_leaves_one_sample_out() -> None:
    rows = [row(name, 1.0, {"p": ratio}) for name, ratio in
            (("mlp_128_64", 1.0), ("cifar_vgg", 4.0), ("mlp_100", 100.0))]  # fmt: skip
    (mean,) = race.means(rows)
    assert mean["mean"] == pytest.approx(2.0, rel=4 * np.finfo(float).eps)
    assert mean["of"] == 2
    assert "short by 1.00" in race.table(rows)


def test_who_races_whom() -> None:
    assert race.peers("mlp_128_64", "train", False) == [("torch", "eager"),
                                                        ("sklearn", "")]  # fmt: skip
    found = race.peers("cifar_vgg", "predict", True)
    modes = ["eager", "channels_last", "compile", "compile_channels_last"]
    assert found == [*(("torch", mode) for mode in modes), ("onnxruntime", "")]
    assert set(race.STEPS) == set(race.DEFAULT["train"])


# Kernels, threads, commits -----------------------------------------------------------


def test_every_case_has_its_bar() -> None:
    bars = {(c.group, c.name): percent.bar_of(c.group, c.name) for c in CASES}
    assert bars["gemm", "2048 NT"] == 85
    assert bars["dense", "784 to 128 dW"] == 90
    assert bars["conv direct", "3x3 c32 k32 32x32 backward-data"] == 80
    assert bars["conv direct", "3x3 c128 k128 16x16 backward-weights"] == 88
    assert bars["conv winograd", "3x3 c32 k32 32x32 backward-weights"] == 130
    assert bars["conv winograd", "3x3 c64 k64 32x32 backward-data"] == 200
    assert bars["conv winograd", "3x3 c256 k256 8x8 forward"] == 250
    assert bars["conv other", "1x1 c64 k128 32x32 forward"] == 80
    assert bars["lenet5", "conv1 5x5 c1 k6 28x28 forward"] == 65
    assert bars["softmax", "256 x 1000"] == 75
    # No pattern is left over: each decides for some case.
    from fnmatch import fnmatch

    for group, name, bar in percent.BARS:
        assert any(
            fnmatch(g, group) and fnmatch(n, name) and found == bar
            for (g, n), found in bars.items()
        ), (group, name)


@needs_compiled
def test_a_thread_gains_what_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = kernels.get_num_threads()
    times = {"step 1": [2.0], "step n": [1.25], "loop 1": [1.0], "loop n": [0.5]}
    monkeypatch.setattr(scaling, "contest", lambda runs, rounds: times)
    options = argparse.Namespace(batch=2, seconds=0.0, rounds=1)
    try:
        rows = [
            scaling.compare(name, model, 2, options)
            for name, model in scaling.cases([3], ["mnist_cnn"])
        ]
    finally:
        kernels.set_num_threads(before)
    assert [found["gain"] for found in rows] == [1.6, 1.6]
    assert [found["bar"] for found in rows] == [0.97, 0.92 * 2]
    first, second = scaling.table(rows).splitlines()[2:]
    assert first.startswith("| mlp 3-3-3-10 |")
    assert "met" in first
    assert "80%" in second
    assert "short by 0.24" in second


@needs_compiled
def test_a_turn_of_threads_takes_time() -> None:
    before = kernels.get_num_threads()
    (_, model), *_ = scaling.cases([2], [])
    kernels.set_num_threads(1)
    try:
        assert 0 < scaling.stepping(model, 2, 0.0)(2)() < 10
        assert kernels.get_num_threads() == 2
        assert 0 < scaling.loop(1, 0.001)() < 1
    finally:
        kernels.set_num_threads(before)


@pytest.mark.parametrize(
    ("ratio", "low", "high", "words"),
    [
        (1.10, 1.05, 1.20, "faster"),
        (0.90, 0.85, 0.95, "slower"),
        (1.10, 0.95, 1.20, "no difference"),
        (1.01, 1.005, 1.02, "no difference"),
        (0.99, 0.98, 0.995, "no difference"),
    ],
)
def test_a_difference_needs_the_quartiles(
    ratio: float, low: float, high: float, words: str
) -> None:
    found = {"missing": {}, "ratio": ratio, "low": low, "high": high}
    assert compare.verdict(found) == words


# Memory ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> str:
    if not sys.platform.startswith("linux"):
        pytest.skip("the counter is preloaded, and asks glibc")
    library = memory.built_counter(str(tmp_path_factory.mktemp("counter")))
    if library is None:
        pytest.skip("no C compiler")
    return library


@needs_compiled
@pytest.mark.parametrize("network", ["mlp_100", "lenet5_sgd", "lenet5_adam"])
def test_training_allocates_nothing_after_its_first_epoch(
    network: str, counter: str
) -> None:
    # 517 samples: an array of eight bytes for each would be seen.
    found = memory.allocations(network, 64, 2, counter)
    assert (found["value"], found["sizes"]) == (0, [])
    assert found["verdict"] == "met"


def test_what_is_allocated_is_counted(counter: str) -> None:
    code = (
        "counter = ctypes.CDLL(None); counter.counted_size.restype = ctypes.c_size_t\n"
        "counter.count_allocations(ctypes.c_size_t(4096))\n"
        "kept = [np.empty(5000, np.uint8), np.empty(4000, np.uint8)]\n"
        "kept += [np.zeros(6000, np.uint8)]\n"
        "counter.count_allocations(ctypes.c_size_t(0))\n"
        "kept += [np.empty(7000, np.uint8)]\n"
        "print([counter.counted_size(i) for i in range(counter.counted_allocations())])"
    )
    lines = f"exec({'import ctypes, numpy as np' + chr(10) + code!r}, {{}})"
    found = memory.inside(f"sys.stdout; {lines}", {"LD_PRELOAD": counter})
    assert found == [5000, 6000]


def test_memory_that_grows_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "inside", lambda call, environment: {"bytes": 6401})
    assert memory.flat("mlp_100", 2, 1, 100)["verdict"] == "not met"
    monkeypatch.setattr(memory, "inside", lambda call, environment: {"bytes": 6400})
    assert memory.flat("mlp_100", 2, 1, 100)["verdict"] == "met"


@needs_compiled
def test_memory_is_flat() -> None:
    assert memory.flat("lenet5_adam", 8, 1, 300)["verdict"] == "met"


def test_medians_of_processes_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    bytes_held = {"": [3e8, 3e8, 9e8], "eager": [4e8, 2e8, 4e8],
                  "channels_last": [5e8, 5e8, 1e8]}  # fmt: skip

    class Fake:
        ready, answer = True, "ready"

        def __init__(self, python: str, peer: str, task: dict[str, Any]) -> None:
            self.ask = lambda word: bytes_held[task["mode"]].pop(0)
            self.close = lambda: None

    monkeypatch.setattr(memory, "Contestant", Fake)
    found = memory.against_torch("cifar_vgg", 2, 1, "python", 3)
    assert found["held"] == {"pellucid": 3e8, "torch eager": 4e8,
                             "torch channels_last": 5e8}  # fmt: skip
    assert found["verdict"] == "met"
    assert "torch eager 400 MB (200 - 400)" in memory.table([found])


# Reports -----------------------------------------------------------------------------


def test_tables_are_put_into_texts() -> None:
    text = "a\n<!-- benchmark x -->\nold\n<!-- end -->\nb <!-- benchmark y -->\n"
    pasted = report.paste(text, {"x": "| new \\1 |\n", "z": "none"})
    expected = "a\n<!-- benchmark x -->\n| new \\1 |\n<!-- end -->\nb "
    assert pasted == expected + "<!-- benchmark y -->\n"
    assert report.paste(pasted, {"x": "| new \\1 |"}) == pasted


def test_a_report_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(report, "measure_machine", lambda threads: [])
    options = argparse.Namespace(output_dir=tmp_path / "new", name=None)
    document = {"conditions": report.conditions([2]), "rows": [{"ratio": 1.5}]}
    bars = [report.Bar("one", 1.5, 1.0, 2.0, 1.8), report.Bar("two", 2.0, 1.0, 3.0)]
    report.publish(
        *(options, "made-up", document, "| table |"),
        picture=lambda path: report.draw(bars, "times", path),
    )
    written = {path.name: path for path in options.output_dir.iterdir()}
    assert sorted(written) == ["made-up.json", "made-up.md", "made-up.png"]
    assert json.loads(written["made-up.json"].read_text())["rows"] == [{"ratio": 1.5}]
    assert written["made-up.md"].read_text() == capsys.readouterr().out
    assert report.processor() in written["made-up.md"].read_text()
    assert written["made-up.png"].read_bytes().startswith(b"\x89PNG")


def test_a_command_is_for_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["/somewhere/bin/python", "-m", "x", "--peer-python", "/other/bin/python"]
    monkeypatch.setattr(sys, "orig_argv", [*words, "--output-dir", "here/results"])
    monkeypatch.setattr(report, "measure_machine", lambda threads: [])
    command = report.conditions([1])["command"]
    assert command == "python -m x --peer-python python --output-dir here/results"


def test_verdicts() -> None:
    assert report.verdict(2.0, 2.0) == "met"
    assert report.verdict(1.5, 2.0) == "short by 0.50"
    assert report.verdict(None, 2.0) == "unknown"
    assert report.verdict(1.0, None) == ""
