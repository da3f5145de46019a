"""A rise before another schedule, and every schedule by name."""

from __future__ import annotations

from typing import Any

from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.core.schedule import Schedule
from pellucid.errors import describe
from pellucid.schedules.cosine import CosineAnnealing, CosineWarmRestarts, OneCycle
from pellucid.schedules.decay import (
    ExponentialDecay,
    MultiStepDecay,
    PolynomialDecay,
    StepDecay,
)


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
        after: Any = self.after
        if isinstance(after, Schedule):
            after = {"kind": type(after).__name__, "config": after.config()}
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
