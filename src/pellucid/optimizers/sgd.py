"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pellucid import kernels
from pellucid.checks import check_fraction
from pellucid.core.inputs import check_number
from pellucid.core.schedule import Schedule
from pellucid.errors import describe
from pellucid.optimizers.base import Array, Common, Optimizer, hyper_array


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    g = gradient + weight_decay * w
    v = momentum * v + (1 - dampening) * g       (first step: v = g)
    w = w - learning_rate * (g + momentum * v if nesterov else v)

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
        At least 0.
    momentum : float, default 0
        0 <= momentum < 1; 0.9 is the common choice.
    dampening : float, default 0
        0 <= dampening <= 1; equal to ``momentum`` it makes v a moving average.
    nesterov : bool, default False
        Look ahead along v; needs momentum and no dampening.
    weight_decay : float, default 0
        At least 0; added to the gradient.
    clip_norm, clip_value, ema_decay, rate_factors
        As in :class:`Optimizer`.

    Example
    -------
    >>> SGD(0.1, momentum=0.9).config()["momentum"]
    0.9

    Source
    ------
    Sutskever, Martens, Dahl, Hinton (2013); the form is PyTorch's.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        self.momentum = check_fraction(momentum, "SGD: momentum")
        self.dampening = check_number(
            dampening, "SGD: dampening", at_least=0, at_most=1
        )
        self.nesterov = bool(nesterov)
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError(
                describe(
                    f"SGD: nesterov=True with momentum={self.momentum:g} and "
                    f"dampening={self.dampening:g}",
                    "Expected momentum above 0 and no dampening",
                    "Pass SGD(learning_rate, momentum=0.9, nesterov=True).",
                )
            )
        if self.momentum:
            self.slots = ("velocity",)
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self._hyper = hyper_array(
            self.learning_rate,
            self.momentum,
            self.dampening,
            self.nesterov,
            self.weight_decay,
            1.0,
        )

    def advance(self) -> None:
        """See ``Optimizer.advance``."""
        self._hyper[0] = self.learning_rate
        self._hyper[5] = self.iterations == 0

    def update(self, runs: Sequence[tuple[Array, ...]]) -> None:
        """See ``Optimizer.update``."""
        for value, grad, *velocity in runs:
            kernels.sgd_step(
                value, grad, velocity[0] if velocity else None, self._hyper
            )

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, fit for JSON."""
        return super().config() | {
            "momentum": self.momentum,
            "dampening": self.dampening,
            "nesterov": self.nesterov,
        }
