"""Preparing data: one-hot rows, scaling by what the training part shows, splitting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from pellucid import kernels
from pellucid.checks import class_labels, real_array
from pellucid.core.inputs import check_number
from pellucid.errors import describe
from pellucid.shapes import integer

Array = NDArray[Any]

_SPLIT_STREAM = 2**32 - 2  # that of fit(validation_split=...): the same rows
_ROWS = 4096  # summed at a time, so that large sets are never copied whole


def one_hot(
    y: ArrayLike, classes: int | None = None, *, dtype: DTypeLike = "float32"
) -> Array:
    """Return a row for each class label: 1 in its column, 0 elsewhere.

    Parameters
    ----------
    y : array (...)
        Whole numbers from 0.
    classes : int, optional
        Number of columns; by default the largest label and one.
    dtype : dtype, default float32
        Of the result.

    Returns
    -------
    array (..., classes)

    Raises
    ------
    TypeError, ValueError
        Labels that are not whole numbers from 0 to classes - 1.

    Example
    -------
    >>> from pellucid.data import one_hot
    >>> one_hot([2, 0])
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = class_labels(real_array(y, "y"), "y")
    if classes is None:
        columns = int(labels.max()) + 1 if labels.size else 1
    else:
        columns = integer(classes, "classes", 1)
    bad = (labels < 0) | (labels >= columns)
    if bad.any():
        raise ValueError(
            describe(
                f"y holds label {labels[bad][0]}",
                f"Expected labels from 0 to {max(columns - 1, 0)}",
                "Number the classes from 0, or raise classes.",
            )
        )
    rows = np.zeros((*labels.shape, columns), dtype)
    np.put_along_axis(rows, labels[..., None], 1, axis=-1)
    return rows


class Standardizer:
    """Bring features to mean 0 and deviation 1: z = (x - mean) / deviation.

    Made from the training samples and called on any: validation and test samples must
    be scaled by the training part's numbers. A feature that never changes is only
    shifted.

    Parameters
    ----------
    x : array (n, ...)
        The training samples. Features are the columns of `(n, features)`; of images
        `(n, h, w, c)` and sequences the channels, unless `axis` says otherwise.
    axis : int or tuple of int, optional
        The axes that are averaged over, axis 0 among them.

    Attributes
    ----------
    mean, deviation : float64 array

    Example
    -------
    >>> from pellucid.data import Standardizer
    >>> scale = Standardizer(np.array([[0.0], [2.0]]))
    >>> scale(np.array([[0.0], [4.0]])).ravel(), scale.inverse([[3.0]]).ravel()
    (array([-1.,  3.]), array([4.]))
    """

    def __init__(self, x: ArrayLike, axis: int | tuple[int, ...] | None = None) -> None:
        samples = _samples(x)
        kept = _kept_axes(samples.ndim, axis)
        self.mean = _average(samples, kept, None)
        variance = _average(samples, kept, self.mean)
        self.deviation = np.where(variance == 0, 1.0, np.sqrt(variance))

    def __call__(self, x: ArrayLike) -> Array:
        """Scale samples; the result has their float dtype (float32 for integers)."""
        return _scaled(x, self.mean, self.deviation)

    def inverse(self, z: ArrayLike) -> Array:
        """Undo the scaling."""
        return _scaled(z, -self.mean / self.deviation, 1 / self.deviation)


class MinMaxScaler:
    """Bring features to an interval: z = low + (high - low) (x - min) / (max - min).

    Made from the training samples and called on any. A feature that never changes
    becomes `low`.

    Parameters
    ----------
    x : array (n, ...)
        The training samples; features as in `Standardizer`.
    low, high : float, default 0 and 1
        The interval.
    axis : int or tuple of int, optional
        The axes that are gone over, axis 0 among them.

    Example
    -------
    >>> from pellucid.data import MinMaxScaler
    >>> MinMaxScaler(np.array([[10.0], [20.0]]))([[15.0], [30.0]]).ravel()
    array([0.5, 2. ])
    """

    def __init__(
        self,
        x: ArrayLike,
        low: float = 0.0,
        high: float = 1.0,
        axis: int | tuple[int, ...] | None = None,
    ) -> None:
        samples = _samples(x)
        low = check_number(low, "low")
        high = check_number(high, "high", above=low)
        kept = _kept_axes(samples.ndim, axis)
        gone = tuple(i for i in range(samples.ndim) if i not in kept)
        self.minimum = samples.min(axis=gone, keepdims=True)[0].astype(np.float64)
        self.maximum = samples.max(axis=gone, keepdims=True)[0].astype(np.float64)
        span = self.maximum - self.minimum
        self._unit = np.where(span == 0, 1.0, span) / (high - low)
        self._zero = self.minimum - low * self._unit

    def __call__(self, x: ArrayLike) -> Array:
        """Scale samples; the result has their float dtype (float32 for integers)."""
        return _scaled(x, self._zero, self._unit)

    def inverse(self, z: ArrayLike) -> Array:
        """Undo the scaling."""
        return _scaled(z, -self._zero / self._unit, 1 / self._unit)


def train_validation_split(
    x: ArrayLike,
    y: ArrayLike,
    *,
    validation_split: float = 0.2,
    stratify: bool = False,
    seed: int = 0,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Take a random part of the samples away for validation.

    Parameters
    ----------
    x, y : array (n, ...)
        Samples and targets.
    validation_split : float
        The fraction for validation, between 0 and 1; at least one sample on each side.
    stratify : bool
        Take the same fraction of every class (y holds labels).
    seed : int
        Equal seeds give equal parts.

    Returns
    -------
    (x_train, y_train), (x_validation, y_validation)

    Raises
    ------
    TypeError, ValueError
        Arrays of different length, fewer than two samples, a fraction out of range.

    Example
    -------
    >>> from pellucid.data import train_validation_split
    >>> x, y = np.arange(10.0), np.arange(10) % 2
    >>> (a, b), (c, d) = train_validation_split(x, y, stratify=True)
    >>> len(a), len(c), int(d.sum())
    (8, 2, 1)
    """
    samples, targets = np.asanyarray(x), np.asanyarray(y)
    lengths = [array.shape[:1] for array in (samples, targets)]
    if lengths[0] != lengths[1] or lengths[0] < (2,):
        raise ValueError(
            describe(
                f"x has shape {samples.shape}, y {targets.shape}",
                "Expected as many targets as samples, and two of them at least",
                "Pass x and y of equal length.",
            )
        )
    fraction = check_number(validation_split, "validation_split", above=0, at_most=1)
    n = len(samples)
    order = kernels.permutation(n, seed=seed, stream=_SPLIT_STREAM)
    if stratify:
        order = _by_class(order, class_labels(real_array(targets, "y"), "y"))
    count = min(max(round(n * fraction), 1), n - 1)
    train, validation = np.sort(order[count:]), np.sort(order[:count])
    return (samples[train], targets[train]), (samples[validation], targets[validation])


def _by_class(order: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return an order whose beginnings have equal shares of each class."""
    share = np.empty(len(order))
    for label in np.unique(labels):
        members = np.flatnonzero(labels[order] == label)
        share[members] = (np.arange(len(members)) + 0.5) / len(members)
    return order[np.argsort(share, kind="stable")]


def _samples(x: ArrayLike) -> Array:
    samples = real_array(x, "x")
    if samples.ndim == 0 or samples.size == 0:
        raise ValueError(
            describe(
                f"x has shape {samples.shape}: no sample",
                "Expected samples on the first axis",
                "Check the filter or the slice that made x.",
            )
        )
    return samples


def _kept_axes(rank: int, axis: int | tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the axes that have numbers of their own."""
    if axis is None:
        return (rank - 1,) if rank > 1 else ()
    axes = {i % rank for i in np.atleast_1d(axis) if -rank <= i < rank}
    if 0 not in axes or len(axes) != np.size(axis):
        raise ValueError(
            describe(
                f"axis is {axis!r}",
                f"Expected axes of an array of {rank} dimensions, 0 among them",
                "Leave axis out to scale each column or channel.",
            )
        )
    return tuple(i for i in range(rank) if i not in axes)


def _average(x: Array, kept: tuple[int, ...], mean: Array | None) -> Array:
    """Return the mean over all axes but `kept`, or of the squares about a mean.

    Shape: that of one sample, 1 for axes averaged over. The sums are matrix products
    of the kernels, in a fixed order, so that their bits follow from the data alone.
    """
    sample = tuple(x.shape[i] if i in kept else 1 for i in range(1, x.ndim))
    gone = [i for i in range(1, x.ndim) if i not in kept]
    rows_of_sample = int(np.prod([x.shape[i] for i in gone], dtype=np.int64))
    columns = int(np.prod(sample, dtype=np.int64))
    total = np.zeros((1, columns))
    step = max(1, _ROWS // rows_of_sample)
    for start in range(0, len(x), step):
        part = x[start : start + step].astype(np.float64)
        if mean is not None:
            part -= mean
            part *= part
        matrix = part.transpose(0, *gone, *kept).reshape(-1, columns)
        ones = np.ones((1, len(matrix)))
        total += kernels.gemm(ones, np.ascontiguousarray(matrix))
    return (total / (len(x) * rows_of_sample)).reshape(sample)


def _scaled(x: ArrayLike, zero: Array, unit: Array) -> Array:
    """Return (x - zero) / unit, computed in float64, in the dtype of x."""
    values = real_array(x, "x")
    features = values.shape[1:]
    fits = len(features) == zero.ndim and all(
        size in (1, own) for size, own in zip(zero.shape, features, strict=True)
    )
    if values.ndim == 0 or not fits:
        raise ValueError(
            describe(
                f"x has shape {values.shape}",
                f"Expected samples that fit {zero.shape}, as those it was made from",
                "Pass x with the same features in its last axes.",
            )
        )
    dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float32)
    return ((values - zero) / unit).astype(dtype)
