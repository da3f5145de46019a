"""Arguments of image.py: windows, maps, boxes and weights, one for each image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.errors import check_choice, describe
from pellucid.shapes import integer, pair

from .arrays import (
    F64,
    I64,
    REAL,
    U8,
    Array,
    DType,
    array,
    bounds,
    number,
    output,
    rank_error,
    shaped,
    vector,
)
from .random import philox

BORDERS = ("constant", "edge", "reflect")
LARGEST = 2**31 - 1  # pixels of a framed image, and how far from it a window may lie
FRAME = 3

Sizes = tuple[int, int, int, int, int, int]


def image_crop(
    x: Any,
    top: Any,
    left: Any,
    flip: Any,
    size: Any,
    border: Any,
    fill: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array, Sizes, float, Array]:
    """Return `(x, top, left, flip, (n, h, w, c, oh, ow), fill, out)`."""
    x = images(x, dtypes)
    sizes = _sizes(x, size, border)
    top, left = (
        _near(vector(value, name, (I64,), x.shape[0]), name)
        for value, name in ((top, "top"), (left, "left"))
    )
    flip = vector(flip, "flip", (U8,), x.shape[0])
    if flip.size and int(flip.max()) > 3:
        bounds(flip.astype(np.int64), 4, "flip", "kinds: 1 across, 2 down, 3 both")
    out = output(out, _shape(sizes), x.dtype, "out", x, top, left, flip)
    return x, top, left, flip, sizes, _finite(fill, "fill"), out


def image_affine(
    x: Any,
    matrix: Any,
    size: Any,
    border: Any,
    fill: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Sizes, float, Array]:
    """Return `(x, matrix, (n, h, w, c, oh, ow), fill, out)`."""
    x = images(x, dtypes)
    sizes = _sizes(x, size, border)
    matrix = shaped(matrix, "matrix", (F64,), (x.shape[0], 2, 3))
    corner = np.array([sizes[4], sizes[5], 1.0])
    reach = np.abs(matrix) * corner  # NaN is not below the limit either
    if matrix.size and not float(reach.max()) * 3 <= LARGEST:
        bad = int(np.argmin(reach.max(axis=(1, 2)) * 3 <= LARGEST))
        what = f"matrix[{bad}] is {matrix[bad].tolist()}"
        expected = f"Expected points at most {LARGEST} pixels from the image"
        repair = "Check how the matrix was made: (row, column) = m @ (row, column, 1)"
        raise ValueError(describe(what, expected, repair))
    out = output(out, _shape(sizes), x.dtype, "out", x, matrix)
    return x, matrix, sizes, _finite(fill, "fill"), out


def image_paste(
    x: Any,
    boxes: Any,
    partner: Any,
    fill: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array | None, float, Array]:
    """Return `(x, boxes, partner, fill, out)`."""
    x = images(x, dtypes)
    boxes = _near(shaped(boxes, "boxes", (I64,), (x.shape[0], 4)), "boxes")
    if boxes.size and int(boxes[:, 2:].min()) < 0:
        bad = int(np.argmax(boxes[:, 2:].min(axis=1) < 0))
        what = f"boxes[{bad}] is {boxes[bad].tolist()}"
        expected = "Expected (top, left, height, width), the last two at least 0"
        raise ValueError(describe(what, expected, "Check how the boxes were made"))
    if partner is not None:
        partner = _partners(partner, x.shape[0])
    out = output(out, x.shape, x.dtype, "out", x, boxes, partner)
    return x, boxes, partner, _finite(fill, "fill"), out


def image_noise(
    x: Any,
    std: Any,
    seed: Any,
    stream: Any,
    step: Any,
    low: Any,
    high: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, float, tuple[float, float], tuple[int, int, int, int, int], Array]:
    """Return `(x, std, (low, high), key, out)`; out may be x."""
    x = array(x, "x", dtypes)
    std = number(std, "std", 0.0, math.inf, False)
    key = philox(x.size, seed, stream, step, 0)
    limits = _limits(low, high)
    others = () if out is x else (x,)
    return x, std, limits, key, output(out, x.shape, x.dtype, "out", *others)


def image_adjust(
    x: Any,
    brightness: Any,
    contrast: Any,
    low: Any,
    high: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, tuple[float, float], Array]:
    """Return `(x, brightness, contrast, (low, high), out)`; out may be x."""
    x = images(x, dtypes)
    brightness, contrast = (
        _all_finite(vector(value, name, (F64,), x.shape[0]), name)
        for value, name in ((brightness, "brightness"), (contrast, "contrast"))
    )
    limits = _limits(low, high)
    others = (brightness, contrast) if out is x else (x, brightness, contrast)
    out = output(out, x.shape, x.dtype, "out", *others)
    return x, brightness, contrast, limits, out


def mix_rows(
    x: Any, partner: Any, weight: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array, Array]:
    """Return `(x, partner, weight, out)`."""
    x = array(x, "x", dtypes)
    if x.ndim == 0:
        raise ValueError(rank_error("x", x, "rows on the first axis", "Pass x[None]"))
    partner = _partners(partner, x.shape[0])
    weight = vector(weight, "weight", (F64,), x.shape[0])
    outside = ~((weight >= 0) & (weight <= 1))
    if outside.any():
        bad = int(np.argmax(outside))
        what = f"weight[{bad}] is {weight[bad]:g}"
        repair = "Check how the weights were made"
        raise ValueError(describe(what, "Expected numbers from 0 to 1", repair))
    return x, partner, weight, output(out, x.shape, x.dtype, "out", x, partner, weight)


def images(value: Any, dtypes: tuple[DType, ...]) -> Array:
    """Return `value`, called x, as a batch of images that are not empty."""
    x = array(value, "x", dtypes)
    if x.ndim != 4:
        repair = "A single image is a batch of one: x[None]"
        raise ValueError(rank_error("x", x, "4 dimensions (n, h, w, c)", repair))
    _, h, w, c = x.shape
    if 0 in (h, w, c) or (h + FRAME) * (w + FRAME) > LARGEST:
        what = f"x has shape {x.shape}: images of {h} x {w} pixels, {c} channels"
        expected = f"Expected at least 1 of each, at most {LARGEST} pixels"
        raise ValueError(describe(what, expected, "Check the slice that made x"))
    return x


def _sizes(x: Array, size: Any, border: Any) -> Sizes:
    check_choice(border, "border", BORDERS)
    height, width = pair(size, "size", 1)
    integer(height * width, "the number of pixels in size", 1, LARGEST)
    n, h, w, c = x.shape
    return n, h, w, c, height, width


def _shape(sizes: Sizes) -> tuple[int, int, int, int]:
    n, _, _, c, oh, ow = sizes
    return n, oh, ow, c


def _near(values: Array, name: str) -> Array:
    """Refuse places so far away that sums of them would overflow."""
    if (
        values.size
        and not -LARGEST <= int(values.min()) <= int(values.max()) <= LARGEST
    ):
        what = f"{name} reaches from {values.min()} to {values.max()}"
        expected = f"Expected pixels from {-LARGEST} to {LARGEST}"
        raise ValueError(describe(what, expected, f"Check how {name} was made"))
    return values


def _partners(value: Any, count: int) -> Array:
    partner = vector(value, "partner", (I64,), count)
    bounds(partner, count, "partner", "rows")
    return partner


def _limits(low: Any, high: Any) -> tuple[float, float]:
    """Return the bounds of the result; None is none."""
    least = -math.inf if low is None else _finite(low, "low")
    most = math.inf if high is None else _finite(high, "high")
    if least > most:
        what = f"low is {least:g}, high is {most:g}"
        raise ValueError(describe(what, "Expected low <= high", "Swap them"))
    return least, most


def _finite(value: Any, name: str) -> float:
    return number(value, name, -math.inf, math.inf, False)


def _all_finite(values: Array, name: str) -> Array:
    bad = ~np.isfinite(values)
    if bad.any():
        first = int(np.argmax(bad))
        what = f"{name}[{first}] is {values[first]:g}"
        repair = f"Check how {name} was made"
        raise ValueError(describe(what, "Expected finite numbers", repair))
    return values
