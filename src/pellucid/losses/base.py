"""What every loss offers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from pellucid.checks import real_array, sample_weights
from pellucid.core.shown import shown_call
from pellucid.errors import check_choice, describe

Array = NDArray[Any]
Shape = tuple[int, ...]
Kind = Literal["categorical", "binary", "regression"]


class Loss:
    """What every loss offers; an own loss has the same methods, or this base class.

    Parameters
    ----------
    reduction : {"mean", "sum"}
        "mean" divides by the number of elements (cross-entropies: of samples and
        positions), "sum" does not.
    """

    kind: ClassVar[Kind] = "regression"
    """What the targets are: "categorical", "binary" or "regression"."""

    from_logits: ClassVar[bool] = False
    """True where predictions are taken before the softmax or sigmoid."""

    activation: ClassVar[str | None] = None
    """The output activation that this loss presumes."""

    def __init__(self, *, reduction: str = "mean") -> None:
        self.reduction = check_choice(reduction, "reduction", ("mean", "sum"))

    def value_and_gradient(
        self,
        prediction: Array,
        targets: Array,
        *,
        weights: Array | None = None,
        out: tuple[Array | None, Array | None] | None = None,
    ) -> tuple[Array, Array]:
        """Compute the loss and its gradient with respect to ``prediction``.

        Parameters
        ----------
        prediction : array (n, ...)
        targets : array
            As ``check`` returned them.
        weights : array (n,), optional
        out : tuple of arrays, optional
            Memory for the two results.

        Returns
        -------
        value : float64 array (1,)
        gradient : array of the shape and dtype of ``prediction``
        """
        raise NotImplementedError(f"{type(self).__name__} has no value_and_gradient")

    def check(
        self, targets: object, output_shape: Shape, *, dtype: DTypeLike = "float32"
    ) -> Array:
        """Return targets in the form that the kernel takes, or raise.

        Parameters
        ----------
        targets : array_like
            One row per sample.
        output_shape : tuple of int
            Shape of the prediction, without the batch.
        dtype : dtype
            The prediction's.

        Raises
        ------
        TypeError, ValueError
            The targets do not fit the loss or the output.
        """
        array = same_shape(real_array(targets, "y"), output_shape, self)
        return np.ascontiguousarray(array, dtype)

    def check_prediction(self, prediction: Array) -> None:
        """Raise when a prediction is outside the domain of the loss."""

    def fused(self) -> Loss | None:
        """The loss that takes logits, when this one presumes ``activation``."""
        return None

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal loss, fit for JSON."""
        return {"reduction": self.reduction}

    def __call__(
        self,
        prediction: ArrayLike,
        targets: ArrayLike,
        weights: ArrayLike | None = None,
    ) -> float:
        """The loss of a prediction, as a number."""
        output = real_array(prediction, "prediction")
        if output.dtype not in (np.float32, np.float64):
            output = output.astype(np.float64)
        if output.ndim == 1:  # a column, as targets of shape (n,) are
            output = output.reshape(-1, 1)
        if output.size == 0:
            raise ValueError(
                describe(
                    f"the loss got an empty batch, shape {output.shape}",
                    "Expected at least one sample",
                    "Check how the array was cut.",
                )
            )
        checked = self.check(targets, output.shape[1:], dtype=output.dtype)
        if len(checked) != len(output):
            raise ValueError(count_mismatch(len(output), len(checked), "prediction"))
        self.check_prediction(output)
        if weights is not None:
            weights = sample_weights(weights, len(output), output.dtype)
        value, _ = self.value_and_gradient(output, checked, weights=weights)
        return float(value[0])

    def __repr__(self) -> str:
        return shown_call(self, self.config())


def count_mismatch(samples: int, targets: int, name: str = "x") -> str:
    """The message for arrays of different length.

    Example
    -------
    >>> print(count_mismatch(3, 2))
    x has 3 samples and y has 2. Expected as many targets as samples.
    Check how the two arrays were cut.
    """
    return describe(
        f"{name} has {samples} samples and y has {targets}",
        "Expected as many targets as samples",
        "Check how the two arrays were cut.",
    )


def same_shape(array: Array, output_shape: Shape, loss: Loss) -> Array:
    """Targets of the output's shape; ``(n,)`` and ``(n, 1)`` are the same column."""
    if array.shape[1:] == output_shape and array.ndim > 0:
        return array
    if array.ndim == 1 and output_shape == (1,):
        return array.reshape(-1, 1)
    one_per_sample = array.ndim == 1 or array.shape[1:] == (1,)
    raise ValueError(
        describe(
            f"y has shape {array.shape}, the model's output {batched(output_shape)}",
            f"Expected targets of shape {batched(output_shape)} for "
            f"{type(loss).__name__}",
            'For class labels use loss="softmax_cross_entropy"; for one value per '
            "sample give the last layer one unit."
            if one_per_sample
            else "Reshape y, or give the last layer as many units as y has columns.",
        )
    )


def batched(shape: Shape) -> str:
    return "(" + ", ".join(["n", *map(str, shape)]) + ("," if not shape else "") + ")"
