"""Adagrad and Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pellucid import kernels
from pellucid.checks import check_fraction
from pellucid.core.inputs import check_number
from pellucid.core.schedule import Schedule
from pellucid.optimizers.base import Array, Common, Optimizer, hyper_array


class Adagrad(Optimizer):
    """Divide each gradient by the root of the sum of its squares so far.

    g = gradient + weight_decay * w
    s = s + g^2
    w = w - learning_rate / (1 + (t - 1) rate_decay) * g / (sqrt(s) + epsilon)

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.01
        At least 0.
    rate_decay : float, default 0
        At least 0; t counts steps from 1.
    weight_decay : float, default 0
        At least 0; added to the gradient.
    initial_accumulator_value : float, default 0
        At least 0: s before the first step.
    epsilon : float, default 1e-10
        Above 0.
    clip_norm, clip_value, ema_decay, rate_factors
        As in :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        A number out of its range.

    Example
    -------
    >>> Adagrad(0.1).config()["epsilon"]
    1e-10

    Source
    ------
    Duchi, Hazan, Singer (2011), Adaptive subgradient methods for online learning; the
    form is PyTorch's.
    """

    slots = ("square",)

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        rate_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        epsilon: float = 1e-10,
        **common: Unpack[Common],
    ) -> None:
        self.rate_decay = check_number(rate_decay, "Adagrad: rate_decay", at_least=0)
        self.initial_accumulator_value = check_number(
            initial_accumulator_value, "Adagrad: initial_accumulator_value", at_least=0
        )
        self.starts = {"square": self.initial_accumulator_value}
        self.epsilon = check_number(epsilon, "Adagrad: epsilon", above=0)
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self._hyper = hyper_array(
            self.learning_rate, self.weight_decay, self.epsilon, 1.0
        )

    def advance(self) -> None:
        """See ``Optimizer.advance``."""
        self._hyper[0] = self.learning_rate
        self._hyper[3] = 1 + self.iterations * self.rate_decay

    def update(self, runs: Sequence[tuple[Array, ...]]) -> None:
        """See ``Optimizer.update``."""
        for value, grad, square in runs:
            kernels.adagrad_step(value, grad, square, self._hyper)

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, fit for JSON."""
        return super().config() | {
            "rate_decay": self.rate_decay,
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


class Adadelta(Optimizer):
    """Steps in the unit of the weights: as long as earlier ones, on average.

    g = gradient + weight_decay * w
    s = rho s + (1 - rho) g^2
    move = sqrt(d + epsilon) / sqrt(s + epsilon) * g
    d = rho d + (1 - rho) move^2
    w = w - learning_rate * move

    Parameters
    ----------
    learning_rate : float or Schedule, default 1.0
        At least 0.
    rho : float, default 0.9
        0 <= rho < 1: the share of both mean squares that is kept.
    epsilon : float, default 1e-6
        Above 0.
    weight_decay : float, default 0
        At least 0; added to the gradient.
    clip_norm, clip_value, ema_decay, rate_factors
        As in :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        A number out of its range.

    Example
    -------
    >>> Adadelta().learning_rate
    1.0

    Source
    ------
    Zeiler (2012), ADADELTA: an adaptive learning rate method; the form is PyTorch's.
    """

    slots = ("square", "moved")

    def __init__(
        self,
        learning_rate: float | Schedule = 1.0,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        self.rho = check_fraction(rho, "Adadelta: rho")
        self.epsilon = check_number(epsilon, "Adadelta: epsilon", above=0)
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self._hyper = hyper_array(
            self.learning_rate, self.weight_decay, self.rho, self.epsilon
        )

    def advance(self) -> None:
        """See ``Optimizer.advance``."""
        self._hyper[0] = self.learning_rate

    def update(self, runs: Sequence[tuple[Array, ...]]) -> None:
        """See ``Optimizer.update``."""
        for value, grad, square, moved in runs:
            kernels.adadelta_step(value, grad, square, moved, self._hyper)

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, fit for JSON."""
        return super().config() | {"rho": self.rho, "epsilon": self.epsilon}
