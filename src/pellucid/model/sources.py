"""Where the batches of an epoch come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import kernels
from pellucid.core.workspace import aligned_empty
from pellucid.errors import describe
from pellucid.model.door import Samples


class ArraySource:
    """Gathers batches from arrays into buffers that are used again and again.

    Parameters
    ----------
    data : Samples
        Checked arrays.
    rows : int64 array
        The samples that may be drawn.
    batch_size : int
    dtype : dtype
        What features become.
    join_single : bool
        A last batch of one sample joins the batch before it.

    Example
    -------
    >>> data = Samples(np.arange(5.0).reshape(5, 1), np.arange(5), None)
    >>> source = ArraySource(data, np.arange(5), 2, np.dtype("float32"), True)
    >>> [batch.y.tolist() for batch in source.epoch(np.array([4, 3, 2, 1, 0]))]
    [[4, 3], [2, 1, 0]]
    """

    reuses_memory = True

    def __init__(
        self,
        data: Samples,
        rows: NDArray[np.int64],
        batch_size: int,
        dtype: np.dtype[Any],
        join_single: bool,
    ) -> None:
        self.data = data
        self.rows = rows
        self.bounds = batch_bounds(len(rows), batch_size, join_single)
        self.steps = len(self.bounds)
        largest = max(stop - start for start, stop in self.bounds)
        if data.x.dtype == np.uint8 and data.x.ndim == 4:
            dtype = data.x.dtype  # the first layer takes bytes
        self._rows: NDArray[np.int64] | None = None  # of an epoch, in its order
        self._x = aligned_empty((largest, *data.x.shape[1:]), dtype)
        self._y = aligned_empty((largest, *data.y.shape[1:]), data.y.dtype)
        self._weights = (
            None
            if data.weights is None
            else aligned_empty((largest,), data.weights.dtype)
        )

    def epoch(self, order: NDArray[np.int64] | None) -> Iterator[Samples]:
        """Yield the batches; each is overwritten by the next.

        Parameters
        ----------
        order : int64 array, optional
            A permutation of the rows.
        """
        rows = self.rows
        if order is not None:
            if self._rows is None:
                self._rows = np.empty_like(rows)
            rows = np.take(self.rows, order, out=self._rows, mode="clip")
        for start, stop in self.bounds:
            chosen, count = rows[start:stop], stop - start
            x = self._x[:count]
            if x.dtype == np.uint8:
                np.take(self.data.x, chosen, axis=0, out=x, mode="clip")
            else:
                kernels.gather(self.data.x, chosen, out=x)
            y = self._y[:count]
            np.take(self.data.y, chosen, axis=0, out=y, mode="clip")
            weights = None
            if self._weights is not None and self.data.weights is not None:
                weights = self._weights[:count]
                np.take(self.data.weights, chosen, out=weights, mode="clip")
            yield Samples(x, y, weights)


class BatchSource:
    """Batches from an iterable with a length, each checked as it comes.

    Parameters
    ----------
    batches : iterable of (x, y) or (x, y, weight)
    check : callable
        Turns what came into Samples, or raises.
    """

    reuses_memory = False

    def __init__(
        self, batches: Iterable[Any], check: Callable[..., Samples], steps: int
    ) -> None:
        self.batches = batches
        self.check = check
        self.steps = steps

    def set_epoch(self, epoch: int) -> None:
        """Tell the iterable which epoch comes, where it has ``set_epoch``."""
        tell = getattr(self.batches, "set_epoch", None)
        if tell is not None:
            tell(epoch)

    def epoch(self, order: NDArray[np.int64] | None) -> Iterator[Samples]:
        """Yield the batches in the order of the iterable."""
        step = -1
        for step, batch in enumerate(self.batches):
            if step == self.steps:
                break
            yield self.check(*unpack_batch(batch, step))
        if step + 1 < self.steps:
            raise ValueError(
                describe(
                    f"the iterable ended after {step + 1} batches",
                    f"Expected {self.steps}, which is its len()",
                    "Pass an iterable that starts anew each epoch, not a generator.",
                )
            )


def unpack_batch(batch: object, number: int) -> tuple[Any, ...]:
    """Return a batch that an iterable gave, or raise when it is no tuple of arrays.

    Example
    -------
    >>> unpack_batch(([[1.0]], [0]), 0)
    ([[1.0]], [0])
    """
    if not isinstance(batch, tuple) or len(batch) not in (2, 3):
        raise TypeError(
            describe(
                f"batch {number} is a {type(batch).__name__}",
                "Expected a tuple (x, y) or (x, y, weight)",
                "Pass arrays as fit(x, y), or yield tuples.",
            )
        )
    return batch


def batch_bounds(
    samples: int, batch_size: int, join_single: bool
) -> list[tuple[int, int]]:
    """Cut 0 .. samples into batches.

    Example
    -------
    >>> batch_bounds(5, 2, False), batch_bounds(5, 2, True)
    ([(0, 2), (2, 4), (4, 5)], [(0, 2), (2, 5)])
    """
    bounds = [
        (start, min(start + batch_size, samples))
        for start in range(0, samples, batch_size)
    ]
    if join_single and batch_size > 1 and len(bounds) > 1:
        start, stop = bounds[-1]
        if stop - start == 1:
            bounds[-2:] = [(bounds[-2][0], stop)]
    return bounds
