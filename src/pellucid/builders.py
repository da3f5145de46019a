"""Ready-made models, and models from short descriptions; not compiled yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.core.layer import Layer
from pellucid.core.registry import LAYERS
from pellucid.errors import check_choice, closest, describe
from pellucid.layers import (
    AvgPool2D,
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
from pellucid.layers.activation import ALIASES
from pellucid.model import Sequential

__all__ = [
    "from_spec",
    "lenet5",
    "mlp",
    "mnist_cnn",
    "mobilenet_small",
    "resnet8",
    "resnet18",
    "vgg_small",
]

Images = tuple[int, int, int]


def mlp(
    sizes: Sequence[int],
    *,
    activation: str = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
    output_activation: str | None = None,
    **options: Any,
) -> Sequential:
    """A multilayer perceptron from the sizes of its layers.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden units, outputs: at least two numbers.
    activation : str, default "relu"
        After every hidden layer.
    dropout : float, default 0
        Rate of the dropout after every hidden layer.
    batch_norm : bool, default False
        Normalize every hidden layer before its activation.
    output_activation : str, optional
        None gives logits, which the softmax and sigmoid losses take.
    **options
        ``seed`` and ``dtype``, as in :class:`Sequential`.

    Returns
    -------
    Sequential

    Example
    -------
    >>> model = mlp([784, 128, 64, 10], activation="relu", dropout=0.2, seed=0)
    >>> [layer.name for layer in model.layers]
    ['dense_1', 'dropout_1', 'dense_2', 'dropout_2', 'dense_3']
    """
    hint = "Pass sizes such as [784, 128, 10]."
    if isinstance(sizes, str) or not isinstance(sizes, Sequence) or len(sizes) < 2:
        raise (TypeError if not isinstance(sizes, list | tuple) else ValueError)(
            describe(f"sizes is {sizes!r}", "Expected at least two whole numbers", hint)
        )
    inputs, *hidden, outputs = (
        check_integer(size, "a size", low=1, hint=hint) for size in sizes
    )
    rate = check_number(dropout, "dropout", at_least=0, at_most=1)
    layers: list[Layer] = []
    for units in hidden:
        if batch_norm:
            layers += [Dense(units, use_bias=False), BatchNorm()]
            layers.append(_activation(activation))
        else:
            layers.append(Dense(units, activation=activation))
        if rate:
            layers.append(Dropout(rate))
    layers.append(Dense(outputs, activation=output_activation))
    return Sequential(layers, input_shape=(inputs,), **options)


# Words of a description that are not the names of layers and arguments.
_ALIASES = {
    "conv": "conv2d",
    "batchnorm": "batch_norm",
    "global_pool": "global_avg_pool2d",
    **ALIASES,
}
_POOLS: dict[str, type[Layer]] = {
    "max": MaxPool2D,
    "average": AvgPool2D,
    "avg": AvgPool2D,
}


def from_spec(
    spec: Sequence[Mapping[str, Any]],
    *,
    input_shape: Sequence[int],
    num_classes: int | None = None,
    **options: Any,
) -> Sequential:
    """A model from a list of dictionaries; the shapes follow from the input's.

    Parameters
    ----------
    spec : sequence of dict
        Each has a ``type`` and the arguments of that layer: "conv" (``filters``,
        ``kernel_size``, ``stride`` 1, ``padding`` 0, ``activation`` "relu"), "pool"
        (``pool_size`` 2, ``stride``, ``mode`` "max" or "average"), "flatten", "dense"
        (``units``, ``activation`` "relu"), or any other layer by its name, such as
        "batch_norm" or "dropout".
    input_shape : tuple of int
        Of one sample, in the layout of ``data_format``.
    num_classes : int, optional
        Add a last dense layer with softmax for so many classes.
    **options
        ``data_format``, ``seed`` and ``dtype``, as in :class:`Sequential`.

    Returns
    -------
    Sequential

    Raises
    ------
    ValueError, TypeError
        An unknown type or argument, with the place in the list.

    Example
    -------
    >>> spec = [
    ...     {"type": "conv", "filters": 8, "kernel_size": 3, "padding": 1},
    ...     {"type": "pool", "pool_size": 2},
    ...     {"type": "flatten"},
    ...     {"type": "dense", "units": 16},
    ... ]
    >>> model = from_spec(
    ...     spec, input_shape=(1, 28, 28), num_classes=10, data_format="channels_first"
    ... )
    >>> model.output_shape
    (10,)
    """
    if not isinstance(spec, Sequence) or isinstance(spec, str):
        raise TypeError(
            describe(
                f"spec is {spec!r}",
                "Expected a list of dictionaries",
                'Write [{"type": "dense", "units": 16}].',
            )
        )
    layers = [_layer_of(part, index) for index, part in enumerate(spec)]
    if num_classes is not None:
        hint = "Pass num_classes=10."
        classes = check_integer(num_classes, "num_classes", low=2, hint=hint)
        layers.append(Dense(classes, activation="softmax"))
    return Sequential(layers, input_shape=input_shape, **options)


def _layer_of(part: object, index: int) -> Layer:
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        raise TypeError(
            describe(
                f"spec[{index}] is {part!r}",
                'Expected a dictionary with a "type"',
                'Write {"type": "dense", "units": 16}.',
            )
        )
    arguments = {str(key): value for key, value in part.items()}
    if "stride" in arguments:
        arguments["strides"] = arguments.pop("stride")
    word = arguments.pop("type")
    known = {cls.default_name(): cls for cls in LAYERS.values()}
    name = _ALIASES.get(word, word)
    if word == "pool":
        mode = arguments.pop("mode", "max")
        kind = _POOLS[check_choice(mode, f"spec[{index}]: mode", _POOLS)]
    elif name in known or name in LAYERS:
        kind = known[name] if name in known else LAYERS[name]
    else:
        near = closest(word, [*known, *_ALIASES, "pool"])
        raise ValueError(
            describe(
                f"spec[{index}] has the type {word!r}",
                "Expected conv, pool, flatten, dense or another layer's name",
                f"Did you mean {near!r}?" if near else "Choose one of those.",
            )
        )
    if kind in (Conv2D, Dense):
        arguments.setdefault("activation", "relu")
    if word == "conv":
        arguments.setdefault("padding", 0)
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise type(error)(f"spec[{index}]: {error}") from error


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
        Dense(classes),
    ]
    return Sequential(layers, input_shape=input_shape, **options)


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
    head = [Flatten(), Dense(128, activation="relu"), Dropout(0.5), Dense(classes)]
    layers = [*_normalized(32), MaxPool2D(2), *_normalized(64), MaxPool2D(2), *head]
    return Sequential(layers, input_shape=input_shape, **options)


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
    layers += [GlobalAvgPool2D(), Dense(classes)]
    return Sequential(layers, input_shape=input_shape, **options)


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
    layers += [GlobalAvgPool2D(), Dense(classes)]
    return Sequential(layers, input_shape=input_shape, **options)


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
    if sorted(input_shape)[-1] >= 64:
        layers = [*_normalized(64, 7, 2), MaxPool2D(3, 2, padding=1)]
    before = 64
    for filters in (64, 128, 256, 512):
        layers += [*_block(before, filters), *_block(filters, filters)]
        before = filters
    layers += [GlobalAvgPool2D(), Dense(classes)]
    return Sequential(layers, input_shape=input_shape, **options)


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

    stride = 2 if sorted(input_shape)[-1] >= 64 else 1
    layers = _normalized(scaled(32), 3, stride)
    channels = scaled(32)
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    plan += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
    for filters, strides in plan:
        layers.append(DepthwiseConv2D(3, strides, 1, use_bias=False))
        layers += [BatchNorm(), ReLU()]
        channels = scaled(filters)
        layers += _normalized(channels, 1)
    layers += [GlobalAvgPool2D(), Dense(classes)]
    return Sequential(layers, input_shape=input_shape, **options)


def _activation(word: str) -> Layer:
    """The layer that is this activation."""
    kinds = {cls.activation: cls for cls in LAYERS.values() if cls.activation}
    word = ALIASES.get(word, word) if isinstance(word, str) else word
    return kinds[check_choice(word, "activation", [str(kind) for kind in kinds])]()


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
