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
from pellucid.data.maths import unit_circle
from pellucid.errors import describe

Points = tuple[NDArray[np.float32], NDArray[np.int64]]

# Streams far above those of a model's layers: points drawn with the model's seed must
# not repeat its initial weights.
_NOISE, _CENTERS, _ANGLES, _ORDER, _POINTS = (2**31 + i for i in range(5))


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
    x = radius[:, None] * unit_circle(
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
    x = unit_circle(angle) * np.where(y, inner, 1.0)[:, None]
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
    x = unit_circle((np.arange(n) // 2) / max(n // 2 - 1, 1) / 2)
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


def make_linear(
    samples: int = 200,
    *,
    weights: Sequence[float] | NDArray[Any] = (1.0, 1.0),
    bias: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
) -> Points:
    """Draw points on both sides of a plane: label = (weights . x + bias > 0).

    Parameters
    ----------
    samples : int
        Number of points, each coordinate drawn from N(0, 1).
    weights : array (features,)
        The normal of the plane, not all 0.
    bias : float
        Moves the plane away from the origin.
    noise : float
        Standard deviation added to every coordinate once the label is known.
    seed : int
        Equal seeds give equal bits.

    Returns
    -------
    x, y
        float32 `(samples, features)` and int64 labels `(samples,)`.

    Example
    -------
    >>> from pellucid.data import make_linear
    >>> x, y = make_linear(100)
    >>> bool(((x[:, 0] + x[:, 1] > 0) == y).all())
    True
    """
    normal = _plane(weights)
    offset = check_number(bias, "bias")
    n = _count(samples, "samples")
    x = kernels.random_normal(
        (n, len(normal)), seed=seed, stream=_POINTS, dtype="float64"
    ).astype(np.float32)
    height = np.full(n, offset)
    for column, weight in zip(x.T, normal, strict=True):
        height += weight * column
    return _finish(x, (height > 0).astype(np.int64), noise, "noise", seed)


def make_shapes(
    samples: int = 400,
    *,
    size: int = 16,
    noise: float = 0.1,
    seed: int = 0,
) -> Points:
    """Draw small gray pictures of discs, squares, triangles and crosses.

    Place, radius, angle and brightness of each shape are random; edges are smooth.

    Parameters
    ----------
    samples : int
        Number of pictures; the classes differ by at most one.
    size : int
        Height and width, at least 8.
    noise : float
        Standard deviation of what is added to every pixel, before all are clipped to
        [0, 1].
    seed : int
        Equal seeds give equal bits.

    Returns
    -------
    x, y
        float32 `(samples, size, size, 1)` in [0, 1] and int64 labels `(samples,)`,
        shuffled: 0 disc, 1 square, 2 triangle, 3 cross.

    Example
    -------
    >>> from pellucid.data import make_shapes
    >>> x, y = make_shapes(40)
    >>> x.shape, [int((y == k).sum()) for k in range(4)]
    ((40, 16, 16, 1), [10, 10, 10, 10])
    """
    n = _count(samples, "samples")
    side = check_integer(size, "size", low=8, hint="Pass for example size=16.")
    y = np.arange(n) % 4
    drawn = kernels.random_uniform(
        (5, n, 1, 1), seed=seed, stream=_POINTS, dtype="float64"
    )
    radius = side * (0.2 + 0.15 * drawn[0])
    row, column = ((side - 1 - 2 * radius) * u + radius for u in drawn[1:3])
    cosine, sine = unit_circle(drawn[3].reshape(n)).T[:, :, None, None]
    pixel = np.arange(side)
    down, right = pixel[:, None] - row, pixel - column
    u, v = cosine * right + sine * down, cosine * down - sine * right
    across, along = np.abs(u), np.abs(v)
    # How far a pixel lies outside each shape, in pixels; negative inside.
    third = 0.8660254037844386 * across - 0.5 * v  # 60 degrees: two sides by symmetry
    outside = np.choose(
        y[:, None, None],
        [
            np.sqrt(u * u + v * v) - radius,
            np.maximum(across, along) - 0.8 * radius,
            np.maximum(v, third) - 0.55 * radius,
            np.maximum(
                np.maximum(across, along) - radius,
                np.minimum(across, along) - 0.3 * radius,
            ),
        ],
    )
    bright = 0.6 + 0.4 * drawn[4]
    pictures = bright * np.clip(0.5 - outside, 0.0, 1.0)
    x, labels = _finish(pictures[..., None], y, noise, "noise", seed)
    return np.clip(x, np.float32(0), np.float32(1)), labels


def _finish(
    x: NDArray[Any], y: NDArray[Any], deviation: float, name: str, seed: int
) -> Points:
    """Add noise and shuffle."""
    deviation = check_number(deviation, name, at_least=0)
    noise = kernels.random_normal(x.shape, seed=seed, stream=_NOISE, dtype="float64")
    order = kernels.permutation(len(y), seed=seed, stream=_ORDER)
    points = (x + deviation * noise).astype(np.float32)
    return points[order], y.astype(np.int64)[order]


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


def _plane(weights: ArrayLike) -> NDArray[np.float64]:
    normal = np.asarray(weights, dtype=np.float64)
    if normal.ndim != 1 or not normal.any() or not np.isfinite(normal).all():
        raise ValueError(
            describe(
                f"weights is {weights!r}",
                "Expected one finite number for each feature, not all of them 0",
                "Pass for example weights=(1.0, 1.0).",
            )
        )
    return normal
