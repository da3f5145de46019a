"""Elementary functions of float64 without the C library, whose bits differ by platform.

Made of + - * / and square roots; accurate to about one unit in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_COSINE = [1 / math.factorial(2 * k) * (-1) ** k for k in range(10)]
_SINE = [1 / math.factorial(2 * k + 1) * (-1) ** k for k in range(10)]
_LN2 = 0.6931471805599453


def cosine(u: float) -> float:
    """cos(pi * u) for u >= 0.

    Example
    -------
    >>> cosine(0.0), cosine(0.5), cosine(1.0), abs(cosine(1 / 3) - 0.5) < 2e-16
    (1.0, 0.0, -1.0, True)
    """
    u %= 2.0
    if u > 1.0:
        u = 2.0 - u
    sign = 1.0
    if u > 0.5:
        u, sign = 1.0 - u, -1.0
    if u <= 0.25:
        x = math.pi * u
        return sign * _horner(_COSINE, x * x)
    x = math.pi * (0.5 - u)
    return sign * x * _horner(_SINE, x * x)


def power(base: float, exponent: float) -> float:
    """base^exponent for base, exponent >= 0; whole exponents by multiplication.

    Example
    -------
    >>> power(0.5, 3), power(4.0, 0.5), power(0.0, 0), abs(power(2.0, 0.3) - 2**0.3)
    (0.125, 2.0, 1.0, 0.0)
    """
    if exponent == 0 or base in (0.0, 1.0):
        return 1.0 if exponent == 0 else base
    whole = int(exponent)
    result, factor = 1.0, base
    while whole:
        if whole & 1:
            result *= factor
        whole >>= 1
        factor *= factor
    fraction = exponent - int(exponent)
    if fraction == 0.5:
        return result * math.sqrt(base)
    return result * _exp(fraction * _log(base)) if fraction else result


def _log(x: float) -> float:
    """ln(x) = e ln 2 + 2 atanh((m - 1) / (m + 1)) with x = m 2^e, m near 1."""
    m, e = math.frexp(x)
    if m < 0.7071067811865476:
        m, e = 2 * m, e - 1
    s = (m - 1) / (m + 1)
    return e * _LN2 + 2 * s * _horner([1 / (2 * k + 1) for k in range(14)], s * s)


def _exp(x: float) -> float:
    """exp(x) = 2^n exp(r) with |r| at most ln(2) / 2."""
    n = math.floor(x / _LN2 + 0.5)
    terms = [1 / math.factorial(k) for k in range(16)]
    return math.ldexp(_horner(terms, x - n * _LN2), n)


def _horner(coefficients: Sequence[float], x: float) -> float:
    total = 0.0
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total
