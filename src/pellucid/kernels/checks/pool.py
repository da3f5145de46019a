"""Arguments of pool.py."""

from __future__ import annotations

from typing import Any

from pellucid.errors import describe
from pellucid.shapes import Geometry, pool_geometry

from .arrays import (
    I32,
    REAL,
    U8,
    Array,
    DType,
    Shape,
    array,
    flag,
    output,
    outputs,
    shaped,
)
from .conv import sizes

NO_PLACE = 255
"""The number of a window whose maximum a ReLU made 0."""


def max_pool2d(
    x: Any,
    pool_size: Any,
    strides: Any,
    padding: Any,
    ceil_mode: Any,
    rectified: bool,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Geometry]:
    """Return `(x, y, argmax, geometry)`; argmax is uint8 up to 256 taps, else int32."""
    x = array(x, "x", dtypes)
    g = pool_geometry(
        x.shape,
        pool_size,
        strides=strides,
        padding=padding,
        ceil_mode=ceil_mode,
        name="max_pool2d",
    )
    if flag(rectified, "rectified") and g.kh * g.kw >= NO_PLACE:
        raise ValueError(
            describe(
                f"a rectified window has {g.kh * g.kw} taps",
                f"Expected fewer than {NO_PLACE}, the number of no place",
                "Pass rectified=False and the gradient of the ReLU by itself.",
            )
        )
    y, index = outputs(out, 2, "(y, argmax)")
    y = output(y, (g.n, g.oh, g.ow, g.c), x.dtype, "y", x)
    return x, y, output(index, y.shape, _index_dtype(g), "argmax", x, y), g


def max_pool2d_backward(
    dy: Any,
    argmax: Any,
    x_shape: Any,
    pool_size: Any,
    strides: Any,
    padding: Any,
    ceil_mode: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Geometry]:
    """Return `(dy, argmax, dx, geometry)`."""
    dy, g = _pool_gradient(
        dy, x_shape, pool_size, strides, padding, ceil_mode, "max_pool2d", dtypes
    )
    index = shaped(argmax, "argmax", (_index_dtype(g),), dy.shape)
    return dy, index, output(out, (g.n, g.h, g.w, g.c), dy.dtype, "out", dy, index), g


def avg_pool2d(
    x: Any,
    pool_size: Any,
    strides: Any,
    padding: Any,
    ceil_mode: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Geometry]:
    """Return `(x, out, geometry)`."""
    x = array(x, "x", dtypes)
    g = pool_geometry(
        x.shape,
        pool_size,
        strides=strides,
        padding=padding,
        ceil_mode=ceil_mode,
        name="avg_pool2d",
    )
    return x, output(out, (g.n, g.oh, g.ow, g.c), x.dtype, "out", x), g


def avg_pool2d_backward(
    dy: Any,
    x_shape: Any,
    pool_size: Any,
    strides: Any,
    padding: Any,
    ceil_mode: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Geometry]:
    """Return `(dy, dx, geometry)`."""
    dy, g = _pool_gradient(
        dy, x_shape, pool_size, strides, padding, ceil_mode, "avg_pool2d", dtypes
    )
    return dy, output(out, (g.n, g.h, g.w, g.c), dy.dtype, "out", dy), g


def global_avg_pool2d(
    x: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array]:
    """Return `(x, out)`; out is `(n, c)`."""
    x = array(x, "x", dtypes)
    n, c = _image(x.shape)
    return x, output(out, (n, c), x.dtype, "out", x)


def global_avg_pool2d_backward(
    dy: Any, x_shape: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array]:
    """Return `(dy, dx)`."""
    shape = sizes(x_shape)
    n, c = _image(shape)
    dy = shaped(dy, "dy", dtypes, (n, c))
    return dy, output(out, shape, dy.dtype, "out", dy)


def _image(shape: Shape) -> tuple[int, int]:
    g = pool_geometry(shape, 1, name="global_avg_pool2d")
    return g.n, g.c


def _index_dtype(g: Geometry) -> DType:
    return U8 if g.kh * g.kw <= 256 else I32


def _pool_gradient(
    dy: Any,
    x_shape: Any,
    pool_size: Any,
    strides: Any,
    padding: Any,
    ceil_mode: Any,
    name: str,
    dtypes: tuple[DType, ...],
) -> tuple[Array, Geometry]:
    g = pool_geometry(
        sizes(x_shape),
        pool_size,
        strides=strides,
        padding=padding,
        ceil_mode=ceil_mode,
        name=f"{name}_backward",
    )
    return shaped(dy, "dy", dtypes, (g.n, g.oh, g.ow, g.c)), g
