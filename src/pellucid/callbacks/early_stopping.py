"""Stop when a monitored value no longer improves."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

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


class EarlyStopping(Callback):
    """Stop when the monitored value has not improved for ``patience`` epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A key of ``History``. Without validation data ``val_loss`` stands for ``loss``.
    patience : int, default 10
        Epochs without improvement before training stops, at least 0.
    min_delta : float, default 0
        What counts as improvement: more than this.
    mode : {"auto", "min", "max"}
        "auto" decides by the name: accuracy and its like go up, the rest goes down.
    restore_best_weights : bool, default True
        At the end of training, patience used up or not, put the weights of the best
        epoch back.

    Attributes
    ----------
    best, best_epoch
        The best value and its epoch; None before the first.
    stopped_epoch
        The epoch after which training was stopped, None when it was not.

    Example
    -------
    >>> EarlyStopping(monitor="val_accuracy", patience=3).mode
    'max'

    Source
    ------
    Prechelt (1998), Early stopping - but when?
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best_weights: bool = True,
    ) -> None:
        self.monitor = monitor
        self.patience = check_integer(
            patience, "EarlyStopping: patience", low=0, hint="Pass patience=10."
        )
        self.min_delta = check_number(min_delta, "EarlyStopping: min_delta", at_least=0)
        check_choice(mode, "EarlyStopping: mode", ("auto", "min", "max"))
        if mode == "auto":
            mode = "max" if larger_is_better(monitor) else "min"
        self.mode = mode
        self.restore_best_weights = bool(restore_best_weights)
        self._forget()

    def _forget(self) -> None:
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None
        self.wait = 0
        self.message = None
        self._best_weights: dict[str, NDArray[np.floating]] | None = None

    def on_train_begin(self, logs: Logs) -> None:
        """See ``Callback``."""
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See ``Callback``."""
        value = self._watched(logs)
        if self._improved(value):
            self.best, self.best_epoch, self.wait = value, epoch, 0
            if self.restore_best_weights:
                self._best_weights = self.model.state_dict()
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs) -> None:
        """See ``Callback``."""
        restored = ""
        if self._best_weights is not None and self.best_epoch is not None:
            if self.wait > 0:
                self.model.load_state_dict(self._best_weights)
                restored = f"; weights of epoch {self.best_epoch + 1} restored"
            self._best_weights = None
        if self.stopped_epoch is not None:
            self.message = (
                f"stopped after epoch {self.stopped_epoch + 1}: {self._name(logs)} has "
                f"not improved for {self.wait} epoch{'s' * (self.wait != 1)}{restored}"
            )
        elif restored:
            self.message = f"{self._name(logs)} was best earlier{restored}"

    def _name(self, logs: Logs) -> str:
        if self.monitor == "val_loss" and self.monitor not in logs:
            return "loss"
        return self.monitor

    def _watched(self, logs: Logs) -> float:
        name = self._name(logs)
        if name not in logs:
            near = closest(name, logs)
            raise ValueError(
                describe(
                    f'EarlyStopping watches "{name}", which this training lacks',
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
