"""The loop over epochs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pellucid import kernels
from pellucid.callbacks.base import Callback
from pellucid.callbacks.progress import ProgressBar
from pellucid.core.layer import Array
from pellucid.core.registry import ours
from pellucid.errors import FormatError, NumericsError, describe
from pellucid.model.history import History
from pellucid.model.inference import evaluate_samples
from pellucid.model.options import Options
from pellucid.model.prepare import Data
from pellucid.model.sources import BatchSource
from pellucid.model.training import Interrupts, TrainingStep

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

SHUFFLE_STREAM = 2**32 - 1


class FitLoop:
    """One call of ``fit``: epochs, metrics, callbacks, history.

    Parameters
    ----------
    model : Sequential
        Built and compiled.
    options : Options
    data : Data
    """

    def __init__(self, model: Sequential, options: Options, data: Data) -> None:
        self.model = model
        self.options = options
        self.data = data
        self.history = History()
        self.callbacks = sorted(options.callbacks, key=lambda c: c.runs_last)
        self.interrupts = Interrupts()
        self.step = self._new_step()
        self._steps = data.source.steps
        self._order: Array | None = None  # shuffled anew for every epoch
        self._on_batch = [
            callback
            for callback in options.callbacks
            if _overrides(callback, "on_batch_begin")
            or _overrides(callback, "on_batch_end")
        ]
        self._on_step = [
            callback.on_step
            for callback in options.callbacks
            if _overrides(callback, "on_step")
        ]

    def _new_step(self) -> TrainingStep:
        return TrainingStep(
            self.model,
            check_finite=self.options.on_nan != "ignore",
            accumulate=self.options.accumulate_steps,
            reused_batches=self.data.source.reuses_memory,
            interrupts=self.interrupts,
        )

    def run(self, undo: Callable[[], None] | None = None) -> History:
        """Train, and leave the model at the border of a step whatever happens.

        Parameters
        ----------
        undo : callable, optional
            Given where a checkpoint was loaded: makes the model what it was before,
            when a callback refuses to go on from it.
        """
        model, callbacks = self.model, self.callbacks
        first = model.epochs_done
        last = self.options.epochs + (first if undo is None else 0)
        params = {
            "epochs": last,
            "first_epoch": first,
            "steps": self._steps,
        }
        model.stop_training = False
        model.callbacks = callbacks
        logs: dict[str, float] = {}
        try:
            with self.interrupts.watching():
                try:
                    for callback in callbacks:
                        callback.model, callback.params = model, params
                        callback.attach(self)
                        callback.on_train_begin(logs)
                    if undo is not None:
                        restore_callbacks(callbacks, model.callback_states)
                except BaseException:
                    if undo is not None:
                        undo()
                    raise
                model.history = self.history
                for epoch in range(first, last):
                    if model.stop_training:
                        break
                    logs = self._epoch(epoch)
                for callback in callbacks:
                    callback.on_train_end(logs)
        finally:
            model.callbacks = []
            for callback in callbacks:
                if isinstance(callback, ProgressBar):
                    callback.close()
        self._show_messages()
        return self.history

    def _epoch(self, epoch: int) -> dict[str, float]:
        model, callbacks = self.model, self.callbacks
        started = perf_counter()
        for callback in callbacks:
            callback.on_epoch_begin(epoch, {})
        if self.step.trainable != [p.trainable for p in model.store.parameters]:
            self.step = self._new_step()  # a callback froze or unfroze layers
        logs = self._train(epoch)
        if self.data.validation is not None and logs:
            values = evaluate_samples(model, self.data.validation)
            logs |= {f"val_{name}": value for name, value in values.items()}
        model.epochs_done = epoch + 1
        model.optimizer.epoch += 1
        if not logs:  # the first step of the epoch was refused, on_nan="stop"
            return logs
        logs["learning_rate"] = model.optimizer.last_rate
        logs["seconds"] = perf_counter() - started
        self.history.append(epoch, logs)
        for callback in callbacks:
            callback.on_epoch_end(epoch, logs)
        return logs

    def _train(self, epoch: int) -> dict[str, float]:
        """Go through the batches once; loss and metrics of all samples together."""
        model, step, metrics = self.model, self.step, self.model.metrics
        callbacks = self.callbacks
        for metric in metrics:
            metric.reset()
        order = None
        if self.options.shuffle and self.data.samples is not None:
            self._order = order = kernels.permutation(
                self.data.samples,
                seed=model.seed,
                stream=SHUFFLE_STREAM,
                step=epoch,
                out=self._order,
            )
        if isinstance(self.data.source, BatchSource):
            self.data.source.set_epoch(epoch)
        mean = getattr(model.loss, "reduction", "mean") == "mean"
        total, samples = 0.0, 0
        logs: dict[str, float] = {}
        for batch, (x, y, weights) in enumerate(self.data.source.epoch(order)):
            for callback in self._on_batch:
                callback.on_batch_begin(batch, logs)
            step.place = epoch, batch
            try:
                value = step.run(x, y, weights, last=batch == self._steps - 1)
            except NumericsError as error:
                for callback in callbacks:
                    callback.on_refused(error, x, y)
                if self.options.on_nan != "stop":
                    raise
                model.stop_training = True
                break
            for on_step in self._on_step:
                on_step(value, x, y)
            samples += len(x)
            total += value * len(x) if mean else value
            if metrics:
                prediction = step.metric_prediction()
                for metric in metrics:
                    metric.update(y, prediction)
            if self._on_batch:
                logs = self._logs(total, samples if mean else 1)
                for callback in self._on_batch:
                    callback.on_batch_end(batch, logs)
            if model.stop_training:
                break
        return self._logs(total, samples if mean else 1) if samples else {}

    def _logs(self, total: float, count: int) -> dict[str, float]:
        values = {metric.name: metric.result() for metric in self.model.metrics}
        return {"loss": total / count} | values

    def _show_messages(self) -> None:
        if any(
            isinstance(callback, ProgressBar) for callback in self.options.callbacks
        ):
            for callback in self.options.callbacks:
                if callback.message:
                    print(callback.message, file=sys.stderr)


def restore_callbacks(
    callbacks: Sequence[Callback], states: Sequence[Mapping[str, Any]]
) -> None:
    """Hand each callback what a checkpoint kept of the first unused of its kind.

    Raises
    ------
    FormatError
        A callback of pellucid's is given a state that it did not write.
    """
    left = list(states)
    for callback in callbacks:
        name = type(callback).__name__
        for index, part in enumerate(left):
            if part["kind"] != name:
                continue
            try:
                callback.load_state(part["state"])
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                if not ours(callback):
                    raise
                raise FormatError(
                    describe(
                        f"the checkpoint's state of {name} is malformed: {error!r}",
                        "Expected what the callback's state() returned",
                        "Take a file that ModelCheckpoint wrote, or leave resume out.",
                    )
                ) from error
            del left[index]
            break


def _overrides(callback: Callback, method: str) -> bool:
    own = method in vars(callback)
    return own or getattr(type(callback), method) is not getattr(Callback, method)
