"""Arguments of gemm.py: matrix product and dense layer."""

from __future__ import annotations

from typing import Any

from pellucid.errors import describe

from .arrays import (
    REAL,
    Array,
    DType,
    epilogue,
    flag,
    fused,
    matrix,
    output,
    outputs,
    shaped,
)


def gemm(
    a: Any,
    b: Any,
    trans_a: Any,
    trans_b: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array]:
    """Return `(a, b, out)`; the inner sizes agree."""
    a = matrix(a, "a", dtypes)
    b = matrix(b, "b", (a.dtype,))
    m, k = a.shape[::-1] if flag(trans_a, "trans_a") else a.shape
    k_b, n = b.shape[::-1] if flag(trans_b, "trans_b") else b.shape
    if k != k_b:
        what = f"a ({m}, {k}) @ b ({k_b}, {n}) after transposition: {k} is not {k_b}"
        expected = "Expected (m, k) @ (k, n)"
        repair = "Check trans_a and trans_b"
        raise ValueError(describe(what, expected, repair))
    return a, b, output(out, (m, n), a.dtype, "out", a, b)


def dense(
    x: Any,
    w: Any,
    b: Any,
    scale: Any,
    activation: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array | None, Array | None, Array]:
    """Return `(x, w, b, scale, out)`."""
    fused(activation)
    x, w = _dense_inputs(x, w, dtypes)
    b, scale = epilogue(b, scale, x.dtype, w.shape[1])
    shape = x.shape[0], w.shape[1]
    return x, w, b, scale, output(out, shape, x.dtype, "out", x, w, b, scale)


def dense_backward(
    dy: Any,
    x: Any,
    w: Any,
    need_dx: Any,
    need_db: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array | None, Array, Array | None]:
    """Return `(dy, x, w, dx, dw, db)`; dx or db is None where not needed."""
    x, w = _dense_inputs(x, w, dtypes)
    dy = shaped(dy, "dy", (x.dtype,), (x.shape[0], w.shape[1]))
    return dy, x, w, *gradients(dy, x, w, need_dx, need_db, out)


def _dense_inputs(x: Any, w: Any, dtypes: tuple[DType, ...]) -> tuple[Array, Array]:
    x = matrix(x, "x", dtypes)
    w = matrix(w, "w", (x.dtype,))
    if x.shape[1] != w.shape[0]:
        what = f"x of shape {x.shape} has {x.shape[1]} features, w has {w.shape[0]}"
        expected = f"Expected (n, {w.shape[0]})"
        raise ValueError(describe(what, expected, "Give w the shape (in, out) of x"))
    return x, w


def gradients(
    dy: Array,
    x: Array,
    w: Array,
    need_dx: Any,
    need_db: Any,
    out: Any,
    units: int | None = None,
) -> tuple[Array | None, Array, Array | None]:
    want_dx, want_db = flag(need_dx, "need_dx"), flag(need_db, "need_db")
    dx, dw, db = outputs(out, 3, "(dx, dw, db)")
    dtype, used = x.dtype, (dy, x, w)
    dw = output(dw, w.shape, dtype, "dw", *used)
    dx = output(dx, x.shape, dtype, "dx", *used, dw) if want_dx else None
    biases = (w.shape[-1] if units is None else units,)
    db = output(db, biases, dtype, "db", *used, dw, dx) if want_db else None
    return dx, dw, db
