"""The kernels against the machine, the report on a model, and what it recommends."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

import pellucid as pl
from pellucid import kernels
from pellucid.debug import recommendations
from pellucid.debug.kernel_bench import (
    Measured,
    clock,
    line,
    measure,
    measure_all,
    measure_machine,
)
from pellucid.debug.kernel_cases import CASES, Work
from pellucid.debug.model_bench import benchmark, memory, scaled, stepper
from tests.support.models import cnn, mlp

needs_compiled = pytest.mark.skipif(
    kernels.backend() != "compiled", reason="the extension measures the machine"
)


# Kernels ---------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group} {case.name}")
def test_every_case_runs_small(case) -> None:
    work = case.prepare(64)
    assert work.flops > 0
    assert work.nbytes > 0
    assert clock(work)() > 0


def test_cases_have_names_of_their_own() -> None:
    names = [(case.group, case.name) for case in CASES]
    assert len(set(names)) == len(names)
    assert {case.limit for case in CASES} == {"peak", "copy"}
    assert 20 <= sum(case.short for case in CASES) <= 40


def test_flops_of_known_cases() -> None:
    known = {(case.group, case.name): case.prepare(1) for case in CASES[:1]}
    assert known["gemm", "512 NN"].flops == 2 * 512**3
    assert known["gemm", "512 NN"].nbytes == 3 * 4 * 512**2


@needs_compiled
def test_parts_of_a_backward_pass_are_told_apart() -> None:
    """dW of 1x1 filters reads x and dy; dx reads dy and w: one call each."""
    by_name = {case.name: case for case in CASES if case.group == "conv other"}
    data = by_name["1x1 c64 k128 32x32 backward-data"].prepare(64)
    weights = by_name["1x1 c64 k128 32x32 backward-weights"].prepare(64)
    assert (weights.part, data.part) == (0, 1)
    _, plan = kernels.record(data.call)
    sizes = [
        [np.asarray(a).size for a in call if a is not None] for call in plan.arrays
    ]
    x, w, y = 32 * 32 * 64, 64 * 128, 32 * 32 * 128
    assert sorted(sizes[weights.part]) == sorted([y, x, w])
    assert sizes[data.part][-1] == x  # what it writes


@needs_compiled
def test_a_measurement_is_a_share_of_its_limit(monkeypatch) -> None:
    from pellucid.debug import kernel_bench

    case = CASES[0]
    work = Work(lambda: None, flops=2_000_000_000, nbytes=1)
    monkeypatch.setattr(type(case), "prepare", lambda self, shrink: work, raising=False)
    monkeypatch.setattr(kernel_bench, "clock", lambda work: lambda: 0.5)
    peaks = iter([5.0, 10.0, 16.0, 1.0, 8.0, 2.0])
    monkeypatch.setattr(kernel_bench, "fma_peak", lambda seconds: next(peaks))
    fake = kernel_bench.Case("g", "n", lambda shrink: work)
    found = measure(fake, rounds=3, seconds=0.01)
    assert found.rate == 4.0
    # 4 of 10, of 16, of 8: the better of the two yardsticks of each round.
    assert (found.percent, found.low, found.high) == (40.0, 25.0, 50.0)


def test_without_a_yardstick_there_is_no_percent(monkeypatch) -> None:
    from pellucid.debug import kernel_bench

    monkeypatch.setattr(kernel_bench, "fma_peak", lambda **options: 0.0)
    found = measure(CASES[0], rounds=1, seconds=0.001, shrink=64)
    assert found.percent is None
    assert "%" not in line(found)
    assert measure_machine([1]) == []


def test_a_budget_leaves_the_rest_out() -> None:
    seen: list[Measured] = []
    found = measure_all(
        CASES[:3], budget=0.0, rounds=1, seconds=0.001, shrink=64, report=seen.append
    )
    assert len(found) == len(seen) <= 1


@needs_compiled
def test_the_machine_by_threads() -> None:
    before = kernels.get_num_threads()
    rows = measure_machine([1, 2], rounds=1)
    assert [row["threads"] for row in rows] == [1, 2]
    assert all(row["peak_gflops"] > 0 for row in rows)
    assert kernels.get_num_threads() == before


# A model ---------------------------------------------------------------------------


def test_the_report_has_every_part_and_leaves_the_model_alone() -> None:
    model = mlp()
    before = {k: v.tobytes() for k, v in model.state_dict().items()}
    parts: list[str] = []
    threads = kernels.get_num_threads()
    report = benchmark(model, batches=(1, 4), rounds=2, report=parts.append)
    assert json.loads(json.dumps(report)) == report
    assert [row["batch"] for row in report["forward"]] == [1, 4]
    assert [row["factor"] for row in report["width"]] == [0.5, 1.0, 2.0]
    assert [row["dtype"] for row in report["dtype"]] == ["float32", "float64"]
    assert report["dtype"][1]["bytes"] == 2 * report["dtype"][0]["bytes"]
    assert report["dtype"][1]["speedup"] == 1.0
    assert report["threads"][0]["speedup"] == 1.0
    assert report["recommendations"]
    assert len(parts) == 5
    for row in report["forward"]:
        assert row["samples_per_second"] == row["batch"] / row["seconds"]
    assert kernels.get_num_threads() == threads
    assert {k: v.tobytes() for k, v in model.state_dict().items()} == before
    assert model.optimizer.iterations == 0


def test_memory_is_counted_not_guessed() -> None:
    model = mlp()  # 4 inputs, 8 units, 3 outputs; Adam keeps two numbers for each
    found = memory(stepper(model, 16), 16)
    flat = model.store.values.nbytes
    assert (found["parameters"], found["gradients"]) == (flat, flat)
    assert found["optimizer"] == 2 * flat
    assert found["activations"] == 16 * 4 * (8 + 3)
    assert found["data"] == 16 * 4 * 4
    assert found["buffers"] >= found["activations"]
    assert found["total"] == 4 * flat + found["buffers"] + found["data"]


def test_wider_and_narrower_models() -> None:
    model = cnn()
    twice = scaled(model, 2)
    assert [la.filters for la in twice.layers if hasattr(la, "filters")] == [16, 16]
    assert twice.layers[-1].units == model.layers[-1].units
    least = scaled(model, 1e-6)
    assert [la.filters for la in least.layers if hasattr(la, "filters")] == [1, 1]
    grouped = pl.Sequential(
        [pl.Conv2D(4, 1, groups=2), pl.Flatten(), pl.Dense(2)], input_shape=(2, 2, 2)
    )
    grouped.compile("sgd", "mse")
    assert scaled(grouped, 1.4).layers[0].filters == 6


def test_a_width_that_does_not_chain_is_left_out() -> None:
    body = [pl.Dense(4)]
    model = pl.Sequential([pl.Residual(body), pl.Dense(2)], input_shape=(4,), seed=0)
    model.compile("sgd", "mse")
    report = benchmark(model, batches=(2,), rounds=1)
    assert [row["factor"] for row in report["width"]] == [1.0]


# Recommendations ---------------------------------------------------------------------


def row(batch: int, seconds: float, noise: float = 0.01) -> dict[str, float]:
    low, high = seconds * (1 - noise), seconds * (1 + noise)
    rate = batch / seconds
    return {
        "batch": batch,
        "seconds": seconds,
        "low": low,
        "high": high,
        "samples_per_second": rate,
    }


CALM = {
    "system": {"dtype": "float32", "threads": 1},
    "forward": [row(1, 0.001), row(8, 0.008)],
    "training": [row(1, 0.001), row(8, 0.008)],
    "memory": [{"per_sample": 1000.0}],
    "dtype": [{"dtype": "float32", "speedup": 2.0, "speedup_low": 1.9}],
    "threads": [
        {"threads": 1, "speedup": 1.0, "speedup_low": 1.0, "speedup_high": 1.0},
        {"threads": 2, "speedup": 1.0, "speedup_low": 0.99, "speedup_high": 1.01},
    ],
}


def changed(**parts: object) -> dict[str, object]:
    return {**copy.deepcopy(CALM), **parts}


def with_threads(used: int, low: float, high: float) -> dict[str, object]:
    both = {"speedup_low": low, "speedup_high": high, "speedup": (low + high) / 2}
    system = {"dtype": "float32", "threads": used}
    return changed(system=system, threads=[{"threads": 2, **both}])


def test_nothing_stands_out() -> None:
    assert recommendations.recommend(CALM) == [
        "nothing stands out: the model uses this machine well."
    ]


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (changed(forward=[row(1, 1, 0.5), row(8, 8, 0.5)],
                 training=[row(1, 1, 0.5), row(8, 8)]), "3 of 4 times varied"),
        (changed(training=[row(1, 0.001), row(8, 0.001), row(64, 0.008)]),
         "a batch of 8 or more"),
        (changed(memory=[{"per_sample": 2.5e7}]), "25 MB"),
        (changed(system={"dtype": "float64", "threads": 1}), 'dtype="float32"'),
        (with_threads(1, 1.5, 1.7), "use 2 threads"),
        (with_threads(2, 0.6, 0.8), "one thread is faster"),
    ],
)  # fmt: skip
def test_each_rule(report: dict[str, object], words: str) -> None:
    found = recommendations.recommend(report)
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    "report",
    [
        # The middle says so, a quartile does not.
        with_threads(1, 0.9, 2.5),
        with_threads(2, 0.5, 1.2),
        changed(training=[row(1, 0.001, 0.3), row(8, 0.005, 0.6)]),
        # Nothing to divide by.
        with_threads(2, 0.0, 0.0),
        changed(training=[row(1, 0.001), {**row(8, 0.001), "seconds": 0.0}]),
        changed(training=[row(1, 0.001)], memory=[], dtype=[], threads=[]),
    ],
)
def test_doubtful_figures_recommend_nothing(report: dict[str, object]) -> None:
    assert recommendations.recommend(report) == recommendations.recommend(CALM)
