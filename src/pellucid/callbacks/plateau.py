"""A smaller learning rate when a monitored value no longer improves."""

from __future__ import annotations

from typing import Any

from pellucid.callbacks.base import Logs
from pellucid.callbacks.monitor import Monitor
from pellucid.checks import check_fraction, check_integer
from pellucid.core.inputs import check_number
from pellucid.errors import describe


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by ``factor`` after ``patience`` bad epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A key of ``History``. Without validation data ``val_loss`` stands for ``loss``.
    factor : float, default 0.1
        0 <= factor < 1.
    patience : int, default 10
        Epochs without improvement before the rate goes down.
    min_delta : float, default 1e-4
        What counts as improvement: more than this.
    mode : {"auto", "min", "max"}
        "auto" decides by the name: accuracy and its like go up, the rest goes down.
    cooldown : int, default 0
        Epochs after a reduction that do not count.
    min_learning_rate : float, default 0
        The rate never goes below this.

    Attributes
    ----------
    reductions : list of (epoch, learning rate)
        When the rate went down, and what it became.

    Raises
    ------
    ValueError
        In training: the optimizer's rate is decided by a schedule.

    Example
    -------
    >>> ReduceLROnPlateau(factor=0.5, patience=3).factor
    0.5
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        *,
        min_delta: float = 1e-4,
        mode: str = "auto",
        cooldown: int = 0,
        min_learning_rate: float = 0.0,
    ) -> None:
        name = type(self).__name__
        self.factor = check_fraction(factor, f"{name}: factor")
        self.cooldown = check_integer(
            cooldown, f"{name}: cooldown", low=0, hint="Pass cooldown=0."
        )
        self.min_learning_rate = check_number(
            min_learning_rate, f"{name}: min_learning_rate", at_least=0
        )
        super().__init__(monitor, patience, min_delta, mode)

    def forget(self) -> None:
        """See ``Monitor.forget``."""
        super().forget()
        self.reductions: list[tuple[int, float]] = []
        self.resting = 0

    def on_train_begin(self, logs: Logs) -> None:
        """See ``Callback``."""
        super().on_train_begin(logs)
        if self.model.optimizer.schedule is not None:
            raise ValueError(
                describe(
                    "ReduceLROnPlateau was given with the schedule "
                    f"{self.model.optimizer.schedule!r}",
                    "Expected one of them to decide the learning rate",
                    "Leave the callback out, or pass a number as learning_rate.",
                )
            )

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See ``Callback``."""
        improved = self.note(epoch, logs)
        if self.resting:
            self.resting -= 1
            self.wait = 0
        if improved or self.wait < max(1, self.patience):
            return
        optimizer = self.model.optimizer
        rate = max(optimizer.learning_rate * self.factor, self.min_learning_rate)
        if rate < optimizer.learning_rate:
            optimizer.learning_rate = rate
            self.reductions.append((epoch, rate))
            self.message = f"learning rate reduced to {rate:g} after epoch {epoch + 1}"
            self.resting = self.cooldown
        self.wait = 0

    def state(self) -> dict[str, Any]:
        """See ``Callback.state``."""
        return super().state() | {"resting": self.resting}

    def load_state(self, state: dict[str, Any]) -> None:
        """See ``Callback.load_state``."""
        super().load_state(state)
        self.resting = int(state["resting"])
