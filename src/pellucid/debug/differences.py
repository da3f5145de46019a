"""Derivatives of a function of one number, and what a kink does to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

TOLERANCE = 1e-7
"""Largest relative error of a right gradient against central differences."""
COMPLEX_TOLERANCE = 1e-12
"""The same against a complex step."""
COMPLEX_STEP = 1e-30
ROUNDOFF = 2.0**-53
STEP = 5e-6
"""About the cube root of the roundoff: there truncation and rounding are even."""
LADDER = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""Steps tried where the first one does not agree."""
CREDIBLE = 1e-3
"""An estimate whose rounding error is a larger part of the gradient proves nothing."""


class Verdict(NamedTuple):
    """What a look at one element gave."""

    word: str
    """"passed", "near" (a kink within the step), "kink" (at the point), "failed"."""
    error: float
    """Relative error of the analytic gradient."""


def central(f: Callable[[float], float], at: float, step: float) -> float:
    """(f(at + h) - f(at - h)) / 2h, h = step * max(1, |at|), as it was rounded.

    Example
    -------
    >>> round(central(lambda t: t * t, 3.0, 1e-3), 9)
    6.0
    """
    h = step * max(1.0, abs(at))
    high, low = at + h, at - h
    return (f(high) - f(low)) / (high - low)


def judge(
    f: Callable[[float], float],
    at: float,
    gradient: float,
    *,
    scale: float,
    size: float,
    tolerance: float = TOLERANCE,
) -> Verdict:
    """Compare a gradient with differences of f, and tell a fault from a kink.

    The first look is one central difference. Where it does not agree, steps from 1e-2
    to 1e-7 and their extrapolations h^4 are tried. A gradient is right when one of
    those whose rounding error, size * 2**-51 / h, is small enough agrees. A kink shows
    itself by one-sided slopes that differ: inside the step ("near") when smaller steps
    agree, at the point itself ("kink") when the slopes differ however small the step.

    Parameters
    ----------
    f : callable
    at : float
        Where.
    gradient : float
        What was computed for it.
    scale : float
        Errors are relative to this.
    size : float
        Size of the numbers whose difference f is, for the rounding error.
    tolerance : float

    Example
    -------
    >>> judge(abs, 0.5, 1.0, scale=1.0, size=1.0).word
    'passed'
    >>> judge(abs, 0.5, -1.0, scale=1.0, size=1.0).word
    'failed'
    >>> judge(abs, 2e-6, 1.0, scale=1.0, size=1.0).word
    'near'
    >>> judge(lambda t: max(t, 0.0), 0.0, 0.0, scale=1.0, size=1.0).word
    'kink'
    """
    first = abs(central(f, at, STEP) - gradient) / scale
    if first <= tolerance:
        return Verdict("passed", first)
    middle, noise = f(at), 4 * ROUNDOFF * size
    slopes: list[float] = []
    jumps: list[float] = []
    errors: list[float] = []
    for step in LADDER:
        h = step * max(1.0, abs(at))
        high, low = at + h, at - h
        above, below = f(high), f(low)
        slopes.append((above - below) / (high - low))
        jumps.append(
            abs((above - middle) / (high - at) - (middle - below) / (at - low))
        )
        errors.append(noise / h)
    estimates = list(zip(slopes, errors, LADDER, strict=True))
    for k in range(1, len(LADDER)):  # each step is a tenth of the one before
        better = (100 * slopes[k] - slopes[k - 1]) / 99
        estimates.append((better, errors[k], LADDER[k - 1]))
    offs = [
        (abs(slope - gradient) / scale, step)
        for slope, error, step in estimates
        if error <= tolerance * scale
    ]
    agree = [(off, step) for off, step in offs if off <= tolerance]
    if agree:
        wide = any(step >= STEP for _, step in agree)
        return Verdict("passed" if wide else "near", min(agree)[0])
    credible = [k for k, error in enumerate(errors) if error <= CREDIBLE * scale]
    if not credible:
        return Verdict("failed", first)
    last = credible[-1]
    off = abs(slopes[last] - gradient)
    if off <= tolerance * scale + 16 * errors[last]:
        return Verdict("near", off / scale)
    steady = last > 0 and jumps[last] > 0.5 * jumps[last - 1]
    if steady and jumps[last] > 32 * errors[last] + tolerance * scale:
        return Verdict("kink", off / scale)
    return Verdict("failed", min([first, *(off for off, _ in offs)]))
