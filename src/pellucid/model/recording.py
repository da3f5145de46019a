"""Kernel calls of a model, recorded once and repeated without Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pellucid import kernels
from pellucid.core.layer import Array


class Recording:
    """The calls between a batch in memory and the gradients of all parameters.

    A step may be repeated when every array that its kernels use is one that stays:
    the batch, parameters and gradients, running statistics, counters, the workspace.
    A temporary array (NumPy arithmetic in an own layer, a converted copy) would hold
    the numbers of the recorded batch for ever, so then nothing is kept.

    Parameters
    ----------
    compute : callable
        Runs forward and backward once; what it returns is kept as ``result``.
    lasting : callable
        Gives the arrays that stay, after ``compute`` has run.
    begin : callable, optional
        Is given the plan that records, None without one, before ``compute`` runs.

    Attributes
    ----------
    watch : callable, optional
        Is given the seconds of each call after every repetition; None times nothing.
    """

    def __init__(
        self,
        compute: Callable[[], Array],
        lasting: Callable[[], Iterable[Array]],
        begin: Callable[[Any], object] | None = None,
    ) -> None:
        self.watch: Callable[[Array], object] | None = None
        self.result: Array
        self.result, plan = kernels.record(compute, begin)
        self._plan: Any = None
        if plan is None:
            return
        spans = sorted(_span(array) for array in lasting())
        used = {id(a): a for call in plan.arrays for a in call if a is not None}
        stays = all(_within(spans, *_span(array)) for array in used.values())
        if stays and len(plan):
            self._plan = plan

    @property
    def repeats(self) -> bool:
        """True when the step can be repeated."""
        return self._plan is not None

    @property
    def arrays(self) -> list[tuple[Array | None, ...]]:
        """For each recorded call the arrays that it uses."""
        return self._plan.arrays  # type: ignore[no-any-return]

    def run(self) -> None:
        """Repeat the recorded calls on what the arrays hold now."""
        if self.watch is None:
            self._plan.run()
        else:
            self.watch(self._plan.seconds())


class PreparedPass:
    """The kernel calls of one forward pass, with memory of their own.

    Recorded on zeros and then tried on `x`: only if that gives the bits of `y`, what
    the layers gave one by one, does every call follow its input, and `works` is True.
    A large batch is cut into chunks, whose activations stay in the caches.

    Parameters
    ----------
    forward : callable
        Layer by layer, from the input to the output.
    x, y : array
        A batch and its output.
    chunk : int
        Samples that go through the layers at once, at most the batch.
    """

    def __init__(
        self, forward: Callable[[Array], Array], x: Array, y: Array, chunk: int
    ) -> None:
        self._rows = chunk
        self._x = np.zeros((chunk, *x.shape[1:]), x.dtype)
        self._y, self._plan = kernels.record(lambda: forward(self._x))
        self.works = self(x).tobytes() == y.tobytes()

    def __call__(self, x: Array) -> Array:
        """Return the output of a batch of this shape; one thread at a time."""
        chunk, last = self._x, len(x) - self._rows
        if last == 0:
            chunk[...] = x  # in half the time of np.copyto
            self._plan.run()
            return self._y.copy()
        y = np.empty((len(x), *self._y.shape[1:]), self._y.dtype)
        for start in range(0, len(x), self._rows):
            rows = slice(min(start, last), min(start, last) + self._rows)
            chunk[...] = x[rows]
            self._plan.run()
            y[rows] = self._y
        return y


def _span(array: Array) -> tuple[int, int]:
    """First and last address, of an array or of what a memoryview shows."""
    array = np.asarray(array)
    start = array.__array_interface__["data"][0]
    return start, start + array.nbytes


def _within(spans: list[tuple[int, int]], start: int, stop: int) -> bool:
    return start == stop or any(low <= start and stop <= high for low, high in spans)
