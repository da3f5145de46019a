"""How often the predicted class is the right one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.errors import describe
from pellucid.metrics.base import (
    Array,
    Kind,
    Metric,
    is_binary,
    label_pair,
    require_some,
    score_pair,
    true_answers,
    true_classes,
)


def limit_of(threshold: float, kind: Kind | None, from_logits: bool) -> float:
    """Where a yes begins, for probabilities or for logits.

    Example
    -------
    >>> limit_of(0.5, "binary", False), limit_of(0.5, "binary", True)
    (0.5, 0.0)
    """
    if kind != "binary" or not from_logits:
        return threshold
    return math.log(threshold / (1 - threshold)) if threshold < 1 else math.inf


def decisions(
    y_true: Array, y_pred: Array, metric: str, kind: Kind | None, limit: float
) -> tuple[Array, Array]:
    """The classes that are true and those that are predicted: answers, or labels."""
    if is_binary(y_pred, kind):
        return true_answers(y_true, y_pred, metric, kind), y_pred >= limit
    return true_classes(y_true, y_pred, metric, kind), y_pred.argmax(axis=-1)


class Accuracy(Metric):
    """Share of samples (or positions) whose class is predicted.

    With several outputs the predicted class is the largest one (the first, among
    equals); with one output, or a binary loss, each output is a yes or no of its own:
    yes where the probability reaches ``threshold``.

    Parameters
    ----------
    name : str, default "accuracy"
    threshold : float, default 0.5
        0 < threshold < 1.

    Example
    -------
    >>> metric = Accuracy()
    >>> metric.update(np.array([1, 0]), np.array([[0.2, 0.8], [0.3, 0.7]]))
    >>> metric.result()
    0.5
    """

    def __init__(self, name: str = "accuracy", threshold: float = 0.5) -> None:
        self.threshold = check_number(
            threshold, "Accuracy: threshold", above=0, at_most=1
        )
        super().__init__(name)
        self._limit = self.threshold

    def configure(self, kind: Kind, from_logits: bool) -> None:
        """See ``Metric.configure``."""
        super().configure(kind, from_logits)
        self._limit = limit_of(self.threshold, kind, from_logits)

    def update(self, y_true: Array, y_pred: Array) -> None:
        """See ``Metric.update``."""
        truth, chosen = decisions(y_true, y_pred, self.name, self.kind, self._limit)
        right = chosen == truth
        self._total += int(np.count_nonzero(right))
        self._count += right.size

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, fit for JSON."""
        return {"name": self.name, "threshold": self.threshold}


class TopKAccuracy(Metric):
    """Share of samples whose class is among the k largest outputs.

    Among equal outputs the earlier class comes first, as in ``Accuracy``.

    Parameters
    ----------
    k : int, default 5
        At least 1 and less than the number of classes.
    name : str, default "top_k_accuracy"

    Raises
    ------
    ValueError
        While it counts: there are no more than k classes, so that every sample would
        be right.

    Example
    -------
    >>> metric = TopKAccuracy(2)
    >>> metric.update(np.array([0, 2]), np.array([[0.3, 0.5, 0.2], [0.3, 0.5, 0.2]]))
    >>> metric.result()
    0.5
    """

    def __init__(self, k: int = 5, name: str = "top_k_accuracy") -> None:
        hint = "Pass k=5."
        self.k = check_integer(k, "TopKAccuracy: k", low=1, hint=hint)
        super().__init__(name)

    def update(self, y_true: Array, y_pred: Array) -> None:
        """See ``Metric.update``."""
        if is_binary(y_pred, self.kind) or y_pred.shape[-1] <= self.k:
            raise ValueError(
                describe(
                    f"{self.name}: k is {self.k} and the output has "
                    f"{y_pred.shape[-1]} columns",
                    "Expected one column for each of more than k classes",
                    'Pass a smaller k, or use metrics=["accuracy"].',
                )
            )
        labels = true_classes(y_true, y_pred, self.name, self.kind)[..., None]
        scores = np.take_along_axis(y_pred, labels, axis=-1)
        before = np.arange(y_pred.shape[-1]) < labels
        rank = np.count_nonzero(
            (y_pred > scores) | ((y_pred == scores) & before), axis=-1
        )
        right = (rank < self.k) & ~np.isnan(scores[..., 0])
        self._total += int(np.count_nonzero(right))
        self._count += right.size

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, fit for JSON."""
        return {"k": self.k, "name": self.name}


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Share of equal class labels.

    Parameters
    ----------
    y_true, y_pred : array_like of whole numbers (n,)

    Raises
    ------
    ValueError
        Different lengths, nothing to count, or labels that are not whole numbers.

    Example
    -------
    >>> accuracy([0, 1, 1, 2], [0, 1, 2, 2])
    0.75
    """
    truth, predicted = label_pair(y_true, y_pred)
    require_some(truth)
    return int(np.count_nonzero(truth == predicted)) / truth.size


def top_k_accuracy(y_true: ArrayLike, y_pred: ArrayLike, *, k: int = 5) -> float:
    """Share of samples whose class is among the k largest scores.

    Parameters
    ----------
    y_true : array_like (n,) of labels, or (n, classes)
    y_pred : array_like (n, classes)
        Scores, probabilities or logits.
    k : int, default 5
        At least 1 and less than the number of classes.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit, nothing to count, or too large a k.

    Example
    -------
    >>> top_k_accuracy([0, 2], [[0.3, 0.5, 0.2], [0.3, 0.5, 0.2]], k=2)
    0.5
    """
    metric = TopKAccuracy(k)
    metric.update(*score_pair(y_true, y_pred))
    return metric.result()
