"""Which class was taken for which: confusion matrix, precision, recall, F1."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.checks import check_integer, first_bad
from pellucid.core.inputs import check_number
from pellucid.errors import check_choice, describe
from pellucid.metrics.accuracy import decisions, limit_of
from pellucid.metrics.base import (
    Array,
    Kind,
    Metric,
    is_binary,
    label_pair,
    require_some,
)
from pellucid.metrics.counts import (
    AVERAGES,
    averaged,
    check_average,
    check_zero_division,
    class_counts,
    label_counts,
    matrix_of,
)


class _Counts(Metric):
    """What precision, recall and F1 share: counts for each class."""

    def __init__(
        self,
        average: str | None,
        zero_division: float,
        threshold: float,
        name: str,
    ) -> None:
        kind = type(self).__name__
        self.average = check_average(average, kind)
        self.zero_division = check_zero_division(zero_division, kind)
        self.threshold = check_number(
            threshold, f"{kind}: threshold", above=0, at_most=1
        )
        super().__init__(name)
        self._limit = self.threshold

    def configure(self, kind: Kind, from_logits: bool) -> None:
        """See ``Metric.configure``."""
        super().configure(kind, from_logits)
        self._limit = limit_of(self.threshold, kind, from_logits)

    def reset(self) -> None:
        """See ``Metric.reset``."""
        super().reset()
        self._counts: Array | None = None
        self._labels = False

    def update(self, y_true: Array, y_pred: Array) -> None:
        """See ``Metric.update``."""
        truth, chosen = decisions(y_true, y_pred, self.name, self.kind, self._limit)
        several = is_binary(y_pred, self.kind) and y_pred.shape[1:] not in ((), (1,))
        if several:
            columns = (
                truth.reshape(-1, truth.shape[-1]),
                chosen.reshape(-1, truth.shape[-1]),
            )
            counts = label_counts(*columns)
        else:
            classes = 2 if truth.dtype == bool else y_pred.shape[-1]
            flat = (
                truth.astype(np.int64).reshape(-1),
                chosen.astype(np.int64).reshape(-1),
            )
            counts = class_counts(matrix_of(*flat, classes))
        self._labels = several
        self._binary = not several and truth.dtype == bool
        self._counts = counts if self._counts is None else self._counts + counts

    def result(self) -> Any:
        """The metric of all batches since ``reset``; NaN before the first.

        An array, one number for each class, where ``average`` is None.
        """
        if self._counts is None:
            return math.nan
        average = self.average
        if average == "auto":
            average = "binary" if self._binary else "macro"
        return averaged(
            self._counts, self._ratio, average, self.zero_division, self._labels
        )

    @staticmethod
    @abstractmethod
    def _ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        """Numerator and denominator, from the counts of a class."""

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, fit for JSON."""
        return {
            "average": self.average,
            "zero_division": self.zero_division,
            "threshold": self.threshold,
            "name": self.name,
        }


class Precision(_Counts):
    """Of the samples taken for a class, the share that belongs to it.

    hits / predicted

    Classes are found as by ``Accuracy``. Classes that occur neither in the targets nor
    in the predictions do not count.

    Parameters
    ----------
    average : {"auto", "binary", "macro", "micro", "weighted"} or None
        "binary": of the class 1 of two; "macro": the mean over the classes; "micro": of
        the counts of all classes together; "weighted": the mean, weighted by how often
        a class is true; None: an array with one number for each class, outside of
        ``compile`` only. "auto", the default, is "binary" for one column, else "macro".
    zero_division : float, default 0
        The value of 0 / 0, from 0 to 1; NaN leaves such classes out of the mean.
    threshold : float, default 0.5
        0 < threshold <= 1; where a yes begins, with one column or a binary loss.
    name : str, default "precision"

    Raises
    ------
    TypeError, ValueError
        Arguments out of their range; "binary" with more than two classes.

    Example
    -------
    >>> metric = Precision()
    >>> metric.update(np.array([[1], [0], [1]]), np.array([[0.9], [0.8], [0.1]]))
    >>> metric.result()
    0.5
    """

    def __init__(
        self,
        average: str | None = "auto",
        zero_division: float = 0.0,
        threshold: float = 0.5,
        name: str = "precision",
    ) -> None:
        super().__init__(average, zero_division, threshold, name)

    @staticmethod
    def _ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        return hits, predicted


class Recall(_Counts):
    """Of the samples of a class, the share that is taken for it.

    hits / true

    Classes are found as by ``Accuracy``. Classes that occur neither in the targets nor
    in the predictions do not count.

    Parameters
    ----------
    average, zero_division, threshold
        As in :class:`Precision`.
    name : str, default "recall"

    Raises
    ------
    TypeError, ValueError
        Arguments out of their range; "binary" with more than two classes.

    Example
    -------
    >>> metric = Recall()
    >>> metric.update(np.array([[1], [0], [1]]), np.array([[0.9], [0.8], [0.1]]))
    >>> metric.result()
    0.5
    """

    def __init__(
        self,
        average: str | None = "auto",
        zero_division: float = 0.0,
        threshold: float = 0.5,
        name: str = "recall",
    ) -> None:
        super().__init__(average, zero_division, threshold, name)

    @staticmethod
    def _ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        return hits, true


class F1(_Counts):
    """The harmonic mean of precision and recall.

    2 hits / (predicted + true)

    Classes are found as by ``Accuracy``. Classes that occur neither in the targets nor
    in the predictions do not count.

    Parameters
    ----------
    average, zero_division, threshold
        As in :class:`Precision`.
    name : str, default "f1"

    Raises
    ------
    TypeError, ValueError
        Arguments out of their range; "binary" with more than two classes.

    Example
    -------
    >>> metric = F1()
    >>> metric.update(np.array([[1], [0], [1]]), np.array([[0.9], [0.8], [0.1]]))
    >>> metric.result()
    0.5
    """

    def __init__(
        self,
        average: str | None = "auto",
        zero_division: float = 0.0,
        threshold: float = 0.5,
        name: str = "f1",
    ) -> None:
        super().__init__(average, zero_division, threshold, name)

    @staticmethod
    def _ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        return 2 * hits, predicted + true


def confusion_matrix(
    y_true: ArrayLike, y_pred: ArrayLike, *, n_classes: int | None = None
) -> NDArray[np.int64]:
    """Count how often class i was taken for class j.

    Parameters
    ----------
    y_true, y_pred : array_like of whole numbers (n,)
        Labels from 0.
    n_classes : int, optional
        Rows and columns; the largest label plus 1 by default.

    Returns
    -------
    array (n_classes, n_classes)
        Row: the true class. Column: the predicted one.

    Raises
    ------
    ValueError
        Different lengths, or labels outside 0 .. n_classes - 1.

    Example
    -------
    >>> confusion_matrix([0, 1, 1], [0, 1, 0])
    array([[1, 0],
           [1, 1]])
    """
    truth, predicted = label_pair(y_true, y_pred)
    largest = int(max(truth.max(initial=-1), predicted.max(initial=-1)))
    classes = largest + 1
    if n_classes is not None:
        hint = "Leave n_classes out for the largest label plus 1."
        classes = check_integer(n_classes, "n_classes", low=1, hint=hint)
    for name, labels in (("y_true", truth), ("y_pred", predicted)):
        bad = (labels < 0) | (labels >= classes)
        if bad.any():
            (index,) = first_bad(bad)
            raise ValueError(
                describe(
                    f"{name} has the label {labels[index]} at index {index}",
                    f"Expected labels from 0 to {classes - 1}",
                    "Pass a larger n_classes, or number the classes from 0.",
                )
            )
    return matrix_of(truth, predicted, classes)


def precision(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: str | None = "macro",
    zero_division: float = 0.0,
    n_classes: int | None = None,
) -> Any:
    """Of the samples taken for a class, the share that belongs to it.

    Parameters
    ----------
    y_true, y_pred : array_like of whole numbers (n,)
        Labels from 0.
    average, zero_division
        As in :class:`Precision`, without "auto".
    n_classes : int, optional
        The largest label plus 1 by default.

    Returns
    -------
    float, or array (n_classes,) where average is None

    Raises
    ------
    TypeError, ValueError
        Labels that do not fit, nothing to count, "binary" with more than two classes.

    Example
    -------
    >>> precision([0, 1, 1, 0], [0, 1, 0, 0], average="binary")
    1.0
    """
    return _score(Precision, y_true, y_pred, average, zero_division, n_classes)


def recall(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: str | None = "macro",
    zero_division: float = 0.0,
    n_classes: int | None = None,
) -> Any:
    """Of the samples of a class, the share that is taken for it.

    Parameters
    ----------
    y_true, y_pred, average, zero_division, n_classes
        As in :func:`precision`, and so is what it returns and raises.

    Example
    -------
    >>> recall([0, 1, 1, 0], [0, 1, 0, 0], average="binary")
    0.5
    """
    return _score(Recall, y_true, y_pred, average, zero_division, n_classes)


def f1(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: str | None = "macro",
    zero_division: float = 0.0,
    n_classes: int | None = None,
) -> Any:
    """The harmonic mean of precision and recall.

    Parameters
    ----------
    y_true, y_pred, average, zero_division, n_classes
        As in :func:`precision`, and so is what it returns and raises.

    Example
    -------
    >>> f1([0, 1, 1, 0], [0, 1, 0, 0], average="binary")
    0.6666666666666666
    """
    return _score(F1, y_true, y_pred, average, zero_division, n_classes)


def _score(
    metric: type[_Counts],
    y_true: ArrayLike,
    y_pred: ArrayLike,
    average: str | None,
    zero_division: float,
    n_classes: int | None,
) -> Any:
    if average is not None:
        check_choice(average, f"{metric.__name__}: average", AVERAGES[1:])
    division = check_zero_division(zero_division, metric.__name__)
    require_some(label_pair(y_true, y_pred)[0])
    matrix = confusion_matrix(y_true, y_pred, n_classes=n_classes)
    return averaged(class_counts(matrix), metric._ratio, average, division, False)
