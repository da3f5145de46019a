"""What callbacks share that watch a value: its name, its direction, its best."""

from __future__ import annotations

import math
from typing import Any

from pellucid.callbacks.base import Callback, Logs
from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.errors import check_choice, closest, describe

LARGER_IS_BETTER = ("accuracy", "acc", "auc", "f1", "precision", "recall", "r2")


def larger_is_better(monitor: str) -> bool:
    """Whether the name of a value says that larger is better.

    Example
    -------
    >>> larger_is_better("val_accuracy"), larger_is_better("val_loss")
    (True, False)
    """
    return monitor.lower().endswith(LARGER_IS_BETTER)


class Monitor(Callback):
    """Base of callbacks that watch a value of ``History``.

    Parameters
    ----------
    monitor : str
        A key of ``History``. Without validation data ``val_loss`` stands for ``loss``.
    patience : int
        Epochs without improvement that are borne.
    min_delta : float
        What counts as improvement: more than this.
    mode : {"auto", "min", "max"}
        "auto" decides by the name.
    """

    def __init__(self, monitor: str, patience: int, min_delta: float, mode: str):
        name = type(self).__name__
        self.monitor = monitor
        self.patience = check_integer(
            patience, f"{name}: patience", low=0, hint="Pass patience=10."
        )
        self.min_delta = check_number(min_delta, f"{name}: min_delta", at_least=0)
        check_choice(mode, f"{name}: mode", ("auto", "min", "max"))
        if mode == "auto":
            mode = "max" if larger_is_better(monitor) else "min"
        self.mode = mode
        self.forget()

    def forget(self) -> None:
        """Start anew."""
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.wait = 0
        self.message = None

    def on_train_begin(self, logs: Logs) -> None:
        """See ``Callback``."""
        self.forget()

    def note(self, epoch: int, logs: Logs) -> bool:
        """Take the value of an epoch; True when it is the best so far."""
        value = self.watched(logs)
        if self._improved(value):
            self.best, self.best_epoch, self.wait = value, epoch, 0
            return True
        self.wait += 1
        return False

    def watched_name(self, logs: Logs) -> str:
        """What is watched: ``loss`` where there is no ``val_loss``."""
        if self.monitor == "val_loss" and self.monitor not in logs:
            return "loss"
        return self.monitor

    def watched(self, logs: Logs) -> float:
        """The watched value, or a ValueError with the names that there are."""
        name = self.watched_name(logs)
        if name not in logs:
            near = closest(name, logs)
            raise ValueError(
                describe(
                    f'{type(self).__name__} watches "{name}", which this training '
                    "lacks",
                    "Expected one of " + ", ".join(f'"{key}"' for key in logs),
                    f'Did you mean "{near}"?' if near else "Pass validation_data=...",
                )
            )
        return logs[name]

    def _improved(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if self.best is None:
            return True
        gain = value - self.best if self.mode == "max" else self.best - value
        return gain > self.min_delta

    def state(self) -> dict[str, Any]:
        """See ``Callback.state``."""
        return {"best": self.best, "best_epoch": self.best_epoch, "wait": self.wait}

    def load_state(self, state: dict[str, Any]) -> None:
        """See ``Callback.load_state``."""
        best, epoch = state["best"], state["best_epoch"]
        self.best = None if best is None else float(best)
        self.best_epoch = None if epoch is None else int(epoch)
        self.wait = int(state["wait"])
