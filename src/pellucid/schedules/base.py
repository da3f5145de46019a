"""What schedules that start from a learning rate share."""

from __future__ import annotations

from typing import Any

from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.core.schedule import Schedule


class Decay(Schedule):
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
