"""Derivatives by two methods that know nothing of a kernel's backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.data import generator

Array = NDArray[Any]


def real(shape: tuple[int, ...], seed: int = 0, low: float = -1.0) -> Array:
    """Return float64 numbers from `low` to 1, none of them at a kink."""
    x = generator(shape, seed, "gradients").uniform(low, 1.0, shape)
    return np.where(np.abs(x) < 1e-3, 0.5, x)


def complex_step(f: Callable[[Array], Any], x: Array) -> Array:
    """Return df / dx[i] = Im f(x + i * 1e-30 * e_i) * 1e30: no cancellation at all."""
    slopes = np.empty(x.size)
    moved = x.astype(np.complex128)
    for i, value in enumerate(x.flat):
        moved.flat[i] = complex(value, 1e-30)
        slopes[i] = np.imag(f(moved)) * 1e30
        moved.flat[i] = value
    return slopes.reshape(x.shape)


def central_difference(f: Callable[[Array], Any], x: Array) -> Array:
    """Return df / dx[i] = (f(x + h e_i) - f(x - h e_i)) / 2 h."""
    step, slopes, moved = 1e-6, np.empty(x.size), x.copy()
    for i, value in enumerate(x.flat):
        ends = []
        for side in (step, -step):
            moved.flat[i] = value + side
            ends.append(f(moved))
        moved.flat[i] = value
        slopes[i] = (ends[0] - ends[1]) / (2 * step)
    return slopes.reshape(x.shape)


def check_gradient(f: Callable[[Array], Any], x: Array, gradient: Array) -> None:
    """Compare a gradient with both methods, relative to its largest element."""
    assert np.abs(gradient).max() > 1e-3, "a gradient of zeros would prove nothing"
    scale = np.abs(gradient).max()
    assert np.abs(complex_step(f, x) - gradient).max() <= 1e-12 * scale
    assert np.abs(central_difference(f, x) - gradient).max() <= 1e-7 * scale


def like(value: Array, x: Array) -> Array:
    """Return `value` in the dtype of `x`, which is complex in the complex step."""
    return value.astype(x.dtype)
