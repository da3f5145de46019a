"""Joining arrays along the last axis, and taking them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.kernels import checks
from pellucid.kernels.checks import ANY

Array = NDArray[Any]


def concat(arrays: Sequence[ArrayLike], *, out: Array | None = None) -> Array:
    """Join arrays along the last axis.

    y[..., j] runs through the last axis of the first array, then of the second, ...

    Parameters
    ----------
    arrays : list of arrays
        float32 or float64; shapes that differ in the last axis only.
    out : array, optional
        Where to write.

    Returns
    -------
    array (..., sum of the last axes)

    Raises
    ------
    TypeError, ValueError
        No arrays; shapes or dtypes that differ; an `out` that does not fit.

    Example
    -------
    >>> concat([[[1.0, 2.0]], [[3.0]]])
    array([[1., 2., 3.]])
    """
    parts, y = checks.concat(arrays, out, ANY)
    first = 0
    for x in parts:
        y[..., first : first + x.shape[-1]] = x
        first += x.shape[-1]
    return y


def split(
    x: ArrayLike,
    sizes: Sequence[int],
    *,
    out: tuple[Array | None, ...] | None = None,
) -> tuple[Array, ...]:
    """Cut an array along the last axis; the inverse of `concat`.

    Parameters
    ----------
    x : array (..., n)
        float32 or float64.
    sizes : list of int
        How much of the last axis each part takes; they add up to n.
    out : tuple of arrays, optional
        Where to write; None allocates.

    Returns
    -------
    tuple of arrays (..., size)

    Raises
    ------
    TypeError, ValueError
        Sizes that do not add up; an `out` that does not fit.

    Example
    -------
    >>> split([[1.0, 2.0, 3.0]], [2, 1])
    (array([[1., 2.]]), array([[3.]]))
    """
    x, parts = checks.split(x, sizes, out, ANY)
    first = 0
    for y in parts:
        np.copyto(y, x[..., first : first + y.shape[-1]])
        first += y.shape[-1]
    return parts
