"""What the library's own check runs on: for each layer and loss, drawn configurations.

A new layer or loss needs a function here; a test fails where one is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, NamedTuple

import numpy as np

from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.registry import make_layer
from pellucid.debug.twin import Objective
from pellucid.kernels import ACTIVATIONS as WORDS
from pellucid.layers.activation import ROW_ACTIVATIONS as ROW_WORDS
from pellucid.losses import LOSSES, Hinge, KLDivergence, Loss

COUNT = 20
"""Configurations of each kind in a check of the library."""
ACTIVATIONS = (None, *WORDS, *ROW_WORDS)
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17)
"""Channels and units: around the widths of vectors."""


class Configuration(NamedTuple):
    """A layer's arguments and the shape of one sample."""

    arguments: dict[str, Any]
    input_shape: Shape
    batch: int = 3


class Draw(Random):
    """Seeded choices in the words of layers."""

    def flag(self) -> bool:
        """True or False."""
        return self.random() < 0.5

    def size(self, most: int = 17) -> int:
        """A number of channels or units."""
        return self.choice([size for size in SIZES if size <= most])

    def image(self, least: int = 1, most: int = 7, channels: int = 5) -> Shape:
        """(h, w, c)."""
        h, w = self.randint(least, most), self.randint(least, most)
        return h, w, self.size(channels)

    def any_shape(self) -> Shape:
        """A row, or an image."""
        return (self.size(),) if self.flag() else self.image(most=4)


def _affine(draw: Draw) -> dict[str, Any]:
    penalty = {"l1": 0.0, "l2": 0.1} if draw.random() < 0.2 else None
    return {
        "activation": draw.choice(ACTIVATIONS),
        "use_bias": draw.flag(),
        "kernel_regularizer": penalty,
    }


def _window(draw: Draw, h: int, w: int) -> dict[str, Any]:
    """Kernel size, strides and dilation of a window that fits the padded image."""
    padding = draw.choice(["valid", "same", 1, (1, 2), ((0, 1), (2, 1))])
    around = {"valid": (0, 0), "same": (0, 0), 1: (2, 2), (1, 2): (2, 4)}
    rows, columns = around.get(padding, (1, 3))
    kh = draw.randint(1, min(5, h + rows))
    kw = draw.choice([kh, draw.randint(1, min(5, w + columns))])
    kw = min(kw, w + columns)
    dilation = (
        draw.randint(1, 2) if (kh - 1) * 2 < h + rows else 1,
        draw.randint(1, 2) if (kw - 1) * 2 < w + columns else 1,
    )
    return {
        "kernel_size": (kh, kw),
        "strides": (draw.randint(1, 3), draw.randint(1, 2)),
        "padding": padding,
        "dilation": dilation,
    }


def _dense(draw: Draw) -> Configuration:
    return Configuration({"units": draw.size(), **_affine(draw)}, (draw.size(),))


def _conv2d(draw: Draw) -> Configuration:
    groups = draw.choice([1, 1, 1, 2, 3])
    h, w = draw.randint(1, 7), draw.randint(1, 7)
    c = groups * draw.choice([1, 2, 3]) if groups > 1 else draw.size(9)
    filters = groups * draw.choice([1, 2]) if groups > 1 else draw.size()
    arguments = {"filters": filters, "groups": groups, **_window(draw, h, w)}
    arguments["conv_algo"] = draw.choice(["auto", "auto", "direct", "im2col"])
    return Configuration(arguments | _affine(draw), (h, w, c), draw.randint(1, 3))


def _conv1d(draw: Draw) -> Configuration:
    groups = draw.choice([1, 1, 2])
    arguments = {
        "filters": groups * draw.size(9),
        "kernel_size": draw.randint(1, 3),
        "strides": draw.randint(1, 3),
        "padding": draw.choice(["valid", "same", "causal", 1, (0, 2)]),
        "dilation": draw.randint(1, 2),
        "groups": groups,
    }
    shape = (draw.randint(5, 9), groups * draw.size(5))
    return Configuration(arguments | _affine(draw), shape, draw.randint(1, 3))


def _depthwise(draw: Draw) -> Configuration:
    h, w, c = draw.image(channels=9)
    arguments = {"depth_multiplier": draw.choice([1, 1, 2, 3]), **_window(draw, h, w)}
    return Configuration(arguments | _affine(draw), (h, w, c), draw.randint(1, 3))


def _separable(draw: Draw) -> Configuration:
    arguments, shape, batch = _depthwise(draw)
    return Configuration({"filters": draw.size(9)} | arguments, shape, batch)


def _transposed(draw: Draw) -> Configuration:
    groups = draw.choice([1, 1, 2])
    (h, w, c), strides = draw.image(most=4), (draw.randint(1, 3), draw.randint(1, 2))
    kernel, same = (draw.randint(2, 4), draw.randint(2, 4)), draw.random() < 0.3
    arguments = {
        "filters": groups * draw.size(5),
        "kernel_size": kernel,
        "strides": strides,
        "padding": "same" if same else draw.choice(["valid", ((0, 1), (1, 0))]),
        "dilation": (draw.randint(1, 2), draw.randint(1, 2)),
        "groups": groups,
    }
    if not same and draw.flag():
        arguments["output_padding"] = (strides[0] - 1, draw.randint(0, strides[1] - 1))
    return Configuration(arguments | _affine(draw), (h, w, groups * c), 2)


def _pool2d(draw: Draw) -> Configuration:
    h, w, c = draw.image(2, 7, 17)
    kh, kw = draw.randint(1, min(4, h)), draw.randint(1, min(4, w))
    padding = draw.choice(["valid", "same", (kh // 2, kw // 2)])
    if padding != "valid" and draw.flag():
        kh = kw = min(h, w, 3)
        padding = "same"
    arguments = {
        "pool_size": (kh, kw),
        "strides": draw.choice([None, 1, (draw.randint(1, 3), draw.randint(1, 2))]),
        "padding": padding,
        "ceil_mode": draw.flag(),
    }
    return Configuration(arguments, (h, w, c), 2)


def _images(draw: Draw) -> Configuration:
    return Configuration({}, draw.image(channels=17))


def _anything(draw: Draw) -> Configuration:
    return Configuration({}, draw.any_shape())


def _leaky_relu(draw: Draw) -> Configuration:
    slope = draw.choice([0.0, 0.01, 0.3, 1.0])
    return Configuration({"negative_slope": slope}, draw.any_shape())


def _alpha(draw: Draw) -> Configuration:
    return Configuration({"alpha": draw.choice([0.3, 1.0, 2.0])}, draw.any_shape())


def _prelu(draw: Draw) -> Configuration:
    return Configuration({"shared": draw.flag()}, draw.any_shape())


def _dropout(draw: Draw) -> Configuration:
    rate = draw.choice([0.0, 0.1, 0.5, 0.9])
    return Configuration({"rate": rate}, draw.any_shape())


def _spatial_dropout2d(draw: Draw) -> Configuration:
    return Configuration(_dropout(draw).arguments, draw.image(channels=17))


def _gaussian_noise(draw: Draw) -> Configuration:
    return Configuration({"stddev": draw.choice([0.0, 0.1, 2.0])}, draw.any_shape())


def _rescaling(draw: Draw) -> Configuration:
    arguments = {
        "scale": draw.choice([1 / 255, -0.5, 2.0]),
        "offset": draw.choice([0.0, -1.0]),
    }
    return Configuration(arguments, draw.any_shape())


def _batch_norm(draw: Draw) -> Configuration:
    arguments = {
        "momentum": draw.choice([0.0, 0.5, 0.9]),
        "epsilon": draw.choice([1e-5, 1e-3, 0.1]),
        "trainable": draw.random() < 0.8,
    }
    return Configuration(arguments, draw.any_shape(), draw.randint(3, 6))


def _layer_norm(draw: Draw) -> Configuration:
    arguments = {
        "epsilon": draw.choice([1e-5, 1e-3, 0.1]),
        "trainable": draw.random() < 0.8,
    }
    *image, c = draw.any_shape()
    return Configuration(arguments, (*image, max(c, 3)))  # of two, gradients cancel


def _group_norm(draw: Draw) -> Configuration:
    arguments, shape, _ = _layer_norm(draw)
    c, most = shape[-1], math.prod(shape) // 3  # again three values for each group
    groups = draw.choice([n for n in range(1, c + 1) if c % n == 0 and n <= most])
    return Configuration({"groups": groups, **arguments}, shape)


def _adaptive_pool2d(draw: Draw) -> Configuration:
    size = draw.choice([1, (2, 3), (draw.randint(1, 5), draw.randint(1, 5))])
    return Configuration({"output_size": size}, draw.image(channels=17))


def _reshape(draw: Draw) -> Configuration:
    h, w, c = draw.image(channels=17)
    target = draw.choice([(h * w * c,), (-1, c), (h, -1), (c, w, h)])
    return Configuration({"target_shape": target}, (h, w, c))


def _up_sample2d(draw: Draw) -> Configuration:
    arguments = {
        "size": draw.choice([1, 2, (draw.randint(1, 4), draw.randint(1, 4))]),
        "interpolation": draw.choice(["nearest", "bilinear"]),
    }
    return Configuration(arguments, draw.image(most=5, channels=17), 2)


def _zero_pad2d(draw: Draw) -> Configuration:
    padding = draw.choice([0, 1, (0, 2), ((1, 0), (2, 3))])
    return Configuration({"padding": padding}, draw.image(most=5, channels=17))


def _part(layer: str, **config: Any) -> dict[str, Any]:
    return {"kind": layer, "name": None, "config": config}


def _residual(draw: Draw) -> Configuration:
    if draw.flag():
        n = draw.size()
        body = [_part("Dense", units=n, activation=draw.choice(ACTIVATIONS))]
        body += [_part("Dense", units=n)] * draw.randint(0, 1)
        return Configuration({"body": body}, (n,))
    h, w, c = draw.image(2, 5)
    filters, strides = draw.size(5), draw.randint(1, 2)
    body = [
        _part("Conv2D", filters=filters, kernel_size=3, strides=strides, padding=1),
        _part("BatchNorm"),
        _part(draw.choice(["ReLU", "Tanh"])),
    ]
    shortcut = [_part("Conv2D", filters=filters, kernel_size=1, strides=strides)]
    return Configuration({"body": body, "shortcut": shortcut}, (h, w, c))


def _concat(draw: Draw) -> Configuration:
    if draw.flag():
        n = draw.size()
        branches: list[Any] = [[], [_part("Dense", units=draw.size())]]
        return Configuration({"branches": branches}, (n,))
    branches = [
        [_part("Conv2D", filters=draw.size(5), kernel_size=k, padding="same")]
        for k in (1, 3)
    ]
    branches += [[]] * draw.randint(0, 1)
    return Configuration({"branches": branches}, draw.image(most=5))


LAYER_TABLE: dict[str, Callable[[Draw], Configuration]] = {
    "AdaptiveAvgPool2D": _adaptive_pool2d,
    "AlphaDropout": _dropout,
    "AvgPool2D": _pool2d,
    "BatchNorm": _batch_norm,
    "Concat": _concat,
    "Conv1D": _conv1d,
    "Conv2D": _conv2d,
    "ConvTranspose2D": _transposed,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise,
    "Dropout": _dropout,
    "ELU": _alpha,
    "Flatten": _anything,
    "GELU": _anything,
    "GaussianNoise": _gaussian_noise,
    "GlobalAvgPool2D": _images,
    "GlobalMaxPool2D": _images,
    "GroupNorm": _group_norm,
    "HardSwish": _anything,
    "LayerNorm": _layer_norm,
    "LeakyReLU": _leaky_relu,
    "LogSoftmax": _anything,
    "MaxPool2D": _pool2d,
    "Mish": _anything,
    "PReLU": _prelu,
    "ReLU": _anything,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "Residual": _residual,
    "SELU": _anything,
    "SeparableConv2D": _separable,
    "SiLU": _anything,
    "Sigmoid": _anything,
    "Softmax": _anything,
    "Softplus": _anything,
    "SpatialDropout2D": _spatial_dropout2d,
    "Tanh": _anything,
    "UpSample2D": _up_sample2d,
    "ZeroPad2D": _zero_pad2d,
}
"""By class name: a function that draws one configuration."""


class Problem(NamedTuple):
    """A layer, or none, with an input and an objective to differentiate."""

    title: str
    layers: list[Layer]
    x: Array
    objective: Objective


def layer_problem(kind: str, number: int, seed: int = 0) -> Problem:
    """Configuration ``number`` of a layer, with L = sum(y * r) for a drawn r.

    Parameters
    ----------
    kind : str
        A key of ``LAYER_TABLE``.
    number, seed : int

    Example
    -------
    >>> layer_problem("Dense", 0).title.startswith("Dense(")
    True
    """
    arguments, shape, batch = LAYER_TABLE[kind](Draw(f"{seed} {kind} {number}"))
    layer = make_layer(kind, dict(arguments))
    layer.bind(dtype="float64", seed=number, name=layer.default_name())
    layer.build(shape)
    random = np.random.default_rng([seed, number])
    for name, array in layer.state().items():
        noise = random.uniform(-0.5, 0.5, array.shape)
        array[...] = 1 + noise if name.endswith("variance") else noise
    x = random.normal(size=(batch, *shape))
    r = random.normal(size=(batch, *layer.output_shape(shape)))

    def objective(y: Array) -> tuple[Any, Array]:
        return np.sum(y * r), r

    words = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    return Problem(f"{kind}({words}) on {(batch, *shape)}", [layer], x, objective)


def loss_problem(name: str, number: int, seed: int = 0) -> Problem:
    """Configuration ``number`` of a loss, whose input is the prediction.

    Example
    -------
    >>> loss_problem("mean_squared_error", 0).layers
    []
    """
    draw = Draw(f"{seed} {name} {number}")
    kind = LOSSES[name]
    arguments: dict[str, Any] = {"reduction": draw.choice(["mean", "sum"])}
    known = kind().config()
    if "label_smoothing" in known and draw.flag():
        arguments["label_smoothing"] = 0.1
    loss: Loss = kind(**arguments)
    random = np.random.default_rng([seed, number])
    n, k = draw.randint(1, 5), draw.choice([2, 3, 5, 16, 17])
    x, targets = _loss_data(loss, random, (n, k))
    weights = random.uniform(0.5, 2, n) if draw.flag() else None
    checked = loss.check(targets, (k,), dtype="float64")
    labels = checked.dtype.kind == "i"

    def objective(y: Array) -> tuple[Any, Array]:
        value, gradient = loss.value_and_gradient(
            y,
            checked if labels else checked.astype(y.dtype),
            weights=None if weights is None else weights.astype(y.dtype),
        )
        return value[0], gradient

    weighted = "" if weights is None else ", weighted"
    return Problem(f"{loss!r} on {(n, k)}{weighted}", [], x, objective)


def _loss_data(
    loss: Loss, random: np.random.Generator, shape: Shape
) -> tuple[Array, Any]:
    """A prediction in the domain of the loss, and targets for it."""
    x = random.normal(size=shape)
    if loss.activation and not loss.from_logits:
        x = random.uniform(0.1, 0.9, shape)
    if isinstance(loss, KLDivergence):
        odds = random.uniform(0.1, 1.0, shape)
        return x, odds / odds.sum(axis=1, keepdims=True)
    if isinstance(loss, Hinge):
        return x, random.choice([-1.0, 1.0], shape)
    if loss.kind == "categorical":
        return x, random.integers(0, shape[1], shape[0])
    if loss.kind == "binary":
        return x, random.integers(0, 2, shape).astype(float)
    return x, random.normal(size=shape)


def kinds() -> list[str]:
    """Class names of all layers and losses that have configurations."""
    return [*LAYER_TABLE, *(loss.__name__ for loss in LOSSES.values())]


def problems(kind: str, numbers: Iterable[int], seed: int = 0) -> list[Problem]:
    """Configurations of a layer or a loss, by its class name."""
    if kind in LAYER_TABLE:
        return [layer_problem(kind, number, seed) for number in numbers]
    names = {loss.__name__: name for name, loss in LOSSES.items()}
    return [loss_problem(names[kind], number, seed) for number in numbers]
