"""Arguments of conv.py: convolution, im2col, col2im."""

from __future__ import annotations

from typing import Any

from pellucid.errors import check_choice, describe
from pellucid.shapes import Geometry, conv_geometry, integer, window_geometry

from .arrays import (
    CONV_ALGOS,
    REAL,
    Array,
    DType,
    Shape,
    array,
    epilogue,
    fused,
    output,
    shaped,
)
from .gemm import gradients


def conv2d(
    x: Any,
    w: Any,
    b: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    scale: Any,
    activation: Any,
    conv_algo: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array | None, Array | None, Array, Geometry]:
    """Return `(x, w, b, scale, out, geometry)`; out is `(n, oh, ow, k)`."""
    fused(activation)
    x, w = operands(x, w, conv_algo, dtypes)
    g = conv_geometry(
        x.shape,
        w.shape,
        strides=strides,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return *results(x, w, b, scale, out, (g.n, g.oh, g.ow, g.k)), g


def conv2d_backward(
    dy: Any,
    x: Any,
    w: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    conv_algo: Any,
    need_dx: Any,
    need_db: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array | None, Array, Array | None, Geometry]:
    """Return `(dy, x, w, dx, dw, db, geometry)`; dx or db is None where not needed."""
    x, w = operands(x, w, conv_algo, dtypes)
    g = conv_geometry(
        x.shape,
        w.shape,
        strides=strides,
        padding=padding,
        dilation=dilation,
        groups=groups,
        name="conv2d_backward",
    )
    dy = shaped(dy, "dy", (x.dtype,), (g.n, g.oh, g.ow, g.k))
    return dy, x, w, *gradients(dy, x, w, need_dx, need_db, out), g


def im2col(
    x: Any,
    kernel_size: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Geometry]:
    """Return `(x, out, geometry)`; out is `(n, oh, ow, kh * kw * c)`."""
    x = array(x, "x", dtypes)
    g = window_geometry(
        x.shape, kernel_size, strides=strides, padding=padding, dilation=dilation
    )
    return x, output(out, (g.n, g.oh, g.ow, g.k), x.dtype, "out", x), g


def col2im(
    cols: Any,
    x_shape: Any,
    kernel_size: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Geometry]:
    """Return `(cols, out, geometry)`; out has `x_shape`."""
    shape = sizes(x_shape)
    g = window_geometry(
        shape,
        kernel_size,
        strides=strides,
        padding=padding,
        dilation=dilation,
        name="col2im",
    )
    cols = array(cols, "cols", dtypes)
    shaped(cols, "cols", dtypes, (g.n, g.oh, g.ow, g.k))
    return cols, output(out, shape, cols.dtype, "out", cols), g


def operands(
    x: Any, w: Any, conv_algo: Any, dtypes: tuple[DType, ...]
) -> tuple[Array, Array]:
    """Return `(x, w)` of one type for a known algorithm."""
    check_choice(conv_algo, "conv_algo", CONV_ALGOS)
    x = array(x, "x", dtypes)
    return x, array(w, "w", (x.dtype,))


def results(
    x: Array, w: Array, b: Any, scale: Any, out: Any, shape: Shape
) -> tuple[Array, Array, Array | None, Array | None, Array]:
    """Return `(x, w, b, scale, out)`; out has `shape`, channels last."""
    b, scale = epilogue(b, scale, x.dtype, shape[-1])
    return x, w, b, scale, output(out, shape, x.dtype, "out", x, w, b, scale)


def sizes(x_shape: Any) -> Shape:
    """Return `x_shape` as a tuple of integers >= 0."""
    if not isinstance(x_shape, (tuple, list)):
        what = f"x_shape is {x_shape!r}"
        raise TypeError(describe(what, "Expected (n, h, w, c)", "Pass x.shape"))
    return tuple(integer(size, "x_shape", 0) for size in x_shape)
