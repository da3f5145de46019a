"""Learning-rate schedules: ``schedule(t)`` is the rate in epoch or step t.

Values are those of PyTorch's schedulers of like name. They are made of + - * / and
square roots only, so that a training run has the same bits on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pellucid.checks import check_integer
from pellucid.core.elementary import cosine, power
from pellucid.core.inputs import check_number
from pellucid.core.schedule import Schedule
from pellucid.errors import check_choice, describe

__all__ = [
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


class _Decay(Schedule):
    """Base of schedules that start from a learning rate."""

    def __init__(self, learning_rate: float, *, by: str) -> None:
        super().__init__(by=by)
        self.learning_rate = self._number(learning_rate, "learning_rate", at_least=0)

    def _number(self, value: object, name: str, **bounds: float) -> float:
        return check_number(value, f"{type(self).__name__}: {name}", **bounds)

    def _length(self, value: object, name: str) -> int:
        hint = f"Pass the number of {self.by}s."
        return check_integer(value, f"{type(self).__name__}: {name}", low=1, hint=hint)

    def config(self) -> dict[str, Any]:
        """See ``Schedule.config``."""
        return vars(self).copy()


class StepDecay(_Decay):
    """Multiply the rate by a factor again and again.

    rate(t) = learning_rate * factor^floor(t / step_size)

    Parameters
    ----------
    learning_rate : float
        The rate at the start.
    step_size : int
        Epochs (or steps) between two decays.
    factor : float, default 0.1
        At least 0.
    by : {"epoch", "step"}
        What t counts.

    Example
    -------
    >>> schedule = StepDecay(0.1, 30)
    >>> [round(schedule(t), 6) for t in (0, 29, 30, 60)]
    [0.1, 0.1, 0.01, 0.001]
    """

    def __init__(
        self,
        learning_rate: float,
        step_size: int,
        factor: float = 0.1,
        *,
        by: str = "epoch",
    ) -> None:
        super().__init__(learning_rate, by=by)
        self.step_size = self._length(step_size, "step_size")
        self.factor = self._number(factor, "factor", at_least=0)

    def value(self, t: float) -> float:
        """See ``Schedule.value``."""
        return self.learning_rate * power(self.factor, int(t // self.step_size))


class MultiStepDecay(_Decay):
    """Multiply the rate by a factor at given times.

    rate(t) = learning_rate * factor^(number of milestones <= t)

    Parameters
    ----------
    learning_rate : float
        The rate at the start.
    milestones : sequence of int
        Growing.
    factor : float, default 0.1
        At least 0.
    by : {"epoch", "step"}
        What t counts.

    Example
    -------
    >>> schedule = MultiStepDecay(0.1, [10, 15])
    >>> [round(schedule(t), 6) for t in (9, 10, 15)]
    [0.1, 0.01, 0.001]
    """

    def __init__(
        self,
        learning_rate: float,
        milestones: Sequence[int],
        factor: float = 0.1,
        *,
        by: str = "epoch",
    ) -> None:
        super().__init__(learning_rate, by=by)
        given = list(milestones)
        self.milestones = [self._length(time, "a milestone") for time in given]
        if self.milestones != sorted(self.milestones):
            raise ValueError(
                describe(
                    f"MultiStepDecay: milestones is {given}",
                    "Expected growing numbers",
                    f"Pass milestones={sorted(self.milestones)}.",
                )
            )
        self.factor = self._number(factor, "factor", at_least=0)

    def value(self, t: float) -> float:
        """See ``Schedule.value``."""
        passed = sum(milestone <= t for milestone in self.milestones)
        return self.learning_rate * power(self.factor, passed)


class ExponentialDecay(_Decay):
    """Multiply the rate by a factor every time.

    rate(t) = learning_rate * factor^t

    Parameters
    ----------
    learning_rate : float
        The rate at the start.
    factor : float
        At least 0; 0.95 is common.
    by : {"epoch", "step"}
        What t counts.

    Example
    -------
    >>> round(ExponentialDecay(0.1, 0.5)(3), 6)
    0.0125
    """

    def __init__(
        self, learning_rate: float, factor: float = 0.95, *, by: str = "epoch"
    ) -> None:
        super().__init__(learning_rate, by=by)
        self.factor = self._number(factor, "factor", at_least=0)

    def value(self, t: float) -> float:
        """See ``Schedule.value``."""
        return self.learning_rate * power(self.factor, t)


class CosineAnnealing(_Decay):
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


class CosineWarmRestarts(_Decay):
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


class OneCycle(_Decay):
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


class PolynomialDecay(_Decay):
    """Go down to a final rate along a power of the time that is left.

    rate(t) = final + (learning_rate - final) * (1 - t / total)^exponent

    From t = total on the rate stays ``final``.

    Parameters
    ----------
    learning_rate : float
        The rate at the start.
    total : int
        Epochs (or steps) until the final rate.
    exponent : float, default 1
        Above 0; 1 is a straight line.
    final : float, default 0
    by : {"epoch", "step"}
        What t counts.

    Example
    -------
    >>> schedule = PolynomialDecay(0.1, 10, exponent=2)
    >>> [round(schedule(t), 6) for t in (0, 5, 10, 11)]
    [0.1, 0.025, 0.0, 0.0]
    """

    def __init__(
        self,
        learning_rate: float,
        total: int,
        exponent: float = 1.0,
        final: float = 0.0,
        *,
        by: str = "epoch",
    ) -> None:
        super().__init__(learning_rate, by=by)
        self.total = self._length(total, "total")
        self.exponent = self._number(exponent, "exponent", above=0)
        self.final = self._number(final, "final", at_least=0)

    def value(self, t: float) -> float:
        """See ``Schedule.value``."""
        left = 1 - min(t, self.total) / self.total
        drop = self.learning_rate - self.final
        return self.final + drop * power(left, self.exponent)


class Warmup(Schedule):
    """Rise in a straight line to another schedule's start, then follow that one.

    rate(t) = after(0) * (start + (1 - start) * t / duration) before ``duration``, then
    after(t - duration).

    Parameters
    ----------
    after : float or Schedule
        What comes then; a number is a constant rate.
    duration : int
        Epochs (or steps) of the rise.
    start : float, default 1/3
        The part of after(0) to start from, in [0, 1].
    by : {"epoch", "step"}, optional
        What t counts; that of ``after`` when it is a schedule.

    Raises
    ------
    ValueError
        Also when ``by`` differs from that of ``after``.

    Example
    -------
    >>> schedule = Warmup(CosineAnnealing(1.0, 10), 4, start=0.2)
    >>> [round(schedule(t), 6) for t in (0, 2, 4, 9)]
    [0.2, 0.6, 1.0, 0.5]

    Source
    ------
    Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour.
    """

    def __init__(
        self,
        after: float | Schedule | dict[str, Any],
        duration: int,
        start: float = 1 / 3,
        *,
        by: str | None = None,
    ) -> None:
        inner = make_schedule(after) if isinstance(after, dict) else after
        own = inner.by if isinstance(inner, Schedule) else "epoch"
        super().__init__(by=own if by is None else by)
        if isinstance(inner, Schedule) and inner.by != self.by:
            raise ValueError(
                describe(
                    f'Warmup: by="{self.by}" with a schedule by {inner.by}',
                    "Expected both to count the same",
                    f'Leave by out, or pass by="{self.by}" to both.',
                )
            )
        if not isinstance(inner, Schedule):
            inner = check_number(inner, "Warmup: after", at_least=0)
        self.after: float | Schedule = inner
        hint = f"Pass the number of {self.by}s."
        self.duration = check_integer(duration, "Warmup: duration", low=1, hint=hint)
        self.start = check_number(start, "Warmup: start", at_least=0, at_most=1)

    def value(self, t: float) -> float:
        """See ``Schedule.value``."""
        time = max(t - self.duration, 0.0)
        rate = self.after(time) if isinstance(self.after, Schedule) else self.after
        if t >= self.duration:
            return rate
        return rate * (self.start + (1 - self.start) * t / self.duration)

    def config(self) -> dict[str, Any]:
        """See ``Schedule.config``."""
        after = self.after
        if isinstance(after, Schedule):
            after = {"kind": type(after).__name__, "config": after.config()}  # type: ignore[assignment]
        own = {"after": after, "duration": self.duration, "start": self.start}
        return own | super().config()


SCHEDULES: dict[str, type[Schedule]] = {
    cls.__name__: cls
    for cls in (
        StepDecay,
        MultiStepDecay,
        ExponentialDecay,
        CosineAnnealing,
        CosineWarmRestarts,
        OneCycle,
        PolynomialDecay,
        Warmup,
    )
}


def make_schedule(part: dict[str, Any]) -> Schedule:
    """Make a schedule from its kind and config, as a file has them.

    Raises
    ------
    ValueError
        An unknown kind.

    Example
    -------
    >>> config = {"learning_rate": 0.1, "step_size": 2}
    >>> make_schedule({"kind": "StepDecay", "config": config})(2) == 0.1 * 0.1
    True
    """
    kind = part["kind"]
    if kind not in SCHEDULES:
        raise ValueError(
            describe(
                f"the schedule {kind!r} is unknown",
                f"Expected one of {', '.join(SCHEDULES)}",
                "Load the file with the version of pellucid that wrote it.",
            )
        )
    return SCHEDULES[kind](**part["config"])


def _between(low: float, high: float, part: float) -> float:
    """From high at part = 0 to low at part = 1, along half a cosine wave."""
    share = (1 + cosine(part)) / 2
    return high * share + low * (1 - share)  # exact at both ends
