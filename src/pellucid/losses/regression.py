"""Losses for measured values."""

from __future__ import annotations

from pellucid import kernels
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
