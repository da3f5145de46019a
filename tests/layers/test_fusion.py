"""Fused neighbours compute the same bits as layers one by one."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

import pellucid as pl
from pellucid.layers.fusion import fused
from pellucid.model import training
from tests.support.models import strokes

CHAINS = {
    "norm, relu": lambda: [pl.Conv2D(4, 3), pl.BatchNorm(), pl.ReLU(), pl.Conv2D(3, 3)],
    "norm, relu, pool": lambda: (
        [pl.Conv2D(4, 3), pl.BatchNorm(), pl.ReLU(), pl.MaxPool2D(2)]
    ),
    "norm, relu, pool with a rest": lambda: (
        [pl.Conv2D(4, 2), pl.BatchNorm(), pl.ReLU(), pl.MaxPool2D(2)]
    ),
    "conv relu, pool": lambda: [pl.Conv2D(4, 3, activation="relu"), pl.MaxPool2D(2)],
    "overlapping pool": lambda: [
        pl.Conv2D(4, 3, activation="relu"),
        pl.MaxPool2D(3, strides=1),
    ],
    "norm, pool": lambda: [pl.Conv2D(4, 3), pl.BatchNorm(), pl.MaxPool2D(2)],
    "frozen norm": lambda: (
        [pl.Conv2D(4, 3), pl.BatchNorm(trainable=False), pl.ReLU(), pl.MaxPool2D(2)]
    ),
}


def weights_after(
    chain: str, monkeypatch: pytest.MonkeyPatch, fuse: bool
) -> list[bytes]:
    x, y = strokes(48)
    layers = [*CHAINS[chain](), pl.Flatten(), pl.Dense(int(y.max()) + 1)]
    model = pl.Sequential(layers, input_shape=x.shape[1:], seed=3)
    model.compile(pl.Adam(0.01), "softmax_cross_entropy")
    calls = []

    def unfused(layers: object) -> object:
        calls.append(layers)
        return nullcontext()

    if not fuse:
        monkeypatch.setattr(training, "fused", unfused)
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert bool(calls) is not fuse
    return [value.tobytes() for value in model.state_dict().values()]


@pytest.mark.parametrize("chain", CHAINS)
def test_same_bits(chain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_fusion = weights_after(chain, monkeypatch, True)
    assert with_fusion == weights_after(chain, monkeypatch, False)


@pytest.mark.parametrize(
    ("size", "pool", "frozen", "pooled", "masks"),
    [
        (8, {}, False, True, False),
        (7, {}, False, False, True),
        (8, {}, True, False, True),
        (8, {"strides": 1}, False, False, True),
        (8, {"padding": 1}, False, False, True),
        (32, {"pool_size": 16}, False, False, False),
    ],
)
def test_norm_does_the_pooling_of_windows_that_tile(
    size, pool, frozen, pooled, masks
) -> None:
    layers = [pl.BatchNorm(trainable=not frozen), pl.ReLU(), pl.MaxPool2D(**pool)]
    pl.Sequential(layers, input_shape=(size, size, 3)).build()
    with fused(layers):
        assert (layers[0].pooled_by is layers[2]) is pooled
        assert layers[2].pooled_before is pooled
        assert layers[2].masks_gradient is masks
    assert layers[0].pooled_by is None
    assert not layers[2].pooled_before


def test_marks_only_what_fits_and_takes_them_back() -> None:
    layers = [pl.BatchNorm(), pl.ReLU(), pl.MaxPool2D(2), pl.BatchNorm(), pl.Tanh()]
    with fused(layers):
        assert layers[0].fused_activation == "relu"
        assert layers[1].skip_activation
        assert layers[2].masks_gradient
        assert layers[0].gradient_is_masked
        assert layers[3].fused_activation is None
    assert layers[0].fused_activation is None
    assert not layers[1].skip_activation
    assert not layers[2].masks_gradient
