"""Seeded point sets for trying networks out: every bit follows from the seed.

Points come from the kernels' Philox numbers and from + - * / sqrt alone, so the same
seed gives the same bits on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid import kernels
from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.errors import describe

Points = tuple[NDArray[np.float32], NDArray[np.int64]]

# Streams far above those of a model's layers: points drawn with the model's seed must
# not repeat its initial weights.
_NOISE, _CENTERS, _ANGLES, _ORDER = (2**31 + i for i in range(4))

# Taylor coefficients of sin(pi/2 t) and cos(pi/2 t) in t, for |t| <= 1/2.
_HALF_PI = 1.5707963267948966
_SIN = [_HALF_PI]
_COS = [1.0]
for _k in range(1, 9):
    _COS.append(-_COS[-1] * _HALF_PI * _HALF_PI / ((2 * _k - 1) * (2 * _k)))
    _SIN.append(-_SIN[-1] * _HALF_PI * _HALF_PI / ((2 * _k) * (2 * _k + 1)))


def make_blobs(
    samples: int = 300,
    *,
    centers: int | Sequence[Sequence[float]] | NDArray[Any] = 3,
    spread: float = 1.0,
    seed: int = 0,
) -> Points:
    """Draw Gaussian clouds: x = center[label] + spread * N(0, 1).

    Parameters
    ----------
    samples : int
        Number of points; the classes differ by at most one point.
    centers : int or array (classes, features)
        The cloud's centers, or how many to draw uniformly in [-10, 10] x [-10, 10].
    spread : float
        Standard deviation of every cloud.
    seed : int
        Equal seeds give equal bits.

    Returns
    -------
    x, y
        float32 `(samples, features)` and int64 labels `(samples,)`, shuffled.

    Example
    -------
    >>> from pellucid.data import make_blobs
    >>> x, y = make_blobs(100, centers=[(-2, -2), (2, 2)], spread=0.5)
    >>> x.shape, int(y.sum())
    ((100, 2), 50)
    """
    if isinstance(centers, (int, np.integer)):
        count = _count(centers, "centers")
        middle = kernels.random_uniform(
            (count, 2), low=-10, high=10, seed=seed, stream=_CENTERS, dtype="float64"
        )
    else:
        middle = _centers(centers)
    n = _count(samples, "samples")
    y = np.arange(n) % len(middle)
    return _finish(middle[y], y, spread, "spread", seed)


def make_spiral(
    samples: int = 300,
    *,
    classes: int = 3,
    turns: float = 0.625,
    noise: float = 0.02,
    seed: int = 0,
) -> Points:
    """Draw interleaved spiral arms: radius t, angle (k / classes + turns * t) turns.

    Parameters
    ----------
    samples : int
        Number of points, spread evenly over the arms.
    classes : int
        Number of arms.
    turns : float
        Full turns from the center to the end of an arm.
    noise : float
        Standard deviation added to both coordinates; the arms end at radius 1.
    seed : int
        Equal seeds give equal bits.

    Returns
    -------
    x, y
        float32 `(samples, 2)` and int64 labels `(samples,)`, shuffled.

    Example
    -------
    >>> from pellucid.data import make_spiral
    >>> x, y = make_spiral(90)
    >>> x.shape, [int((y == k).sum()) for k in range(3)]
    ((90, 2), [30, 30, 30])
    """
    n, arms = _count(samples, "samples"), _count(classes, "classes")
    y = np.arange(n) % arms
    radius = (np.arange(n) // arms + 1) / (-(-n // arms))
    x = radius[:, None] * _unit_circle(
        y / arms + check_number(turns, "turns", at_least=0) * radius
    )
    return _finish(x, y, noise, "noise", seed)


def make_circles(
    samples: int = 200, *, factor: float = 0.5, noise: float = 0.05, seed: int = 0
) -> Points:
    """Draw two rings: class 0 at radius 1, class 1 at radius `factor`.

    Parameters
    ----------
    samples : int
        Number of points, half on each ring, at random angles.
    factor : float
        Radius of the inner ring, in [0, 1].
    noise : float
        Standard deviation added to both coordinates.
    seed : int
        Equal seeds give equal bits.

    Returns
    -------
    x, y
        float32 `(samples, 2)` and int64 labels `(samples,)`, shuffled.

    Example
    -------
    >>> from pellucid.data import make_circles
    >>> x, y = make_circles(200, noise=0.0)
    >>> inner = x[y == 1]
    >>> bool(np.allclose((inner**2).sum(axis=1), 0.25))
    True
    """
    n, inner = (
        _count(samples, "samples"),
        check_number(factor, "factor", at_least=0, at_most=1),
    )
    y = np.arange(n) % 2
    angle = kernels.random_uniform((n,), seed=seed, stream=_ANGLES, dtype="float64")
    x = _unit_circle(angle) * np.where(y, inner, 1.0)[:, None]
    return _finish(x, y, noise, "noise", seed)


def make_moons(samples: int = 200, *, noise: float = 0.1, seed: int = 0) -> Points:
    """Draw two interleaving half circles, (cos, sin) and (1 - cos, 1/2 - sin).

    Parameters
    ----------
    samples : int
        Number of points, half on each moon, at even angles.
    noise : float
        Standard deviation added to both coordinates.
    seed : int
        Equal seeds give equal bits.

    Returns
    -------
    x, y
        float32 `(samples, 2)` and int64 labels `(samples,)`, shuffled.

    Example
    -------
    >>> from pellucid.data import make_moons
    >>> x, y = make_moons(200)
    >>> x.shape, x.dtype, y.dtype
    ((200, 2), dtype('float32'), dtype('int64'))
    """
    n = _count(samples, "samples")
    y = np.arange(n) % 2
    x = _unit_circle((np.arange(n) // 2) / max(n // 2 - 1, 1) / 2)
    lower = y == 1
    x[lower] = np.array([1.0, 0.5]) - x[lower]
    return _finish(x, y, noise, "noise", seed)


def make_xor(samples: int = 200, *, noise: float = 0.1, seed: int = 0) -> Points:
    """Draw points at the corners of the unit square: label = a xor b.

    Parameters
    ----------
    samples : int
        Number of points, a quarter at each corner.
    noise : float
        Standard deviation added to both coordinates; 0 gives the exact corners.
    seed : int
        Equal seeds give equal bits.

    Returns
    -------
    x, y
        float32 `(samples, 2)` and int64 labels `(samples,)`, shuffled.

    Example
    -------
    >>> from pellucid.data import make_xor
    >>> x, y = make_xor(4, noise=0.0)
    >>> sorted((*map(int, point), int(label)) for point, label in zip(x, y))
    [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
    """
    corner = np.arange(_count(samples, "samples")) % 4
    a, b = corner // 2, corner % 2
    x = np.stack([a, b], axis=1).astype(np.float64)
    return _finish(x, a ^ b, noise, "noise", seed)


def _finish(
    x: NDArray[Any], y: NDArray[Any], deviation: float, name: str, seed: int
) -> Points:
    """Add noise and shuffle."""
    deviation = check_number(deviation, name, at_least=0)
    noise = kernels.random_normal(x.shape, seed=seed, stream=_NOISE, dtype="float64")
    order = kernels.permutation(len(y), seed=seed, stream=_ORDER)
    points = (x + deviation * noise).astype(np.float32)
    return points[order], y.astype(np.int64)[order]


def _unit_circle(turns: NDArray[Any]) -> NDArray[np.float64]:
    """Return (cos, sin) of angles in full turns, by + - * alone: `(n,)` -> `(n, 2)`."""
    quarters = 4 * (turns - np.floor(turns))
    nearest = np.floor(quarters + 0.5)
    t = quarters - nearest  # in [-1/2, 1/2]
    square = t * t
    sine, cosine = np.zeros_like(t), np.zeros_like(t)
    for s, c in zip(reversed(_SIN), reversed(_COS), strict=True):
        sine = sine * square + s
        cosine = cosine * square + c
    sine = sine * t
    quadrant = nearest.astype(np.int64) % 4
    return np.stack(
        [
            np.choose(quadrant, [cosine, -sine, -cosine, sine]),
            np.choose(quadrant, [sine, cosine, -sine, -cosine]),
        ],
        axis=1,
    )


def _count(value: int, name: str) -> int:
    return check_integer(value, name, low=1, hint=f"Pass for example {name}=100.")


def _centers(centers: ArrayLike) -> NDArray[np.float64]:
    middle = np.asarray(centers, dtype=np.float64)
    if middle.ndim != 2 or middle.size == 0:
        raise ValueError(
            describe(
                f"centers has shape {middle.shape}",
                "Expected a number of centers, or an array (classes, features)",
                "Pass for example centers=[(-2, -2), (2, 2)].",
            )
        )
    return middle
