"""What rules make of layers, losses and optimizers of every kind, without training."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pellucid as pl
from pellucid.cli.models import RATES
from pellucid.debug.case import Case, constructor, optimizer_code
from pellucid.debug.guessing import guess_and_floor
from pellucid.debug.monitor import Monitor
from pellucid.debug.rules import STATIC, apply
from pellucid.debug.rules.loss import RANGES, rate_unusual
from pellucid.optimizers import OPTIMIZERS
from tests.debug.zoo.cases import SOFTMAX, blobs, digits, mlp
from tests.layers.cases import CASES


def found(layers, loss=SOFTMAX, images=True, optimizer="adam", y=None):
    """Rule and level of what the rules say before a step is taken."""
    x, labels = digits(0, 100) if images else blobs(0, 100)
    model = pl.Sequential(layers, input_shape=x.shape[1:], seed=0)
    model.compile(optimizer, loss)
    y = model.loss.check(labels if y is None else y, model.inner_shapes[-1])
    return [(f.rule, f.level) for f in apply(Case(model, x, y), STATIC)]


# Guessing ----------------------------------------------------------------------

ROWS = np.random.default_rng(0)
CONSTANTS = np.linspace(-4, 4, 1601)
Y = ROWS.normal(size=50)
YES = np.where(ROWS.random(50) < 0.2, 1, 0)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (pl.MeanSquaredError(), Y),
        (pl.MeanAbsoluteError(), Y),
        (pl.Huber(0.3), Y),
        (pl.Huber(2.0), Y),
        (pl.Hinge(), YES),
        (pl.Hinge(), 2 * YES - 1),
        (pl.SigmoidBinaryCrossEntropy(), YES),
        (pl.SigmoidBinaryCrossEntropy(label_smoothing=0.2), YES),
    ],
)
def test_guessing_is_the_best_of_many_constants(loss, y) -> None:
    checked = loss.check(y, (1,), dtype="float64")
    guess, _ = guess_and_floor(loss, checked, 1)
    tried = [loss(np.full((50, 1), c), y) for c in CONSTANTS]
    step = CONSTANTS[1] - CONSTANTS[0]  # no loss here is steeper than 8
    assert guess <= min(tried) + 1e-12
    assert guess >= min(tried) - 8 * step


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_guessing_and_floor_of_classes(smoothing: float) -> None:
    loss = pl.SoftmaxCrossEntropy(label_smoothing=smoothing)
    labels = np.array([0, 0, 0, 1, 2, 2])
    shares = (1 - smoothing) * np.array([3, 1, 2, 0]) / 6 + smoothing / 4
    with np.errstate(divide="ignore"):
        logits = np.maximum(np.log(shares), -1e3)
        one_hot = (1 - smoothing) * np.eye(4) + smoothing / 4
        sure = np.maximum(np.log(one_hot), -1e3)
    guess, floor = guess_and_floor(loss, labels, 4)
    assert guess == pytest.approx(loss(np.tile(logits, (6, 1)), labels), abs=1e-12)
    assert floor == pytest.approx(loss(sure[labels], labels), abs=1e-12)


def test_guessing_and_floor_of_distributions() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(3), 40)
    mean = np.tile(rows.mean(axis=0), (40, 1))
    for loss in (pl.KLDivergence(), pl.CategoricalCrossEntropy()):
        guess, floor = guess_and_floor(loss, rows, 3)
        assert guess == pytest.approx(loss(mean, rows), abs=1e-12)
        assert floor == pytest.approx(loss(rows, rows), abs=1e-12)


# Outputs and losses --------------------------------------------------------------


@pytest.mark.parametrize("word", RANGES)
def test_ranges_hold_and_are_reached(word: str) -> None:
    low, high = RANGES[word]
    x = np.stack([np.linspace(-60, 60, 12001), np.zeros(12001)], axis=1)
    y = pl.Dense(2, word, kernel_initializer=pl.Constant(0.0)).bind(dtype="float64")
    y.build((2,))
    y.weight.value[...] = np.eye(2)
    values = y.forward(x)[:, 0]
    assert low - 2e-4 <= values.min() <= low + 1e-3 or math.isinf(low)
    assert high - 1e-3 <= values.max() <= high or math.isinf(high)
    assert math.isinf(high) == (values.max() > 10)
    assert math.isinf(low) == (values.min() < -10)


@pytest.mark.parametrize(
    ("tail", "loss", "level"),
    [
        ([pl.Softmax], SOFTMAX, "error"),
        ([pl.Softmax, pl.Flatten], SOFTMAX, "error"),
        ([pl.ReLU], SOFTMAX, "error"),
        ([pl.HardSwish], SOFTMAX, "error"),
        ([pl.Tanh], SOFTMAX, "error"),
        ([pl.PReLU], SOFTMAX, "warning"),
        ([pl.LogSoftmax], SOFTMAX, "note"),
        ([], SOFTMAX, None),
        ([pl.Softmax], "categorical_cross_entropy", None),
        ([], "categorical_cross_entropy", "error"),
        ([pl.LogSoftmax], "categorical_cross_entropy", "error"),
        ([pl.Sigmoid], "categorical_cross_entropy", "error"),
    ],
)
def test_the_last_activation_and_the_loss(tail, loss, level) -> None:
    layers = [*mlp(16, 4), *[kind() for kind in tail]]
    said = dict(found(layers, loss, images=False))
    assert said.get("output_and_loss") == level


@pytest.mark.parametrize(
    ("word", "level"), [(None, None), ("tanh", "warning"), ("sigmoid", "error")]
)
def test_hinge_takes_scores(word, level) -> None:
    y = np.resize([-1, 1], 100)
    said = dict(found(mlp(16, 1, out=word), "hinge", images=False, y=y))
    assert said.get("output_and_loss") == level


def test_means_of_positions_are_looked_through() -> None:
    def head(word):
        return [pl.Conv2D(10, 3, activation=word), pl.GlobalAvgPool2D()]

    assert "output_and_loss" not in dict(found(head(None)))
    assert ("output_and_loss", "note") in found(head("relu"))
    assert ("output_and_loss", "error") in found(head("softmax"))
    words = dict(found(head("softmax"), "categorical_cross_entropy"))
    assert "output_and_loss" not in words


# Layers --------------------------------------------------------------------------


def linear(*layers):
    """Whether the rules say that nothing non-linear is in between."""
    return ("no_activation", "warning") in found([*layers, pl.Flatten(), pl.Dense(10)])


def test_what_is_linear_and_what_is_a_design() -> None:
    assert linear(pl.Conv2D(8, 3))
    assert linear(pl.Conv2D(8, 3), pl.BatchNorm(), pl.AvgPool2D(2), pl.UpSample2D(2))
    assert linear(pl.SeparableConv2D(8, 3), pl.SpatialDropout2D(0.1))
    assert linear(pl.ConvTranspose2D(8, 2, 2), pl.ZeroPad2D(1))
    assert linear(pl.DepthwiseConv2D(3))
    for between in (pl.MaxPool2D(2), pl.GlobalMaxPool2D(), pl.LayerNorm(), pl.Mish()):
        assert not linear(pl.Conv2D(8, 3), between)
    relu = pl.Conv2D(16, 1, activation="relu")
    assert not linear(pl.DepthwiseConv2D(3), relu)
    assert linear(pl.DepthwiseConv2D(3), pl.Conv2D(16, 2, activation="relu"))


@pytest.mark.parametrize("norm", [pl.BatchNorm, pl.LayerNorm, lambda: pl.GroupNorm(4)])
def test_every_normalisation_ends_a_saturating_stack(norm) -> None:
    plain = [pl.Dense(16, "tanh") for _ in range(4)]
    assert ("saturating_stack", "note") in found([*plain, pl.Dense(4)], images=False)
    layers = [pl.Dense(16, "tanh") for _ in range(4)]
    layers = [*layers, norm(), pl.Dense(4)]
    assert "saturating_stack" not in dict(found(layers, images=False))


def test_a_normalisation_that_can_be_zero_by_design_passes() -> None:
    x, y = blobs(0, 100)
    for norm, away in ((pl.LayerNorm(), False), (pl.GroupNorm(16), True)):
        model = pl.Sequential([pl.Dense(16), norm, pl.Dense(4)], input_shape=(8,))
        model.compile("adam", SOFTMAX)
        for gamma, told in ((1.0, away), (0.0, False)):
            norm.gamma.value[...] = gamma
            rules = [f.rule for f in apply(Case(model, x, y), STATIC)]
            assert ("normalized_away" in rules) == told


def test_dying_is_watched_where_units_can_die() -> None:
    x, _ = blobs(0, 50)
    layers = [pl.Dense(8, word) for word in ("relu", "hard_swish", "gelu", "elu")]
    model = pl.Sequential([*layers, pl.Dense(4)], input_shape=(8,), seed=0)
    model.compile("adam", SOFTMAX)
    for layer in layers:
        layer.bias.value[...] = -1e4
    monitor = Monitor(model, x)
    monitor.observe(x)
    views = monitor.record.observations[0].layers
    assert not views["dense_1"].alive.any()
    assert not views["dense_2"].alive.any()
    assert views["dense_3"].alive is None
    assert views["dense_4"].alive is None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_call_that_makes_a_layer_makes_it(case) -> None:
    layer = case.make()
    if layer.children():
        return
    again = eval(constructor(layer), {"pl": pl})
    again.trainable = layer.trainable
    assert again.config() == layer.config()


# Optimizers ----------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_usual_rates_hold_what_is_used(name: str) -> None:
    x, y = blobs(0, 50)

    def said(rate: float) -> list:
        model = pl.Sequential(mlp(4), input_shape=(8,), seed=0)
        model.compile(OPTIMIZERS[name](rate), SOFTMAX)
        return list(rate_unusual(Case(model, x, y)))

    for rate in (RATES[name], OPTIMIZERS[name]().learning_rate):
        assert not said(rate)
    assert said(200 * RATES[name])
    assert bool(said(0.05)) == (name == "lion")
    assert bool(said(0.5)) == (name not in ("sgd", "adagrad", "adadelta"))
    assert bool(said(5.0)) == (name != "adadelta")
    low = said(1e-9)[0]
    proposed = float(low.repair.split("=")[1])
    assert not said(proposed)


def test_optimizer_code_makes_the_optimizer() -> None:
    for kind in OPTIMIZERS.values():
        again = eval(optimizer_code(kind(0.5), weight_decay=0.25), {"pl": pl})
        assert type(again) is kind
        assert (again.learning_rate, again.weight_decay) == (0.5, 0.25)
