"""Penalties on weights, which a model adds to its loss and to the gradient.

They do not depend on the batch size: the loss is the mean over the batch plus the
penalty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.core.shown import shown_call
from pellucid.errors import check_choice

Array = NDArray[Any]


class L1L2:
    """Penalty l1 * sum(abs(w)) + 0.5 * l2 * sum(w**2).

    Its gradient is l1 * sign(w) + l2 * w, with sign(0) = 0.

    Parameters
    ----------
    l1 : float, default 0
        At least 0. Drives weights to exactly 0.
    l2 : float, default 0
        At least 0. Keeps weights small.

    Example
    -------
    >>> import numpy as np
    >>> w, grad = np.array([1.0, -2.0]), np.zeros(2)
    >>> penalty = L1L2(l1=0.5, l2=0.25)
    >>> penalty.value(w)
    2.125
    >>> penalty.add_gradient(w, grad)
    >>> grad
    array([ 0.75, -1.  ])

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, section 7.1.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        name = type(self).__name__
        self.l1 = check_number(l1, f"{name}: l1", at_least=0)
        self.l2 = check_number(l2, f"{name}: l2", at_least=0)

    def value(self, w: Array) -> float:
        """The penalty of these weights, any shape."""
        total = 0.0
        if self.l1:
            # sum(abs(w)) as a sum of squares of roots: one kernel, the same bits
            # on every processor.
            roots = np.sqrt(np.abs(w.reshape(-1).astype(np.float64)))
            total += self.l1 * kernels.sum_of_squares(roots)
        if self.l2:
            total += 0.5 * self.l2 * kernels.sum_of_squares(w.reshape(-1))
        return total

    def add_gradient(self, w: Array, grad: Array) -> None:
        """Add the penalty's gradient to ``grad``, a C-contiguous array like ``w``."""
        flat = grad.reshape(-1)
        if self.l1:
            kernels.add_scaled(flat, np.sign(w.reshape(-1)), self.l1)
        if self.l2:
            kernels.add_scaled(flat, w.reshape(-1), self.l2)

    def config(self) -> dict[str, Any]:
        """What ``get_regularizer`` reads back."""
        return {"l1": self.l1, "l2": self.l2}

    def __repr__(self) -> str:
        shown = {key: value for key, value in self.config().items() if value}
        return shown_call(self, shown)


class L1(L1L2):
    """Penalty l1 * sum(abs(w)).

    Parameters
    ----------
    l1 : float, default 0.01
        At least 0.
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


class L2(L1L2):
    """Penalty 0.5 * l2 * sum(w**2), the same l2 as PyTorch's weight_decay in SGD.

    Parameters
    ----------
    l2 : float, default 0.01
        At least 0.
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


Regularizer = L1L2
"""The type of every penalty."""

REGULARIZERS: dict[str, type[Regularizer]] = {"l1": L1, "l2": L2, "l1l2": L1L2}


def get_regularizer(
    spec: str | Regularizer | dict[str, Any] | None, name: str = "regularizer"
) -> Regularizer | None:
    """Return the penalty that a name, a config from a file, or an object means.

    Example
    -------
    >>> get_regularizer("l2"), get_regularizer({"l1": 0.1, "l2": 0.0})
    (L2(l2=0.01), L1L2(l1=0.1))
    """
    if spec is None or isinstance(spec, Regularizer):
        return spec
    if isinstance(spec, dict):
        return L1L2(**spec)
    return REGULARIZERS[check_choice(spec, name, REGULARIZERS)]()
