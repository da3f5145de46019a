"""Seeded test data: exact integers, and real numbers that are hard in known ways."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Shape = tuple[int, ...]

VECTOR_LANES = (4, 8, 16)
"""float32 elements in a vector: NEON, AVX2, AVX-512 (and 2, 4, 8 of float64)."""


def sizes_around(*widths: int, multiples: int = 2) -> list[int]:
    """Return 1 and the sizes at and beside the first multiples of some widths.

    >>> sizes_around(4)
    [1, 3, 4, 5, 7, 8, 9]
    """
    near = {
        width * factor + step
        for width in widths
        for factor in range(1, multiples + 1)
        for step in (-1, 0, 1)
    }
    return sorted({1} | {size for size in near if size > 0})


VECTOR_SIZES = sorted({*sizes_around(*VECTOR_LANES), 2, 13, 23, 47, 64, 65})
"""Lengths for elementwise kernels: every tail of every vector, primes, two vectors."""


def generator(shape: Shape, seed: int, salt: str = "") -> np.random.Generator:
    """Return a generator whose numbers differ between kinds of data of one seed."""
    return np.random.default_rng([seed, zlib.crc32(salt.encode()), *shape])


def integers(
    shape: Shape, seed: int, *, limit: int = 8, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return whole numbers from -limit to limit as floats.

    Sums of up to 16,384 products of such numbers up to 32 (1,048,576 up to 4) are exact
    in float32, in any order, with or without FMA.
    """
    random = generator(shape, seed, "integers")
    return random.integers(-limit, limit, shape, endpoint=True).astype(dtype)


def uniform(shape: Shape, seed: int, *, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return numbers from -1 to 1: the easy case, where errors cancel."""
    return generator(shape, seed, "uniform").uniform(-1, 1, shape).astype(dtype)


def positive(shape: Shape, seed: int, *, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return numbers from 0 to 1: rounding errors of long sums add up."""
    return generator(shape, seed, "positive").uniform(0, 1, shape).astype(dtype)


def wide_range(
    shape: Shape, seed: int, *, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return numbers of both signs with magnitudes from 1e-4 to 1e4."""
    random = generator(shape, seed, "wide range")
    sign = random.choice([-1.0, 1.0], shape)
    return (sign * 10.0 ** random.uniform(-4, 4, shape)).astype(dtype)


def cancelling(
    shape: Shape, seed: int, *, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return a large offset of alternating sign plus noise.

    Sums along the last axis are far smaller than their terms.
    """
    random = generator(shape, seed, "cancelling")
    sign = 1.0 - 2.0 * (np.arange(shape[-1]) % 2)
    return (1000.0 * sign + random.uniform(-1, 1, shape)).astype(dtype)


DISTRIBUTIONS: dict[str, Callable[..., NDArray[Any]]] = {
    "uniform": uniform,
    "positive": positive,
    "wide range": wide_range,
    "cancelling": cancelling,
}
"""The real-valued generators by name, for ``pytest.mark.parametrize``."""


def labels(count: int, classes: int, seed: int) -> NDArray[np.int64]:
    """Return class labels in which every class occurs when there is room."""
    order = np.arange(count, dtype=np.int64) % classes
    generator((count, classes), seed, "labels").shuffle(order)
    return order


def one_hot(
    classes: Iterable[int], width: int, *, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return one row for each label, 1 in its column."""
    return np.eye(width, dtype=dtype)[np.fromiter(classes, np.int64)]
