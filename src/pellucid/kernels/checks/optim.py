"""Arguments of optim.py: optimizer steps."""

from __future__ import annotations

from typing import Any

from pellucid.errors import describe

from .arrays import F64, REAL, Array, DType, inplace, output, vector


def sgd_step(
    value: Any, grad: Any, velocity: Any, hyper: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array | None, Array]:
    """Return `(value, grad, velocity, hyper)`; velocity may be None."""
    value, grad, hyper = _step(value, grad, hyper, 6, dtypes)
    if velocity is not None:
        velocity = _slot(velocity, "velocity", value, grad, hyper)
    elif hyper[1] != 0.0:
        what = f"velocity is None and momentum, hyper[1], is {hyper[1]}"
        expected = "Expected a velocity array like value"
        repair = "Pass numpy.zeros_like(value), or momentum 0"
        raise ValueError(describe(what, expected, repair))
    return value, grad, velocity, hyper


def adam_step(
    value: Any, grad: Any, m: Any, v: Any, hyper: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array, Array, Array]:
    """Return `(value, grad, m, v, hyper)`."""
    value, grad, hyper = _step(value, grad, hyper, 8, dtypes)
    m = _slot(m, "m", value, grad, hyper)
    return value, grad, m, _slot(v, "v", value, grad, hyper, m), hyper


def _step(
    value: Any, grad: Any, hyper: Any, count: int, dtypes: tuple[DType, ...]
) -> tuple[Array, Array, Array]:
    hyper = vector(hyper, "hyper", (F64,), count)
    value = inplace(value, "value", dtypes, None, hyper)
    grad = vector(grad, "grad", (value.dtype,), value.size)
    return output(value, value.shape, value.dtype, "value", grad), grad, hyper


def _slot(slot: Any, name: str, value: Array, *used: Array) -> Array:
    return inplace(slot, name, (value.dtype,), value.size, value, *used)
