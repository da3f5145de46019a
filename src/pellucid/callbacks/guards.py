"""Callbacks that watch for trouble."""

from __future__ import annotations

import math

from pellucid.callbacks.base import Callback, Logs


class TerminateOnNaN(Callback):
    """End training, without an exception, when the loss is NaN or infinite.

    With it in the list, ``fit(on_nan="raise")`` acts as ``on_nan="stop"``: the weights
    of the last good step stay. It also works under ``on_nan="ignore"``, where the
    broken step has been taken.

    Example
    -------
    >>> TerminateOnNaN().on_nan
    'stop'
    """

    on_nan = "stop"

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """See ``Callback``."""
        if not math.isfinite(logs["loss"]):
            self.message = f"stopped at batch {batch}: the loss is {logs['loss']}"
            self.model.stop_training = True
