"""Functions by + - * / alone: the same bits on every processor, unlike libm's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.kernels.reference.random import log

# Taylor coefficients of sin(pi/2 t) and cos(pi/2 t) in t, for |t| <= 1/2, and of exp.
_HALF_PI = 1.5707963267948966
_SIN = [_HALF_PI]
_COS = [1.0]
_EXP = [1.0]
for _k in range(1, 9):
    _COS.append(-_COS[-1] * _HALF_PI * _HALF_PI / ((2 * _k - 1) * (2 * _k)))
    _SIN.append(-_SIN[-1] * _HALF_PI * _HALF_PI / ((2 * _k) * (2 * _k + 1)))
for _k in range(1, 14):
    _EXP.append(_EXP[-1] / _k)

# log(2) in two parts, the first with so few bits that its multiples are exact.
_LOG2_HIGH, _LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


def unit_circle(turns: NDArray[Any]) -> NDArray[np.float64]:
    """Return (cos, sin) of angles in full turns: `(n,)` -> `(n, 2)`.

    Example
    -------
    >>> unit_circle(np.array([0.0, 0.25, 0.5])).tolist()
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    """
    quarters = 4 * (turns - np.floor(turns))
    nearest = np.floor(quarters + 0.5)
    t = quarters - nearest  # in [-1/2, 1/2]
    square = t * t
    sine, cosine = np.zeros_like(t), np.zeros_like(t)
    for s, c in zip(reversed(_SIN), reversed(_COS), strict=True):
        sine = sine * square + s
        cosine = cosine * square + c
    sine = sine * t + 0.0  # no negative zeros
    quadrant = nearest.astype(np.int64) % 4
    return np.stack(
        [
            np.choose(quadrant, [cosine, 0.0 - sine, -cosine, sine]),
            np.choose(quadrant, [sine, cosine, 0.0 - sine, -cosine]),
        ],
        axis=1,
    )


def power(base: NDArray[Any], exponent: float) -> NDArray[np.float64]:
    """Return base**exponent for positive numbers, to about 1e-15 * |log(result)|.

    Example
    -------
    >>> abs(float(power(np.array([2.0]), 0.5)[0]) - 2**0.5) < 1e-14
    True
    """
    x = log(base) * exponent
    whole = np.floor(x / _LOG2_HIGH + 0.5)
    rest = (x - whole * _LOG2_HIGH) - whole * _LOG2_LOW
    y = np.zeros_like(rest)
    for c in reversed(_EXP):
        y = y * rest + c
    return np.ldexp(y, whole.astype(np.int64))
