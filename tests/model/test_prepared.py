"""Recorded forward passes: the bits of the layers one by one, whatever changes."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import pellucid as pl
from pellucid.core.chain import infer_chain
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
