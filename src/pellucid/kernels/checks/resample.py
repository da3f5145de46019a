"""Arguments of resample.py: up-sampling, adaptive pooling, zero padding."""

from __future__ import annotations

from typing import Any

from pellucid.errors import check_choice, describe
from pellucid.shapes import Pads, check_pads, pair, pool_geometry

from .arrays import REAL, Array, DType, Shape, array, output, shaped
from .conv import sizes

INTERPOLATIONS = ("nearest", "bilinear")

Sizes = tuple[int, int, int, int, int, int]


def upsample2d(
    x: Any, size: Any, interpolation: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Sizes, Array]:
    """Return `(x, (n, h, w, c, oh, ow), out)`."""
    check_choice(interpolation, "interpolation", INTERPOLATIONS)
    rows, columns = pair(size, "size", 1)
    x = array(x, "x", dtypes)
    n, h, w, c = image(x.shape, "upsample2d")
    oh, ow = h * rows, w * columns
    return x, (n, h, w, c, oh, ow), output(out, (n, oh, ow, c), x.dtype, "out", x)


def upsample2d_backward(
    dy: Any, size: Any, interpolation: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Sizes, Array]:
    """Return `(dy, (n, h, w, c, oh, ow), dx)`."""
    check_choice(interpolation, "interpolation", INTERPOLATIONS)
    rows, columns = pair(size, "size", 1)
    dy = array(dy, "dy", dtypes)
    n, oh, ow, c = image(dy.shape, "upsample2d_backward")
    if oh % rows or ow % columns:
        what = f"dy has {oh} x {ow} pixels"
        expected = f"Expected a multiple of {rows} x {columns}, the size"
        raise ValueError(describe(what, expected, "Pass the gradient of the output"))
    shape = n, oh // rows, ow // columns, c
    return dy, (*shape, oh, ow), output(out, shape, dy.dtype, "out", dy)


def adaptive_avg_pool2d(
    x: Any, output_size: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Sizes, Array]:
    """Return `(x, (n, h, w, c, oh, ow), out)`."""
    oh, ow = pair(output_size, "output_size", 1)
    x = array(x, "x", dtypes)
    n, h, w, c = image(x.shape, "adaptive_avg_pool2d")
    return x, (n, h, w, c, oh, ow), output(out, (n, oh, ow, c), x.dtype, "out", x)


def adaptive_avg_pool2d_backward(
    dy: Any, x_shape: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Sizes, Array]:
    """Return `(dy, (n, h, w, c, oh, ow), dx)`."""
    name = "adaptive_avg_pool2d_backward"
    n, h, w, c = image(sizes(x_shape), name)
    dy = array(dy, "dy", dtypes)
    _, oh, ow, _ = image(dy.shape, name)
    dy = shaped(dy, "dy", dtypes, (n, oh, ow, c))
    return dy, (n, h, w, c, oh, ow), output(out, (n, h, w, c), dy.dtype, "out", dy)


def zero_pad2d(
    x: Any, padding: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, tuple[int, ...], Array]:
    """Return `(x, (n, h, w, c, oh, ow, top, left), out)`."""
    (top, bottom), (left, right) = check_pads(padding)
    x = array(x, "x", dtypes)
    n, h, w, c = image(x.shape, "zero_pad2d")
    oh, ow = top + h + bottom, left + w + right
    y = output(out, (n, oh, ow, c), x.dtype, "out", x)
    return x, (n, h, w, c, oh, ow, top, left), y


def zero_pad2d_backward(
    dy: Any, padding: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, tuple[int, ...], Array]:
    """Return `(dy, (n, h, w, c, oh, ow, top, left), dx)`."""
    sides: Pads = check_pads(padding)
    (top, bottom), (left, right) = sides
    dy = array(dy, "dy", dtypes)
    n, oh, ow, c = image(dy.shape, "zero_pad2d_backward")
    h, w = oh - top - bottom, ow - left - right
    if h < 1 or w < 1:
        what = f"dy has {oh} x {ow} pixels, the padding is {sides}"
        expected = "Expected more pixels than the padding has"
        raise ValueError(describe(what, expected, "Pass the gradient of the output"))
    dx = output(out, (n, h, w, c), dy.dtype, "out", dy)
    return dy, (n, h, w, c, oh, ow, top, left), dx


def image(shape: Shape, name: str) -> tuple[int, int, int, int]:
    """Return the shape of a batch of images that are not empty."""
    g = pool_geometry(shape, 1, name=name)
    return g.n, g.h, g.w, g.c
