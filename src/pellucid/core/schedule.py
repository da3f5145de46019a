"""What a learning-rate schedule is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from pellucid.core.inputs import check_number
from pellucid.core.shown import shown_call
from pellucid.errors import check_choice


class Schedule(ABC):
    """A learning rate that depends on time; pass it as ``learning_rate``.

    An own schedule overrides ``value`` and, to be saved in files as well, ``config``.

    Parameters
    ----------
    by : {"epoch", "step"}
        What t counts: epochs of the model, or updates of the optimizer; both from 0.

    Example
    -------
    >>> class Halve(Schedule):
    ...     def value(self, t):
    ...         return 0.1 / (1 + t)
    >>> Halve()(0), Halve()(4)
    (0.1, 0.02)
    """

    def __init__(self, *, by: str = "epoch") -> None:
        self.by = check_choice(by, f"{type(self).__name__}: by", ("epoch", "step"))

    def __call__(self, t: float) -> float:
        """The learning rate at time t, at least 0.

        Raises
        ------
        ValueError
            t is negative, or the rate is negative or not finite.
        """
        name = type(self).__name__
        time = check_number(t, f"{name}: t", at_least=0)
        return check_number(self.value(time), f"{name}: the rate", at_least=0)

    @abstractmethod
    def value(self, t: float) -> float:
        """The learning rate at a time t >= 0."""

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal schedule, fit for JSON."""
        return {"by": self.by}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return shown_call(self, self.config())
