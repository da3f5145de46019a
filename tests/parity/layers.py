"""One row for each layer: how to draw a configuration, and the same in PyTorch.

A row draws a `Layer`: pellucid's layer, the shape of its input, and a function of
(x, p) in PyTorch, where p holds the parameters and running statistics by pellucid's
names and in pellucid's layouts. So the gradients come in those layouts, too. Rows of
activations and convolutions are in the modules of these names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import pellucid as pl
from tests.parity.compare import torch
from tests.parity.draws import (
    ACTIVATIONS,
    Random,
    Rows,
    any_shape,
    first,
    functional,
    image,
    last,
    pick,
    same_padding,
    some,
)


@dataclass(frozen=True)
class Drawn:
    """One configuration of a row."""

    layer: pl.Layer
    input_shape: tuple[int, ...]
    torch: Callable[[Any, Mapping[str, Any]], Any]
    training: bool = True


row = Rows()
EXCEPTIONS = {
    "AlphaDropout": "as Dropout",
    "Dropout": "its mask is Philox's, not PyTorch's; tests/layers hold its law",
    "GaussianNoise": "as Dropout; PyTorch has no such layer",
    "SpatialDropout2D": "as Dropout",
}
"""Layers without a row, and why."""


@row
def Dense(random: Random) -> Drawn:
    activation = pick(random, *ACTIVATIONS)
    use_bias = bool(pick(random, True, True, False))
    layer = pl.Dense(some(random, 1, 40), activation, use_bias=use_bias)

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        y = functional.linear(x, p["weight"].T, p.get("bias"))
        return ACTIVATIONS[activation](y)

    return Drawn(layer, (some(random, 1, 70),), same)


def pool(random: Random, cls: Any, function: Any, border: float) -> Drawn:
    window = pick(random, (2, 2), (2, 2), (3, 3), (2, 3), (1, 4))
    strides = pick(random, None, (1, 1), (2, 2), (2, 1))
    steps = window if strides is None else strides
    shape = image(random, 4)
    same_border = bool(random.integers(2))
    if same_border:
        layer = cls(window, strides, "same")
        pads = same_padding(shape[:2], window, steps)

        def pooled(x: Any) -> Any:
            return function(functional.pad(x, pads, value=border), window, steps)

    else:
        pad = tuple(some(random, 0, size // 2) for size in window)
        ceil_mode = bool(random.integers(2))
        sides = tuple((size, size) for size in pad)
        layer = cls(window, strides, sides, ceil_mode=ceil_mode)
        options = {} if cls is pl.MaxPool2D else {"count_include_pad": False}

        def pooled(x: Any) -> Any:
            return function(x, window, steps, pad, ceil_mode=ceil_mode, **options)

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        y = pooled(first(x))
        if same_border and cls is pl.AvgPool2D:  # an average never counts padding
            y = y / pooled(torch.ones_like(first(x)))
        return last(y)

    return Drawn(layer, shape, same)


@row
def MaxPool2D(random: Random) -> Drawn:
    return pool(random, pl.MaxPool2D, functional.max_pool2d, -np.inf)


@row
def AvgPool2D(random: Random) -> Drawn:
    return pool(random, pl.AvgPool2D, functional.avg_pool2d, 0.0)


@row
def GlobalAvgPool2D(random: Random) -> Drawn:
    def same(x: Any, p: Mapping[str, Any]) -> Any:
        return functional.adaptive_avg_pool2d(first(x), 1).flatten(1)

    return Drawn(pl.GlobalAvgPool2D(), image(random), same)


@row
def GlobalMaxPool2D(random: Random) -> Drawn:
    def same(x: Any, p: Mapping[str, Any]) -> Any:
        return functional.adaptive_max_pool2d(first(x), 1).flatten(1)

    return Drawn(pl.GlobalMaxPool2D(), image(random), same)


@row
def AdaptiveAvgPool2D(random: Random) -> Drawn:
    size = some(random, 1, 13), some(random, 1, 13)

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        return last(functional.adaptive_avg_pool2d(first(x), size))

    return Drawn(pl.AdaptiveAvgPool2D(size), image(random), same)


@row
def UpSample2D(random: Random) -> Drawn:
    size, kind = (some(random, 1, 4), some(random, 1, 4)), pick(random, 0, 1)
    mode = ("nearest", "bilinear")[kind]
    options = {"align_corners": False} if mode == "bilinear" else {}

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        factors = tuple(map(float, size))
        y = functional.interpolate(first(x), scale_factor=factors, mode=mode, **options)
        return last(y)

    return Drawn(pl.UpSample2D(size, mode), image(random), same)


@row
def ZeroPad2D(random: Random) -> Drawn:
    pads = [some(random, 0, 3) for _ in range(4)]
    left, right, top, bottom = pads

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        return last(functional.pad(first(x), pads))

    return Drawn(pl.ZeroPad2D(((top, bottom), (left, right))), image(random), same)


@row
def Flatten(random: Random) -> Drawn:
    return Drawn(pl.Flatten(), any_shape(random), lambda x, p: x.flatten(1))


@row
def Reshape(random: Random) -> Drawn:
    shape = image(random)
    h, w, c = shape
    target = pick(random, (c, h, w), (-1,), (h, -1), (h * c, w), (w, 1, -1))
    layer = pl.Reshape(target)
    return Drawn(layer, shape, lambda x, p: x.reshape(len(x), *target))


@row
def Rescaling(random: Random) -> Drawn:
    scale, offset = random.normal(size=2).tolist()
    layer = pl.Rescaling(scale, offset)
    return Drawn(layer, any_shape(random), lambda x, p: x * scale + offset)


@row
def BatchNorm(random: Random) -> Drawn:
    epsilon, training = pick(random, 1e-5, 1e-3), bool(pick(random, 1, 1, 0))
    momentum = pick(random, 0.9, 0.99)
    layer = pl.BatchNorm(momentum=momentum, epsilon=epsilon)

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        mean, variance = p["running_mean"].clone(), p["running_variance"].clone()
        y = functional.batch_norm(
            first(x),
            mean,
            variance,
            p["gamma"],
            p["beta"],
            training=training,
            momentum=1 - momentum,
            eps=epsilon,
        )
        if training:
            # PyTorch's running variance is unbiased, pellucid's is the batch's own.
            kept = momentum * p["running_variance"]
            count = x.numel() / x.shape[-1]
            p["running_mean"].copy_(mean)
            p["running_variance"].copy_(kept + (variance - kept) * (1 - 1 / count))
        return last(y)

    shape = pick(random, image(random, 2), (some(random, 1, 40),))
    return Drawn(layer, shape, same, training)


@row
def LayerNorm(random: Random) -> Drawn:
    epsilon = pick(random, 1e-5, 1e-3)
    c = some(random, 3, 40)  # two numbers nearly equal would lose all their digits

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        return functional.layer_norm(x, (c,), p["gamma"], p["beta"], epsilon)

    shape = (*any_shape(random)[:-1], c)
    return Drawn(pl.LayerNorm(epsilon), shape, same)


@row
def GroupNorm(random: Random) -> Drawn:
    epsilon, groups = pick(random, 1e-5, 1e-3), some(random, 1, 5)
    c = groups * some(random, 3, 8)

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        y = functional.group_norm(first(x), groups, p["gamma"], p["beta"], epsilon)
        return last(y)

    shape = (*any_shape(random)[:-1], c)
    return Drawn(pl.GroupNorm(groups, epsilon), shape, same)


@row
def Residual(random: Random) -> Drawn:
    h, w, c = image(random, 3)
    filters = pick(random, c, some(random, 1, 9))
    body = [pl.Conv2D(filters, 3, padding="same", activation="silu"), pl.Tanh()]
    shortcut = None if filters == c else pl.Conv2D(filters, 1)

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        weight = p["body.conv2d_1.weight"].permute(3, 2, 0, 1).contiguous()
        y = functional.conv2d(first(x), weight, p["body.conv2d_1.bias"], padding=1)
        y = last(torch.tanh(functional.silu(y)))
        if shortcut is None:
            return y + x
        weight = p["shortcut.conv2d_1.weight"][0, 0]
        return y + (x @ weight + p["shortcut.conv2d_1.bias"])

    return Drawn(pl.Residual(body, shortcut), (h, w, c), same)


@row
def Concat(random: Random) -> Drawn:
    units = [some(random, 1, 9) for _ in range(some(random, 1, 4))]
    layer = pl.Concat([[pl.Dense(n, "tanh")] for n in units])

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        parts = []
        for i in range(1, len(units) + 1):
            name = f"branch_{i}.dense_1"
            parts.append(torch.tanh(x @ p[f"{name}.weight"] + p[f"{name}.bias"]))
        return torch.cat(parts, dim=-1)

    return Drawn(layer, (some(random, 1, 20),), same)
