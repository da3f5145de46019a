"""Which layer, and which direction of it, each part of a training step belongs to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from pellucid.core.chain import walk
from pellucid.core.layer import Array, Layer

FORWARD, BACKWARD = "forward", "backward"


class Owner(NamedTuple):
    """A layer's full name and "forward" or "backward"; both empty outside layers."""

    layer: str
    direction: str


OUTSIDE = Owner("", "")


class Trace:
    """Listens to the layers of a model while it computes one step.

    It notes when each layer's forward or backward begins and ends: by the clock, and by
    how many kernel calls were recorded so far. Time inside a container's inner layers
    is theirs, not the container's.

    Parameters
    ----------
    layers : sequence of Layer
        Their containers are entered.

    Attributes
    ----------
    seconds : dict
        Time by owner in the last step.
    bytes : dict
        What each owner must at least read and write, from the arrays that went in and
        came out: input, output, parameters, gradients.
    needs_dx : dict
        By layer name: whether its last backward had to give dx.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = dict(walk(layers))
        self.seconds: dict[Owner, float] = {}
        self.bytes: dict[Owner, int] = {}
        self.needs_dx: dict[str, bool] = {}
        self._marks: list[tuple[int, Owner]] = []
        self._plan: Any = None
        self._current = OUTSIDE
        self._since = 0.0

    def begin(self, plan: Any = None) -> None:
        """Start a step; with a plan, its calls so far and to come are attributed."""
        self._plan, self._current = plan, OUTSIDE
        self._marks = [(0, OUTSIDE)]
        self.seconds = {}
        self._since = perf_counter()

    def end(self) -> None:
        """The step is over."""
        self._switch(OUTSIDE)

    def owners(self, calls: int) -> list[Owner]:
        """The owner of each of the recorded calls."""
        starts = [start for start, _ in self._marks]
        return [self._marks[bisect_right(starts, i) - 1][1] for i in range(calls)]

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listen to every layer until the end of the block."""
        for name, layer in self.layers.items():
            for direction in (FORWARD, BACKWARD):
                vars(layer)[direction] = self._traced(layer, Owner(name, direction))
        try:
            yield
        finally:
            for layer in self.layers.values():
                for direction in (FORWARD, BACKWARD):
                    del vars(layer)[direction]

    def _traced(self, layer: Layer, owner: Owner) -> Callable[..., Any]:
        method = getattr(layer, owner.direction)

        @wraps(method)
        def traced(array: Array, *args: Any, **options: Any) -> Any:
            before = self._current
            self._switch(owner)
            try:
                result = method(array, *args, **options)
            finally:
                self._switch(before)
            if owner.direction == BACKWARD:
                self.needs_dx[owner.layer] = result is not None
            self.bytes[owner] = _least_bytes(layer, owner.direction, array, result)
            return result

        return traced

    def _switch(self, owner: Owner) -> None:
        now = perf_counter()
        passed = self.seconds.get(self._current, 0.0) + now - self._since
        self.seconds[self._current] = passed
        if self._plan is not None:
            self._marks.append((len(self._plan), owner))
        self._current, self._since = owner, now


def _least_bytes(layer: Layer, direction: str, array: Array, result: Any) -> int:
    """Bytes that go in and come out; none where the result is a view of the input."""
    if layer.children():
        return 0
    weights = sum(parameter.value.nbytes for parameter in layer.parameters())
    if isinstance(result, np.ndarray) and np.may_share_memory(array, result):
        return 0
    moved = array.nbytes + weights + (0 if result is None else result.nbytes)
    if direction == BACKWARD and weights:
        samples = len(array)
        inputs = int(np.prod(layer.input_shape or ())) * array.itemsize
        moved += weights + samples * inputs  # gradients, and the input once more
    return moved
