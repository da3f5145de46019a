"""Losses: each owns its value and its gradient, and checks its targets.

A loss is the mean over all elements, for cross-entropies over samples and positions;
with weights it is sum(w * l) / count. Nothing else in the library scales a gradient.
"""

from __future__ import annotations

from typing import cast

from pellucid.errors import describe, unknown
from pellucid.losses.base import Loss
from pellucid.losses.cross_entropy import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    SigmoidBinaryCrossEntropy,
    SoftmaxCrossEntropy,
)
from pellucid.losses.divergence import KLDivergence
from pellucid.losses.hinge import Hinge
from pellucid.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError

__all__ = [
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "Hinge",
    "Huber",
    "KLDivergence",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SigmoidBinaryCrossEntropy",
    "SoftmaxCrossEntropy",
    "get_loss",
]


LOSSES: dict[str, type[Loss]] = {
    "mean_squared_error": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "huber": Huber,
    "hinge": Hinge,
    "kl_divergence": KLDivergence,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
    "categorical_cross_entropy": CategoricalCrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "sigmoid_binary_cross_entropy": SigmoidBinaryCrossEntropy,
}
ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "categorical_crossentropy": "categorical_cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
}


def get_loss(loss: object) -> Loss:
    """Return the loss that a name or an object stands for.

    Raises
    ------
    ValueError
        Unknown name; the message has the list and the closest one.
    TypeError
        An object without the methods of a loss.

    Example
    -------
    >>> get_loss("mse")
    MeanSquaredError(reduction='mean')
    """
    if isinstance(loss, str):
        name = ALIASES.get(loss, loss)
        if name not in LOSSES:
            what = f'loss "{loss}" is not known'
            raise ValueError(unknown(what, loss, LOSSES, also=ALIASES))
        return LOSSES[name]()
    if isinstance(loss, type) or not (
        hasattr(loss, "value_and_gradient") and hasattr(loss, "check")
    ):
        raise TypeError(
            describe(
                f"loss is {loss!r}",
                "Expected the name of a loss or an object with the methods "
                "value_and_gradient and check",
                'Pass loss="softmax_cross_entropy" or loss=SoftmaxCrossEntropy().',
            )
        )
    return cast(Loss, loss)
