"""What metrics share: the base class, classes out of targets and predictions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid import kernels
from pellucid.checks import class_labels, real_array
from pellucid.core.shown import shown_call
from pellucid.errors import describe

Array = NDArray[Any]
Shape = tuple[int, ...]
Kind = Literal["categorical", "binary", "regression"]


class Metric(ABC):
    """Collects batches; the result is that of all samples together.

    An own metric has ``name`` and the methods ``reset``, ``update`` and ``result``.

    Parameters
    ----------
    name : str
        The key in ``History`` and in what ``evaluate`` returns.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise TypeError(
                describe(
                    f"{type(self).__name__}: name is {name!r}",
                    "Expected the key of the values in History, a string",
                    'Pass name="my_metric", or leave it out.',
                )
            )
        self.name = name
        self.kind: Kind | None = None
        self.from_logits = False
        self.reset()

    def configure(self, kind: Kind, from_logits: bool) -> None:
        """Tell the metric, before training, what the loss says of the predictions.

        Parameters
        ----------
        kind : {"categorical", "binary", "regression"}
        from_logits : bool
            Predictions come before the softmax or sigmoid.
        """
        self.kind, self.from_logits = kind, from_logits

    def reset(self) -> None:
        """Forget all batches."""
        self._total = 0.0
        self._count = 0

    @abstractmethod
    def update(self, y_true: Array, y_pred: Array) -> None:
        """Add a batch: targets as the loss takes them, predictions."""

    def result(self) -> float:
        """The metric of all batches since ``reset``; NaN before the first."""
        return self._total / self._count if self._count else math.nan

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, fit for JSON."""
        return {"name": self.name}

    def __repr__(self) -> str:
        return shown_call(self, self.config())


def is_binary(y_pred: Array, kind: Kind | None) -> bool:
    """Whether each output is a yes or no of its own: one column, or a binary loss.

    Example
    -------
    >>> is_binary(np.zeros((5, 1)), None), is_binary(np.zeros((5, 3)), "categorical")
    (True, False)
    """
    return kind == "binary" or y_pred.ndim == 1 or y_pred.shape[-1] == 1


def true_classes(y_true: Array, y_pred: Array, metric: str, kind: Kind | None) -> Array:
    """Labels of targets that are labels or rows with one entry for each class."""
    if y_true.shape != y_pred.shape:
        return y_true.reshape(y_pred.shape[:-1])
    if kind == "regression":
        require_zero_one(y_true, metric)
    labels: Array = y_true.argmax(axis=-1)
    return labels


def true_answers(y_true: Array, y_pred: Array, metric: str, kind: Kind | None) -> Array:
    """The yes among targets that are a yes or no for each output."""
    truth = y_true.reshape(y_pred.shape)
    if kind == "regression":
        require_zero_one(truth, metric)
    answers: Array = truth >= 0.5
    return answers


def probabilities(y_pred: Array, binary: bool, from_logits: bool) -> Array:
    """Predictions as probabilities, in float64."""
    values = np.ascontiguousarray(y_pred, np.float64)
    if not from_logits:
        return values
    return kernels.activation(values, "sigmoid") if binary else kernels.softmax(values)


def label_pair(
    y_true: ArrayLike, y_pred: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return two columns of class labels of one length, at least one, or raise."""
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
        if name == "y_pred" and array.dtype.kind == "f" and (array % 1).any():
            raise ValueError(
                describe(
                    "y_pred holds numbers that are not whole",
                    "Expected class labels of shape (n,)",
                    "Pass (y_pred >= 0.5).astype(int) for probabilities of yes.",
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


def score_pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    """Return targets and predictions with as many samples, at least one, or raise.

    A prediction of shape (n,) becomes a column.
    """
    truth, predicted = real_array(y_true, "y_true"), real_array(y_pred, "y_pred")
    if truth.ndim == 0 or predicted.ndim == 0 or len(truth) != len(predicted):
        raise ValueError(
            describe(
                f"y_true has shape {truth.shape} and y_pred has shape "
                f"{predicted.shape}",
                "Expected as many predictions as targets",
                "Predict on the samples that y_true belongs to.",
            )
        )
    require_some(truth)
    if predicted.ndim == 1:
        predicted = predicted.reshape(-1, 1)
    if truth.ndim == 1 and predicted.shape == (len(truth), 1):
        truth = truth.reshape(-1, 1)
    if truth.ndim == 2 and truth.shape[1] == 1 and predicted.shape[1:] != (1,):
        truth = truth.reshape(-1)
    if truth.shape not in (predicted.shape, predicted.shape[:-1]):
        raise ValueError(
            describe(
                f"y_true has shape {truth.shape} and y_pred has shape "
                f"{predicted.shape}",
                "Expected targets of the same shape, or one class label per row",
                "Reshape one of them.",
            )
        )
    if truth.shape != predicted.shape:
        truth = class_labels(truth, "y_true")
        classes = predicted.shape[-1]
        if truth.min() < 0 or truth.max() >= classes:
            raise ValueError(
                describe(
                    f"y_true has labels from {truth.min()} to {truth.max()}, y_pred "
                    f"has {classes} columns",
                    f"Expected labels from 0 to {classes - 1}",
                    "Number the classes from 0, in the order of the columns.",
                )
            )
    return truth, predicted


def require_some(truth: Array) -> None:
    """Raise when there is nothing to count."""
    if truth.size == 0:
        raise ValueError(
            describe(
                "y_true is empty",
                "Expected at least one label",
                "Check how it was cut.",
            )
        )


def require_zero_one(truth: Array, metric: str) -> None:
    """Raise unless all targets are 0 or 1."""
    if ((truth != 0) & (truth != 1)).any():
        raise ValueError(
            describe(
                f"{metric} got measured values as targets",
                "Expected classes: targets of 0 and 1, or class labels",
                'Use metrics=["mean_absolute_error"] for measured values.',
            )
        )
