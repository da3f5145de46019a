"""One training step, and what keeps a model whole when a step goes wrong."""

from __future__ import annotations

import importlib
import math
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import kernels
from pellucid.core.chain import first_trainable, takes_need_dx, walk
from pellucid.core.layer import Array, Layer
from pellucid.core.parameter import Parameter
from pellucid.core.registry import ours
from pellucid.core.workspace import Workspace, aligned_empty
from pellucid.errors import NumericsError, describe
from pellucid.layers.fusion import fused
from pellucid.model.recording import Recording
from pellucid.model.state import rate_factors

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential


class TrainingStep:
    """Forward, loss, backward and update of one model, in memory of its own.

    All arithmetic goes through ``pellucid.kernels`` on buffers that stay the same from
    step to step. A step that fails leaves parameters, optimizer, running statistics and
    random counters as they were before it.

    Parameters
    ----------
    model : Sequential
        Built and compiled.
    check_finite : bool
        Raise NumericsError when the loss or a gradient is NaN or infinite.
    accumulate : int
        Update after so many batches, with the gradient of all their samples together.
    reused_batches : bool
        The caller passes batches in the same memory every time.
    interrupts : Interrupts, optional
        What keeps Ctrl-C out of an update; a new one by default.
    """

    def __init__(
        self,
        model: Sequential,
        *,
        check_finite: bool = True,
        accumulate: int = 1,
        reused_batches: bool = False,
        interrupts: Interrupts | None = None,
    ) -> None:
        self.layers: Sequence[Layer] = model.layers
        self.store = model.store
        self.optimizer = model.optimizer
        self.check_finite = check_finite
        self.accumulate = accumulate
        self.interrupts = Interrupts() if interrupts is None else interrupts
        self.place: tuple[int, int] | None = None
        """Epoch and batch, both from 0, for messages."""
        self._loss, self._fused = model.training_loss()
        self._activation = model.layers[-1].activation if self._fused else None
        self.trainable = [p.trainable for p in self.store.parameters]
        if self.trainable and not any(self.trainable):
            raise RuntimeError(_nothing_trainable())
        self._check_prediction = (
            None if self._fused else getattr(self._loss, "check_prediction", None)
        )
        self._workspace = Workspace()
        self._prediction: Array = np.empty(0)
        self._value = np.zeros(1, np.float64)
        self._finite = np.ones(1, np.uint8)
        self._penalized = model.store.penalized()
        self._first = first_trainable(self.layers)
        self._skips_dx = self._first < len(self.layers) and takes_need_dx(
            self.layers[self._first]
        )
        self._kept = [(live, live.copy()) for live in _live_state(self.layers)]
        self._reused_batches = reused_batches
        self._records = ours(self._loss, *(layer for _, layer in walk(self.layers)))
        self.recordings: dict[Any, Recording] = {}
        self._sum: Array | None = None
        self._sum_count = self._batches = 0
        runs = self.store.grouped_runs(rate_factors(model))
        self.optimizer.build(
            self.store.values,
            self.store.gradients,
            [run for run, _ in runs],
            [factor for _, factor in runs],
        )

    @contextmanager
    def _installed(self) -> Iterator[None]:
        """Lend the layers the workspace, and take it back."""
        last = self.layers[-1]
        for layer in self.layers:
            layer.workspace = self._workspace
        last.skip_activation = self._fused
        try:
            # Overflow is this class's business; NumPy's warnings would only repeat it.
            with fused(self.layers), np.errstate(over="ignore", invalid="ignore"):
                yield
        finally:
            last.skip_activation = False
            for _, layer in walk(self.layers):
                layer.workspace = None
                layer.saved = None

    def run(
        self, x: Array, y: Array, weights: Array | None = None, last: bool = True
    ) -> float:
        """Take one step and return the loss of the batch, penalties included.

        Parameters
        ----------
        x, y, weights : array
            As the door and the loss returned them.
        last : bool
            Update even if fewer than ``accumulate`` batches have come.

        Raises
        ------
        NumericsError
            The loss or a gradient is not finite; nothing has changed.
        """
        for live, kept in self._kept:
            np.copyto(kept, live)
        try:
            value = self._gradients(x, y, weights)
        except BaseException:
            for live, kept in self._kept:
                np.copyto(live, kept)
            self._batches = 0
            raise
        with self.interrupts.held():
            if self._gather_gradient(len(x), last):
                for p in self._penalized:
                    if p.regularizer and p.trainable:
                        p.regularizer.add_gradient(p.value, p.grad)
                self.optimizer.step()
        return value

    def metric_prediction(self) -> Array:
        """What the model predicted for the last batch, its last activation included.

        Overwritten by the next step.
        """
        y = self._prediction
        if self._activation is None:
            return y
        out = self._workspace.array("probability", y.shape, y.dtype)
        if self._activation == "softmax":
            return kernels.softmax(y, out=out)
        return kernels.activation(y, self._activation, out=out)

    def buffer_sizes(self) -> dict[int, int]:
        """Bytes that each layer keeps from step to step, by ``id(layer)``."""
        found: dict[int, int] = {}
        for key, size in self._workspace.sizes().items():
            if isinstance(key, tuple):
                found[key[0]] = found.get(key[0], 0) + size
        return found

    def _gradients(self, x: Array, y: Array, weights: Array | None) -> float:
        """Write every p.grad, return the loss; NumericsError when not finite."""
        self._prediction = self._propagate(x, y, weights)
        if self._check_prediction is not None:
            self._check_prediction(self._prediction)
        value = float(self._value[0]) + penalty(self._penalized)
        if self.check_finite and not math.isfinite(value):
            raise NumericsError(self._explain("the loss", value, x, y))
        if self.check_finite and not self._gradient_is_finite():
            raise NumericsError(self._explain("the gradient", math.nan, x, y))
        return value

    def _propagate(self, x: Array, y: Array, weights: Array | None) -> Array:
        """Forward and backward; repeats the recorded calls of a batch of this shape."""
        if not self._records:
            return self._layer_by_layer(x, y, weights)
        if not self._reused_batches:
            x, y = self._own_copy("x", x), self._own_copy("y", y)
            weights = None if weights is None else self._own_copy("weights", weights)
        key = (x.shape, y.shape, weights is None)
        recording = self.recordings.get(key)
        if recording is not None:
            recording.run()
            return recording.result
        recording = Recording(
            lambda: self._layer_by_layer(x, y, weights),
            lambda: self._lasting(x, y, weights),
            self._begin_recording,
        )
        if math.isfinite(self._value[0]):
            if recording.repeats:
                self.recordings[key] = recording
            else:
                self._records = False
        return recording.result

    def _begin_recording(self, plan: Any) -> None:
        """Told before a step is recorded, and by which plan; for subclasses."""

    def _own_copy(self, key: str, array: Array) -> Array:
        own = self._workspace.array(key, array.shape, array.dtype)
        np.copyto(own, array)
        return own

    def _lasting(self, x: Array, y: Array, weights: Array | None) -> list[Array]:
        """All memory that stays from step to step."""
        store = self.store
        arrays = [x, y, self._value, self._finite, store.values, store.gradients]
        if weights is not None:
            arrays.append(weights)
        return [*arrays, *(live for live, _ in self._kept), *self._workspace.memory()]

    def _layer_by_layer(self, x: Array, y: Array, weights: Array | None) -> Array:
        """Forward, loss and backward through the layers; returns the prediction."""
        with self._installed():
            return self._through_layers(x, y, weights)

    def _through_layers(self, x: Array, y: Array, weights: Array | None) -> Array:
        y_hat = x
        for layer in self.layers:
            y_hat = layer.forward(y_hat, training=True)
        gradient = self._workspace.array("dy", y_hat.shape, y_hat.dtype)
        value, dy = self._loss.value_and_gradient(
            y_hat, y, weights=weights, out=(self._value, gradient)
        )
        self._value[0] = value[0]  # an own loss may not use `out`
        if self.check_finite and not math.isfinite(self._value[0]):
            return y_hat
        for index in range(len(self.layers) - 1, self._first - 1, -1):
            layer = self.layers[index]
            if index == self._first and self._skips_dx:
                layer.backward(dy, need_dx=False)
            else:
                dy = layer.backward(dy)  # type: ignore[assignment]
        if self.check_finite:
            kernels.all_finite(self.store.gradients, out=self._finite)
        return y_hat

    def _gather_gradient(self, samples: int, last: bool) -> bool:
        """Add the batch to the gradient of the step; True when the step is due.

        The gradient of k batches together is the mean of theirs, weighted by their
        numbers of samples (for a loss that is a mean), or their sum.
        """
        if self.accumulate == 1:
            return True
        gradients = self.store.gradients
        if self._sum is None:
            self._sum = aligned_empty(gradients.shape, gradients.dtype)
        if self._batches == 0:
            self._sum.fill(0)
            self._sum_count = 0
        mean = getattr(self._loss, "reduction", "mean") == "mean"
        kernels.add_scaled(self._sum, gradients, float(samples) if mean else 1.0)
        self._batches += 1
        self._sum_count += samples
        if self._batches < self.accumulate and not last:
            return False
        if mean:
            kernels.scale(self._sum, 1.0 / self._sum_count)
        np.copyto(gradients, self._sum)
        self._batches = 0
        return True

    def _gradient_is_finite(self) -> bool:
        # What is frozen has no gradient: its memory may hold anything.
        gradients = self.store.gradients
        return bool(self._finite[0]) or all(
            bool(np.isfinite(gradients[run]).all()) for run in self.store.runs()
        )

    def _explain(self, what: str, value: float, x: Array, y: Array) -> str:
        step, rate = self.optimizer.iterations, self.optimizer.learning_rate
        place = "" if self.place is None else "epoch {}, batch {}, ".format(*self.place)
        head = f"{what} is {value} at step {step} ({place}learning rate {rate:g})"
        where, repair = _bad_row(x, y), "Leave such rows out, or fill in numbers"
        if where is None:
            where = self._culprit(x)
            repair = (
                "Lower the learning rate, scale the inputs to about mean 0 and "
                "deviation 1"
            )
        return describe(
            f"{head}: {where}",
            "Expected finite numbers; the weights are those of the last good step",
            f"{repair},\n"
            'or pass fit(..., on_nan="stop") to keep what was learnt so far.',
        )

    def _culprit(self, x: Array) -> str:
        # Forward once more, from the same state: backward wrote over some outputs.
        for live, kept in self._kept:
            np.copyto(live, kept)
        with self._installed():
            outputs = [x := layer.forward(x, training=True) for layer in self.layers]
        for layer, output in zip(self.layers, outputs, strict=True):
            if not np.isfinite(output).all():
                return (
                    f"{layer.label} is the first layer with a value that is not finite"
                )
        for _, layer in reversed(list(walk(self.layers))):
            if not all(np.isfinite(p.grad).all() for p in layer.parameters()):
                return (
                    f"{layer.label} is the first layer, on the way back, with a "
                    "gradient that is not finite"
                )
        return "every layer's output is finite; the loss itself overflows"


def _bad_row(x: Array, y: Array) -> str | None:
    """The first row of the batch whose numbers are not all finite."""
    for name, rows in (("sample", x), ("the target of sample", y)):
        bad = ~np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
        if bad.any():
            return f"{name} {int(bad.argmax())} of the batch holds NaN or infinity"
    return None


# The C functions behind those of `signal`, whose enums cost as much as a layer.
_c_signal: Any = importlib.import_module("_signal")


class Interrupts:
    """Ctrl-C never splits an update: it waits for the end of a held stretch.

    ``watching`` takes over SIGINT in the main thread when Python's own handler is in
    place; elsewhere it does nothing.
    """

    def __init__(self) -> None:
        self._held = False
        self._pending = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Handle SIGINT here until the end of the block."""
        main = threading.current_thread() is threading.main_thread()
        if (
            not main
            or _c_signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        ):
            yield
            return
        _c_signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            _c_signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Put KeyboardInterrupt off until the end of the block."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._pending:
                self._pending = False
                raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self._pending = True
        else:
            raise KeyboardInterrupt


def _nothing_trainable() -> str:
    return describe(
        "the model has no trainable layer",
        "Expected at least one to train",
        "Unfreeze one: model.layers[-1].trainable = True.",
    )


def penalty(parameters: Sequence[Parameter]) -> float:
    """The sum of the penalties of these parameters."""
    return sum(p.regularizer.value(p.value) for p in parameters if p.regularizer)


def _live_state(layers: Sequence[Layer]) -> list[Any]:
    """What forward changes besides buffers: running statistics, random counters."""
    parameters = {id(p.value) for layer in layers for p in layer.parameters()}
    states = [array for layer in layers for array in layer.state().values()]
    found = [array for array in states if id(array) not in parameters]
    return [*found, *(layer.random.counter for _, layer in walk(layers))]
