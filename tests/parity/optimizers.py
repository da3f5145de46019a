"""One row for each optimizer and schedule: drawn arguments, and the same in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pellucid as pl
from tests.parity.compare import STEPS, torch
from tests.parity.draws import Random, Rows, pick, some

Drawn = tuple[Any, Callable[[Any], Any]]
"""Pellucid's object; PyTorch's, given the parameters, or given an optimizer."""

optimizer, schedule = Rows(), Rows()
EXCEPTIONS = {
    "Lion": "PyTorch 2.13 has none; tests/test_optimizers.py holds the paper's rule",
}
"""Optimizers without a row, and why."""


def rate_of(random: Random) -> float:
    return float(10 ** random.uniform(-4, -1))


def decay_of(random: Random) -> float:
    return float(pick(random, 0.0, 0.01, random.uniform(0, 0.5)))


def betas_of(random: Random) -> tuple[float, float]:
    return float(random.uniform(0.5, 0.95)), float(random.uniform(0.8, 0.9999))


def epsilon_of(random: Random) -> float:
    return float(pick(random, 1e-8, 1e-6, 1e-3))


@optimizer
def SGD(random: Random) -> Drawn:
    rate, decay = rate_of(random), decay_of(random)
    momentum = float(pick(random, 0.0, 0.9, random.uniform(0.1, 0.99)))
    nesterov = bool(momentum and random.integers(2))
    dampening = float(0.0 if nesterov else pick(random, 0.0, momentum))
    own = pl.SGD(rate, momentum, dampening, nesterov, decay)
    return own, lambda p: torch.optim.SGD(
        p, rate, momentum, dampening, decay, nesterov=nesterov
    )


@optimizer
def RMSprop(random: Random) -> Drawn:
    rate, decay, epsilon = rate_of(random), decay_of(random), epsilon_of(random)
    alpha = float(random.uniform(0.6, 0.999))
    momentum, centered = pick(random, 0.0, 0.5, 0.9), bool(random.integers(2))
    own = pl.RMSprop(rate, alpha, epsilon, decay, momentum, centered)
    return own, lambda p: torch.optim.RMSprop(
        p, rate, alpha, epsilon, decay, momentum, centered
    )


@optimizer
def Adagrad(random: Random) -> Drawn:
    rate, decay = rate_of(random), decay_of(random)
    slower, start = pick(random, 0.0, 0.1), pick(random, 0.0, 0.3)
    epsilon = pick(random, 1e-10, 1e-4)
    own = pl.Adagrad(rate, slower, decay, start, epsilon)
    return own, lambda p: torch.optim.Adagrad(p, rate, slower, decay, start, epsilon)


@optimizer
def Adadelta(random: Random) -> Drawn:
    rate, decay = pick(random, 1.0, 0.3), decay_of(random)
    rho, epsilon = float(random.uniform(0.5, 0.99)), pick(random, 1e-6, 1e-3)
    own = pl.Adadelta(rate, rho, epsilon, decay)
    return own, lambda p: torch.optim.Adadelta(p, rate, rho, epsilon, decay)


@optimizer
def Adam(random: Random) -> Drawn:
    return adam(random, pl.Adam, torch.optim.Adam)


@optimizer
def AdamW(random: Random) -> Drawn:
    return adam(random, pl.AdamW, torch.optim.AdamW)


def adam(random: Random, cls: Any, their: Any) -> Drawn:
    rate, betas, epsilon = rate_of(random), betas_of(random), epsilon_of(random)
    decay = decay_of(random)
    own = cls(rate, *betas, epsilon, decay)
    return own, lambda p: their(p, rate, betas, epsilon, decay)


@optimizer
def NAdam(random: Random) -> Drawn:
    rate, betas, epsilon = rate_of(random), betas_of(random), epsilon_of(random)
    decay, apart = decay_of(random), bool(random.integers(2))
    slower = float(pick(random, 0.004, random.uniform(0, 2)))
    own = pl.NAdam(rate, *betas, epsilon, decay, slower, apart)
    return own, lambda p: torch.optim.NAdam(
        p, rate, betas, epsilon, decay, slower, apart
    )


@optimizer
def RAdam(random: Random) -> Drawn:
    rate, betas, epsilon = rate_of(random), betas_of(random), epsilon_of(random)
    decay, apart = decay_of(random), bool(random.integers(2))
    own = pl.RAdam(rate, *betas, epsilon, decay, apart)
    return own, lambda p: torch.optim.RAdam(p, rate, betas, epsilon, decay, apart)


their = torch.optim.lr_scheduler


@schedule
def StepDecay(random: Random) -> Drawn:
    rate, size, factor = rate_of(random), some(random, 1, 20), random.uniform(0.1, 0.9)
    own = pl.StepDecay(rate, size, float(factor))
    return own, lambda o: their.StepLR(o, size, float(factor))


@schedule
def MultiStepDecay(random: Random) -> Drawn:
    rate, factor = rate_of(random), float(random.uniform(0.1, 0.9))
    times = sorted(random.integers(1, STEPS, some(random, 1, 5)).tolist())
    own = pl.MultiStepDecay(rate, times, factor)
    return own, lambda o: their.MultiStepLR(o, times, factor)


@schedule
def ExponentialDecay(random: Random) -> Drawn:
    rate, factor = rate_of(random), float(random.uniform(0.8, 0.999))
    own = pl.ExponentialDecay(rate, factor)
    return own, lambda o: their.ExponentialLR(o, factor)


@schedule
def CosineAnnealing(random: Random) -> Drawn:
    rate, period = rate_of(random), some(random, 10, 100)
    least = float(pick(random, 0.0, rate / 10))
    own = pl.CosineAnnealing(rate, period, least)
    return own, lambda o: their.CosineAnnealingLR(o, period, least)


@schedule
def CosineWarmRestarts(random: Random) -> Drawn:
    rate, period, times = rate_of(random), some(random, 1, 20), some(random, 1, 3)
    least = float(pick(random, 0.0, rate / 10))
    own = pl.CosineWarmRestarts(rate, period, times, least)
    return own, lambda o: their.CosineAnnealingWarmRestarts(o, period, times, least)


@schedule
def OneCycle(random: Random) -> Drawn:
    rate, total = rate_of(random), some(random, STEPS, 120)
    options = {
        "rise": float(random.uniform(0.1, 0.45)),
        "divisor": float(random.uniform(2, 30)),
        "final_divisor": float(10 ** random.uniform(0, 4)),
        "three_phases": bool(random.integers(2)),
    }
    shape = pick(random, "cosine", "linear")
    own = pl.OneCycle(rate, total, shape=shape, **options)
    return own, lambda o: their.OneCycleLR(
        o,
        rate,
        total_steps=total,
        pct_start=options["rise"],
        anneal_strategy={"cosine": "cos", "linear": "linear"}[shape],
        cycle_momentum=False,
        div_factor=options["divisor"],
        final_div_factor=options["final_divisor"],
        three_phase=options["three_phases"],
    )


@schedule
def PolynomialDecay(random: Random) -> Drawn:
    rate, total = rate_of(random), some(random, 5, 100)
    exponent = float(pick(random, 1.0, 2.0, random.uniform(0.5, 3)))
    own = pl.PolynomialDecay(rate, total, exponent)
    return own, lambda o: their.PolynomialLR(o, total, exponent)


@schedule
def Warmup(random: Random) -> Drawn:
    rate, duration = rate_of(random), some(random, 1, 60)
    start = float(random.uniform(0.01, 1))
    own = pl.Warmup(rate, duration, start)
    return own, lambda o: their.LinearLR(o, start, 1.0, duration)
