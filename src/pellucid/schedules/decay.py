"""Rates that only fall: in steps, by a factor, along a power."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.core.elementary import power
from pellucid.errors import describe
from pellucid.schedules.base import Decay


class StepDecay(Decay):
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


class MultiStepDecay(Decay):
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


class ExponentialDecay(Decay):
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


class PolynomialDecay(Decay):
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
