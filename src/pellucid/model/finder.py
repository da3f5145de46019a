"""Which learning rate to begin with: the loss while the rate grows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import kernels
from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.errors import NumericsError, describe
from pellucid.model.fit import SHUFFLE_STREAM
from pellucid.model.options import check_options
from pellucid.model.prepare import prepare
from pellucid.model.training import TrainingStep

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

SMOOTHING = 0.9
DIVERGED = 4.0  # times the best smoothed loss: the run ends there


class RateSearch:
    """What ``find_learning_rate`` saw.

    Attributes
    ----------
    rates, losses : list of float
        The learning rate of each step, and the loss of its batch before it.
    smoothed : list of float
        The losses as an exponential moving average without bias.
    suggestion : float
        The rate at which the loss fell fastest.
    """

    def __init__(self, rates: list[float], losses: list[float]) -> None:
        self.rates, self.losses = rates, losses
        self.smoothed = smooth(losses)

    @property
    def suggestion(self) -> float:
        """The rate at which the loss fell fastest, judged over a fifth of the steps.

        The slope of a straight line through a stretch of the losses; two neighbours
        would tell how the batches differ, not how the rate works.
        """
        lowest = min(range(len(self.smoothed)), key=self.smoothed.__getitem__)
        half = min(len(self.losses) // 10, lowest // 2)
        if half == 0:
            return self.rates[lowest]
        weights = range(-half, half + 1)
        slopes = [
            (sum(w * self.losses[middle + w] for w in weights), middle)
            for middle in range(half, lowest - half + 1)
        ]
        return self.rates[min(slopes)[1]]

    def __repr__(self) -> str:
        return (
            f"RateSearch({len(self.rates)} steps from {self.rates[0]:g} to "
            f"{self.rates[-1]:g}; suggestion {self.suggestion:.2g})"
        )


def smooth(losses: list[float]) -> list[float]:
    """Exponential moving average, divided by the weight that it has so far.

    Example
    -------
    >>> [round(value, 6) for value in smooth([2.0, 2.0, 2.0])]
    [2.0, 2.0, 2.0]
    """
    smoothed, average, weight = [], 0.0, 1.0
    for loss in losses:
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        weight *= SMOOTHING
        smoothed.append(average / (1 - weight))
    return smoothed


def find_learning_rate(
    model: Sequential,
    x: Any,
    y: Any,
    *,
    start: float,
    stop: float,
    steps: int,
    batch_size: int,
) -> RateSearch:
    """See ``Sequential.find_learning_rate``; trains a copy of the model."""
    low = check_number(start, "start", above=0)
    high = check_number(stop, "stop", above=0)
    count = check_integer(steps, "steps", low=2, hint="Pass steps=100.")
    if high <= low:
        raise ValueError(
            describe(
                f"start is {low:g} and stop is {high:g}",
                "Expected a stop above the start",
                "Leave both out for 1e-6 to 10.",
            )
        )
    options = check_options(
        epochs=1,
        batch_size=batch_size,
        validation_split=0.0,
        shuffle=True,
        callbacks=(),
        verbose=0,
        accumulate_steps=1,
        on_nan="raise",
    )
    import copy  # costs a millisecond at import

    trial = copy.deepcopy(model)
    data = prepare(
        trial,
        options,
        x,
        y,
        seed=trial.seed,
        validation_data=None,
        class_weight=None,
        sample_weight=None,
    )
    trial.optimizer.reset()
    step = TrainingStep(trial, reused_batches=data.source.reuses_memory)
    rates: list[float] = []
    losses: list[float] = []
    epoch = 0
    with step.interrupts.watching():
        while len(rates) < count:
            order = None
            if data.samples is not None:
                order = kernels.permutation(
                    data.samples, seed=trial.seed, stream=SHUFFLE_STREAM, step=epoch
                )
            epoch += 1
            for batch in data.source.epoch(order):
                rate = low * (high / low) ** (len(rates) / (count - 1))
                trial.optimizer.learning_rate = rate
                try:
                    loss = step.run(batch.x, batch.y, batch.weights)
                except NumericsError:
                    return _result(rates, losses)
                rates.append(rate)
                losses.append(loss)
                now = smooth(losses)
                if len(rates) == count or now[-1] > DIVERGED * min(now) > 0:
                    return _result(rates, losses)
    return _result(rates, losses)


def _result(rates: list[float], losses: list[float]) -> RateSearch:
    if not rates or not math.isfinite(float(np.sum(losses))):
        raise NumericsError(
            describe(
                "the loss is not finite at the smallest learning rate",
                "Expected data and weights with finite numbers",
                "Scale the inputs to about mean 0 and deviation 1, or pass a smaller "
                "start.",
            )
        )
    return RateSearch(rates, losses)
