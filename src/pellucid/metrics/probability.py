"""How good the predicted probabilities are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.checks import check_integer, first_bad
from pellucid.errors import describe
from pellucid.metrics.base import (
    Array,
    Kind,
    Metric,
    is_binary,
    probabilities,
    score_pair,
    true_answers,
    true_classes,
)


class LogLoss(Metric):
    """Minus the mean logarithm of the probability of what is true, in nats.

    The cross-entropy, without label smoothing, weights and penalties; in float64, with
    probabilities of at least 1e-15. With one column or a binary loss each output counts
    by itself.

    Parameters
    ----------
    name : str, default "log_loss"

    Example
    -------
    >>> metric = LogLoss()
    >>> metric.update(np.array([1, 0]), np.array([[0.5, 0.5], [0.5, 0.5]]))
    >>> round(metric.result(), 6)
    0.693147
    """

    def __init__(self, name: str = "log_loss") -> None:
        super().__init__(name)

    def update(self, y_true: Array, y_pred: Array) -> None:
        """See ``Metric.update``."""
        if not y_pred.size:
            return
        values = np.ascontiguousarray(y_pred, np.float64)
        if is_binary(y_pred, self.kind):
            answers = true_answers(y_true, y_pred, self.name, self.kind)
            truth, count = answers.astype(np.float64), values.size
            loss = (
                kernels.sigmoid_binary_cross_entropy
                if self.from_logits
                else kernels.binary_cross_entropy
            )
        else:
            labels = true_classes(y_true, y_pred, self.name, self.kind)
            truth, count = np.ascontiguousarray(labels, np.int64), labels.size
            loss = (
                kernels.softmax_cross_entropy
                if self.from_logits
                else kernels.categorical_cross_entropy
            )
        value, _ = loss(values, truth, reduction="sum")
        self._total += float(value[0])
        self._count += count


class RocAuc(Metric):
    """How often a sample of a class scores higher than one of another: ROC area.

    AUC = (pairs in the right order + half of the pairs with equal scores) / pairs

    With several classes the mean over the classes, each against the rest, by the
    probabilities; with several yes/no outputs the mean over them. Classes that never
    or always occur are left out; NaN when none is left, or when a score is NaN. All
    scores are kept until ``reset``.

    Parameters
    ----------
    name : str, default "roc_auc"

    Example
    -------
    >>> metric = RocAuc()
    >>> metric.update(np.array([[1], [0], [1]]), np.array([[0.9], [0.5], [0.5]]))
    >>> metric.result()
    0.75

    Source
    ------
    Hanley, McNeil (1982), The meaning and use of the area under a ROC curve.
    """

    def __init__(self, name: str = "roc_auc") -> None:
        super().__init__(name)

    def reset(self) -> None:
        """See ``Metric.reset``."""
        super().reset()
        self._truth: list[Array] = []
        self._scores: list[Array] = []

    def update(self, y_true: Array, y_pred: Array) -> None:
        """See ``Metric.update``."""
        if is_binary(y_pred, self.kind):
            truth = true_answers(y_true, y_pred, self.name, self.kind)
            scores = np.array(y_pred)  # the sigmoid would keep the order
        else:
            labels = true_classes(y_true, y_pred, self.name, self.kind)
            truth = labels[..., None] == np.arange(y_pred.shape[-1])
            scores = np.array(probabilities(y_pred, False, self.from_logits))
        self._truth.append(truth.reshape(-1, truth.shape[-1]))
        self._scores.append(scores.reshape(-1, scores.shape[-1]))

    def result(self) -> float:
        """See ``Metric.result``."""
        if not self._truth:
            return math.nan
        truth, scores = np.concatenate(self._truth), np.concatenate(self._scores)
        areas = [_area(truth[:, i], scores[:, i]) for i in range(truth.shape[1])]
        found = [area for area in areas if area is not None]
        return sum(found) / len(found) if found else math.nan


class CalibrationError(Metric):
    """How far confidence is from being right: the expected calibration error.

    sum over bins of |sum of confidences - number of hits| / number of samples

    The bins have one width; a confidence on an edge belongs to the bin below. With
    several classes the confidence is the largest probability and a hit is a right
    class; with one column, or a binary loss, it is the probability of yes and a hit is
    a yes.

    Parameters
    ----------
    bins : int, default 15
        At least 1.
    name : str, default "calibration_error"

    Example
    -------
    >>> metric = CalibrationError(bins=2)
    >>> metric.update(np.array([[1], [0], [1]]), np.array([[0.75], [0.75], [0.75]]))
    >>> round(metric.result(), 6)
    0.083333

    Source
    ------
    Naeini, Cooper, Hauskrecht (2015), Obtaining well calibrated probabilities; Guo,
    Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks.
    """

    def __init__(self, bins: int = 15, name: str = "calibration_error") -> None:
        hint = "Pass bins=15."
        self.bins = check_integer(bins, "CalibrationError: bins", low=1, hint=hint)
        super().__init__(name)

    def reset(self) -> None:
        """See ``Metric.reset``."""
        super().reset()
        self._gaps = np.zeros(self.bins)

    def update(self, y_true: Array, y_pred: Array) -> None:
        """See ``Metric.update``."""
        binary = is_binary(y_pred, self.kind)
        p = probabilities(y_pred, binary, self.from_logits)
        if binary:
            hits, confidence = true_answers(y_true, y_pred, self.name, self.kind), p
        else:
            labels = true_classes(y_true, y_pred, self.name, self.kind)
            hits, confidence = p.argmax(axis=-1) == labels, p.max(axis=-1)
        edges = np.linspace(0, 1, self.bins + 1)[1:-1]
        bins = np.searchsorted(edges, confidence.reshape(-1))
        gaps = confidence.reshape(-1) - hits.reshape(-1)
        self._gaps += np.bincount(bins, gaps, self.bins)
        self._count += gaps.size

    def result(self) -> float:
        """See ``Metric.result``."""
        if not self._count:
            return math.nan
        return float(np.abs(self._gaps).sum()) / self._count

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, fit for JSON."""
        return {"bins": self.bins, "name": self.name}


def log_loss(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Minus the mean logarithm of the probability of what is true.

    Parameters
    ----------
    y_true : array_like (n,) of labels, or of 0 and 1 like y_pred
    y_pred : array_like (n, classes), or (n,) or (n, 1) for yes and no
        Probabilities.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit, nothing to count, or numbers that are no probabilities.

    Example
    -------
    >>> round(log_loss([1, 0], [0.5, 0.5]), 6)
    0.693147
    """
    return _of(LogLoss(), y_true, y_pred, "log_loss")


def roc_auc(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The area under the ROC curve; see :class:`RocAuc`.

    Parameters
    ----------
    y_true : array_like (n,) of labels, or of 0 and 1 like y_pred
    y_pred : array_like (n, classes), or (n,) or (n, 1) for yes and no
        Scores; probabilities where there are several classes.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit, or nothing to count.

    Example
    -------
    >>> roc_auc([1, 0, 1], [0.9, 0.5, 0.5])
    0.75
    """
    return _of(RocAuc(), y_true, y_pred)


def calibration_error(y_true: ArrayLike, y_pred: ArrayLike, *, bins: int = 15) -> float:
    """The expected calibration error; see :class:`CalibrationError`.

    Parameters
    ----------
    y_true : array_like (n,) of labels, or of 0 and 1 like y_pred
    y_pred : array_like (n, classes), or (n,) or (n, 1) for yes and no
        Probabilities.
    bins : int, default 15
        At least 1.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit, nothing to count, or numbers that are no probabilities.

    Example
    -------
    >>> round(calibration_error([1, 0, 1], [0.75, 0.75, 0.75]), 6)
    0.083333
    """
    return _of(CalibrationError(bins), y_true, y_pred, "calibration_error")


def _of(
    metric: Metric, y_true: ArrayLike, y_pred: ArrayLike, of_probabilities: str = ""
) -> float:
    truth, predicted = score_pair(y_true, y_pred)
    bad = (predicted < 0) | (predicted > 1)
    if of_probabilities and bad.any():
        raise ValueError(
            describe(
                f"{of_probabilities}: y_pred holds {predicted[first_bad(bad)]:g}",
                "Expected probabilities, from 0 to 1",
                "Pass model.predict_proba(x).",
            )
        )
    kind: Kind = "regression" if truth.shape == predicted.shape else "categorical"
    metric.configure(kind, False)  # measured values are refused
    metric.update(truth, predicted)
    return metric.result()


def _area(truth: Array, scores: Array) -> float | None:
    """Count pairs, in halves, so that the result is the nearest number to the ratio."""
    if np.isnan(scores).any():
        return math.nan
    _, group = np.unique(scores, return_inverse=True)
    group = group.reshape(-1)
    yes = np.bincount(group, truth, group.max(initial=-1) + 1).astype(np.int64)
    no = np.bincount(group, ~truth, len(yes)).astype(np.int64)
    pairs = int(yes.sum()) * int(no.sum())
    if pairs == 0:
        return None
    below = np.cumsum(no) - no
    halves = 2 * sum(int(a) * int(b) for a, b in zip(yes, below, strict=True) if a)
    halves += int((yes * no).sum())
    return halves / (2 * pairs)
