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
        raise ValueError(_no_velocity(1, hyper))
    return value, grad, velocity, hyper


def adam_step(
    value: Any, grad: Any, m: Any, v: Any, hyper: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array, Array, Array]:
    """Return `(value, grad, m, v, hyper)`."""
    value, grad, hyper = _step(value, grad, hyper, 8, dtypes)
    m = _slot(m, "m", value, grad, hyper)
    return value, grad, m, _slot(v, "v", value, grad, hyper, m), hyper


def rmsprop_step(
    value: Any,
    grad: Any,
    square: Any,
    velocity: Any,
    mean: Any,
    hyper: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array | None, Array | None, Array]:
    """Return `(value, grad, square, velocity, mean, hyper)`; two may be None."""
    value, grad, hyper = _step(value, grad, hyper, 5, dtypes)
    square = _slot(square, "square", value, grad, hyper)
    if velocity is not None:
        velocity = _slot(velocity, "velocity", value, grad, hyper, square)
    elif hyper[4] != 0.0:
        raise ValueError(_no_velocity(4, hyper))
    if mean is not None:
        used = [array for array in (velocity,) if array is not None]
        mean = _slot(mean, "mean", value, grad, hyper, square, *used)
    return value, grad, square, velocity, mean, hyper


def adagrad_step(
    value: Any, grad: Any, square: Any, hyper: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array, Array]:
    """Return `(value, grad, square, hyper)`."""
    value, grad, hyper = _step(value, grad, hyper, 4, dtypes)
    return value, grad, _slot(square, "square", value, grad, hyper), hyper


def adadelta_step(
    value: Any,
    grad: Any,
    square: Any,
    moved: Any,
    hyper: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array, Array]:
    """Return `(value, grad, square, moved, hyper)`."""
    value, grad, hyper = _step(value, grad, hyper, 4, dtypes)
    square = _slot(square, "square", value, grad, hyper)
    moved = _slot(moved, "moved", value, grad, hyper, square)
    return value, grad, square, moved, hyper


def nadam_step(
    value: Any, grad: Any, m: Any, v: Any, hyper: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array, Array, Array]:
    """Return `(value, grad, m, v, hyper)`."""
    value, grad, hyper = _step(value, grad, hyper, 9, dtypes)
    m = _slot(m, "m", value, grad, hyper)
    return value, grad, m, _slot(v, "v", value, grad, hyper, m), hyper


def lion_step(
    value: Any, grad: Any, m: Any, hyper: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, Array, Array]:
    """Return `(value, grad, m, hyper)`."""
    value, grad, hyper = _step(value, grad, hyper, 4, dtypes)
    return value, grad, _slot(m, "m", value, grad, hyper), hyper


def _no_velocity(index: int, hyper: Array) -> str:
    return describe(
        f"velocity is None and momentum, hyper[{index}], is {hyper[index]}",
        "Expected a velocity array like value",
        "Pass numpy.zeros_like(value), or momentum 0",
    )


def _step(
    value: Any, grad: Any, hyper: Any, count: int, dtypes: tuple[DType, ...]
) -> tuple[Array, Array, Array]:
    hyper = vector(hyper, "hyper", (F64,), count)
    value = inplace(value, "value", dtypes, None, hyper)
    grad = vector(grad, "grad", (value.dtype,), value.size)
    return output(value, value.shape, value.dtype, "value", grad), grad, hyper


def _slot(slot: Any, name: str, value: Array, *used: Array) -> Array:
    return inplace(slot, name, (value.dtype,), value.size, value, *used)
