"""Fused neighbours compute the same bits as layers one by one."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
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
    "activations": lambda: [
        pl.Conv2D(4, 3, activation="tanh"),
        pl.Conv2D(4, 3, activation="gelu"),
        pl.Residual([pl.Conv2D(4, 1), pl.BatchNorm(), pl.ReLU(), pl.Conv2D(4, 1)]),
    ],
    "relu, residual": lambda: (
        [pl.Conv2D(4, 3, activation="relu"), pl.Residual(pl.Conv2D(4, 1))]
    ),
    "relu, norm": lambda: (
        [pl.Conv2D(4, 3, activation="relu"), pl.BatchNorm(), pl.Conv2D(3, 3)]
    ),
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


def test_memory_is_shared_where_nobody_reads_it_any_more() -> None:
    class Own(pl.ReLU):
        pass

    norms = [pl.BatchNorm(), pl.BatchNorm(), pl.BatchNorm()]
    convs = [pl.Conv2D(4, 3), pl.Conv2D(4, 3, activation="relu")]
    layers = [convs[0], norms[0], convs[1], norms[1], pl.ReLU(), norms[2]]
    with fused(layers):
        assert [norm.spends_input for norm in norms] == [True, False, False]
        assert [layer.spends_output for layer in layers[:4]] == [
            True,
            True,
            False,
            False,
        ]
    assert not any(norm.spends_input or norm.spends_output for norm in norms)
    with fused(layers, share=False):
        assert not any(norm.spends_input or norm.spends_output for norm in norms)
    with fused([*layers, Own()]):
        assert not any(norm.spends_input or norm.spends_output for norm in norms)


def test_a_step_keeps_one_array_for_an_output_and_its_gradient() -> None:
    layers = [
        pl.Conv2D(4, 3),
        pl.BatchNorm(),
        pl.ReLU(),
        pl.Conv2D(5, 3, activation="relu"),
    ]
    model = pl.Sequential([*layers, pl.Flatten(), pl.Dense(2)], input_shape=(8, 8, 3))
    model.compile("sgd", "softmax_cross_entropy")
    step = training.TrainingStep(model)
    x = np.random.default_rng(0).random((2, 8, 8, 3), dtype=np.float32)
    step.run(x, np.array([0, 1]))
    sizes = step.buffer_sizes()
    image = 2 * 6 * 6 * 4 * 4
    assert sizes[id(layers[1])] < image + 3 * 64  # y alone, and the statistics
    assert sizes[id(layers[3])] < 2 * 4 * 4 * 5 * 4 + image + 3 * 64  # y and dx


def test_names_the_layer_that_overflowed_though_gradients_lie_over_outputs() -> None:
    layers = [pl.Conv2D(4, 3), pl.BatchNorm(), pl.ReLU(), pl.Conv2D(5, 3, name="loud")]
    layers = [*layers, pl.BatchNorm(), pl.ReLU(), pl.Flatten(), pl.Dense(2)]
    model = pl.Sequential(layers, input_shape=(8, 8, 3), seed=0)
    model.compile("sgd", "softmax_cross_entropy")
    step = training.TrainingStep(model)
    x = np.random.default_rng(0).random((2, 8, 8, 3), dtype=np.float32)
    for _ in range(2):
        step.run(x, np.array([0, 1]))
    before = [value.copy() for value in layers[1].state().values()]
    layers[3].weight.value[...] = 3e38
    with pytest.raises(pl.NumericsError, match=r"loud .*first layer with a value"):
        step.run(x, np.array([0, 1]))
    after = layers[1].state().values()
    assert all(map(np.array_equal, before, after))
