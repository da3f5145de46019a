"""Losses for measured values."""

from __future__ import annotations

from typing import Any

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.losses.base import Array, Loss


class MeanSquaredError(Loss):
    """Mean of the squared differences, for measured values.

    L = mean((p - t)^2), dL/dp = 2 (p - t) / size

    Parameters
    ----------
    reduction : {"mean", "sum"}

    Example
    -------
    >>> MeanSquaredError()([[1.0], [2.0]], [1.0, 4.0])
    2.0
    """

    def value_and_gradient(
        self,
        prediction: Array,
        targets: Array,
        *,
        weights: Array | None = None,
        out: tuple[Array | None, Array | None] | None = None,
    ) -> tuple[Array, Array]:
        """See ``Loss.value_and_gradient``."""
        return kernels.mean_squared_error(
            prediction, targets, weights=weights, reduction=self.reduction, out=out
        )


class MeanAbsoluteError(Loss):
    """Mean of the distances, for measured values with outliers.

    L = mean(|p - t|), dL/dp = sign(p - t) / size, 0 where p is t

    Parameters
    ----------
    reduction : {"mean", "sum"}

    Example
    -------
    >>> MeanAbsoluteError()([[1.0], [2.0]], [1.0, 4.0])
    1.0
    """

    def value_and_gradient(
        self,
        prediction: Array,
        targets: Array,
        *,
        weights: Array | None = None,
        out: tuple[Array | None, Array | None] | None = None,
    ) -> tuple[Array, Array]:
        """See ``Loss.value_and_gradient``."""
        return kernels.mean_absolute_error(
            prediction, targets, weights=weights, reduction=self.reduction, out=out
        )


class Huber(Loss):
    """Squares of small differences, distances of large ones.

    l = d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), with d = p - t
    dl/dp = d, cut off at -delta and delta

    Parameters
    ----------
    delta : float, default 1.0
        Above 0.
    reduction : {"mean", "sum"}

    Raises
    ------
    TypeError, ValueError
        delta is not a number above 0.

    Example
    -------
    >>> Huber(delta=2.0)([[1.0], [2.0]], [0.0, 5.0])
    2.25

    Source
    ------
    Huber (1964), Robust estimation of a location parameter.
    """

    def __init__(self, delta: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.delta = check_number(delta, "Huber: delta", above=0)

    def value_and_gradient(
        self,
        prediction: Array,
        targets: Array,
        *,
        weights: Array | None = None,
        out: tuple[Array | None, Array | None] | None = None,
    ) -> tuple[Array, Array]:
        """See ``Loss.value_and_gradient``."""
        return kernels.huber(
            prediction,
            targets,
            weights=weights,
            delta=self.delta,
            reduction=self.reduction,
            out=out,
        )

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal loss, fit for JSON."""
        return {"delta": self.delta} | super().config()
