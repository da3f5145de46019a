"""Stop when a monitored value no longer improves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.callbacks.base import Logs
from pellucid.callbacks.monitor import Monitor
from pellucid.errors import describe


class EarlyStopping(Monitor):
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
        self.restore_best_weights = bool(restore_best_weights)
        super().__init__(monitor, patience, min_delta, mode)

    def forget(self) -> None:
        """See ``Monitor.forget``."""
        super().forget()
        self.stopped_epoch: int | None = None
        self._best_weights: dict[str, NDArray[np.floating]] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See ``Callback``."""
        if self.note(epoch, logs):
            if self.restore_best_weights:
                self._best_weights = self.model.state_dict()
            return
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
                f"stopped after epoch {self.stopped_epoch + 1}: "
                f"{self.watched_name(logs)} has not improved for {self.wait} "
                f"epoch{'s' * (self.wait != 1)}{restored}"
            )
        elif restored:
            self.message = f"{self.watched_name(logs)} was best earlier{restored}"

    def state(self) -> dict[str, Any]:
        """See ``Callback.state``."""
        weights = self._best_weights or {}
        return super().state() | {"stopped": self.stopped_epoch, "weights": weights}

    def load_state(self, state: dict[str, Any]) -> None:
        """See ``Callback.load_state``; a run that was stopped stays stopped."""
        super().load_state(state)
        weights = dict(state["weights"])
        own = {name: array.shape for name, array in self.model.state_dict().items()}
        if weights and own != {
            name: np.shape(array) for name, array in weights.items()
        }:
            raise ValueError(
                describe(
                    "the best weights in the state do not fit the model",
                    "Expected the names and shapes of model.state_dict()",
                    "Load the state into the model that it came from.",
                )
            )
        self._best_weights = weights or None
        if state["stopped"] is not None:
            self.stopped_epoch = int(state["stopped"])
            self.model.stop_training = True
