"""Faults of neural-network tutorials that pellucid must not have: checks and reports.

See test_tutorial_bugs.py.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

import pellucid as pl
from pellucid import kernels
from pellucid.debug import GradientCheck, LibraryCheck, NetworkTester, SelfTest
from pellucid.debug.tester_report import Metric
from tests.support.models import blobs, cnn, mlp, strokes


class Trebled(pl.losses.Loss):
    """Three times the squared error: no factor that a checker might assume."""

    def check(self, targets, output_shape, *, dtype="float32"):
        return np.asarray(targets, dtype).reshape(-1, *output_shape)

    def value_and_gradient(self, prediction, targets, *, weights=None, out=None):
        difference = prediction - targets
        value = np.array([3 * (difference * difference).mean()])
        return value, 6 * difference / difference.size


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_b08_the_gradient_check_asks_the_models_own_loss(outputs):
    x = np.random.default_rng(0).normal(size=(5, 4))
    y = np.random.default_rng(1).normal(size=(5, outputs))
    for loss in ("mse", "mae", Trebled()):
        model = pl.Sequential([pl.Dense(outputs)], input_shape=(4,), seed=0)
        model.compile("sgd", loss)
        found = model.gradcheck(x, y)
        assert found.passed, str(found)
        assert max(row.max_error for row in found.rows) < 1e-7


def from_a_description():
    spec = [{"type": "conv", "filters": 4, "kernel_size": 3}, {"type": "flatten"}]
    model = pl.from_spec(spec, input_shape=(8, 8, 1), num_classes=4, seed=0)
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    return model


def with_a_shortcut():
    body = [pl.Conv2D(4, 3, padding="same"), pl.ReLU()]
    layers = [pl.Conv2D(4, 1), pl.Residual(body), pl.GlobalAvgPool2D(), pl.Dense(4)]
    model = pl.Sequential(layers, input_shape=(8, 8, 1), seed=0)
    model.compile(pl.SGD(0.1), "softmax_cross_entropy", ["accuracy"])
    return model


@pytest.mark.parametrize("make", [mlp, cnn, from_a_description, with_a_shortcut])
def test_b09_every_kind_of_model_goes_through_every_tool(make):
    model = make()
    x, y = blobs(40) if make is mlp else strokes(40)
    assert "total" in str(model.summary()).lower()
    assert model.gradcheck(x[:4], y[:4], samples=5).passed
    report = pl.debug.selftest(model, x, y)
    assert report.total_tests > 10
    gradients = [metric for metric in report.metrics if metric.category == "gradients"]
    assert [metric.passed for metric in gradients] == [True]
    assert model.diagnose(x, y).counts["steps"] > 0
    rates = model.find_learning_rate(x, y, steps=5, stop=1e-3).rates
    assert len(rates) == 5
    history = model.fit(x, y, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2
    assert model.evaluate(x, y).keys() == {"loss", "accuracy"}


def test_b31_results_of_tests_are_plain_and_nothing_divides_by_zero():
    tester = NetworkTester(mlp(), *blobs(10))
    found = tester.test_initialization()
    assert len(found) > 2
    assert {type(metric.passed) for metric in found} == {bool}
    report = tester.generate_test_report()
    assert report.total_tests == len(found)
    assert report.passed_tests == sum(metric.passed for metric in found)
    assert json.loads(report.to_json())["passed_tests"] == report.passed_tests
    empty = NetworkTester(mlp(), *blobs(10)).generate_test_report()
    assert (empty.total_tests, empty.success_rate) == (0, 0.0)


def test_b33_what_tested_nothing_has_not_passed():
    assert not GradientCheck([], []).passed
    assert not LibraryCheck([], 0).passed
    tester = NetworkTester(mlp(), *blobs(10))
    assert not tester.generate_test_report().all_passed
    one = Metric("gradients", "gradcheck", True, "", "")
    assert SelfTest([one], []).all_passed
    assert not SelfTest([one], ["gradient flow"]).all_passed
    # Activations are tested as layers: a wrong tanh is the layer's fault, not NumPy's.
    model = pl.Sequential([pl.Dense(3), WrongTanh()], input_shape=(4,), seed=0)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(5, 4))
    assert not model.gradcheck(x, np.zeros((5, 3))).passed


class WrongTanh(pl.Tanh):
    """Its derivative lacks a factor."""

    def backward(self, dy, need_dx=True):
        return 0.5 * super().backward(dy, need_dx)


def test_b34_the_report_has_every_category_and_tests_this_network():
    report = pl.debug.selftest(mlp(), *blobs(10))
    categories = {metric.category for metric in report.metrics}
    assert "repeatability" in categories
    assert len(categories) == 7
    assert report.empty == []
    # The network that was given learns by heart, or fails to: none of the tester's own.
    x, y = np.ones((10, 4)), np.arange(10) % 3  # equal rows, different answers
    (hopeless,) = NetworkTester(mlp(), x, y).test_overfitting_capability(steps=50)
    assert not hopeless.passed
    narrow = pl.Sequential([pl.Dense(1)], input_shape=(4,), seed=0)
    narrow.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(10, 4))
    y = np.random.default_rng(1).normal(size=(10, 1))
    (found,) = NetworkTester(narrow, x, y).test_overfitting_capability(steps=50)
    assert not found.passed


def test_b35_gradients_of_every_parameter_and_of_the_input_are_checked():
    x, y = strokes(4)
    found = cnn().gradcheck(x, y, samples=10)
    rows = {(row.layer, row.parameter): row for row in found.rows}
    assert [*rows] == [
        *(("conv2d_1", "weight"), ("conv2d_1", "bias")),
        *(("batch_norm_1", "gamma"), ("batch_norm_1", "beta")),
        *(("conv2d_2", "weight"), ("conv2d_2", "bias")),
        *(("dense_1", "weight"), ("dense_1", "bias"), ("input", "x")),
    ]
    filters = rows["conv2d_2", "weight"]  # (3, 3, 8, 8)
    assert filters.total == 576
    assert filters.checked + filters.kinks == 10
    with pytest.raises(ValueError, match="samples"):
        cnn().gradcheck(x, y, samples=0)


LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772  # of SELU
LIMITS = {
    pl.ELU: (-1.0, 1.0),
    pl.SELU: (-LAMBDA * ALPHA, LAMBDA),
    **dict.fromkeys((pl.SiLU, pl.Mish, pl.GELU, pl.Softplus), (0.0, 1.0)),
}
"""Value far to the left, slope far to the right."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("backend", ["compiled", "reference"])
def test_b53_curved_activations_never_overflow(kind, dtype, backend):
    """Under -W error: a warning of the branch that is not taken fails."""
    x = np.array([[-1e30, -1e4, -800, 800, 1e4, 1e30]], dtype)
    left, right = LIMITS[kind]
    with kernels.use(backend):
        layer = kind().bind(dtype=dtype, seed=0)
        y = layer.forward(x, training=True)
        dx = layer.backward(np.ones_like(x))
    expected = np.concatenate([[left] * 3, right * x[0, 3:].astype("float64")])
    np.testing.assert_allclose(y[0], expected, rtol=4 * np.finfo(dtype).eps)
    expected = [0.0] * 3 + [right] * 3
    np.testing.assert_allclose(dx[0], expected, rtol=4 * np.finfo(dtype).eps)
