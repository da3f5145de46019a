"""Metrics for measured values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.errors import describe
from pellucid.metrics.base import Array, Metric, score_pair


class MeanAbsoluteError(Metric):
    """mean(|p - t|) over all elements.

    Parameters
    ----------
    name : str, default "mean_absolute_error"

    Example
    -------
    >>> metric = MeanAbsoluteError()
    >>> metric.update(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]))
    >>> metric.result()
    1.5
    """

    def __init__(self, name: str = "mean_absolute_error") -> None:
        super().__init__(name)

    def update(self, y_true: Array, y_pred: Array) -> None:
        """See ``Metric.update``."""
        difference = _difference(y_true, y_pred, self.name)
        self._total += float(np.abs(difference).sum(dtype=np.float64))
        self._count += difference.size


class MeanSquaredError(Metric):
    """mean((p - t)^2) over all elements.

    Parameters
    ----------
    name : str, default "mean_squared_error"

    Example
    -------
    >>> metric = MeanSquaredError()
    >>> metric.update(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]))
    >>> metric.result()
    4.5
    """

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(name)

    def update(self, y_true: Array, y_pred: Array) -> None:
        """See ``Metric.update``."""
        difference = _difference(y_true, y_pred, self.name)
        self._total += float((difference * difference).sum(dtype=np.float64))
        self._count += difference.size


class R2(Metric):
    """The share of the targets' variance that the predictions explain.

    1 - sum (p - t)^2 / sum (t - mean(t))^2, the mean of it over the columns

    1 is perfect, 0 as good as always predicting the mean, and there is no lower end. A
    column of equal targets counts 1 when it is met exactly, else 0; fewer than two
    samples give NaN.

    Parameters
    ----------
    name : str, default "r2"

    Example
    -------
    >>> metric = R2()
    >>> metric.update(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [2.0]]))
    >>> metric.result()
    0.5
    """

    def __init__(self, name: str = "r2") -> None:
        super().__init__(name)

    def reset(self) -> None:
        """See ``Metric.reset``."""
        super().reset()
        self._mean: Any = 0.0
        self._spread: Any = 0.0
        self._missed: Any = 0.0
        self._low: Any = math.inf
        self._high: Any = -math.inf

    def update(self, y_true: Array, y_pred: Array) -> None:
        """See ``Metric.update``; means and spreads of batches are merged.

        Source: Chan, Golub, LeVeque (1983), Algorithms for computing the variance.
        """
        if not len(y_true):
            return
        difference = _difference(y_true, y_pred, self.name)
        missed = difference.reshape(len(difference), -1).astype(np.float64)
        truth = y_true.reshape(len(y_true), -1).astype(np.float64)
        mean = truth.mean(axis=0)
        apart = mean - self._mean
        count = self._count + len(truth)
        self._spread = self._spread + ((truth - mean) ** 2).sum(axis=0)
        self._spread += apart * apart * (self._count * len(truth) / count)
        self._mean = self._mean + apart * (len(truth) / count)
        self._missed = self._missed + (missed * missed).sum(axis=0)
        self._low = np.minimum(self._low, truth.min(axis=0))
        self._high = np.maximum(self._high, truth.max(axis=0))
        self._count = count

    def result(self) -> float:
        """See ``Metric.result``."""
        if self._count < 2:
            return math.nan
        varied = self._low != self._high
        spread = np.where(varied, self._spread, 1.0)
        exact = np.where(
            self._missed == 0, 1.0, np.where(self._missed > 0, 0.0, np.nan)
        )
        return float(np.where(varied, 1 - self._missed / spread, exact).mean())


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The mean of |p - t| over all elements.

    Parameters
    ----------
    y_true, y_pred : array_like of one shape

    Raises
    ------
    TypeError, ValueError
        Different shapes, or nothing to count.

    Example
    -------
    >>> mean_absolute_error([1.0, 2.0], [1.0, 5.0])
    1.5
    """
    return _of(MeanAbsoluteError(), y_true, y_pred)


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The mean of (p - t)^2 over all elements.

    Parameters
    ----------
    y_true, y_pred : array_like of one shape

    Raises
    ------
    TypeError, ValueError
        Different shapes, or nothing to count.

    Example
    -------
    >>> mean_squared_error([1.0, 2.0], [1.0, 5.0])
    4.5
    """
    return _of(MeanSquaredError(), y_true, y_pred)


def r2(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The share of the variance that is explained; see :class:`R2`.

    Parameters
    ----------
    y_true, y_pred : array_like of one shape

    Raises
    ------
    TypeError, ValueError
        Different shapes, or nothing to count.

    Example
    -------
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    return _of(R2(), y_true, y_pred)


def _of(metric: Metric, y_true: ArrayLike, y_pred: ArrayLike) -> float:
    truth, predicted = score_pair(y_true, y_pred)
    metric.update(truth.astype(np.float64), predicted.astype(np.float64))
    return metric.result()


def _difference(y_true: Array, y_pred: Array, name: str) -> Array:
    if y_true.shape != y_pred.shape:
        raise ValueError(
            describe(
                f"{name} got targets of shape {y_true.shape} and predictions of "
                f"shape {y_pred.shape}",
                "Expected equal shapes",
                'For class labels use metrics=["accuracy"].',
            )
        )
    return y_pred - y_true
