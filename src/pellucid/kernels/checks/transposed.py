"""Arguments of transposed.py: transposed convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.errors import describe
from pellucid.shapes import (
    Geometry,
    check_groups,
    check_padding,
    conv_geometry,
    integer,
    pair,
)

from .arrays import REAL, Array, DType, fused, shaped
from .conv import operands, results
from .gemm import gradients


def transposed_geometry(
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    *,
    strides: Any = 1,
    padding: Any = "valid",
    output_padding: Any = None,
    dilation: Any = 1,
    groups: Any = 1,
    name: str = "conv_transpose2d",
) -> Geometry:
    """Return the geometry of the convolution that leads from y back to x.

    Its input `(n, h, w, c)` is y, its output `(n, oh, ow, k)` is x. For a filter that
    covers `r = dilation * (kh - 1) + 1` rows,

    h = (oh - 1) * stride_h + r - padding + output_padding

    where "same" gives oh * stride_h, and `output_padding=None` the larger of 0 and
    stride_h - r.

    Raises: TypeError, ValueError.

    Example
    -------
    >>> g = transposed_geometry((8, 14, 14, 32), (3, 3, 16, 32), strides=2)
    >>> g.h, g.w, g.c
    (29, 29, 16)
    """
    if len(x_shape) != 4 or len(w_shape) != 4:
        what = f"{name} got x of shape {tuple(x_shape)}, w of shape {tuple(w_shape)}"
        expected = "Expected 4 dimensions: (n, h, w, c) and (kh, kw, k / groups, c)"
        raise ValueError(describe(what, expected, "Reshape them"))
    if x_shape[3] != w_shape[3] or min(x_shape[1:]) < 1:
        what = f"{name} got x of shape {tuple(x_shape)}, w of shape {tuple(w_shape)}"
        expected = f"Expected x of shape (n, h, w, {w_shape[3]}), h and w at least 1"
        raise ValueError(describe(what, expected, "Give w the shape (kh, kw, k, c)"))
    groups = integer(groups, "groups", 1)
    check_groups(groups, x_shape[3], w_shape[2] * groups, name)
    steps, apart = pair(strides, "strides", 1), pair(dilation, "dilation", 1)
    padding = check_padding(padding)
    if padding == "same" and output_padding is not None:
        what = f'{name}: output_padding is {output_padding!r}, padding is "same"'
        expected = 'Expected one of them: "same" fixes the size of the output'
        raise ValueError(describe(what, expected, "Leave output_padding out"))
    more = None if output_padding is None else pair(output_padding, "output_padding", 0)
    sizes, sides = [], []
    for axis, (size, taps) in enumerate(zip(x_shape[1:3], w_shape[:2], strict=True)):
        step, covered = steps[axis], apart[axis] * (taps - 1) + 1
        room = max(covered - step, 0)
        before, after = (
            (room // 2, room - room // 2) if padding == "same" else padding[axis]
        )
        extra = max(step - covered, 0) if more is None else more[axis]
        if extra >= step:
            what = f"{name}: output_padding is {extra}, the stride is {step}"
            expected = "Expected output_padding below the stride"
            raise ValueError(describe(what, expected, f"Pass {step - 1} or less"))
        sides.append((before, after))
        sizes.append((size - 1) * step + covered - before - after + extra)
    if min(sizes) < 1:
        what = f"{name}: the output would be {sizes[0]} x {sizes[1]}"
        expected = f"Expected padding that leaves something, got {sides}"
        raise ValueError(describe(what, expected, "Use less padding"))
    return conv_geometry(
        (x_shape[0], *sizes, w_shape[2] * groups),
        w_shape,
        strides=steps,
        padding=sides,
        dilation=apart,
        groups=groups,
        name=name,
    )


def conv_transpose2d(
    x: Any,
    w: Any,
    b: Any,
    strides: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: Any,
    scale: Any,
    activation: Any,
    conv_algo: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array | None, Array | None, Array, Geometry]:
    """Return `(x, w, b, scale, out, geometry)`; out is `(n, g.h, g.w, g.c)`."""
    fused(activation)
    x, w = operands(x, w, conv_algo, dtypes)
    g = transposed_geometry(
        x.shape,
        w.shape,
        strides=strides,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        groups=groups,
    )
    return *results(x, w, b, scale, out, (g.n, g.h, g.w, g.c)), g


def conv_transpose2d_backward(
    dy: Any,
    x: Any,
    w: Any,
    strides: Any,
    padding: Any,
    output_padding: Any,
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
    g = transposed_geometry(
        x.shape,
        w.shape,
        strides=strides,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        groups=groups,
        name="conv_transpose2d_backward",
    )
    dy = shaped(dy, "dy", (x.dtype,), (g.n, g.h, g.w, g.c))
    return dy, x, w, *gradients(dy, x, w, need_dx, need_db, out, g.c), g
