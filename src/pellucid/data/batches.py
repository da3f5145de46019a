"""Batches of a data set, in order or shuffled by a seed, prepared ahead of time."""

from __future__ import annotations

import math
import os
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid import kernels
from pellucid.checks import check_integer
from pellucid.errors import describe

_SHUFFLE_STREAM = 2**32 - 1


class Batches:
    """Iterate over `(x, y)` or `(x, y, weight)` in batches; has a length.

    Every whole loop over it is one epoch and, with `shuffle=True`, visits the samples
    in another order: a permutation that follows from the seed and the epoch's number.
    The arrays are indexed batch by batch and never copied whole, so they may be
    memory-mapped files larger than the memory.

    Parameters
    ----------
    x : array (n, ...)
        The samples. Anything with `shape`, `dtype` and rows by number, such as an
        `ImageFolder`, is taken as it is.
    y : array (n, ...)
        Their targets.
    weight : array (n,), optional
        Their weights.
    batch_size : int
        Samples in a batch; 0 takes all of them. The last batch may be smaller, but
        a single sample left over joins the batch before it: BatchNorm can't take the
        variance of one.
    shuffle : bool
        Visit the samples in a new order in every epoch.
    seed : int
        Equal seeds give equal orders, and equal augmentation.
    transform : Transform, optional
        Called as `transform(x, y, seed=seed, step=step)`, step the number of the batch
        counted over all epochs; returns the batch's x and y.

    Attributes
    ----------
    epoch : int
        Number of the next epoch: every whole loop adds 1, and `set_epoch` sets it.

    Raises
    ------
    TypeError, ValueError
        The arrays differ in length or are empty, or `batch_size` is no such number.

    Example
    -------
    >>> import numpy as np
    >>> from pellucid.data import Batches
    >>> batches = Batches(np.arange(5.0), np.arange(5), batch_size=2)
    >>> len(batches), [len(y) for x, y in batches]
    (2, [2, 3])
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        weight: ArrayLike | None = None,
        *,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 0,
        transform: Callable[..., tuple[Any, Any]] | None = None,
    ) -> None:
        self.arrays: tuple[Any, ...] = tuple(
            _rows(value) for value in (x, y, weight) if value is not None
        )
        shapes = [array.shape for array in self.arrays]
        lengths = {shape[:1] for shape in shapes}
        if len(lengths) != 1 or () in lengths:
            raise ValueError(
                describe(
                    f"x, y and weight do not hold the same number of samples: {shapes}",
                    "Expected one target (and weight) for every sample",
                    "Give arrays that agree in their first dimension.",
                )
            )
        self.samples = int(shapes[0][0])
        if self.samples == 0:
            raise ValueError(
                describe(
                    f"x has shape {shapes[0]}: no sample",
                    "Expected at least one sample",
                    "Check the filter or the slice that made x.",
                )
            )
        if transform is not None and not callable(transform):
            raise TypeError(
                describe(
                    f"transform is a {type(transform).__name__}",
                    "Expected a transform, such as RandomFlip() or Compose([...])",
                    "Several transforms go into a Compose.",
                )
            )
        hint = "Pass batch_size=32, or 0 for all samples at once."
        size = check_integer(batch_size, "batch_size", low=0, hint=hint)
        self.batch_size = size or self.samples
        self.shuffle = shuffle
        self.seed = seed
        self.transform = transform
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Make the next loop that of an epoch; order and transforms follow from it.

        ``fit`` does so before each of its epochs, so that training which goes on from
        a checkpoint sees the batches that it would have seen.
        """
        hint = "Pass the number of the epoch, from 0."
        self.epoch = check_integer(epoch, "epoch", low=0, hint=hint)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        full, left = divmod(self.samples, self.batch_size)
        return full + (left > 1 or (left == 1 and full == 0))

    def __iter__(self) -> Iterator[tuple[NDArray[Any], ...]]:
        """Go through the samples once; a loop that is broken off counts for nothing."""
        order: NDArray[np.int64] | None = None
        if self.shuffle:
            order = kernels.permutation(
                self.samples, seed=self.seed, stream=_SHUFFLE_STREAM, step=self.epoch
            )
        steps = len(self)
        for batch in range(steps):
            start = batch * self.batch_size
            stop = self.samples if batch == steps - 1 else start + self.batch_size
            rows = slice(start, stop) if order is None else order[start:stop]
            parts = tuple(array[rows] for array in self.arrays)
            if self.transform is not None:
                step = self.epoch * steps + batch
                x, y = self.transform(*parts[:2], seed=self.seed, step=step)
                parts = (x, y, *parts[2:])
            yield parts
        self.epoch += 1


class Prefetch:
    """Prepare batches in a thread of its own, while the model computes.

    The batches, their order and their bits are those of a plain loop. The first ones
    of each loop are made in place and timed: where a batch comes cheaply, as from
    arrays in memory, the loop goes on like that, because handing it over would cost
    more than it saves. Where the kernels use every core, only the time that a batch
    waits (for files) counts, not what it computes. An exception of the source is
    raised where its batch was due. A loop that is broken off stops the thread.

    Parameters
    ----------
    batches : iterable
        What to iterate over, such as `Batches`; it may have a length.
    depth : int
        Batches that may wait.
    threshold : float
        Seconds a batch must take to be worth a thread; 0 always starts one.

    Example
    -------
    >>> import numpy as np
    >>> from pellucid.data import Batches, Prefetch
    >>> batches = Batches(np.arange(6.0), np.arange(6), batch_size=2)
    >>> ahead = Prefetch(batches)
    >>> len(ahead), [y.tolist() for x, y in ahead]
    (3, [[0, 1], [2, 3], [4, 5]])
    """

    def __init__(
        self, batches: Collection[Any], depth: int = 2, threshold: float = 1e-3
    ) -> None:
        hint = "Pass depth=2: one batch ready, one being made."
        self.depth = check_integer(depth, "depth", low=1, hint=hint)
        self.batches = batches
        self.threshold = threshold

    def set_epoch(self, epoch: int) -> None:
        """Pass the number of the next epoch on to a source that takes it."""
        if hasattr(self.batches, "set_epoch"):
            self.batches.set_epoch(epoch)

    def __len__(self) -> int:
        """Return the number of batches of the source."""
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        """Go through the source once."""
        source = iter(self.batches)
        made, cheapest = 0, math.inf
        # The cheapest of four tells: one may pay for a cold cache or a busy machine.
        while self.threshold > 0 and made < 4:
            begin, busy = time.perf_counter(), time.thread_time()
            batch = next(source, _END)
            taken = time.perf_counter() - begin
            if not _spare_core():
                taken -= time.thread_time() - busy
            if batch is _END:
                return
            made += 1
            cheapest = min(cheapest, taken)
            yield batch
        if cheapest < self.threshold:
            yield from source
            return
        known = hasattr(self.batches, "__len__")
        count = max(len(self) - made, 0) if known else None
        yield from _ahead(source, self.depth, count)


_END = object()


def _ahead(source: Iterator[Any], depth: int, count: int | None) -> Iterator[Any]:
    """Yield what a thread takes out of `source`, at most `depth` items ahead.

    The thread takes `count` items; the end of the source, where `Batches` counts the
    epoch, is left to the loop, so that a loop broken off never reaches it.
    """
    ready: queue.SimpleQueue[tuple[Any, BaseException | None] | None]
    ready = queue.SimpleQueue()
    room = threading.Semaphore(depth - 1)
    stopped = threading.Event()

    def work() -> None:
        try:
            for item in islice(source, count):
                ready.put((item, None))
                room.acquire()
                if stopped.is_set():
                    return
        except BaseException as error:  # raised again in the thread that asks
            ready.put((None, error))
        else:
            ready.put(None)

    thread = threading.Thread(target=work, name="pellucid-prefetch", daemon=True)
    thread.start()
    try:
        while (answer := ready.get()) is not None:
            item, error = answer
            if error is not None:
                raise error
            room.release()
            yield item
    finally:
        stopped.set()
        room.release()
        thread.join(timeout=5)  # a source that never answers must not hang the loop
    yield from source


def _spare_core() -> bool:
    """Tell whether the kernels leave a core to this process for other work."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return kernels.get_num_threads() < cores


def _rows(value: Any) -> Any:
    """Return an array, or what can be indexed like one without being read whole."""
    if all(hasattr(value, name) for name in ("shape", "dtype", "__getitem__")):
        return value
    return np.asanyarray(value)
