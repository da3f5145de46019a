"""Callbacks that write what happened to a file."""

from __future__ import annotations

import os

from pellucid.callbacks.base import Callback, Logs


class LearningRateLogger(Callback):
    """Note the learning rate of every step; ``History`` has that of every epoch.

    Attributes
    ----------
    steps, rates : list
        Number of each update and the rate that it was made with.

    Example
    -------
    >>> LearningRateLogger().rates
    []
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.rates: list[float] = []

    def on_train_begin(self, logs: Logs) -> None:
        """See ``Callback``."""
        self.steps, self.rates = [], []

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """See ``Callback``."""
        optimizer = self.model.optimizer
        step = optimizer.iterations - 1
        if step >= 0 and (not self.steps or self.steps[-1] != step):
            self.steps.append(step)
            self.rates.append(optimizer.last_rate)


class CSVLogger(Callback):
    """Write one line per epoch to a CSV file.

    The columns are ``epoch`` and the keys of ``History``. The file is complete after
    every epoch, so a training that is cut short leaves what it had.

    Parameters
    ----------
    path : path
    append : bool, default False
        Go on with an existing file instead of starting it anew.

    Raises
    ------
    OSError
        The file cannot be written.

    Example
    -------
    >>> CSVLogger("history.csv").append
    False
    """

    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        self.path = os.fspath(path)
        self.append = append
        self._keys: list[str] | None = None

    def on_train_begin(self, logs: Logs) -> None:
        """See ``Callback``."""
        import csv  # costs two milliseconds at import

        self._keys = None
        if self.append and os.path.exists(self.path):
            with open(self.path, newline="", encoding="utf-8") as file:
                self._keys = next(csv.reader(file), None)
        else:
            with open(self.path, "w", encoding="utf-8"):
                pass

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See ``Callback``."""
        import csv

        row = {"epoch": epoch, **logs}
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            if self._keys is None:
                self._keys = list(row)
                csv.writer(file).writerow(self._keys)
            writer = csv.DictWriter(file, self._keys, restval="", extrasaction="ignore")
            writer.writerow(row)
