"""erf and the normal distribution, as precise as the array: float64 or longdouble."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def erf(x: Array) -> Array:
    """Of float64 or longdouble: Kummer's series below 2, else 1 - erfc."""
    a = np.abs(x)
    z = np.minimum(a, 2)
    series = term = z
    for n in range(1, 60):
        term = term * (2 * z * z / (2 * n + 1))
        series = series + term
    root = np.sqrt(np.arccos(x.dtype.type(-1)))  # of pi
    below = 2 / root * np.exp(-z * z) * series
    return np.copysign(np.where(a < 2, below, 1 - gauss(a, 1) * fraction(a) / root), x)


def fraction(a: Array) -> Array:
    """Laplace's continued fraction: exp(a^2) erfc(a) sqrt(pi) for a >= 2."""
    a = np.clip(a, 2, 100)
    value = a
    for n in range(100, 0, -1):
        value = a + (n / 2) / value
    return 1 / value


def gauss(a: Array, factor: Any) -> Array:
    """exp(-factor a^2), the square in two parts."""
    a = np.minimum(a, 100)
    high = a.astype(np.float32).astype(a.dtype)
    return np.exp(-factor * high * high) * np.exp(-factor * (a - high) * (a + high))


def normal_cdf(x: Array) -> Array:
    """The integral of the normal density up to x, with small results accurate too."""
    root_2, a = np.sqrt(x.dtype.type(2)), np.abs(x)
    half = x.dtype.type(0.5)
    middle = half + half * erf(np.clip(x, -3, 3) / root_2)
    root = np.sqrt(np.arccos(x.dtype.type(-1)))
    tail = half * gauss(a, half) * fraction(a / root_2) / root
    return np.where(a < 3, middle, np.where(x < 0, tail, 1 - tail))
