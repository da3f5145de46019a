"""Counted randomness: every draw has a number, so any draw can be repeated."""

from __future__ import annotations

from collections.abc import Callable
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
        return self._draw(kernels.random_uniform, shape, dtype, low=low, high=high)

    def normal(
        self,
        shape: tuple[int, ...],
        mean: float = 0.0,
        std: float = 1.0,
        dtype: DTypeLike = "float32",
    ) -> NDArray[Any]:
        """Numbers of the normal distribution with this mean and deviation."""
        return self._draw(kernels.random_normal, shape, dtype, mean=mean, std=std)

    def _draw(
        self,
        kernel: Callable[..., NDArray[Any]],
        shape: tuple[int, ...],
        dtype: DTypeLike,
        **spread: float,
    ) -> NDArray[Any]:
        """The next numbers of the stream; a refused draw is not counted."""
        drawn = kernel(
            shape,
            **spread,
            seed=self.seed,
            stream=self.stream,
            step=int(self.counter[0]),
            dtype=dtype,
        )
        self.counter += np.uint64(1)
        return drawn

    def __repr__(self) -> str:
        return f"RandomStream(seed={self.seed}, stream={self.stream})"
