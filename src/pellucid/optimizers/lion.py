"""Lion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pellucid import kernels
from pellucid.checks import check_fraction
from pellucid.core.schedule import Schedule
from pellucid.optimizers.base import Array, Common, Optimizer, hyper_array


class Lion(Optimizer):
    """Steps of one size: the sign of an average of gradients.

    c = beta_1 m + (1 - beta_1) g
    w = w - learning_rate * (sign(c) + weight_decay * w)
    m = beta_2 m + (1 - beta_2) g

    Every step moves every weight by the learning rate: take a rate 3 to 10 times
    smaller than Adam's, and a weight decay 3 to 10 times larger.

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.0001
        At least 0.
    beta_1, beta_2 : float, default 0.9 and 0.99
        0 <= beta < 1.
    weight_decay : float, default 0
        At least 0; taken off the weights, not into the gradient. The paper sets it
        for each task and has no default.
    clip_norm, clip_value, ema_decay, rate_factors
        As in :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        A number out of its range.

    Example
    -------
    >>> Lion().config()["beta_2"]
    0.99

    Source
    ------
    Chen, Liang, Huang et al. (2023), Symbolic discovery of optimization algorithms.
    """

    slots = ("m",)

    def __init__(
        self,
        learning_rate: float | Schedule = 0.0001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        self.beta_1 = check_fraction(beta_1, "Lion: beta_1")
        self.beta_2 = check_fraction(beta_2, "Lion: beta_2")
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self._hyper = hyper_array(
            self.learning_rate, self.weight_decay, self.beta_1, self.beta_2
        )

    def advance(self) -> None:
        """See ``Optimizer.advance``."""
        self._hyper[0] = self.learning_rate

    def update(self, runs: Sequence[tuple[Array, ...]]) -> None:
        """See ``Optimizer.update``."""
        for value, grad, m in runs:
            kernels.lion_step(value, grad, m, self._hyper)

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, fit for JSON."""
        return super().config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}
