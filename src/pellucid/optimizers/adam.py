"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pellucid import kernels
from pellucid.checks import check_fraction
from pellucid.core.inputs import check_number
from pellucid.core.schedule import Schedule
from pellucid.optimizers.base import Array, Common, Optimizer, hyper_array


class Adam(Optimizer):
    """Steps of a size that each weight's own gradients decide.

    m = beta_1 m + (1 - beta_1) g,  v = beta_2 v + (1 - beta_2) g^2
    w = w - learning_rate * m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
        At least 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        0 <= beta < 1.
    epsilon : float, default 1e-8
        Above 0.
    weight_decay : float, default 0
        At least 0; added to the gradient.
    clip_norm, clip_value, ema_decay, rate_factors
        As in :class:`Optimizer`.

    Example
    -------
    >>> Adam(1e-3).config()["beta_2"]
    0.999

    Source
    ------
    Kingma, Ba (2015), Adam: a method for stochastic optimization.
    """

    slots = ("m", "v")
    scalars = ("beta_1_power", "beta_2_power")
    decoupled = False
    """Whether the decay is taken off the weights, not into the gradient."""

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        name = type(self).__name__
        self.beta_1 = check_fraction(beta_1, f"{name}: beta_1")
        self.beta_2 = check_fraction(beta_2, f"{name}: beta_2")
        self.epsilon = check_number(epsilon, f"{name}: epsilon", above=0)
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self._hyper = hyper_array(
            self.learning_rate,
            self.beta_1,
            self.beta_2,
            self.epsilon,
            self.weight_decay,
            self.decoupled,
            1.0,
            1.0,
        )

    def reset(self) -> None:
        """See ``Optimizer.reset``."""
        super().reset()
        self.beta_1_power = 1.0
        self.beta_2_power = 1.0

    def advance(self) -> None:
        """See ``Optimizer.advance``; the powers are running products, so no pow."""
        self.beta_1_power *= self.beta_1
        self.beta_2_power *= self.beta_2
        hyper = self._hyper
        hyper[0] = self.learning_rate
        hyper[6] = 1 - self.beta_1_power
        hyper[7] = 1 - self.beta_2_power

    def update(self, runs: Sequence[tuple[Array, ...]]) -> None:
        """See ``Optimizer.update``."""
        for value, grad, m, v in runs:
            kernels.adam_step(value, grad, m, v, self._hyper)

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, fit for JSON."""
        return super().config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }


class AdamW(Adam):
    """Adam with weight decay beside the gradient, not in it.

    w = w - learning_rate * weight_decay * w, then the step of Adam

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
    beta_1, beta_2 : float, default 0.9 and 0.999
    epsilon : float, default 1e-8
    weight_decay : float, default 0.01
        At least 0.
    clip_norm, clip_value, ema_decay, rate_factors
        As in :class:`Optimizer`.

    Example
    -------
    >>> AdamW().weight_decay
    0.01

    Source
    ------
    Loshchilov, Hutter (2019), Decoupled weight decay regularization.
    """

    decoupled = True

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay, **common)
