"""The distance of distributions."""

from __future__ import annotations

from numpy.typing import DTypeLike

from pellucid import kernels
from pellucid.checks import real_array
from pellucid.losses.base import Array, Loss, Shape, same_shape
from pellucid.losses.cross_entropy import check_probabilities, probability_rows


class KLDivergence(Loss):
    """How far a predicted distribution is from the wanted one, in nats.

    l = sum t log(max(t, eps) / max(p, eps)), dl/dp = -t / max(p, eps),
    eps = 1e-7 (float32) or 1e-15 (float64)

    A softmax comes before. The gradient is that of ``CategoricalCrossEntropy``; the
    value is less by the entropy of the targets, so that it is 0 where p is t.

    Parameters
    ----------
    reduction : {"mean", "sum"}
        "mean" divides by the number of samples and positions.

    Shapes
    ------
    Prediction and targets ``(n, ..., k)``; rows of targets sum to 1.

    Raises
    ------
    ValueError
        Targets that are not rows of probabilities; a prediction outside [0, 1].

    Example
    -------
    >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 6)
    0.130812

    Source
    ------
    Kullback, Leibler (1951), On information and sufficiency.
    """

    kind = "categorical"
    activation = "softmax"

    def check(
        self, targets: object, output_shape: Shape, *, dtype: DTypeLike = "float32"
    ) -> Array:
        """See ``Loss.check``."""
        array = same_shape(real_array(targets, "y"), output_shape, self)
        return probability_rows(array, dtype)

    def check_prediction(self, prediction: Array) -> None:
        """Raise unless every prediction lies in [0, 1]."""
        check_probabilities(prediction, "softmax")

    def value_and_gradient(
        self,
        prediction: Array,
        targets: Array,
        *,
        weights: Array | None = None,
        out: tuple[Array | None, Array | None] | None = None,
    ) -> tuple[Array, Array]:
        """See ``Loss.value_and_gradient``."""
        return kernels.kl_divergence(
            prediction, targets, weights=weights, reduction=self.reduction, out=out
        )
