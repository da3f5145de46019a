"""Learning-rate schedules: ``schedule(t)`` is the rate in epoch or step t.

Values are those of PyTorch's schedulers of like name. They are made of + - * / and
square roots only, so that a training run has the same bits on every machine.
"""

from pellucid.core.schedule import Schedule
from pellucid.schedules.cosine import CosineAnnealing, CosineWarmRestarts, OneCycle
from pellucid.schedules.decay import (
    ExponentialDecay,
    MultiStepDecay,
    PolynomialDecay,
    StepDecay,
)
from pellucid.schedules.warmup import SCHEDULES, Warmup, make_schedule

__all__ = [
    "SCHEDULES",
    "CosineAnnealing",
    "CosineWarmRestarts",
    "ExponentialDecay",
    "MultiStepDecay",
    "OneCycle",
    "PolynomialDecay",
    "Schedule",
    "StepDecay",
    "Warmup",
    "make_schedule",
]
