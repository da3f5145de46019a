"""Losses for classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import kernels
from pellucid.checks import (
    check_fraction,
    class_labels,
    first_bad,
    position,
    real_array,
)
from pellucid.errors import describe
from pellucid.losses.base import Array, Loss, Shape, batched, same_shape


class _CrossEntropy(Loss):
    """What the four cross-entropies share: label smoothing and its argument."""

    _kernel_name: ClassVar[str]
    """Name of the kernel that computes the loss."""

    def __init__(
        self, *, label_smoothing: float = 0.0, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.label_smoothing = check_fraction(label_smoothing, "label_smoothing")

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal loss, fit for JSON."""
        return {"label_smoothing": self.label_smoothing, "reduction": self.reduction}

    def value_and_gradient(
        self,
        prediction: Array,
        targets: Array,
        *,
        weights: Array | None = None,
        out: tuple[Array | None, Array | None] | None = None,
    ) -> tuple[Array, Array]:
        """See ``Loss.value_and_gradient``."""
        result: tuple[Array, Array] = getattr(kernels, self._kernel_name)(
            prediction,
            targets,
            weights=weights,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
            out=out,
        )
        return result


class _Categorical(_CrossEntropy):
    """Targets that name one class of k: labels, or rows that sum to 1."""

    kind = "categorical"
    activation = "softmax"

    def check(
        self, targets: object, output_shape: Shape, *, dtype: DTypeLike = "float32"
    ) -> Array:
        """See ``Loss.check``: labels become int64, one-hot rows become ``dtype``."""
        array = real_array(targets, "y")
        classes = output_shape[-1]
        if classes < 2:
            raise ValueError(
                describe(
                    f"{type(self).__name__} got an output of {classes} column: "
                    "one class alone always has probability 1",
                    "Expected one output per class, at least 2",
                    'For two classes in one column use loss="sigmoid_binary_'
                    'cross_entropy", or give the last layer one unit per class.',
                )
            )
        if array.shape[1:] == output_shape:
            return probability_rows(array, dtype)
        if len(output_shape) == 1 and array.ndim == 2 and array.shape[1] == 1:
            array = array.reshape(-1)
        if array.ndim != len(output_shape) or array.shape[1:] != output_shape[:-1]:
            raise ValueError(
                describe(
                    f"y has shape {array.shape}, the model's output "
                    f"{batched(output_shape)}",
                    f"Expected class labels of shape {batched(output_shape[:-1])} or "
                    f"one-hot rows of shape {batched(output_shape)}",
                    "Pass labels from 0, or give the last layer one unit per class.",
                )
            )
        return check_labels(class_labels(array, "y"), classes)


class SoftmaxCrossEntropy(_Categorical):
    """Cross-entropy of class labels and logits: the softmax is inside.

    l = logsumexp(z) - z_label, dl/dz = softmax(z) - onehot(label)

    Parameters
    ----------
    label_smoothing : float, default 0
        s mixes the target with the even distribution: t (1 - s) + s / k.
    reduction : {"mean", "sum"}

    Shapes
    ------
    Prediction ``(n, ..., k)``; targets ``(n, ...)`` labels or ``(n, ..., k)`` rows.

    Example
    -------
    >>> round(SoftmaxCrossEntropy()([[0.0, 0.0]], [1]), 6)
    0.693147
    """

    from_logits = True
    _kernel_name = "softmax_cross_entropy"


class CategoricalCrossEntropy(_Categorical):
    """Cross-entropy of class labels and probabilities (a softmax came before).

    l = -sum t log(max(p, eps)), eps = 1e-7 (float32) or 1e-15 (float64)

    After a ``Softmax`` layer, or a layer with ``activation="softmax"``, training uses
    ``SoftmaxCrossEntropy`` on the logits instead, which needs no eps.

    Parameters
    ----------
    label_smoothing : float, default 0
    reduction : {"mean", "sum"}

    Shapes
    ------
    As ``SoftmaxCrossEntropy``.

    Example
    -------
    >>> round(CategoricalCrossEntropy()([[0.5, 0.5]], [[0.0, 1.0]]), 6)
    0.693147
    """

    _kernel_name = "categorical_cross_entropy"

    def check_prediction(self, prediction: Array) -> None:
        """Raise unless every prediction lies in [0, 1]."""
        check_probabilities(prediction, "softmax")

    def fused(self) -> Loss:
        """The loss on logits."""
        return SoftmaxCrossEntropy(**self.config())


class _Binary(_CrossEntropy):
    """Targets in [0, 1], one for each output."""

    kind = "binary"
    activation = "sigmoid"

    def check(
        self, targets: object, output_shape: Shape, *, dtype: DTypeLike = "float32"
    ) -> Array:
        """See ``Loss.check``."""
        array = same_shape(real_array(targets, "y"), output_shape, self)
        bad = ~((array >= 0) & (array <= 1))
        if bad.any():
            index = first_bad(bad)
            raise ValueError(
                describe(
                    f"y is {array[index]:g} at index {position(index)}",
                    "Expected targets from 0 to 1",
                    "For labels -1 and 1 pass (y + 1) / 2; for several classes use "
                    'loss="softmax_cross_entropy".',
                )
            )
        return np.ascontiguousarray(array, dtype)


class BinaryCrossEntropy(_Binary):
    """Cross-entropy of 0/1 targets and probabilities (a sigmoid came before).

    l = -t log(p) - (1 - t) log(1 - p), both logarithms clipped as in
    ``CategoricalCrossEntropy``

    After a ``Sigmoid`` layer, or a layer with ``activation="sigmoid"``, training uses
    ``SigmoidBinaryCrossEntropy`` on the logits instead.

    Parameters
    ----------
    label_smoothing : float, default 0
        s moves the targets toward one half: t (1 - s) + s / 2.
    reduction : {"mean", "sum"}

    Shapes
    ------
    Prediction and targets ``(n, k)``; targets ``(n,)`` where k is 1.

    Example
    -------
    >>> round(BinaryCrossEntropy()([[0.5], [0.5]], [1, 0]), 6)
    0.693147
    """

    _kernel_name = "binary_cross_entropy"

    def check_prediction(self, prediction: Array) -> None:
        """Raise unless every prediction lies in [0, 1]."""
        check_probabilities(prediction, "sigmoid")

    def fused(self) -> Loss:
        """The loss on logits."""
        return SigmoidBinaryCrossEntropy(**self.config())


class SigmoidBinaryCrossEntropy(_Binary):
    """Cross-entropy of 0/1 targets and logits: the sigmoid is inside.

    l = max(z, 0) - z t + log(1 + exp(-|z|)), dl/dz = sigmoid(z) - t

    Parameters
    ----------
    label_smoothing : float, default 0
    reduction : {"mean", "sum"}

    Shapes
    ------
    As ``BinaryCrossEntropy``.

    Example
    -------
    >>> round(SigmoidBinaryCrossEntropy()([[0.0], [0.0]], [1, 0]), 6)
    0.693147
    """

    from_logits = True
    _kernel_name = "sigmoid_binary_cross_entropy"


def check_labels(labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return the labels when all lie in 0 .. classes - 1, or raise.

    Example
    -------
    >>> check_labels(np.array([0, 9]), 10)
    array([0, 9])
    """
    # One pass: read as unsigned, a negative label is larger than any class.
    if labels.size == 0 or labels.view(np.uint64).max() < classes:
        return labels
    bad = (labels < 0) | (labels >= classes)
    index = first_bad(bad)
    if labels.min() == 1 and labels.max() == classes:
        repair = "If your labels start at 1, pass y - 1."
    elif labels[index] < 0:
        repair = "Remove samples without a class before training."
    else:
        repair = (
            "If your labels start at 1, pass y - 1; otherwise give the last layer "
            f"{int(labels.max()) + 1} units."
        )
    raise ValueError(
        describe(
            f"label {labels[index]} at index {position(index)} is out of range: "
            f"the model has {classes} outputs",
            f"Expected labels from 0 to {classes - 1}",
            repair,
        )
    )


def probability_rows(array: Array, dtype: DTypeLike) -> Array:
    """Return rows of at least 0 that sum to 1, in a dtype, or raise."""
    rows = np.ascontiguousarray(array, dtype)
    sums = rows.sum(axis=-1, dtype=np.float64)
    bad = ~(np.abs(sums - 1) <= 1e-3) | ~((rows >= 0).all(axis=-1))
    if bad.any():
        index = first_bad(bad)
        raise ValueError(
            describe(
                f"row {position(index)} of y sums to {sums[index]:g}"
                + ("" if (rows[index] >= 0).all() else " and has a negative entry"),
                "Expected one-hot rows or probabilities: entries of at least 0 "
                "that sum to 1",
                "For several independent yes/no outputs use "
                'loss="sigmoid_binary_cross_entropy".',
            )
        )
    return rows


def check_probabilities(prediction: Array, activation: str) -> None:
    """Raise unless every prediction lies in [0, 1]."""
    bad = (prediction < 0) | (prediction > 1 + 1e-5)  # NaN is the step's business
    if bad.any():
        index = first_bad(bad)
        raise ValueError(
            describe(
                f"the prediction is {prediction[index]:g} at index {position(index)}: "
                "not a probability",
                "Expected predictions from 0 to 1",
                f'Give the last layer activation="{activation}", or use the loss '
                "that takes logits: "
                + (
                    '"softmax_cross_entropy".'
                    if activation == "softmax"
                    else '"sigmoid_binary_cross_entropy".'
                ),
            )
        )
