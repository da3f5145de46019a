"""Recorded forward passes: the bits of the layers one by one, whatever changes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import pellucid as pl
from pellucid.core.chain import infer_chain
from pellucid.model import inference
from tests.layers.cases import CASES
from tests.support.models import cnn, strokes

compiled = pytest.mark.skipif(
    pl.kernels.backend() != "compiled", reason="only compiled kernels are recorded"
)


def passes(model: Any) -> int:
    return sum(len(idle) for idle in model.prepared._idle.values())


@compiled
def test_every_layer_gives_its_own_bits_again() -> None:
    recorded = 0
    for case in CASES:
        layer = case.make()
        if layer.accepts_bytes:
            continue
        model = pl.Sequential([layer], input_shape=case.input_shape, seed=1)
        model.build()
        random = np.random.default_rng(0)
        for _ in range(4):
            x = random.standard_normal((3, *case.input_shape)).astype("float32")
            assert (
                model.predict(x).tobytes() == infer_chain(model.layers, x).tobytes()
            ), layer
        recorded += passes(model)
    assert recorded > 20


@compiled
def test_a_changed_weight_counts_at_once() -> None:
    x, _ = strokes(8)
    model = cnn()
    for _ in range(3):
        before = model.predict(x)
    assert passes(model) == 1
    model.parameters()[0].value[...] *= 2
    after = model.predict(x)
    assert after.tobytes() == infer_chain(model.layers, x).tobytes()
    assert after.tobytes() != before.tobytes()


def filters() -> Any:
    """A model whose convolutions transform their filters."""
    layers = [
        pl.Conv2D(32, 3, padding="same", use_bias=False),
        pl.BatchNorm(),
        pl.ReLU(),
        pl.Conv2D(40, 3, activation="relu"),
        pl.GlobalAvgPool2D(),
        pl.Dense(3),
    ]
    model = pl.Sequential(layers, input_shape=(10, 10, 32), seed=0)
    model.compile("sgd", "softmax_cross_entropy")
    return model


def images(samples: int) -> Any:
    random = np.random.default_rng(0)
    return random.standard_normal((samples, 10, 10, 32)).astype("float32")


def last_of_each(model: Any) -> None:
    for parameter in model.parameters():
        parameter.value[..., -1:] += 1


def one_element(model: Any) -> None:
    model.parameters()[0].value[2, 2, -1, -1] = 5


def one_bit(model: Any) -> None:
    weight = model.parameters()[3].value
    weight.view(np.uint8).reshape(-1)[4] ^= 128


def by_a_view(model: Any) -> None:
    memoryview(model.parameters()[3].value)[0, 0, 0, 0] = 7


def new_state(model: Any) -> None:
    state = model.state_dict()
    model.load_state_dict({name: 2 * value for name, value in state.items()})


def training(model: Any) -> None:
    model.train_on_batch(images(4), np.array([0, 1, 2, 0]))


CHANGES = [last_of_each, one_element, one_bit, by_a_view, new_state, training]


@compiled
@pytest.mark.parametrize("samples", [1, 19])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_predictions_follow_the_weights(
    change: Callable[[Any], None], samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "CHUNK_BYTES", 1)
    x, model = images(samples), filters()
    for _ in range(3):
        before = model.predict(x)
    change(model)
    after = model.predict(x)
    assert after.tobytes() == infer_chain(model.layers, x).tobytes()
    assert after.tobytes() != before.tobytes()
    assert passes(model) == 1


@compiled
def test_predictions_follow_the_instruction_set() -> None:
    x, model = images(3), filters()
    for _ in range(3):
        model.predict(x)
    was = pl.kernels.active_isa()
    try:
        for isa in [*pl.kernels.isas(), was]:
            pl.kernels.use_isa(isa)
            y = model.predict(x)
            assert y.tobytes() == infer_chain(model.layers, x).tobytes(), isa
    finally:
        pl.kernels.use_isa(was)
    assert passes(model) == 1


@compiled
@pytest.mark.parametrize("samples", [8, 15, 16, 17, 31, 100])
def test_chunks_give_the_bits_of_the_whole_batch(
    samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "CHUNK_BYTES", 1)
    x, model = images(samples), filters()
    for _ in range(3):
        y = model.predict(x)
        assert y.tobytes() == infer_chain(model.layers, x).tobytes()
    (used,) = model.prepared._idle.values()
    rows = len(used[0]._x)
    assert 8 <= rows < 16
    assert rows < samples or samples < 16


@compiled
def test_results_are_never_overwritten() -> None:
    x, _ = strokes(8)
    model = cnn()
    results = [model.predict(x * scale) for scale in (1, 1, 1, 2, 3)]
    assert results[2].tobytes() == results[0].tobytes() != results[4].tobytes()
    assert not any(np.shares_memory(results[4], other) for other in results[:4])


@compiled
def test_many_threads_share_the_passes() -> None:
    x, _ = strokes(64)
    model = cnn()
    batches = [x[i : i + 4] for i in range(0, 64, 4)] * 8
    expected = [infer_chain(model.layers, batch).tobytes() for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(model.predict, batches))
    assert [y.tobytes() for y in results] == expected
    assert passes(model) >= 1


@compiled
def test_own_layers_are_not_recorded() -> None:
    class Double(pl.Layer):
        def forward(self, x: Any, training: bool = False) -> Any:
            return 2 * self.check_input(x)

    model = pl.Sequential([pl.Dense(3), Double()], input_shape=(4,), seed=0)
    model.build()
    for value in (1.0, 2.0, 3.0):
        x = np.full((2, 4), value, np.float32)
        assert model.predict(x).tobytes() == infer_chain(model.layers, x).tobytes()
    assert passes(model) == 0


def test_copies_start_without_passes() -> None:
    x, _ = strokes(8)
    model = cnn()
    for _ in range(3):
        model.predict(x)
    twin = copy.deepcopy(model)
    assert passes(twin) == 0
    assert twin.predict(x).tobytes() == model.predict(x).tobytes()
