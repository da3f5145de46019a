"""What a loss is worth: the loss of guessing, and the least there can be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.core.layer import Array
from pellucid.losses import Hinge, Huber, KLDivergence, Loss, MeanAbsoluteError

Values = NDArray[np.float64]
HALVINGS = 60


def guess_and_floor(loss: Loss, y: Array, outputs: int) -> tuple[float, float]:
    """The loss of the best answer that does not look at x, and of a perfect one.

    Parameters
    ----------
    loss : Loss
        One of the library, with ``reduction="mean"``.
    y : array
        Targets as ``loss.check`` returns them.
    outputs : int
        Size of the last axis of the predictions.

    Returns
    -------
    guess, floor : float
        The floor is above 0 where targets are probabilities, or smoothed.

    Example
    -------
    >>> from pellucid.losses import MeanSquaredError, SoftmaxCrossEntropy
    >>> guess, floor = guess_and_floor(SoftmaxCrossEntropy(), np.array([0, 1, 0, 1]), 2)
    >>> round(guess, 4), floor
    (0.6931, 0.0)
    >>> guess_and_floor(MeanSquaredError(), np.array([[1.0], [3.0]]), 1)
    (1.0, 0.0)
    """
    values = np.asarray(y, np.float64)
    kind = getattr(loss, "kind", "regression")
    if kind == "categorical":
        return _categorical(loss, y, outputs)
    columns = values.reshape(len(values), -1)
    if isinstance(loss, Hinge):
        share = (columns > 0).mean(axis=0)
        return float(2 * np.minimum(share, 1 - share).mean()), 0.0
    if kind == "binary":
        smoothing = getattr(loss, "label_smoothing", 0.0)
        columns = (1 - smoothing) * columns + smoothing / 2
        pair = np.stack([columns, 1 - columns], axis=-1)
        return float(_entropy(pair.mean(axis=0)).mean()), float(_entropy(pair).mean())
    if isinstance(loss, MeanAbsoluteError):
        return float(np.abs(columns - np.median(columns, axis=0)).mean()), 0.0
    if isinstance(loss, Huber):
        return _huber(columns, loss.delta), 0.0
    return float(columns.var(axis=0).mean()), 0.0


def _categorical(loss: Loss, y: Array, outputs: int) -> tuple[float, float]:
    if y.dtype.kind in "iu":
        shares = np.bincount(y.reshape(-1), minlength=outputs) / y.size
        rows: Values = np.eye(1, outputs)
    else:
        rows = np.asarray(y, np.float64).reshape(-1, y.shape[-1])
        shares = rows.mean(axis=0)
    smoothing = getattr(loss, "label_smoothing", 0.0)
    guess = float(_entropy((1 - smoothing) * shares + smoothing / outputs))
    floor = float(_entropy((1 - smoothing) * rows + smoothing / outputs).mean())
    if isinstance(loss, KLDivergence):
        return guess - floor, 0.0
    return guess, floor


def _entropy(p: Values) -> Values:
    """Of the distributions along the last axis."""
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    total: Values = np.abs((p * logs).sum(axis=-1))
    return total


def _huber(y: Values, delta: float) -> float:
    """The mean loss of the best constant of every column, by halving."""
    low, high = y.min(axis=0), y.max(axis=0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = np.clip(middle - y, -delta, delta).mean(axis=0) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    d = np.abs(y - (low + high) / 2)
    return float(np.where(d <= delta, d * d / 2, delta * (d - delta / 2)).mean())
