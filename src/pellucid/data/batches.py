"""Batches of a data set, in order or shuffled by a seed."""

from __future__ import annotations

from collections.abc import Iterator
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
        The samples.
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
        Equal seeds give equal orders.

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
    ) -> None:
        self.arrays: tuple[NDArray[Any], ...] = tuple(
            np.asanyarray(value) for value in (x, y, weight) if value is not None
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
        self.samples = len(self.arrays[0])
        if self.samples == 0:
            raise ValueError(
                describe(
                    f"x has shape {self.arrays[0].shape}: no sample",
                    "Expected at least one sample",
                    "Check the filter or the slice that made x.",
                )
            )
        hint = "Pass batch_size=32, or 0 for all samples at once."
        size = check_integer(batch_size, "batch_size", low=0, hint=hint)
        self.batch_size = size or self.samples
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0

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
        last = len(self) - 1
        for batch in range(last + 1):
            start = batch * self.batch_size
            stop = self.samples if batch == last else start + self.batch_size
            rows = slice(start, stop) if order is None else order[start:stop]
            yield tuple(array[rows] for array in self.arrays)
        self.epoch += 1
