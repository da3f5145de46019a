"""Arguments of eltwise.py: activations, softmax, dropout, sums, gather."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.errors import check_choice, describe

from .arrays import (
    ACTIVATIONS,
    F32,
    F64,
    I64,
    REAL,
    U8,
    U64,
    Array,
    DType,
    array,
    bounds,
    empty,
    inplace,
    number,
    output,
    outputs,
    rank_error,
    scalar,
    shaped,
    vector,
)
from .random import key

# SELU and the dropout that goes with it; csrc/eltwise/eltwise_simd.c has them, too.
SELU_SCALE, SELU_DEPTH = 1.0507009873554804934, 1.6732632423543772848


def activation(
    x: Any, name: Any, alpha: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, float, Array]:
    """Return `(x, alpha, out)`; out may be x itself."""
    alpha = _alpha(name, alpha)
    x = array(x, "x", dtypes)
    return x, alpha, _maybe_inplace(out, x)


def activation_backward(
    dy: Any,
    saved: Any,
    name: Any,
    alpha: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, float, Array]:
    """Return `(dy, saved, alpha, out)`; out may be dy or saved itself."""
    alpha = _alpha(name, alpha)
    dy = array(dy, "dy", dtypes)
    saved = shaped(saved, "saved", (dy.dtype,), dy.shape)
    if out is saved:
        return dy, saved, alpha, _maybe_inplace(out, saved, dy)
    return dy, saved, alpha, _maybe_inplace(out, dy, saved)


def _alpha(name: Any, alpha: Any) -> float:
    known = ACTIVATIONS[check_choice(name, "name", ACTIVATIONS)]
    if alpha is None:
        return known.alpha
    return number(alpha, "alpha", 0.0, math.inf, False)


def prelu(
    x: Any, alpha: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array]:
    """Return `(x, alpha, out)`."""
    x = array(x, "x", dtypes)
    alpha = _slopes(alpha, x)
    return x, alpha, output(out, x.shape, x.dtype, "out", x, alpha)


def prelu_backward(
    dy: Any, x: Any, alpha: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array, Array, Array]:
    """Return `(dy, x, alpha, dx, dalpha)`."""
    dy = array(dy, "dy", dtypes)
    x = shaped(x, "x", (dy.dtype,), dy.shape)
    alpha = _slopes(alpha, x)
    dx, dalpha = outputs(out, 2, "(dx, dalpha)")
    dx = output(dx, x.shape, x.dtype, "dx", dy, x, alpha)
    dalpha = output(dalpha, alpha.shape, x.dtype, "dalpha", dy, x, alpha, dx)
    return dy, x, alpha, dx, dalpha


def _slopes(alpha: Any, x: Array) -> Array:
    """Return `alpha` of shape (1,), or (c,) for the last axis of x."""
    slopes = array(alpha, "alpha", (x.dtype,))
    if slopes.shape == (1,):
        return slopes
    return vector(slopes, "alpha", (x.dtype,), x.shape[-1] if x.ndim else 1)


def _maybe_inplace(out: Any, x: Array, *others: Array) -> Array:
    if out is x:
        return output(x, x.shape, x.dtype, "out", *others)
    if type(out) is np.ndarray and out.shape == x.shape and out.flags.c_contiguous:
        here, there = out.__array_interface__["data"], x.__array_interface__["data"]
        if here[0] == there[0]:
            return output(out, x.shape, x.dtype, "out", *others)
    return output(out, x.shape, x.dtype, "out", x, *others)


def softmax(x: Any, out: Any, dtypes: tuple[DType, ...] = REAL) -> tuple[Array, Array]:
    """Return `(x, out)`; the last axis holds at least one class."""
    x = classes(x, "x", dtypes)
    return x, output(out, x.shape, x.dtype, "out", x)


def softmax_backward(
    dy: Any, y: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array]:
    """Return `(dy, y, out)`."""
    dy = classes(dy, "dy", dtypes)
    y = shaped(y, "y", (dy.dtype,), dy.shape)
    return dy, y, output(out, dy.shape, dy.dtype, "out", dy, y)


def argmax(x: Any, dtypes: tuple[DType, ...] = REAL) -> tuple[Array, Array]:
    """Return `(x, out)`; out is int64 without the last axis."""
    x = classes(x, "x", dtypes)
    return x, empty(x.shape[:-1], I64)


def classes(value: Any, name: str, dtypes: tuple[DType, ...]) -> Array:
    x = array(value, name, dtypes)
    if x.ndim == 0 or x.shape[-1] == 0:
        repair = f"Reshape {name} to (n, classes)"
        raise ValueError(rank_error(name, x, "classes on the last axis", repair))
    return x


def dropout(
    x: Any,
    rate: Any,
    seed: Any,
    stream: Any,
    counter: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, int, float, int, int, Array]:
    """Return `(x, y, mask, threshold, scale, seed, stream, counter)`.

    Element i is kept where its word is at least `threshold`, an integer from 0 to
    2**32; `scale` is `1 / (1 - rate)`, 0 where everything is dropped.
    """
    threshold, scale = keep(rate)
    x, y, mask, seed, stream, counter = masked(x, seed, stream, counter, out, dtypes)
    return x, y, mask, threshold, scale, seed, stream, counter


def masked(
    x: Any, seed: Any, stream: Any, counter: Any, out: Any, dtypes: tuple[DType, ...]
) -> tuple[Array, Array, Array, int, int, Array]:
    """Return `(x, y, mask, seed, stream, counter)` of a dropout; out is (y, mask)."""
    x, seed, stream, counter = drawn(x, seed, stream, counter, dtypes)
    y, mask = outputs(out, 2, "(y, mask)")
    y = output(y, x.shape, x.dtype, "y", x, counter)
    mask = output(mask, ((x.size + 7) // 8,), U8, "mask", x, y, counter)
    return x, y, mask, seed, stream, counter


def drawn(
    x: Any, seed: Any, stream: Any, counter: Any, dtypes: tuple[DType, ...]
) -> tuple[Array, int, int, Array]:
    """Return `(x, seed, stream, counter)` of an op that draws and counts on."""
    seed, stream = key(seed, "seed"), key(stream, "stream")
    x = array(x, "x", dtypes)
    if not isinstance(counter, np.ndarray) or counter.dtype != U64:
        what = f"counter is a {type(counter).__name__}"
        expected = "Expected a uint64 array of shape (1,)"
        repair = "Pass counter=numpy.zeros(1, numpy.uint64)"
        raise TypeError(describe(what, expected, repair))
    return x, seed, stream, output(counter, (1,), U64, "counter", x)


def dropout_backward(
    dy: Any, mask: Any, rate: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, float, Array]:
    """Return `(dy, mask, scale, out)`."""
    _, scale = keep(rate)
    dy = array(dy, "dy", dtypes)
    mask = vector(mask, "mask", (U8,), (dy.size + 7) // 8)
    return dy, mask, scale, output(out, dy.shape, dy.dtype, "out", dy, mask)


def keep(rate: Any) -> tuple[int, float]:
    """Return the threshold `round(rate * 2**32)` and the scale `1 / (1 - rate)`."""
    rate = number(rate, "rate", 0.0, 1.0, False)
    return math.floor(rate * 2.0**32 + 0.5), 1.0 / (1.0 - rate) if rate < 1.0 else 0.0


def add(
    a: Any, b: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array]:
    """Return `(a, b, out)`, all of one shape."""
    a = array(a, "a", dtypes)
    b = shaped(b, "b", (a.dtype,), a.shape)
    return a, b, output(out, a.shape, a.dtype, "out", a, b)


def add_scaled(
    y: Any, x: Any, alpha: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, float]:
    """Return `(y, x, alpha)`; y is written in place."""
    y = inplace(y, "y", dtypes, None)
    x = vector(x, "x", (y.dtype,), y.size)
    return output(y, y.shape, y.dtype, "y", x), x, scalar(alpha)


def scale(x: Any, alpha: Any, dtypes: tuple[DType, ...] = REAL) -> tuple[Array, float]:
    """Return `(x, alpha)`; x is written in place."""
    return inplace(x, "x", dtypes, None), scalar(alpha)


def sum_of_squares(x: Any, dtypes: tuple[DType, ...] = REAL) -> Array:
    """Return `x`, a vector."""
    vector = array(x, "x", dtypes)
    if vector.ndim != 1:
        raise ValueError(rank_error("x", vector, "1 dimension", "Pass x.reshape(-1)"))
    return vector


def all_finite(
    x: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array]:
    """Return `(x, out)`; out is uint8 of shape (1,)."""
    vector = sum_of_squares(x, dtypes)
    return vector, output(out, (1,), U8, "out", vector)


def gather(
    x: Any, indices: Any, scale: Any, out: Any
) -> tuple[Array, Array, float, Array]:
    """Return `(x, indices, scale, out)`; every index is a row of x."""
    x = array(x, "x", (F32, F64, U8))
    indices = array(indices, "indices", (I64,))
    if x.ndim == 0:
        raise ValueError(rank_error("x", x, "rows on the first axis", "Pass x[None]"))
    if indices.ndim != 1:
        repair = "Pass indices.reshape(-1)"
        raise ValueError(rank_error("indices", indices, "1 dimension", repair))
    bounds(indices, x.shape[0], "index", "rows")
    dtype = F32 if x.dtype == U8 else x.dtype
    if isinstance(out, np.ndarray) and out.dtype in REAL:
        dtype = out.dtype
    shape = (indices.size, *x.shape[1:])
    return x, indices, scalar(scale), output(out, shape, dtype, "out", x, indices)
