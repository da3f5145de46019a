"""Networks for images, by name."""

from __future__ import annotations

from typing import Any

from pellucid.builders.options import Images, image_size, make_classifier
from pellucid.core.inputs import check_number
from pellucid.core.layer import Layer
from pellucid.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    ReLU,
    Residual,
)
from pellucid.model import Sequential


def lenet5(
    input_shape: Images = (28, 28, 1), classes: int = 10, **options: Any
) -> Sequential:
    """LeNet-5 with ReLU and max-pooling: two convolutions, three dense layers.

    Parameters
    ----------
    input_shape : tuple of int, default (28, 28, 1)
        In the layout of ``data_format``.
    classes : int, default 10
        The model returns one logit for each.
    **options
        ``data_format``, ``seed`` and ``dtype``, as in :class:`Sequential`.

    Example
    -------
    >>> sum(p.size for p in lenet5(seed=0).parameters())
    61706

    Source
    ------
    LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document
    recognition.
    """
    layers = [
        Conv2D(6, 5, padding="same", activation="relu"),
        MaxPool2D(2),
        Conv2D(16, 5, activation="relu"),
        MaxPool2D(2),
        Flatten(),
        Dense(120, activation="relu"),
        Dense(84, activation="relu"),
    ]
    return make_classifier(layers, input_shape, classes, options)


def mnist_cnn(
    input_shape: Images = (28, 28, 1), classes: int = 10, **options: Any
) -> Sequential:
    """Two convolutions with batch normalization, a dense layer with dropout.

    Above 99 % on MNIST within five epochs. Arguments as in :func:`lenet5`.

    Example
    -------
    >>> mnist_cnn(seed=0).output_shape
    (10,)
    """
    head = [Flatten(), Dense(128, activation="relu"), Dropout(0.5)]
    layers = [*_normalized(32), MaxPool2D(2), *_normalized(64), MaxPool2D(2), *head]
    return make_classifier(layers, input_shape, classes, options)


def vgg_small(
    input_shape: Images = (32, 32, 3), classes: int = 10, **options: Any
) -> Sequential:
    """Three blocks of two 3x3 convolutions, 64 to 256 filters, for small photographs.

    Arguments as in :func:`lenet5`.

    Example
    -------
    >>> vgg_small(seed=0).output_shape
    (10,)

    Source
    ------
    Simonyan, Zisserman (2015), Very deep convolutional networks for large-scale image
    recognition.
    """
    layers: list[Layer] = []
    for filters in (64, 128, 256):
        layers += [*_normalized(filters), *_normalized(filters), MaxPool2D(2)]
    layers.append(GlobalAvgPool2D())
    return make_classifier(layers, input_shape, classes, options)


def resnet8(
    input_shape: Images = (32, 32, 3), classes: int = 10, **options: Any
) -> Sequential:
    """Three residual blocks of 16, 32 and 64 filters: the ResNet of MLPerf Tiny.

    Arguments as in :func:`lenet5`.

    Example
    -------
    >>> resnet8(seed=0).output_shape
    (10,)

    Source
    ------
    He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition; Banbury
    et al. (2021), MLPerf Tiny benchmark.
    """
    layers = [*_normalized(16), *_block(16, 16), *_block(16, 32), *_block(32, 64)]
    layers.append(GlobalAvgPool2D())
    return make_classifier(layers, input_shape, classes, options)


def resnet18(
    input_shape: Images = (32, 32, 3), classes: int = 10, **options: Any
) -> Sequential:
    """Eight residual blocks of 64 to 512 filters, with a stem for small images.

    From 64 pixels on the stem is that of the paper: 7x7 with stride 2, then a pooling.
    Arguments as in :func:`lenet5`.

    Example
    -------
    >>> sum(p.size for p in resnet18(seed=0).parameters())
    11173962

    Source
    ------
    He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition.
    """
    layers = _normalized(64)
    if image_size(input_shape) >= 64:
        layers = [*_normalized(64, 7, 2), MaxPool2D(3, 2, padding=1)]
    before = 64
    for filters in (64, 128, 256, 512):
        layers += [*_block(before, filters), *_block(filters, filters)]
        before = filters
    layers.append(GlobalAvgPool2D())
    return make_classifier(layers, input_shape, classes, options)


def mobilenet_small(
    input_shape: Images = (32, 32, 3),
    classes: int = 10,
    *,
    width: float = 0.25,
    **options: Any,
) -> Sequential:
    """Depthwise 3x3 and 1x1 convolutions in turns: MobileNet of a small width.

    Parameters
    ----------
    input_shape, classes, **options
        As in :func:`lenet5`.
    width : float, default 0.25
        What the filters of the paper (32 to 1024) are multiplied with, above 0.

    Example
    -------
    >>> mobilenet_small(seed=0).output_shape
    (10,)

    Source
    ------
    Howard et al. (2017), MobileNets: efficient convolutional neural networks for mobile
    vision applications.
    """
    factor = check_number(width, "width", above=0)

    def scaled(filters: int) -> int:
        return max(8, int(filters * factor))

    stride = 2 if image_size(input_shape) >= 64 else 1
    layers = _normalized(scaled(32), 3, stride)
    channels = scaled(32)
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    plan += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
    for filters, strides in plan:
        layers.append(DepthwiseConv2D(3, strides, 1, use_bias=False))
        layers += [BatchNorm(), ReLU()]
        channels = scaled(filters)
        layers += _normalized(channels, 1)
    layers.append(GlobalAvgPool2D())
    return make_classifier(layers, input_shape, classes, options)


def _normalized(filters: int, size: int = 3, strides: int = 1) -> list[Layer]:
    """A convolution without bias, batch normalization, ReLU."""
    return [*_linear(filters, size, strides), ReLU()]


def _linear(filters: int, size: int = 3, strides: int = 1) -> list[Layer]:
    return [Conv2D(filters, size, strides, size // 2, use_bias=False), BatchNorm()]


def _block(before: int, filters: int) -> list[Layer]:
    """A residual block; with more filters than before it halves the image."""
    strides = 1 if filters == before else 2
    body = [*_normalized(filters, 3, strides), *_linear(filters)]
    shortcut = None if strides == 1 else _linear(filters, 1, strides)
    return [Residual(body, shortcut), ReLU()]
