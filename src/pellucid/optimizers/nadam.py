"""NAdam and RAdam: Adam with a look ahead, Adam with a careful start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from pellucid import kernels
from pellucid.checks import check_fraction
from pellucid.core.elementary import power
from pellucid.core.inputs import check_number
from pellucid.core.schedule import Schedule
from pellucid.optimizers.adam import Adam
from pellucid.optimizers.base import Array, Common, Optimizer, hyper_array


class NAdam(Optimizer):
    """Adam that looks ahead along its momentum, as Nesterov's.

    m = beta_1 m + (1 - beta_1) g,  v = beta_2 v + (1 - beta_2) g^2
    mu_t = beta_1 (1 - 0.96^(t momentum_decay) / 2),  M_t = mu_1 mu_2 ... mu_t
    n = (1 - mu_t) g / (1 - M_t) + mu_(t+1) m / (1 - M_(t+1))
    w = w - learning_rate * n / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.002
        At least 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        0 <= beta < 1.
    epsilon : float, default 1e-8
        Above 0.
    weight_decay : float, default 0
        At least 0; added to the gradient.
    momentum_decay : float, default 0.004
        At least 0.
    decoupled_weight_decay : bool, default False
        Take the decay off the weights, as AdamW does, not into the gradient.
    clip_norm, clip_value, ema_decay, rate_factors
        As in :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        A number out of its range.

    Example
    -------
    >>> NAdam().learning_rate
    0.002

    Source
    ------
    Dozat (2016), Incorporating Nesterov momentum into Adam; the form is PyTorch's.
    """

    slots = ("m", "v")
    scalars = ("beta_2_power", "mu_product", "decay_power")

    def __init__(
        self,
        learning_rate: float | Schedule = 0.002,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 0.004,
        decoupled_weight_decay: bool = False,
        **common: Unpack[Common],
    ) -> None:
        self.beta_1 = check_fraction(beta_1, "NAdam: beta_1")
        self.beta_2 = check_fraction(beta_2, "NAdam: beta_2")
        self.epsilon = check_number(epsilon, "NAdam: epsilon", above=0)
        self.momentum_decay = check_number(
            momentum_decay, "NAdam: momentum_decay", at_least=0
        )
        self._decay = power(0.96, self.momentum_decay)
        self.decoupled_weight_decay = bool(decoupled_weight_decay)
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self._hyper = hyper_array(
            self.learning_rate,
            self.weight_decay,
            self.decoupled_weight_decay,
            self.beta_1,
            self.beta_2,
            self.epsilon,
            1.0,
            1.0,
            1.0,
        )

    def reset(self) -> None:
        """See ``Optimizer.reset``."""
        super().reset()
        self.beta_2_power = 1.0
        self.mu_product = 1.0
        self.decay_power = 1.0

    def advance(self) -> None:
        """See ``Optimizer.advance``; the powers are running products, so no pow."""
        self.decay_power *= self._decay
        mu = self.beta_1 * (1 - 0.5 * self.decay_power)
        mu_next = self.beta_1 * (1 - 0.5 * (self.decay_power * self._decay))
        self.mu_product *= mu
        self.beta_2_power *= self.beta_2
        hyper = self._hyper
        hyper[0] = self.learning_rate
        hyper[6] = (1 - mu) / (1 - self.mu_product)
        hyper[7] = mu_next / (1 - self.mu_product * mu_next)
        hyper[8] = 1 - self.beta_2_power

    def update(self, runs: Sequence[tuple[Array, ...]]) -> None:
        """See ``Optimizer.update``."""
        for value, grad, m, v in runs:
            kernels.nadam_step(value, grad, m, v, self._hyper)

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, fit for JSON."""
        return super().config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "momentum_decay": self.momentum_decay,
            "decoupled_weight_decay": self.decoupled_weight_decay,
        }


class RAdam(Adam):
    """Adam whose first steps, while v is a poor estimate, are short or do without v.

    rho = 2 / (1 - beta_2) - 1,  rho_t = rho - 2 t beta_2^t / (1 - beta_2^t)
    rho_t > 5: w = w - learning_rate * r_t * the step of Adam,
               r_t^2 = (rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2) rho_t)
    else:      w = w - learning_rate * m / (1 - beta_1^t)

    Parameters
    ----------
    learning_rate : float or Schedule, default 0.001
        At least 0.
    beta_1, beta_2 : float, default 0.9 and 0.999
        0 <= beta < 1.
    epsilon : float, default 1e-8
        Above 0; as in PyTorch it is added to sqrt(v) before the bias correction.
    weight_decay : float, default 0
        At least 0; added to the gradient.
    decoupled_weight_decay : bool, default False
        Take the decay off the weights, as AdamW does, not into the gradient.
    clip_norm, clip_value, ema_decay, rate_factors
        As in :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        A number out of its range.

    Example
    -------
    >>> RAdam().learning_rate
    0.001

    Source
    ------
    Liu, Jiang, He et al. (2020), On the variance of the adaptive learning rate and
    beyond; the form is PyTorch's.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        **common: Unpack[Common],
    ) -> None:
        self.decoupled = self.decoupled_weight_decay = bool(decoupled_weight_decay)
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay, **common)

    def advance(self) -> None:
        """See ``Optimizer.advance``: the kernel is Adam's, the numbers are not.

        Adam's step is rate / c_1 * m / (sqrt(v) / sqrt(c_2) + epsilon). Rectified,
        c_2 is 1 and c_1 holds the factors; else v is out: c_2 infinite, epsilon 1.
        """
        super().advance()
        rest_1, rest_2 = 1 - self.beta_1_power, 1 - self.beta_2_power
        rho = 2 / (1 - self.beta_2) - 1
        now = rho - 2 * (self.iterations + 1) * self.beta_2_power / rest_2
        hyper = self._hyper
        if now > 5:
            ratio = (now - 4) * (now - 2) * rho / ((rho - 4) * (rho - 2) * now)
            hyper[3], hyper[7] = self.epsilon, 1.0
            hyper[6] = rest_1 / (math.sqrt(rest_2) * math.sqrt(ratio))
        else:
            hyper[3], hyper[7] = 1.0, math.inf
            hyper[6] = rest_1

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, fit for JSON."""
        own = {"decoupled_weight_decay": self.decoupled_weight_decay}
        return super().config() | own
