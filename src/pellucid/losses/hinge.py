"""The loss of support vector machines."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from pellucid import kernels
from pellucid.checks import first_bad, position, real_array
from pellucid.errors import describe
from pellucid.losses.base import Array, Loss, Shape, same_shape


class Hinge(Loss):
    """Scores on the right side of 0, at least 1 away: max(0, 1 - t z).

    l = max(0, 1 - t z), dl/dz = -t where t z < 1, else 0

    The output is a score, not a probability: the last layer has no activation, and
    ``predict(x) >= 0`` says yes. Accuracy draws its line at 0.

    Parameters
    ----------
    reduction : {"mean", "sum"}

    Shapes
    ------
    Prediction and targets ``(n, k)``; targets ``(n,)`` where k is 1. Targets are -1 and
    1, or 0 and 1; 0 becomes -1.

    Raises
    ------
    ValueError
        Targets other than -1, 0 and 1, or -1 beside 0.

    Example
    -------
    >>> Hinge()([[0.5], [2.0]], [1, 0]), Hinge()([[0.5], [2.0]], [1, -1])
    (1.75, 1.75)

    Source
    ------
    Cortes, Vapnik (1995), Support-vector networks.
    """

    kind = "binary"
    from_logits = True

    def check(
        self, targets: object, output_shape: Shape, *, dtype: DTypeLike = "float32"
    ) -> Array:
        """See ``Loss.check``: the targets become -1 and 1."""
        array = same_shape(real_array(targets, "y"), output_shape, self)
        zeros, below = array == 0, array == -1
        bad = ~(zeros | below | (array == 1))
        if not bad.any() and zeros.any() and below.any():
            bad = zeros
        if bad.any():
            index = first_bad(bad)
            beside = " beside -1" if zeros[index] else ""
            raise ValueError(
                describe(
                    f"y is {array[index]:g}{beside} at index {position(index)}",
                    "Expected targets of -1 and 1, or of 0 and 1",
                    "Pass 2 * y - 1 for targets of 0 and 1; for measured values use "
                    'loss="huber".',
                )
            )
        signs = np.ascontiguousarray(array, dtype)
        return np.where(zeros, signs.dtype.type(-1), signs)

    def value_and_gradient(
        self,
        prediction: Array,
        targets: Array,
        *,
        weights: Array | None = None,
        out: tuple[Array | None, Array | None] | None = None,
    ) -> tuple[Array, Array]:
        """See ``Loss.value_and_gradient``."""
        return kernels.hinge(
            prediction, targets, weights=weights, reduction=self.reduction, out=out
        )
