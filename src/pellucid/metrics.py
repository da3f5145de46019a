"""Metrics: exact over an epoch, and functions of (y_true, y_pred)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.checks import class_labels, first_bad, real_array
from pellucid.core.inputs import check_number
from pellucid.errors import closest, describe

Array = NDArray[Any]
Shape = tuple[int, ...]
Kind = Literal["categorical", "binary", "regression"]

__all__ = [
    "Accuracy",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "accuracy",
    "confusion_matrix",
    "get_metrics",
]


class Metric:
    """Collects batches; the result is that of all samples together.

    An own metric has ``name`` and the methods ``reset``, ``update`` and ``result``.

    Parameters
    ----------
    name : str
        The key in ``History`` and in what ``evaluate`` returns.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.reset()

    def configure(self, kind: Kind, from_logits: bool) -> None:
        """Tell the metric, before training, what the loss says of the predictions.

        Parameters
        ----------
        kind : {"categorical", "binary", "regression"}
        from_logits : bool
            Predictions come before the softmax or sigmoid.
        """

    def reset(self) -> None:
        """Forget all batches."""
        self._total = 0.0
        self._count = 0

    def update(self, y_true: Array, y_pred: Array) -> None:
        """Add a batch: targets as the loss takes them, predictions."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def result(self) -> float:
        """The metric of all batches since ``reset``; NaN before the first."""
        return self._total / self._count if self._count else math.nan

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, fit for JSON."""
        return {"name": self.name}

    def __repr__(self) -> str:
        arguments = ", ".join(
            f"{key}={value!r}" for key, value in self.config().items()
        )
        return f"{type(self).__name__}({arguments})"


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
        self._kind: Kind | None = None
        self._limit = self.threshold
        super().__init__(name)

    def configure(self, kind: Kind, from_logits: bool) -> None:
        """See ``Metric.configure``."""
        self._kind = kind
        limit = self.threshold
        if kind == "binary" and from_logits:
            limit = math.log(limit / (1 - limit)) if limit < 1 else math.inf
        self._limit = limit

    def update(self, y_true: Array, y_pred: Array) -> None:
        """See ``Metric.update``."""
        if self._kind == "binary" or y_pred.shape[-1] == 1:
            chosen = y_pred >= self._limit
            truth = y_true.reshape(y_pred.shape)
            if self._kind == "regression":
                _require_zero_one(truth)
            right = chosen == (truth >= 0.5)
        else:
            one_hot = y_true.shape == y_pred.shape
            if self._kind == "regression" and one_hot:
                _require_zero_one(y_true)
            labels = y_true.argmax(axis=-1) if one_hot else y_true
            right = y_pred.argmax(axis=-1) == labels
        self._total += int(np.count_nonzero(right))
        self._count += right.size

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, fit for JSON."""
        return {"name": self.name, "threshold": self.threshold}


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


METRICS: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "mean_absolute_error": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
}
ALIASES = {
    "acc": "accuracy",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
}


def get_metrics(metrics: object) -> list[Metric]:
    """Return the metrics that names and objects stand for.

    Raises
    ------
    ValueError
        Unknown name (the message has the list and the closest one), or one name twice.
    TypeError
        Not a sequence, or an object without the methods of a metric.

    Example
    -------
    >>> get_metrics(["acc"])
    [Accuracy(name='accuracy', threshold=0.5)]
    """
    if isinstance(metrics, str) or not isinstance(metrics, Sequence):
        raise TypeError(
            describe(
                f"metrics is {metrics!r}",
                "Expected a list of names or Metric objects",
                'Pass metrics=["accuracy"].',
            )
        )
    found = [_get_metric(metric) for metric in metrics]
    names = ["loss"]
    for metric in found:
        if metric.name in names:
            raise ValueError(
                describe(
                    f'two values would be called "{metric.name}"',
                    "Expected metrics with names of their own",
                    'Leave one out, or name it: Accuracy(name="...").',
                )
            )
        names.append(metric.name)
    return found


def _get_metric(metric: object) -> Metric:
    if isinstance(metric, str):
        name = ALIASES.get(metric, metric)
        if name not in METRICS:
            near = closest(metric, [*METRICS, *ALIASES])
            raise ValueError(
                describe(
                    f'metric "{metric}" is not known',
                    "Expected one of " + ", ".join(f'"{known}"' for known in METRICS),
                    f'Did you mean "{near}"?' if near else "Choose one of the list.",
                )
            )
        return METRICS[name](name)
    wanted = ("name", "reset", "update", "result")
    if isinstance(metric, type) or not all(hasattr(metric, word) for word in wanted):
        raise TypeError(
            describe(
                f"a metric is {metric!r}",
                "Expected the name of a metric or an object with "
                "name, reset, update, result",
                'Pass metrics=["accuracy"] or metrics=[Accuracy()].',
            )
        )
    return cast(Metric, metric)


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
    truth, predicted = _label_pair(y_true, y_pred)
    if truth.size == 0:
        raise ValueError(
            describe(
                "y_true is empty",
                "Expected at least one label",
                "Check how it was cut.",
            )
        )
    return int(np.count_nonzero(truth == predicted)) / truth.size


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
    truth, predicted = _label_pair(y_true, y_pred)
    largest = int(max(truth.max(initial=-1), predicted.max(initial=-1)))
    classes = largest + 1 if n_classes is None else int(n_classes)
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
    counts = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def _label_pair(
    y_true: ArrayLike, y_pred: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pair = []
    for name, values in (("y_true", y_true), ("y_pred", y_pred)):
        array = real_array(values, name)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array.reshape(-1)
        if array.ndim != 1:
            raise ValueError(
                describe(
                    f"{name} has shape {array.shape}",
                    "Expected class labels of shape (n,)",
                    f"Pass {name}.argmax(axis=-1) for one-hot rows or probabilities.",
                )
            )
        pair.append(class_labels(array, name))
    if len(pair[0]) != len(pair[1]):
        raise ValueError(
            describe(
                f"y_true has {len(pair[0])} labels and y_pred has {len(pair[1])}",
                "Expected as many predictions as labels",
                "Predict on the samples that y_true belongs to.",
            )
        )
    return pair[0], pair[1]


def _require_zero_one(truth: Array) -> None:
    if ((truth != 0) & (truth != 1)).any():
        raise ValueError(
            describe(
                "accuracy got measured values as targets",
                "Expected classes: targets of 0 and 1, or class labels",
                'Use metrics=["mean_absolute_error"] for measured values.',
            )
        )


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
