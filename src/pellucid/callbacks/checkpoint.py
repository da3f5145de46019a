"""A file with the full state of training, after every epoch or the best."""

from __future__ import annotations

import os

from pellucid.callbacks.base import Logs
from pellucid.callbacks.monitor import Monitor
from pellucid.checks import check_integer
from pellucid.errors import check_choice


class ModelCheckpoint(Monitor):
    """Save the model with the full training state; ``fit(resume=path)`` goes on.

    The file has weights, running statistics, optimizer, schedule, random counters and
    the state of the callbacks. ``load_model`` reads it too. It is replaced in one
    piece: a crash leaves the one before.

    Parameters
    ----------
    path : path
        ``{epoch}`` in it becomes the number of the epoch, from 0; then nothing is
        overwritten.
    keep : {"last", "best"}
        Save every time, or only when the monitored value is the best so far.
    monitor : str, default "val_loss"
        A key of ``History``. Without validation data ``val_loss`` stands for ``loss``.
    mode : {"auto", "min", "max"}
        "auto" decides by the name: accuracy and its like go up, the rest goes down.
    every : int, default 1
        Save after every so many epochs, at least 1.

    Raises
    ------
    OSError
        In training: the file cannot be written.

    Example
    -------
    >>> ModelCheckpoint("best.safetensors", keep="best", monitor="val_accuracy").mode
    'max'
    """

    runs_last = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        keep: str = "last",
        *,
        monitor: str = "val_loss",
        mode: str = "auto",
        every: int = 1,
    ) -> None:
        self.path = os.fspath(path)
        self.keep = check_choice(keep, "ModelCheckpoint: keep", ("last", "best"))
        hint = "Pass every=1."
        self.every = check_integer(every, "ModelCheckpoint: every", low=1, hint=hint)
        super().__init__(monitor, 0, 0.0, mode)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See ``Callback``."""
        if (epoch + 1) % self.every:
            return
        if self.keep == "best" and not self.note(epoch, logs):
            return
        self.model.save(self.path.replace("{epoch}", str(epoch)))
