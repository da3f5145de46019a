"""What layers answer to arguments and shapes that do not fit: items of bad-input.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid.core import Layer
from pellucid.layers import (
    AvgPool2D,
    BatchNorm,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Rescaling,
    SeparableConv2D,
)

Make = Callable[[], Any]


def conv(**kwargs: Any) -> Conv2D:
    return Conv2D(**({"filters": 4, "kernel_size": 3, "name": "conv1"} | kwargs))


def transposed(filters: int, *args: Any, **kwargs: Any) -> ConvTranspose2D:
    return ConvTranspose2D(filters, 3, *args, name="conv1", **kwargs)


ARGUMENTS: list[tuple[str, Make, type[Exception], str]] = [
    ("56 zero", lambda: conv(kernel_size=0), ValueError, r"kernel_size is 0.*>= 1"),
    ("56 negative", lambda: conv(kernel_size=(3, -1)), ValueError, r"kernel_size.*-1"),
    ("57 float", lambda: conv(kernel_size=3.0), TypeError, "kernel_size is 3.0"),
    ("57 bool", lambda: conv(kernel_size=True), TypeError, "kernel_size is True"),
    ("57 string", lambda: conv(kernel_size="3"), TypeError, "kernel_size is '3'"),
    ("57 filters", lambda: conv(filters=4.0), TypeError, "filters is 4.0"),
    ("57 units", lambda: Dense(3.0), TypeError, "units is 3.0"),
    ("58 zero", lambda: conv(strides=0), ValueError, "strides is 0"),
    ("58 negative", lambda: conv(strides=-2), ValueError, "strides is -2"),
    ("58 pool", lambda: MaxPool2D(2, 0), ValueError, "strides is 0"),
    ("59", lambda: conv(padding=-1), ValueError, "padding is -1"),
    ("59 pool", lambda: AvgPool2D(2, padding=-1), ValueError, "padding is -1"),
    ("60", lambda: conv(padding="smae"), ValueError, r'"valid", "same".*\n.*"same"'),
    ("60 kind", lambda: conv(padding=1.5), TypeError, "padding is 1.5"),
    ("63 zero", lambda: conv(dilation=0), ValueError, "dilation is 0"),
    ("63 negative", lambda: conv(dilation=-1), ValueError, "dilation is -1"),
    ("65 zero", lambda: conv(groups=0), ValueError, "groups is 0"),
    ("65 negative", lambda: conv(groups=-2), ValueError, "groups is -2"),
    ("66 filters", lambda: conv(filters=0), ValueError, "filters is 0"),
    ("66 units", lambda: Dense(-1), ValueError, "units is -1"),
    ("67 filters", lambda: conv(filters=2**31), ValueError, "filters is 2147483648"),
    ("67 units", lambda: Dense(2**31), ValueError, "units is 2147483648"),
    ("66 m", lambda: DepthwiseConv2D(3, depth_multiplier=0), ValueError, "r is 0"),
    ("57 m", lambda: DepthwiseConv2D(3, depth_multiplier=1.5), TypeError, "is 1.5"),
    ("58 d", lambda: DepthwiseConv2D(3, 0), ValueError, "strides is 0"),
    ("56 1d", lambda: Conv1D(2, 0), ValueError, "kernel_size is 0"),
    ("57 1d", lambda: Conv1D(2, (3, 3)), TypeError, r"kernel_size is \(3, 3\)"),
    ("60 1d", lambda: Conv1D(2, 3, padding="cause"), ValueError, '"causal"'),
    ("56 t", lambda: ConvTranspose2D(2, 0), ValueError, "kernel_size is 0"),
    ("59 t", lambda: ConvTranspose2D(2, 3, output_padding=-1), ValueError, "is -1"),
    ("57 t", lambda: ConvTranspose2D(2, 3, output_padding=0.5), TypeError, "is 0.5"),
    ("66 s", lambda: SeparableConv2D(0, 3), ValueError, "filters is 0"),
    ("56 s", lambda: SeparableConv2D(2, (0, 3)), ValueError, "kernel_size"),
    ("68", lambda: conv(kernel_size=(3, 3, 3)), ValueError, r"\(3, 3, 3\)"),
    ("68 pool", lambda: MaxPool2D((2,)), ValueError, r"\(2,\)"),
    ("69 low", lambda: Dropout(-0.1), ValueError, "rate is -0.1.*at least 0"),
    ("69 high", lambda: Dropout(1.5), ValueError, "rate is 1.5.*at most 1"),
    ("69 nan", lambda: Dropout(float("nan")), ValueError, "rate is nan"),
    ("69 kind", lambda: Dropout("0.5"), TypeError, "rate is '0.5'"),
    ("70 eps", lambda: BatchNorm(epsilon=0), ValueError, "epsilon is 0.*above 0"),
    ("70 nan", lambda: BatchNorm(epsilon=float("nan")), ValueError, "epsilon is nan"),
    ("70 momentum", lambda: BatchNorm(1.1), ValueError, "momentum is 1.1"),
    ("70 momentum", lambda: BatchNorm(-0.1), ValueError, "momentum is -0.1"),
    ("72", lambda: conv(activation="rleu"), ValueError, r'"rleu".*"tanh".*\n.*"relu"'),
    ("72 kind", lambda: Dense(3, activation=max), TypeError, "activation"),
    ("slope", lambda: LeakyReLU(-1), ValueError, "negative_slope is -1"),
    ("scale", lambda: Rescaling(float("inf")), ValueError, "scale is inf"),
    ("name", lambda: Dense(3, name=3), TypeError, "name is 3"),
    ("algo", lambda: conv(conv_algo="fft"), ValueError, "conv_algo"),
    ("init", lambda: conv(kernel_initializer="xavier"), ValueError, "kernel_init"),
    ("penalty", lambda: conv(kernel_regularizer="l3"), ValueError, "kernel_regul"),
]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [row[1:] for row in ARGUMENTS],
    ids=[row[0] for row in ARGUMENTS],
)
def test_items_of_the_arguments(
    make: Make, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match="(?s)" + message) as caught:
        make()
    text = str(caught.value)
    assert text.startswith(("conv1 (Conv2D): ", *(f"{n}: " for n in NAMES)))
    assert "Expected" in text
    assert len(text.splitlines()) >= 2


NAMES = [
    "Dense",
    "MaxPool2D",
    "AvgPool2D",
    "Dropout",
    "BatchNorm",
    "LeakyReLU",
    "Rescaling",
    "Conv1D",
    "ConvTranspose2D",
    "DepthwiseConv2D",
    "SeparableConv2D",
]


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32])
def test_057_numpy_integers_are_integers(kind: type[np.integer[Any]]) -> None:
    layer = Conv2D(kind(4), kind(3), (kind(1), kind(2)), kind(1), groups=kind(2))
    assert layer.output_shape((8, 8, 2)) == (8, 4, 4)
    assert layer.config()["kernel_size"] == (3, 3)


SHAPES: list[tuple[str, Layer, tuple[int, ...], str]] = [
    ("1 rank 3", conv(), (3, 32, 32), r"x\[None\]"),
    ("1 rank 2", conv(), (5, 32), r"Expected \(n, h, w, c\).*Reshape"),
    ("4 flatten", Dense(3, name="conv1"), (2, 4, 4, 3), r"Put Flatten\(\) before"),
    ("6", conv(), (2, 0, 5, 3), "spatial size 0"),
    ("6 pool", MaxPool2D(2, name="conv1"), (2, 5, 0, 3), "spatial size 0"),
    ("61", MaxPool2D(2, padding=2, name="conv1"), (2, 8, 8, 1), "padding 2.*window"),
    ("62", conv(kernel_size=7), (2, 4, 4, 3), r"would be -2 x -2.*kernel 7.*input 4"),
    ("62 1d", Conv1D(2, 7, name="conv1"), (2, 4, 3), r"would be 1 x -2.*input 1 x 4"),
    ("1 1d", Conv1D(2, 3, name="conv1"), (2, 4, 4, 3), r"Expected \(n, length, c\)"),
    ("59 t", transposed(2, padding=3), (2, 1, 1, 3), r"would be -3 x -3.*less padding"),
    (
        "t stride",
        transposed(2, 2, output_padding=2),
        (2, 4, 4, 3),
        "stride is 2.*below",
    ),
    ("t same", transposed(2, 2, "same", output_padding=1), (2, 4, 4, 3), "fixes the"),
    ("65 t", transposed(4, groups=2), (2, 4, 4, 3), "groups=2 .* 3 input and 4 output"),
    (
        "65 t filters",
        transposed(3, groups=2, use_bias=False),
        (2, 4, 4, 4),
        "groups=2 .* 4 input and 3 output",
    ),
    ("62 d", DepthwiseConv2D(7, name="conv1"), (2, 4, 4, 3), r"would be -2 x -2"),
    ("62 s", SeparableConv2D(2, 7, name="conv1"), (2, 4, 4, 3), r"would be -2 x -2"),
    ("64", conv(dilation=10**9), (2, 8, 8, 3), r"would be -\d+ x -\d+.*dilation"),
    ("65 inputs", conv(groups=2), (2, 8, 8, 3), "groups=2 .* 3 input and 4 output"),
    ("65 outputs", conv(groups=3), (2, 8, 8, 3), "groups=3 .* 3 input and 4 output"),
    ("74", MaxPool2D(3, name="conv1"), (2, 2, 2, 1), "would be 0 x 0"),
    ("flat", Flatten(name="conv1"), (3,), r"x\[None\]"),
]


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [row[1:] for row in SHAPES],
    ids=[row[0] for row in SHAPES],
)
def test_items_of_the_shapes(
    layer: Layer, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match="(?s)^conv1 .*" + message) as caught:
        layer.forward(np.zeros(shape))
    assert "Expected" in str(caught.value)
    assert not layer.built
    assert layer.dtype is None
    with pytest.raises(ValueError, match=r"^conv1 "):
        layer.build(shape[1:])
    assert not layer.built


def test_002_003_channels() -> None:
    layer = conv()
    layer.build((32, 32, 3))
    with pytest.raises(ValueError, match="4 channels") as caught:
        layer.forward(np.zeros((64, 32, 32, 4)))
    assert str(caught.value).startswith(
        "conv1 (Conv2D) got an array of shape (64, 32, 32, 4): 4 channels in the last "
        "dimension, 3 were expected.\nExpected (n, h, w, 3)."
    )
    assert "channels-first" not in str(caught.value)
    with pytest.raises(ValueError, match="channels-first") as caught:
        layer.forward(np.zeros((64, 3, 32, 32)))
    assert str(caught.value) == (
        "conv1 (Conv2D) got an array of shape (64, 3, 32, 32): 32 channels in the last "
        "dimension, 3 were expected.\nExpected (n, h, w, 3).\n"
        "This looks like channels-first data: pass x.transpose(0, 2, 3, 1),\n"
        'or build the model with Sequential(..., data_format="channels_first").'
    )


def test_004_features() -> None:
    layer = Dense(2, name="dense_1")
    layer.build((12,))
    with pytest.raises(ValueError, match=r"dense_1 .*10 features.*12 were expected"):
        layer.forward(np.zeros((8, 10)))


def test_012_bytes() -> None:
    images = np.zeros((2, 8, 8, 3), "uint8")
    with pytest.raises(ValueError, match=r"(?s)uint8 images.*/ 255.*Rescaling\(1"):
        conv().forward(images)
    assert Rescaling(1 / 255).forward(images).dtype == np.float32
    assert Dense(2).forward(np.zeros((2, 8), "uint8")).dtype == np.float32


def test_071_one_value_per_channel() -> None:
    layer = BatchNorm(name="batch_norm_1")
    layer.build((3,))
    before = {name: value.copy() for name, value in layer.state().items()}
    with pytest.raises(ValueError, match=r"batch_norm_1 .*\n?.*more than one value"):
        layer.forward(np.zeros((1, 3)), training=True)
    assert layer.saved is None
    for name, value in layer.state().items():
        assert (value == before[name]).all()
    assert layer.forward(np.zeros((1, 3))).shape == (1, 3)


def test_054_a_new_batch_size_between_forward_and_backward() -> None:
    layer = ReLU(name="relu_1")
    layer.forward(np.ones((4, 3)), training=True)
    layer.forward(np.ones((8, 3)))  # inference keeps nothing and disturbs nothing
    assert layer.backward(np.ones((4, 3))) is not None
    layer.forward(np.ones((4, 3)), training=True)
    layer.forward(np.ones((8, 3)), training=True)
    with pytest.raises(RuntimeError, match=r"(?s)relu_1.*Call forward\(training"):
        layer.backward(np.ones((4, 3)))
    with pytest.raises(ValueError, match="dy has shape"):
        layer.backward(np.ones((5, 3)))
    assert layer.backward(np.ones((8, 3))) is not None


def test_images_of_another_size_pass_where_no_weight_depends_on_it() -> None:
    layer = conv()
    layer.build((8, 8, 3))
    assert layer.forward(np.zeros((1, 12, 10, 3))).shape == (1, 10, 8, 4)


def test_a_failing_initializer_leaves_the_layer_unbuilt() -> None:
    layer = Dense(2, bias_initializer="zeros")
    layer.bias_initializer = None
    with pytest.raises(TypeError):
        layer.build((3,))
    assert not layer.built
    layer.bias_initializer = conv().bias_initializer
    layer.build((3,))
    assert [p.name for p in layer.parameters()] == ["weight", "bias"]
