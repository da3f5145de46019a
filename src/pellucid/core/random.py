"""Counted randomness: every draw has a number, so any draw can be repeated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import kernels


class RandomStream:
    """One stream of Philox4x32-10, keyed by (seed, stream), counted by steps.

    Draw number ``t`` of a stream depends on seed, stream and ``t`` only: not on the
    number of threads, not on what other streams drew. ``counter`` holds the number of
    the next draw in an array, so that a kernel can count it on and a file can keep it.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**32.
    stream : int, default 0
        0 <= stream < 2**32; different streams are independent.

    Example
    -------
    >>> a, b = RandomStream(7, 2), RandomStream(7, 2)
    >>> bool((a.normal((3,)) == b.normal((3,))).all()), int(a.counter[0])
    (True, 1)

    Source
    ------
    Salmon, Moraes, Dror, Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.
    """

    __slots__ = ("counter", "seed", "stream")

    def __init__(self, seed: int, stream: int = 0) -> None:
        self.seed = seed
        self.stream = stream
        self.counter: NDArray[np.uint64] = np.zeros(1, np.uint64)

    def uniform(
        self,
        shape: tuple[int, ...],
        low: float = 0.0,
        high: float = 1.0,
        dtype: DTypeLike = "float32",
    ) -> NDArray[Any]:
        """Numbers spread evenly over (low, high)."""
        drawn: NDArray[Any] = kernels.random_uniform(
            shape,
            low=low,
            high=high,
            seed=self.seed,
            stream=self.stream,
            step=int(self.counter[0]),
            dtype=dtype,
        )
        self.counter += np.uint64(1)
        return drawn

    def normal(
        self,
        shape: tuple[int, ...],
        mean: float = 0.0,
        std: float = 1.0,
        dtype: DTypeLike = "float32",
    ) -> NDArray[Any]:
        """Numbers of the normal distribution with this mean and deviation."""
        drawn: NDArray[Any] = kernels.random_normal(
            shape,
            mean=mean,
            std=std,
            seed=self.seed,
            stream=self.stream,
            step=int(self.counter[0]),
            dtype=dtype,
        )
        self.counter += np.uint64(1)
        return drawn

    def __repr__(self) -> str:
        return f"RandomStream(seed={self.seed}, stream={self.stream})"
