"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pellucid import kernels
from pellucid.checks import check_fraction
from pellucid.core.inputs import check_number
from pellucid.core.schedule import Schedule
from pellucid.optimizers.base import Array, Common, Optimizer, hyper_array


class RMSprop(Optimizer):
    """Divide each gradient by the root of its mean square.

    g = gradient + weight_decay * w
    s = alpha s + (1 - alpha) g^2
    w = w - learning_rate * g / (sqrt(s) + epsilon)

    With momentum, v = momentum * v + g / (sqrt(s) + epsilon) and w = w - learning_rate
    * v. Centered, the mean of the gradients is taken off: sqrt(max(0, s - mean^2)).

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.01
        At least 0.
    alpha : float, default 0.99
        0 <= alpha < 1: the share of the mean square that is kept.
    epsilon : float, default 1e-8
        Above 0.
    weight_decay : float, default 0
        At least 0; added to the gradient.
    momentum : float, default 0
        0 <= momentum < 1.
    centered : bool, default False
    clip_norm, clip_value, ema_decay, rate_factors
        As in :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        A number out of its range.

    Example
    -------
    >>> RMSprop(1e-3).config()["alpha"]
    0.99

    Source
    ------
    Hinton (2012), Neural networks for machine learning, lecture 6e; the form is
    PyTorch's.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        alpha: float = 0.99,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        **common: Unpack[Common],
    ) -> None:
        self.alpha = check_fraction(alpha, "RMSprop: alpha")
        self.epsilon = check_number(epsilon, "RMSprop: epsilon", above=0)
        self.momentum = check_fraction(momentum, "RMSprop: momentum")
        self.centered = bool(centered)
        self.slots = ("square",)
        if self.momentum:
            self.slots = (*self.slots, "velocity")
        if self.centered:
            self.slots = (*self.slots, "mean")
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self._hyper = hyper_array(
            self.learning_rate,
            self.weight_decay,
            self.alpha,
            self.epsilon,
            self.momentum,
        )

    def advance(self) -> None:
        """See ``Optimizer.advance``."""
        self._hyper[0] = self.learning_rate

    def update(self, runs: Sequence[tuple[Array, ...]]) -> None:
        """See ``Optimizer.update``."""
        for value, grad, square, *more in runs:
            velocity = more[0] if self.momentum else None
            mean = more[-1] if self.centered else None
            kernels.rmsprop_step(value, grad, square, velocity, mean, self._hyper)

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, fit for JSON."""
        return super().config() | {
            "alpha": self.alpha,
            "epsilon": self.epsilon,
            "momentum": self.momentum,
            "centered": self.centered,
        }
