"""Rates along a cosine."""

from __future__ import annotations

from itertools import pairwise

from pellucid.checks import check_integer
from pellucid.core.elementary import cosine
from pellucid.errors import check_choice, describe
from pellucid.schedules.base import Decay


class CosineAnnealing(Decay):
    """Go down from the rate to a minimum along half a cosine wave.

    rate(t) = minimum + (learning_rate - minimum) * (1 + cos(pi * t / period)) / 2

    After ``period`` the rate goes up again, as the cosine does.

    Parameters
    ----------
    learning_rate : float
        The rate at the start.
    period : int
        Epochs (or steps) from the top to the minimum.
    minimum : float, default 0
    by : {"epoch", "step"}
        What t counts.

    Example
    -------
    >>> schedule = CosineAnnealing(1.0, 10)
    >>> [round(schedule(t), 6) for t in (0, 5, 10, 15)]
    [1.0, 0.5, 0.0, 0.5]

    Source
    ------
    Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts.
    """

    def __init__(
        self,
        learning_rate: float,
        period: int,
        minimum: float = 0.0,
        *,
        by: str = "epoch",
    ) -> None:
        super().__init__(learning_rate, by=by)
        self.period = self._length(period, "period")
        self.minimum = self._number(minimum, "minimum", at_least=0)

    def value(self, t: float) -> float:
        """See ``Schedule.value``."""
        return _between(self.minimum, self.learning_rate, t / self.period)


class CosineWarmRestarts(Decay):
    """Half a cosine wave down, then from the top again, each round longer.

    rate(t) = minimum + (learning_rate - minimum) * (1 + cos(pi * s / T)) / 2

    with T = period * multiplier^k the length of round k and s the time since it began.

    Parameters
    ----------
    learning_rate : float
        The rate at the start of every round.
    period : int
        Length of the first round.
    multiplier : int, default 1
        How much longer each round is than the one before, at least 1.
    minimum : float, default 0
    by : {"epoch", "step"}
        What t counts.

    Example
    -------
    >>> schedule = CosineWarmRestarts(1.0, 2, multiplier=2)
    >>> [round(schedule(t), 6) for t in (0, 1, 2, 4, 6)]
    [1.0, 0.5, 1.0, 0.5, 1.0]

    Source
    ------
    Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts.
    """

    def __init__(
        self,
        learning_rate: float,
        period: int,
        multiplier: int = 1,
        minimum: float = 0.0,
        *,
        by: str = "epoch",
    ) -> None:
        super().__init__(learning_rate, by=by)
        self.period = self._length(period, "period")
        self.multiplier = self._length(multiplier, "multiplier")
        self.minimum = self._number(minimum, "minimum", at_least=0)

    def value(self, t: float) -> float:
        """See ``Schedule.value``."""
        length = self.period
        if self.multiplier == 1:
            t %= length
        while t >= length:
            t -= length
            length *= self.multiplier
        return _between(self.minimum, self.learning_rate, t / length)


class OneCycle(Decay):
    """One rise to a high rate, then a long way down.

    From learning_rate / divisor up to learning_rate in the first ``rise`` of the time,
    then down to learning_rate / divisor / final_divisor at t = total - 1; later times
    keep that.

    Parameters
    ----------
    learning_rate : float
        The highest rate.
    total : int
        Steps (or epochs) of the whole training, at least 2.
    rise : float, default 0.3
        The part of the time in which the rate rises, above 0 and below 1.
    shape : {"cosine", "linear"}
        How it rises and falls.
    divisor : float, default 25
        At least 1.
    final_divisor : float, default 1e4
        At least 1.
    three_phases : bool, default False
        Fall as fast as it rose, to the rate at the start, then to the final rate.
    by : {"step", "epoch"}
        What t counts; here "step" by default.

    Example
    -------
    >>> schedule = OneCycle(0.1, 100, rise=0.5)
    >>> [round(schedule(t), 6) for t in (0, 49, 99)]
    [0.004, 0.1, 0.0]

    Source
    ------
    Smith, Topin (2018), Super-convergence: very fast training of neural networks
    using large learning rates.
    """

    def __init__(
        self,
        learning_rate: float,
        total: int,
        *,
        rise: float = 0.3,
        shape: str = "cosine",
        divisor: float = 25.0,
        final_divisor: float = 1e4,
        three_phases: bool = False,
        by: str = "step",
    ) -> None:
        super().__init__(learning_rate, by=by)
        hint = f"Pass the number of {by}s of the whole training."
        self.total = check_integer(total, "OneCycle: total", low=2, hint=hint)
        self.rise = self._number(rise, "rise", above=0, at_most=1)
        if self.rise == 1 or (three_phases and self.rise > 0.5):
            raise ValueError(
                describe(
                    f"OneCycle: rise is {self.rise:g}",
                    f"Expected {'at most 0.5' if three_phases else 'below 1'}: the "
                    "rate must have time to fall",
                    "Pass rise=0.3.",
                )
            )
        self.shape = check_choice(shape, "OneCycle: shape", ("cosine", "linear"))
        self.divisor = self._number(divisor, "divisor", at_least=1)
        self.final_divisor = self._number(final_divisor, "final_divisor", at_least=1)
        self.three_phases = bool(three_phases)

    def value(self, t: float) -> float:
        """See ``Schedule.value``."""
        top, start = self.learning_rate, self.learning_rate / self.divisor
        last, peak = self.total - 1, self.rise * self.total - 1
        corners = [(0.0, start), (peak, top)]
        if self.three_phases:
            corners.append((2 * peak, start))
        corners.append((float(last), start / self.final_divisor))
        t = min(t, last)
        for (begin, high), (end, low) in pairwise(corners):
            if t <= end:
                part = (t - begin) / (end - begin)
                if self.shape == "linear":
                    return (low - high) * part + high
                return _between(low, high, part)
        return corners[-1][1]


def _between(low: float, high: float, part: float) -> float:
    """From high at part = 0 to low at part = 1, along half a cosine wave."""
    share = (1 + cosine(part)) / 2
    return high * share + low * (1 - share)  # exact at both ends
