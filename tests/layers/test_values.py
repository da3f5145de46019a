"""Results that are known from elsewhere: written out by hand, or by plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.layers import (
    AvgPool2D,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalMaxPool2D,
    MaxPool2D,
    ReLU,
    Rescaling,
    Sigmoid,
    Softmax,
)
from tests.support.bounds import assert_exact
from tests.support.data import integers, uniform

Array = NDArray[Any]


def convolve(
    x: Array,
    w: Array,
    *,
    strides: tuple[int, int],
    pads: tuple[tuple[int, int], tuple[int, int]],
    dilation: tuple[int, int],
    groups: int,
) -> Array:
    """The formula of Conv2D, one output at a time."""
    x = np.pad(x, ((0, 0), *pads, (0, 0)))
    kh, kw, inputs, k = w.shape
    oh = (x.shape[1] - dilation[0] * (kh - 1) - 1) // strides[0] + 1
    ow = (x.shape[2] - dilation[1] * (kw - 1) - 1) // strides[1] + 1
    y = np.zeros((x.shape[0], oh, ow, k), x.dtype)
    for n, i, j, f in np.ndindex(y.shape):
        first = f // (k // groups) * inputs
        for u, v, c in np.ndindex(kh, kw, inputs):
            row, column = (
                strides[0] * i + dilation[0] * u,
                strides[1] * j + dilation[1] * v,
            )
            y[n, i, j, f] += x[n, row, column, first + c] * w[u, v, c, f]
    return y


@pytest.mark.parametrize(
    ("kwargs", "pads"),
    [
        ({}, ((0, 0), (0, 0))),
        ({"padding": "same"}, ((1, 1), (0, 1))),
        ({"padding": "same", "strides": 2}, ((0, 1), (0, 0))),
        ({"padding": 2, "strides": (1, 3)}, ((2, 2), (2, 2))),
        ({"padding": ((0, 2), (1, 0)), "dilation": (2, 1)}, ((0, 2), (1, 0))),
        ({"groups": 2}, ((0, 0), (0, 0))),
    ],
)
def test_conv2d_is_the_formula(kwargs: dict[str, Any], pads: Any) -> None:
    layer = Conv2D(6, (3, 2), **kwargs)
    x = integers((2, 6, 6, 4), 0)
    layer.build(x.shape[1:])
    layer.weight.value = integers(layer.weight.shape, 1)
    assert layer.bias is not None
    layer.bias.value = integers((6,), 2)
    expected = convolve(
        x,
        layer.weight.value,
        strides=layer.strides,
        pads=pads,
        dilation=layer.dilation,
        groups=layer.groups,
    )
    assert_exact(layer.forward(x), expected + layer.bias.value)


def test_conv2d_backward_is_the_adjoint() -> None:
    # <dy, conv(x, w)> = <dx, x> = <dw, w>, exactly, on integers.
    layer = Conv2D(4, 3, 2, "same", groups=2, use_bias=False)
    x = integers((3, 7, 6, 2), 0)
    layer.build(x.shape[1:])
    layer.weight.value = integers(layer.weight.shape, 1)
    y = layer.forward(x, training=True)
    dy = integers(y.shape, 2)
    dx = layer.backward(dy)
    assert dx is not None
    product = (dy * y).sum()
    assert product != 0
    assert product == (dx * x).sum() == (layer.weight.grad * layer.weight.value).sum()


def test_conv1d_is_conv2d_of_one_row() -> None:
    x, w = integers((2, 9, 4), 0), integers((3, 2, 6), 1)
    for padding, pads in (("causal", (4, 0)), ("same", (1, 1)), ((2, 1), (2, 1))):
        layer = Conv1D(6, 3, 3, padding, dilation=2, groups=2)
        layer.build((9, 4))
        layer.weight.value = w
        expected = convolve(
            x[:, None],
            w[None],
            strides=(1, 3),
            pads=((0, 0), pads),
            dilation=(1, 2),
            groups=2,
        )
        assert_exact(layer.forward(x), expected[:, 0])


def test_conv1d_causal_sees_nothing_later() -> None:
    layer, x = Conv1D(2, 3, padding="causal", dilation=2), uniform((1, 9, 2), 0)
    before = layer.forward(x)
    x[:, 5:] += 1
    assert_exact(layer.forward(x)[:, :5], before[:, :5])
    assert (layer.forward(x)[:, 5:] != before[:, 5:]).all()


def test_depthwise_is_conv2d_with_a_group_for_each_channel() -> None:
    x = integers((2, 6, 6, 3), 0)
    layer = DepthwiseConv2D((3, 2), (1, 2), 1, depth_multiplier=2)
    layer.build(x.shape[1:])
    layer.weight.value = integers((3, 2, 3, 2), 1)
    expected = convolve(
        x,
        layer.weight.value.reshape(3, 2, 1, 6),
        strides=(1, 2),
        pads=((1, 1), (1, 1)),
        dilation=(1, 1),
        groups=3,
    )
    assert_exact(layer.forward(x), expected)


def test_same_padding_is_odd_below_and_right() -> None:
    layer = Conv2D(1, 2, padding="same", kernel_initializer="ones")
    y = layer.forward(np.ones((1, 3, 3, 1), "float32"))
    assert y[0, :, :, 0].tolist() == [[4, 4, 2], [4, 4, 2], [2, 2, 1]]


def test_max_pool_gives_the_gradient_to_the_first_maximum() -> None:
    layer = MaxPool2D(2)
    layer.forward(np.zeros((1, 2, 2, 1)), training=True)
    dx = layer.backward(np.full((1, 1, 1, 1), 5.0))
    assert dx is not None
    assert dx[0, :, :, 0].tolist() == [[5, 0], [0, 0]]


def test_global_max_pool_is_the_maximum_and_its_first_place() -> None:
    x = integers((3, 17, 16, 5), 0, limit=4)  # 272 places, each number many times
    layer = GlobalMaxPool2D()
    assert_exact(layer.forward(x, training=True), x.max(axis=(1, 2)))
    dx = layer.backward(np.arange(1, 16, dtype="float32").reshape(3, 5))
    assert dx is not None
    flat, places = dx.reshape(3, -1, 5), x.reshape(3, -1, 5).argmax(axis=1)
    expected = np.zeros_like(flat)
    numbers = np.arange(1, 16).reshape(3, 1, 5)
    np.put_along_axis(expected, places[:, None], numbers, axis=1)
    assert_exact(flat, expected)


def test_max_pool_hands_nan_on() -> None:
    x = np.array([[1.0, np.nan], [3.0, 2.0]]).reshape(1, 2, 2, 1)
    assert np.isnan(MaxPool2D(2).forward(x)).all()
    assert np.isnan(GlobalMaxPool2D().forward(x)).all()


def test_max_pool_padding_never_wins() -> None:
    y = MaxPool2D(3, 1, 1).forward(np.full((1, 2, 2, 1), -7.0))
    assert (y == -7).all()


def test_avg_pool_does_not_count_padding() -> None:
    y = AvgPool2D(3, 1, 1).forward(np.full((1, 4, 4, 2), 3.0))
    assert (y == 3).all()


def test_relu_at_zero_and_nan() -> None:
    x = np.array([[-0.0, 0.0, np.nan, -1.0, 2.0]])
    layer = ReLU()
    y = layer.forward(x, training=True)
    assert np.isnan(y[0, 2])
    assert not np.signbit(y[0, :2]).any()
    dx = layer.backward(np.ones((1, 5)))
    assert dx is not None
    assert dx[0, [0, 1, 3, 4]].tolist() == [0, 0, 0, 1]


def test_sigmoid_and_softmax_do_not_overflow() -> None:
    x = np.array([[-800.0, 800.0, 0.0]], "float32")
    assert Sigmoid().forward(x).tolist() == [[0, 1, 0.5]]
    assert Softmax().forward(x).tolist() == [[0, 1, 0]]


def test_dense_softmax_gives_probabilities() -> None:
    y = Dense(5, "softmax").forward(uniform((7, 3), 0))
    assert (y > 0).all()
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("layer", [Dense(3, "softmax"), Dense(3, "sigmoid")])
def test_skip_activation_hands_out_logits_in_training_only(layer: Dense) -> None:
    x, r = uniform((4, 2), 0), uniform((4, 3), 1)
    outside = layer.forward(x)
    layer.skip_activation = True
    logits = layer.forward(x, training=True)
    layer.backward(r)
    assert layer.bias is not None
    assert_exact(logits, x @ layer.weight.value + layer.bias.value)
    np.testing.assert_allclose(layer.bias.grad, r.sum(axis=0), rtol=1e-6)
    assert_exact(layer.forward(x), outside)


@pytest.mark.parametrize("layer", [Softmax(), Sigmoid()])
def test_skipped_activation_layers_do_nothing_in_training(layer: Softmax) -> None:
    x, r = uniform((4, 3), 0), uniform((4, 3), 1)
    layer.skip_activation = True
    assert_exact(layer.forward(x, training=True), x)
    dx = layer.backward(r)
    assert dx is not None
    assert_exact(dx, r)
    assert (layer.forward(x) != x).all()


# BatchNorm -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(64, 3), (8, 5, 5, 3), (4, 3, 3, 3)])
def test_batch_norm_normalises_every_channel(shape: tuple[int, ...]) -> None:
    x = 3 + 2 * uniform(shape, 0, dtype="float64")
    layer = BatchNorm(momentum=0.75)
    y = layer.forward(x, training=True)
    axes = tuple(range(x.ndim - 1))
    np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=axes), 1, rtol=1e-4)
    assert layer.running_mean.shape == (3,)
    np.testing.assert_allclose(layer.running_mean, 0.25 * x.mean(axis=axes))
    np.testing.assert_allclose(layer.running_variance, 0.75 + 0.25 * x.var(axis=axes))


def test_batch_norm_inference_moves_nothing() -> None:
    layer = BatchNorm()
    layer.forward(uniform((8, 2), 0), training=True)
    before = layer.running_mean.copy()
    x = uniform((1, 2), 1)
    scale = 1 / np.sqrt(layer.running_variance + 1e-5)
    np.testing.assert_allclose(
        layer.forward(x), (x - before) * scale, rtol=1e-5, atol=1e-6
    )
    assert_exact(layer.running_mean, before)


def test_frozen_batch_norm_uses_running_statistics() -> None:
    layer = BatchNorm()
    x, r = uniform((8, 2), 0), uniform((8, 2), 1)
    layer.forward(x, training=True)
    layer.trainable = False
    assert not any(p.trainable for p in layer.parameters())
    before = layer.running_mean.copy()
    y = layer.forward(x, training=True)
    assert_exact(y, layer.forward(x))
    assert_exact(layer.running_mean, before)
    dx = layer.backward(r)
    assert dx is not None
    scale = 1 / np.sqrt(layer.running_variance + 1e-5)
    np.testing.assert_allclose(dx, r * scale, rtol=1e-5)


# Dropout -------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_the_share() -> None:
    layer = Dropout(0.25).bind(seed=1)
    y = layer.forward(np.ones((1000, 100), "float32"), training=True)
    assert abs((y == 0).mean() - 0.25) < 0.006  # 4.4 standard deviations
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}


def test_dropout_masks_differ_by_step_seed_and_stream() -> None:
    x = np.ones((1, 512), "float32")

    def masks(seed: int, stream: int) -> list[Array]:
        layer = Dropout(0.5).bind(seed=seed, stream=stream)
        return [layer.forward(x, training=True) for _ in range(2)]

    first, second = masks(1, 0)
    assert (first != second).any()
    assert_exact(masks(1, 0)[0], first)
    assert (masks(2, 0)[0] != first).any()
    assert (masks(1, 2)[0] != first).any()


def test_dropout_goes_on_where_its_counter_stands() -> None:
    x = np.ones((1, 512), "float32")
    layer, again = Dropout(0.5), Dropout(0.5)
    for _ in range(3):
        layer.forward(x, training=True)
    again.random.counter[...] = layer.random.counter
    assert_exact(again.forward(x, training=True), layer.forward(x, training=True))


def test_dropout_of_everything_gives_zeros() -> None:
    layer = Dropout(1)
    assert not layer.forward(np.ones((2, 9)), training=True).any()
    dx = layer.backward(np.ones((2, 9)))
    assert dx is not None
    assert not dx.any()


def test_dropout_is_the_identity_in_inference() -> None:
    x = uniform((2, 9), 0)
    assert_exact(Dropout(0.9).forward(x), x)


# Rescaling -----------------------------------------------------------------------


def test_rescaling_takes_bytes_and_integers() -> None:
    images = np.arange(48, dtype="uint8").reshape(1, 4, 4, 3)
    layer = Rescaling(1 / 255)
    y = layer.forward(images)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, images / 255, rtol=1e-6)
    assert_exact(layer.forward(images.astype("int32")), y)
    assert_exact(layer.forward(images[:, ::-1])[:, ::-1], y)
    wide = Rescaling(2, 1).bind(dtype="float64").forward(images)
    assert_exact(wide, 2.0 * images + 1)


def test_one_channel_per_sample_and_no_channel_mix_up() -> None:
    # Known bug of a tutorial: with c == w, statistics per (c, h, w).
    layer = BatchNorm()
    layer.forward(uniform((5, 5, 5, 5), 0), training=True)
    assert layer.running_mean.shape == (5,)
