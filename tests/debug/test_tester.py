"""`pl.debug.selftest` on healthy and on sick networks."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pellucid as pl
from pellucid.debug.tester_report import Metric, SelfTest
from tests.debug.test_gradcheck import bits

CATEGORIES = {
    *("initialization", "gradient flow", "gradients", "overfitting"),
    *("repeatability", "extreme inputs", "large weights"),
}


def network(*layers: pl.Layer, shape=(3,), loss="softmax_cross_entropy"):
    model = pl.Sequential(list(layers), input_shape=shape, seed=0)
    model.compile("adam", loss)
    return model


def healthy() -> pl.Sequential:
    return network(
        pl.Dense(32, use_bias=True), pl.BatchNorm(), pl.ReLU(), pl.Dropout(0.3),
        pl.Dense(4, kernel_regularizer=pl.L2(0.01)),
    )  # fmt: skip


def failed(report: SelfTest) -> set[str]:
    return {metric.category for metric in report.metrics if not metric.passed}


def test_a_healthy_network_passes_and_stays_as_it_was() -> None:
    model = healthy()
    x = np.random.default_rng(0).normal(size=(20, 3))
    y = np.arange(20) % 4
    model.fit(x, y, epochs=2, verbose=0)
    before, optimizer = bits(model), model.optimizer
    threads = pl.get_num_threads()
    report = pl.debug.selftest(model, x, y)
    assert report.all_passed, str(report)
    assert report.passed
    assert bits(model) == before
    assert model.optimizer is optimizer
    assert model.layers[3].rate == 0.3
    assert pl.get_num_threads() == threads
    assert {metric.category for metric in report.metrics} == CATEGORIES
    assert report.total_tests == report.passed_tests > 15
    assert report.success_rate == 1.0
    # The bias before BatchNorm has no gradient, and that is right.
    flow = [one.name for one in report.metrics if one.category == "gradient flow"]
    assert "dense_1 weight" in flow
    assert "dense_1 bias" not in flow


def test_training_continues_as_without_the_test() -> None:
    x, y = np.ones((6, 3)), np.arange(6) % 4
    losses = []
    for tested in (False, True):
        model = healthy()
        model.train_on_batch(x, y)
        if tested:
            pl.debug.selftest(model)
        losses.append([model.train_on_batch(x, y)["loss"] for _ in range(3)])
    assert losses[0] == losses[1]


def test_fading_gradients_are_found() -> None:
    layers = [pl.Dense(6, "sigmoid") for _ in range(12)]
    tester = pl.debug.NetworkTester(network(*layers, pl.Dense(1), loss="mse"))
    flow = {metric.name: metric.passed for metric in tester.test_gradient_flow()}
    assert not flow["they are alike"]
    first = {metric.name: metric.passed for metric in tester.test_initialization()}
    assert not first["signal is kept"]
    assert first["dense_1 weight"]


def test_dead_and_symmetric_networks_are_found() -> None:
    dead = network(pl.Dense(4, "relu", bias_initializer=pl.Constant(-100)), pl.Dense(2))
    report = pl.debug.selftest(dead)
    assert {"gradient flow", "overfitting", "initialization"} <= failed(report)
    flow = [m for m in report.metrics if m.category == "gradient flow"]
    assert {m.name for m in flow if not m.passed} >= {"dense_1 weight", "dense_1 bias"}
    assert any("dense_1: no gradient arrives" in r for r in report.recommendations)
    same = network(pl.Dense(4, "tanh", kernel_initializer="ones"), pl.Dense(2))
    found = pl.debug.NetworkTester(same).test_initialization()
    assert [metric.passed for metric in found][:2] == [False, True]


def test_overflow_is_found() -> None:
    huge = network(
        pl.Dense(4, kernel_initializer=pl.Constant(1e35)), pl.Dense(2), loss="mse"
    )
    report = pl.debug.selftest(huge)
    assert {"extreme inputs", "large weights"} <= failed(report)
    assert json.loads(report.to_json())["all_passed"] is False


class Drawing(pl.Layer):
    """Adds new numbers in every call: nothing repeats."""

    def forward(self, x, training=False):
        x = self.check_input(x)
        y = x + np.random.default_rng().normal(size=x.shape).astype(x.dtype)
        if training:
            self.save(y)
        return y

    def backward(self, dy, need_dx=True):
        dy, _ = self.restore(dy)
        return dy


def test_what_does_not_repeat_is_found() -> None:
    report = pl.debug.selftest(network(Drawing(), pl.Dense(2)))
    assert {"repeatability", "gradients"} <= failed(report)
    # The layer is not registered: no fresh copy can be made, and the report says so.
    assert "initialization" in failed(report)
    assert "Drawing" in str(report)


def test_the_report() -> None:
    report = pl.debug.selftest(healthy())
    lines = str(report).splitlines()
    assert lines[0].split() == ["category", "metric", "result", "measured"]
    assert (
        lines[-2]
        == f"passed: {report.total_tests} of {report.total_tests} tests (100%)"
    )
    assert lines[-1] == "- All tests passed: the network is ready to be trained."
    assert "<td>gradcheck</td>" in report._repr_html_()


@pytest.mark.parametrize(
    ("good", "words"),
    [
        (0, "Most tests failed"),
        (4, "Most"),
        (5, "Several"),
        (7, "Several"),
        (8, "Nearly"),
    ],
)
def test_recommendations_come_in_tiers(good, words) -> None:
    metrics = [Metric("a", str(i), i < good, "", f"repair {i}") for i in range(10)]
    report = SelfTest(metrics, [])
    assert report.recommendations[0].startswith(words)
    assert report.recommendations[1:] == [f"repair {i}" for i in range(good, 10)]
    assert report.success_rate == good / 10
    assert not report.all_passed


def test_nothing_tested_is_a_failure_and_no_division_by_zero() -> None:
    report = pl.debug.NetworkTester(healthy()).generate_test_report()
    assert report.total_tests == 0
    assert report.success_rate == 0.0
    assert not report.all_passed
    assert "Nothing was tested" in str(report)
    one = SelfTest([Metric("a", "b", True, "", "")], ["gradient flow"])
    assert not one.all_passed
    assert "gradient flow: nothing was tested" in str(one)


def test_bad_input_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)selftest was asked.*model\.build"):
        pl.debug.selftest(pl.Sequential([pl.Dense(2)]))
    model = pl.Sequential([pl.Dense(2)], input_shape=(3,))
    with pytest.raises(RuntimeError, match=r"(?s)not compiled.*model\.compile"):
        pl.debug.selftest(model)
    with pytest.raises(TypeError, match="x without y"):
        pl.debug.selftest(healthy(), np.ones((3, 3)))
    with pytest.raises(ValueError, match="empty dataset"):
        pl.debug.selftest(healthy(), np.ones((0, 3)), [])
