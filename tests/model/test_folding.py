"""Inference folds BatchNorm and activations into the layer before, and stays true.

Every group of layers that works together is held against the same layers in float64,
within the bound of its sums; whatever is not folded keeps its bits.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import pellucid as pl
from pellucid.core.chain import walk
from tests.support import bounds
from tests.support.models import cnn, strokes
from tests.support.threads import isa, isas, threads

SLOPED = {"relu": 0, "tanh": 4, "sigmoid": 4}
"""Units of rounding that an activation adds; none is steeper than 1."""


def image_block(random: np.random.Generator, c: int) -> list[pl.Layer]:
    """A convolution that keeps the size, often with BatchNorm and an activation."""
    bias = bool(random.integers(2))
    make: list[Callable[[], pl.Layer]] = [
        lambda: pl.Conv2D(c, 3, padding="same", use_bias=bias),
        lambda: pl.Conv2D(c, 1, use_bias=bias, groups=2),
        lambda: pl.DepthwiseConv2D(3, padding="same", use_bias=bias),
        lambda: pl.SeparableConv2D(c, 3, padding="same", use_bias=bias),
        lambda: pl.ConvTranspose2D(c, 3, padding="same", use_bias=bias),
    ]
    layers = [make[random.integers(len(make))]()]
    if random.random() < 0.8:
        layers.append(pl.BatchNorm(epsilon=float(random.choice([1e-5, 0.1]))))
    after = [None, pl.ReLU, pl.ReLU, pl.Tanh, pl.Sigmoid, pl.LeakyReLU]
    chosen = after[random.integers(len(after))]
    return layers if chosen is None else [*layers, chosen()]


def row_block(random: np.random.Generator) -> list[pl.Layer]:
    layers: list[pl.Layer] = [pl.Dense(int(random.integers(1, 40)))]
    if random.random() < 0.8:
        layers.append(pl.BatchNorm())
    return [*layers, pl.ReLU()] if random.random() < 0.7 else layers


def drawn(seed: int, dtype: str = "float32") -> pl.Sequential:
    """A network with whatever can be folded, and its weights and statistics drawn."""
    random = np.random.default_rng(seed)
    c = int(random.choice([2, 4, 6, 18]))
    layers: list[pl.Layer] = [pl.Conv2D(c, 3, padding="same"), pl.BatchNorm()]
    for _ in range(random.integers(1, 4)):
        kind = random.integers(4)
        block = image_block(random, c)
        if kind == 0:
            layers.append(pl.Residual(block))
        elif kind == 1:
            layers.append(pl.Residual(block, image_block(random, c)))
        elif kind == 2:
            layers += [pl.Concat([block, [], image_block(random, c)]), pl.Conv2D(c, 1)]
        else:
            layers += [*block, pl.MaxPool2D(2), pl.BatchNorm(), pl.ReLU()]
            layers += [pl.UpSample2D(2)] if hasattr(pl, "UpSample2D") else []
    layers += [pl.GlobalAvgPool2D(), *row_block(random), *row_block(random)]
    layers.append(pl.Dense(5))
    model = pl.Sequential(layers, input_shape=(8, 8, 3), seed=seed, dtype=dtype)
    model.build()
    return draw_state(model, random)


def draw_state(model: Any, random: np.random.Generator) -> Any:
    state = model.state_dict()
    for name, array in state.items():
        drawn = random.normal(size=array.shape)
        if name.endswith("running_variance"):
            drawn = np.exp(drawn)
        if name.endswith(("weight", "pointwise_weight")):
            drawn /= np.sqrt(max(array.size / array.shape[-1], 1))
        state[name] = drawn
    model.load_state_dict(state)
    return model


def recorded(model: Any, x: Any) -> tuple[Any, list[Any]]:
    """What predict returns, and (layer, following, x, y) of every step on the way."""
    steps = []

    def watched(layer: pl.Layer) -> Callable[..., Any]:
        plain = layer.infer

        def infer(x: Any, following: Any = ()) -> Any:
            y = plain(x, following)
            steps.append((layer, list(following), x, y))
            return y

        return infer

    layers = [layer for _, layer in model.walk()]
    for layer in layers:
        layer.infer = watched(layer)
    try:
        return model.predict(x), steps
    finally:
        for layer in layers:
            del layer.infer


def widened(layer: pl.Layer, change: Callable[[Any], Any] = np.asarray) -> Any:
    """The layer in float64, every array after a function."""
    twin = type(layer)(**(layer.config() | {"name": "twin"}))
    twin.bind(dtype="float64").build(layer.input_shape)
    for target, source in zip(
        twin.state().values(), layer.state().values(), strict=True
    ):
        target[...] = change(source.astype("float64"))
    return twin


def check_step(layer: Any, following: list[Any], x: Any, y: Any) -> None:
    """Hold the result of a group against the same layers in float64."""
    wide = x.astype("float64")
    plain = widened(layer, np.abs)
    if layer.bias is not None:
        plain.bias.value[...] = 0
    scale: Any = np.abs(layer.bias.value) if layer.bias is not None else 0.0
    magnitude = plain.forward(np.abs(wide)) + scale
    exact = widened(layer).forward(wide)
    steepness = 0
    for after in following:
        exact = widened(after).forward(exact)
        if isinstance(after, pl.BatchNorm):
            factor, _ = widened(after).fold(None)
            magnitude = np.abs(factor) * (magnitude + np.abs(after.running_mean))
            magnitude = magnitude + np.abs(after.beta.value)
        else:
            steepness = SLOPED[after.activation]
    terms = layer.flops(layer.input_shape) // (2 * exact[0].size) + 1
    bound = bounds.dot_bound(terms + 4, magnitude, y.dtype)
    bound += steepness * bounds.unit_roundoff(y.dtype) * np.abs(exact)
    # In float64 the reference errs as much.
    bounds.assert_within(y, exact, bound * (2 if y.dtype == np.float64 else 1))


def foldable(model: Any) -> int:
    """How many BatchNorms stand directly behind a sum without an activation."""
    found = 0
    for chain in (
        model.layers,
        *(c for _, layer in model.walk() for c in layer.children().values()),
    ):
        for before, after in pairwise(chain):
            weighs = hasattr(before, "use_bias") and before.activation is None
            found += weighs and isinstance(after, pl.BatchNorm)
    return found


def layer_by_layer(layers: Any, x: Any) -> Any:
    for layer in layers:
        x = layer.forward(x)
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(20))
def test_every_group_is_within_the_bound(seed: int, dtype: str) -> None:
    model = drawn(seed, dtype)
    x = np.random.default_rng(seed).normal(size=(5, 8, 8, 3)).astype(dtype)
    y, steps = recorded(model, x)
    folded = 0
    for layer, following, inside, outside in steps:
        if isinstance(layer, pl.BatchNorm | pl.Residual | pl.Concat) or not following:
            if not layer.children():
                expected = layer_by_layer([layer, *following], inside)
                assert outside.tobytes() == expected.tobytes()
        else:
            folded += isinstance(following[0], pl.BatchNorm)
            check_step(layer, following, inside, outside)
    assert folded == foldable(model) > 0
    forward = model.forward(x)
    assert forward.tobytes() == layer_by_layer(model.layers, x).tobytes()
    limit = 2e-5 if dtype == "float32" else 1e-13
    bounds.assert_not_vacuous(forward)
    assert np.linalg.norm(y - forward) <= limit * np.linalg.norm(forward)


@pytest.mark.skipif(pl.kernels.backend() != "compiled", reason="NumPy has no Winograd")
def test_a_transformed_convolution_folds_as_well() -> None:
    layers = [pl.Conv2D(32, 3, padding="same"), pl.BatchNorm(), pl.ReLU()]
    model = pl.Sequential(layers, input_shape=(16, 16, 32), seed=0)
    model.build()
    draw_state(model, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(4, 16, 16, 32)).astype("float32")
    assert "forward: winograd" in pl.kernels.explain(
        "conv", n=4, h=16, w=16, c=32, k=32, kh=3, kw=3, padding="same"
    )
    y, steps = recorded(model, x)
    assert [len(following) for _, following, _, _ in steps] == [2]
    forward = model.forward(x)
    assert y.tobytes() != forward.tobytes()
    assert np.linalg.norm(y - forward) <= 2e-5 * np.linalg.norm(forward)


class OwnNorm(pl.BatchNorm):
    def forward(self, x: Any, training: bool = False) -> Any:
        return 2 * super().forward(x, training)


class OwnDense(pl.Dense):
    def forward(self, x: Any, training: bool = False) -> Any:
        return 2 * super().forward(x, training)


class OwnResidual(pl.Residual):
    def forward(self, x: Any, training: bool = False) -> Any:
        return 2 * super().forward(x, training)


@pytest.mark.parametrize(
    "layers",
    [
        [pl.Conv2D(4, 3), pl.MaxPool2D(2), pl.BatchNorm(), pl.ReLU()],
        [pl.Conv2D(4, 3, activation="relu"), pl.BatchNorm()],
        [pl.BatchNorm(), pl.Conv2D(4, 3), pl.LeakyReLU()],
        [pl.Conv2D(4, 3), pl.ReLU(), pl.BatchNorm()],
        [pl.Conv2D(4, 3), pl.Flatten(), pl.BatchNorm(), pl.Dense(3), pl.Tanh()],
        [pl.Conv2D(4, 1), OwnNorm(), pl.ReLU()],
        [pl.Flatten(), OwnDense(4), pl.BatchNorm(), pl.ReLU()],
        [OwnResidual([pl.Conv2D(2, 1), pl.BatchNorm()]), pl.BatchNorm()],
        [pl.Residual([pl.Conv2D(2, 1)]), pl.BatchNorm(), pl.Sigmoid()],
        [pl.Residual([pl.Conv2D(2, 1)], [pl.BatchNorm(), pl.ReLU()])],
        [pl.Concat([[pl.Conv2D(2, 1)], [pl.BatchNorm()]]), pl.BatchNorm()],
    ],
    ids=str,
)
def test_what_is_not_directly_behind_a_sum_keeps_its_bits(layers: Any) -> None:
    model = pl.Sequential(copy.deepcopy(layers), input_shape=(6, 6, 2), seed=0)
    model.build()
    draw_state(model, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(3, 6, 6, 2)).astype("float32")
    for _ in range(3):
        assert model.predict(x).tobytes() == model.forward(x).tobytes()


# A change counts at once ------------------------------------------------------------


def training_step(model: Any) -> None:
    model.train_on_batch(*strokes(8, seed=3))


def loading(model: Any) -> None:
    state = model.state_dict()
    model.load_state_dict({name: array * 1.5 for name, array in state.items()})


def in_another_thread(model: Any) -> None:
    def write() -> None:
        model.layers[0].weight.value[...] *= 3

    writer = threading.Thread(target=write)
    writer.start()
    writer.join()


def kept_view(name: str) -> Callable[[Any], None]:
    def write(model: Any) -> None:
        model.views[name][..., 0] += 0.5

    return write


def last_bit(model: Any) -> None:
    model.layers[0].weight.value.view("i4")[0, 0, 0] ^= 1


WRITES: dict[str, Callable[[Any], None]] = {
    "weight": kept_view("conv2d_1.weight"),
    "bias": kept_view("conv2d_1.bias"),
    "gamma": kept_view("batch_norm_1.gamma"),
    "beta": kept_view("batch_norm_1.beta"),
    "running_mean": kept_view("batch_norm_1.running_mean"),
    "running_variance": kept_view("batch_norm_1.running_variance"),
    "the last bit of a weight": last_bit,
    "assignment": lambda model: setattr(model.layers[1].gamma, "value", np.full(8, 3)),
    "load_state_dict": loading,
    "training step": training_step,
    "another thread": in_another_thread,
}


@pytest.mark.parametrize("repeats", [0, 1, 3])
@pytest.mark.parametrize("write", WRITES)
def test_every_write_counts_at_the_next_prediction(write: str, repeats: int) -> None:
    x, _ = strokes(8)
    model: Any = cnn()
    training_step(model)
    model.views = {
        f"{layer.name}.{name}": array
        for layer in model.layers[:2]
        for name, array in layer.state().items()
    }
    before = model.predict(x)
    for _ in range(repeats):
        model.predict(x)
    WRITES[write](model)
    after = model.predict(x)
    fresh = cnn()
    fresh.load_state_dict(model.state_dict())
    assert after.tobytes() == fresh.predict(x).tobytes()
    assert after.tobytes() != before.tobytes()


# One path -----------------------------------------------------------------------------


def test_forward_and_training_are_not_folded() -> None:
    x, y = strokes(16)
    model, twin = cnn(), cnn()
    for _ in range(3):
        model.predict(x)
    for one in (model, twin):
        one.train_on_batch(x, y)
    for name, array in model.state_dict().items():
        assert array.tobytes() == twin.state_dict()[name].tobytes()
    expected = layer_by_layer(model.layers, x)
    assert model.forward(x).tobytes() == expected.tobytes()
    assert model.predict(x).tobytes() != expected.tobytes()


def test_evaluate_and_validation_see_what_predict_returns() -> None:
    x, y = strokes(40)
    model = cnn()
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    loss, _ = model.loss.value_and_gradient(model.predict(x), y)
    assert model.evaluate(x, y)["loss"] == float(loss[0])
    history = model.fit(
        x, y, epochs=1, batch_size=16, validation_data=(x, y), verbose=0
    )
    assert history.history["val_loss"][-1] == model.evaluate(x, y)["loss"]


def test_channels_first_gives_the_same_bits() -> None:
    x, _ = strokes(8)
    last = cnn()
    draw_state(last, np.random.default_rng(0))
    first = cnn(input_shape=(1, 8, 8), data_format="channels_first")
    first.load_state_dict(last.state_dict())
    for _ in range(3):
        y = first.predict(x.transpose(0, 3, 1, 2))
        assert y.tobytes() == last.predict(x).tobytes()
    assert y.tobytes() != first.forward(x.transpose(0, 3, 1, 2)).tobytes()


def test_a_frozen_network_folds_as_well() -> None:
    model = drawn(3)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    expected = model.predict(x)
    for layer in model.layers:
        layer.trainable = False
    assert model.predict(x).tobytes() == expected.tobytes()


@pytest.mark.skipif(pl.kernels.backend() != "compiled", reason="NumPy promises no bits")
def test_threads_and_isas_give_the_same_bits() -> None:
    x = np.random.default_rng(0).normal(size=(9, 8, 8, 3)).astype("float32")
    for seed in range(4):
        model, results = drawn(seed), set()
        for name in isas():
            for count in (1, 2, 3):
                if name != "portable":
                    with isa(name), threads(count):
                        results.add(model.predict(x).tobytes())
        assert len(results) == 1


def test_many_threads_predict_while_others_go_through_the_layers() -> None:
    model = drawn(7)
    random = np.random.default_rng(0)
    batches = [
        random.normal(size=(1 + i % 5, 8, 8, 3)).astype("float32") for i in range(80)
    ]
    fresh = drawn(7)
    expected = [fresh.predict(batch).tobytes() for batch in batches]
    layered = [fresh.forward(batch).tobytes() for batch in batches]

    def both(batch: Any) -> tuple[bytes, bytes]:
        return model.predict(batch).tobytes(), model.forward(batch).tobytes()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(both, batches))
    assert results == list(zip(expected, layered, strict=True))
    assert expected != layered
    assert all(layer.saved is None for _, layer in walk(model.layers))
