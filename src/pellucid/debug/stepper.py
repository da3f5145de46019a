"""One training step of a model, taken again and again, and the time of its parts."""

from __future__ import annotations

import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.core.layer import Array, Layer
from pellucid.debug.trace import BACKWARD, FORWARD, OUTSIDE, Owner, Trace
from pellucid.model.training import TrainingStep

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential


class TracedStep(TrainingStep):
    """A training step whose first, recorded run is listened to."""

    def __init__(self, model: Sequential, trace: Trace, **options: Any) -> None:
        super().__init__(model, **options)
        self.trace = trace
        self.skipped: set[str] = set()
        self._recorder: Any = None

    def _begin_recording(self, plan: Any) -> None:
        self._recorder = plan

    def _through_layers(self, x: Array, y: Array, weights: Array | None) -> Array:
        layers = self.trace.layers.items()
        self.skipped = {name for name, layer in layers if _skips(layer)}
        self.trace.begin(self._recorder)
        try:
            return super()._through_layers(x, y, weights)
        finally:
            self._recorder = None
            self.trace.end()


class Laps(NamedTuple):
    """Seconds of the parts of one step: by owner, and outside the layers."""

    layers: dict[Owner, float]
    outside: dict[str, float]

    @property
    def seconds(self) -> float:
        """All of them."""
        return sum(self.layers.values()) + sum(self.outside.values())


class Stepper:
    """Takes the same step again and again, whole or watched.

    Parameters
    ----------
    model : Sequential
        A copy that nobody else uses: its optimizer's state changes, its weights do not,
        for the learning rate is 0.
    source : ArraySource or BatchSource
        Whose first batch every step takes.
    """

    def __init__(self, model: Sequential, source: Any) -> None:
        self.model, self.source = model, source
        self.trace = Trace(model.layers)
        self.step = TracedStep(
            model, self.trace, reused_batches=bool(source.reuses_memory)
        )
        model.optimizer.learning_rate = 0.0
        with self.trace.installed():
            self.batch = self.whole()
        recordings = list(self.step.recordings.values())
        self.recording = recordings[0] if recordings else None
        self.owners: list[Owner] = []
        self.call_seconds: Array = np.empty(0)

    def whole(self) -> int:
        """One step as `fit` takes it; returns the number of samples."""
        for batch in self.source.epoch(None):
            self.step.run(batch.x, batch.y, batch.weights)
            self._metrics(batch.y)
            return len(batch.x)
        return 0

    def watched(self) -> Laps:
        """One step, and how long its parts took."""
        optimizer = self.model.optimizer
        update = optimizer.step
        begin = perf_counter()
        taken = 0.0

        def timed_update() -> None:
            nonlocal taken
            start = perf_counter()
            update()
            taken = perf_counter() - start

        vars(optimizer)["step"] = timed_update
        try:
            batch = next(iter(self.source.epoch(None)))
            gathered = perf_counter()
            with self._watching():
                self.step.run(batch.x, batch.y, batch.weights)
            stepped = perf_counter()
            self._metrics(batch.y)
            end = perf_counter()
        finally:
            del vars(optimizer)["step"]
        layers = self._layer_seconds()
        loss = layers.pop(OUTSIDE, 0.0)
        inside = sum(layers.values()) + loss + taken
        outside = {
            "loss and check": loss,
            "optimizer": taken,
            "gather": gathered - begin,
            "metrics": end - stepped if self.model.metrics else 0.0,
            "Python": max(stepped - gathered - inside, 0.0),
        }
        return Laps(layers, outside)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Time the calls of a recording, or else the layers in Python."""
        if self.recording is None:
            with self.trace.installed():
                yield
            return
        self.recording.watch = self._note
        try:
            yield
        finally:
            self.recording.watch = None

    def _note(self, seconds: Array) -> None:
        self.call_seconds = seconds

    def _layer_seconds(self) -> dict[Owner, float]:
        if self.recording is None:
            return dict(self.trace.seconds)
        if not self.owners:
            self.owners = self.trace.owners(len(self.call_seconds))
        laps: defaultdict[Owner, float] = defaultdict(float)
        for owner, seconds in zip(self.owners, self.call_seconds, strict=True):
            laps[owner] += float(seconds)
        return dict(laps)

    def bytes(self) -> dict[Owner, int]:
        """What each owner at least reads and writes in a step."""
        if self.recording is None:
            return self.trace.bytes
        moved: defaultdict[Owner, int] = defaultdict(int)
        for owner, arrays in zip(self.owners, self.recording.arrays, strict=True):
            distinct = {id(a): np.asarray(a).nbytes for a in arrays if a is not None}
            moved[owner] += sum(distinct.values())
        return dict(moved)

    def allocations(self) -> dict[str, int]:
        """Bytes that a repeated step allocates in each layer, most at a time."""
        if self.recording is not None:  # repeats kernel calls; no layer's code runs
            return {}
        found: dict[str, int] = {}

        def watch(layer: Layer, name: str, direction: str) -> Any:
            method = getattr(layer, direction)

            def call(*args: Any, **options: Any) -> Any:
                before, _ = tracemalloc.get_traced_memory()
                tracemalloc.reset_peak()
                result = method(*args, **options)
                _, most = tracemalloc.get_traced_memory()
                found[name] = found.get(name, 0) + max(most - before, 0)
                return result

            return call

        leaves = {n: la for n, la in self.trace.layers.items() if not la.children()}
        for name, layer in leaves.items():
            for direction in (FORWARD, BACKWARD):
                vars(layer)[direction] = watch(layer, name, direction)
        started = not tracemalloc.is_tracing()
        if started:
            tracemalloc.start()
        try:
            self.whole()
        finally:
            if started:
                tracemalloc.stop()
            for layer in leaves.values():
                for direction in (FORWARD, BACKWARD):
                    del vars(layer)[direction]
        return found

    def _metrics(self, y: Array) -> None:
        if self.model.metrics:
            prediction = self.step.metric_prediction()
            for metric in self.model.metrics:
                metric.update(y, prediction)


def _skips(layer: Layer) -> bool:
    return layer.skip_activation and type(layer).activation is not None
