"""What a person sees while a model trains."""

from __future__ import annotations

import sys
from importlib import import_module
from time import perf_counter
from typing import Any

from pellucid.callbacks.base import Callback, Logs

REFRESH_SECONDS = 0.1
HIDDEN = ("learning_rate", "seconds")
BAR = (
    "{desc}  {percentage:3.0f}%|{bar:10}| {n_fmt}/{total_fmt} "
    "[{elapsed}<{remaining}, {rate_fmt}{postfix}]"
)


def is_interactive() -> bool:
    """Whether standard error can show a bar: a terminal or a notebook."""
    return "ipykernel" in sys.modules or sys.stderr.isatty()


class ProgressBar(Callback):
    """One line per epoch on standard error: a bar, or plain text for files.

    Parameters
    ----------
    bar : bool, optional
        True draws a bar (tqdm), False prints a line when the epoch is over; by
        default a bar on a terminal or in a notebook, lines elsewhere.

    Example
    -------
    >>> ProgressBar(bar=False).bar
    False
    """

    def __init__(self, bar: bool | None = None) -> None:
        self.bar = is_interactive() if bar is None else bool(bar)
        self._tqdm: Any = None
        self._shown = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """See ``Callback``."""
        if not self.bar:
            return
        # tqdm takes 27 ms to import: only who wants a bar pays.
        self._close()
        self._tqdm = import_module("tqdm").tqdm(
            total=self.params["steps"],
            desc=self._title(epoch),
            unit="batch",
            ascii=" #",
            bar_format=BAR,
            file=sys.stderr,
            miniters=1,
            mininterval=REFRESH_SECONDS,
        )
        self._shown = 0.0

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """See ``Callback``."""
        if self._tqdm is None:
            return
        now = perf_counter()
        if now - self._shown >= REFRESH_SECONDS:
            self._shown = now
            self._tqdm.set_postfix_str(format_logs(logs), refresh=False)
            self._tqdm.update(batch + 1 - self._tqdm.n)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See ``Callback``."""
        if self._tqdm is not None:
            self._tqdm.set_postfix_str(format_logs(logs), refresh=False)
            if not self.model.stop_training:
                self._tqdm.update(self.params["steps"] - self._tqdm.n)
            self._close()
        else:
            text = f"{self._title(epoch)}  {format_logs(logs)}, {logs['seconds']:.2f} s"
            print(text, file=sys.stderr)

    def on_train_end(self, logs: Logs) -> None:
        """See ``Callback``."""
        self._close()

    def close(self) -> None:
        """Leave the terminal tidy; ``fit`` calls it also after an exception."""
        self._close()

    def _title(self, epoch: int) -> str:
        epochs = self.params["epochs"]
        return f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}"

    def _close(self) -> None:
        if self._tqdm is not None:
            self._tqdm.close()
            self._tqdm = None


def format_logs(logs: Logs) -> str:
    """The values of an epoch in one line.

    Example
    -------
    >>> format_logs({"loss": 1.31237, "accuracy": 0.6041, "seconds": 2.0})
    'loss 1.3124, accuracy 0.604'
    """
    return ", ".join(
        f"{name} {value:.{3 if name.endswith('accuracy') else 4}f}"
        if abs(value) >= 1e-3 or value == 0
        else f"{name} {value:.2e}"
        for name, value in logs.items()
        if name not in HIDDEN
    )
