"""The interface of callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pellucid.core.shown import own_arguments, shown_call

if TYPE_CHECKING:
    from pellucid.core.layer import Array
    from pellucid.errors import NumericsError
    from pellucid.model.fit import FitLoop
    from pellucid.model.sequential import Sequential

Logs = Mapping[str, float]


class Callback:
    """Gets called by ``fit``; override what you need.

    ``self.model`` is the model; ``self.model.stop_training = True`` ends training after
    the batch or epoch. ``self.params`` has ``epochs`` (the number at which this call
    ends), ``first_epoch`` and ``steps`` (batches in an epoch). An exception ends
    training and reaches the caller unchanged.

    Example
    -------
    >>> class Print(Callback):
    ...     def on_epoch_end(self, epoch, logs):
    ...         print(epoch, round(logs["loss"], 3))
    """

    model: Sequential
    params: Mapping[str, int]
    message: str | None = None
    """A line that ``fit`` shows at its end, unless it is silent."""
    runs_last: bool = False
    """True to be called after the other callbacks."""

    def __repr__(self) -> str:
        return shown_call(self, own_arguments(self))

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of this callback: numbers, arrays, nested dicts."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` returned; called after ``on_train_begin``."""

    def attach(self, loop: FitLoop) -> None:
        """Before ``on_train_begin``, for callbacks that look at data and steps."""

    def on_step(self, loss: float, x: Array, y: Array) -> None:
        """After a training step, with its batch; costs less than ``on_batch_end``.

        The arrays are overwritten by the next batch.
        """

    def on_refused(self, error: NumericsError, x: Array, y: Array) -> None:
        """A step was not taken: the loss or a gradient of its batch is not finite."""

    def on_train_begin(self, logs: Logs) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs) -> None:
        """After the last epoch; ``logs`` is that epoch's."""

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Before an epoch; they count from 0, on over calls of ``fit``."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After an epoch and its validation; ``logs`` has the keys of ``History``."""

    def on_batch_begin(self, batch: int, logs: Logs) -> None:
        """Before a training step."""

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """After a training step; ``logs`` has loss and metrics of the epoch so far."""


class LambdaCallback(Callback):
    """A callback made of functions.

    Parameters
    ----------
    on_train_begin, on_train_end : callable(logs), optional
    on_epoch_begin, on_epoch_end : callable(epoch, logs), optional
    on_batch_begin, on_batch_end : callable(batch, logs), optional

    Example
    -------
    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
    >>> callback.on_epoch_end(3, {})
    3
    """

    def __init__(
        self,
        *,
        on_train_begin: Callable[[Logs], Any] | None = None,
        on_train_end: Callable[[Logs], Any] | None = None,
        on_epoch_begin: Callable[[int, Logs], Any] | None = None,
        on_epoch_end: Callable[[int, Logs], Any] | None = None,
        on_batch_begin: Callable[[int, Logs], Any] | None = None,
        on_batch_end: Callable[[int, Logs], Any] | None = None,
    ) -> None:
        given = {
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_batch_begin": on_batch_begin,
            "on_batch_end": on_batch_end,
        }
        for name, function in given.items():
            if function is not None:
                setattr(self, name, function)
