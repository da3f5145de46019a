"""Gradients of a whole model, by its own backward and by central differences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import pellucid as pl

Array = NDArray[Any]


def gradients(model: pl.Sequential, x: Any, y: Any) -> list[Array]:
    """The gradients of the compiled loss: of x, then of every parameter, copied."""
    output = model.forward(x, training=True)
    targets = model.loss.check(y, output.shape[1:], dtype=output.dtype)
    _, dy = model.loss.value_and_gradient(output, targets)
    dx = model.backward(dy).copy()
    return [dx, *(p.grad.copy() for p in model.parameters())]


def differences(
    model: pl.Sequential, x: Any, y: Any, step: float = 1e-6
) -> list[Array]:
    """The same from values of the loss alone, for float64 models without dropout."""
    x = np.array(x, np.float64)
    return [_difference(model, x, y, values, step) for values in _moved(model, x)]


def assert_gradients(model: pl.Sequential, x: Any, y: Any) -> None:
    """Fail where the two disagree by 1e-7 of an array's largest gradient."""
    got, want = gradients(model, x, y), differences(model, x, y)
    largest = max(np.abs(array).max() for array in want)
    assert largest > 1e-4, "nothing was compared: all gradients vanish"
    for index, (one, two) in enumerate(zip(got, want, strict=True)):
        scale = max(np.abs(two).max(), 1e-2 * largest)
        assert np.abs(one - two).max() <= 1e-7 * scale, f"array {index}"


def _moved(model: pl.Sequential, x: Array) -> list[Array]:
    return [x, *(p.value for p in model.parameters())]


def _difference(
    model: pl.Sequential, x: Array, y: Any, values: Array, step: float
) -> Array:
    result = np.zeros(values.shape)
    for index in np.ndindex(values.shape):
        kept = values[index]
        sides = []
        for moved in (kept + step, kept - step):
            values[index] = moved
            sides.append(model.loss(model.forward(x, training=True), y))
        values[index] = kept
        result[index] = (sides[0] - sides[1]) / (2 * step)
    return result
