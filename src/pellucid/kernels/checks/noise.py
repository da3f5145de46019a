"""Arguments of noise.py: dropout that keeps mean and variance, normal noise."""

from __future__ import annotations

import math
from typing import Any

from pellucid.errors import describe

from .arrays import REAL, U8, Array, DType, array, number, output, vector
from .eltwise import SELU_DEPTH, SELU_SCALE, drawn, keep, masked

SATURATION = -SELU_SCALE * SELU_DEPTH  # where SELU ends on the left


def alpha_dropout(
    x: Any,
    rate: Any,
    seed: Any,
    stream: Any,
    counter: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, int, tuple[float, float, float], int, int, Array]:
    """Return `(x, y, mask, threshold, values, seed, stream, counter)`.

    The values are `(scale, offset, dropped)`.
    """
    values = _affine(rate)
    x, y, mask, seed, stream, counter = masked(x, seed, stream, counter, out, dtypes)
    return x, y, mask, keep(rate)[0], values, seed, stream, counter


def alpha_dropout_backward(
    dy: Any, mask: Any, rate: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, float, Array]:
    """Return `(dy, mask, scale, out)`."""
    scale, _, _ = _affine(rate)
    dy = array(dy, "dy", dtypes)
    mask = vector(mask, "mask", (U8,), (dy.size + 7) // 8)
    return dy, mask, scale, output(out, dy.shape, dy.dtype, "out", dy, mask)


def gaussian_noise(
    x: Any,
    std: Any,
    seed: Any,
    stream: Any,
    counter: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, float, int, int, Array, Array]:
    """Return `(x, std, seed, stream, counter, out)`."""
    std = number(std, "std", 0.0, math.inf, False)
    x, seed, stream, counter = drawn(x, seed, stream, counter, dtypes)
    return (
        x,
        std,
        seed,
        stream,
        counter,
        output(out, x.shape, x.dtype, "out", x, counter),
    )


def _affine(rate: Any) -> tuple[float, float, float]:
    """Return scale, offset and what a dropped element becomes."""
    rate = number(rate, "rate", 0.0, 1.0, False)
    if rate == 1.0:
        what = "rate is 1.0"
        expected = "Expected a number below 1: something must carry the variance"
        raise ValueError(describe(what, expected, "Change rate"))
    scale = 1 / math.sqrt((1 - rate) * (1 + rate * SATURATION * SATURATION))
    return scale, -scale * rate * SATURATION, scale * (1 - rate) * SATURATION
