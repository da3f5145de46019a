"""What augmentation draws: counted random numbers, keyed by (seed, step)."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from pellucid import kernels
from pellucid.data.maths import power
from pellucid.shapes import integer

# Streams above those of the layers and of the synthetic sets; one for each drawing.
_FIRST_STREAM = 2**31 + 2**16


class Key(TypedDict):
    """What keys a drawing of the kernels."""

    seed: int
    stream: int
    step: int


class Draws:
    """The random numbers of one batch: every call takes the next stream."""

    def __init__(self, seed: int, step: int) -> None:
        self.seed = integer(seed, "seed", 0, 2**32 - 1)
        self.step = integer(step, "step", 0, 2**62)
        self.stream = _FIRST_STREAM

    def key(self) -> Key:
        """Return (seed, stream, step) as the kernels take them."""
        self.stream += 1
        return {"seed": self.seed, "stream": self.stream, "step": self.step}

    def uniform(self, count: int, low: float, high: float) -> NDArray[np.float64]:
        """Return numbers spread evenly from low to high."""
        drawn: NDArray[np.float64] = kernels.random_uniform(
            count, low=low, high=high, **self.key(), dtype="float64"
        )
        return drawn

    def whole(self, count: int, low: int, high: int) -> NDArray[np.int64]:
        """Return whole numbers from low to high, both included."""
        # A word of 32 bits times a range below 2**31 is exact enough: no draw reaches
        # high + 1, because u <= 1 - 2**-33.
        drawn = np.floor(self.uniform(count, 0, high - low + 1)).astype(np.int64)
        return np.minimum(drawn, high - low) + low

    def chosen(self, count: int, probability: float) -> NDArray[np.bool_]:
        """Return which of `count` samples a probability takes."""
        return self.uniform(count, 0, 1) < probability

    def partners(self, count: int) -> NDArray[np.int64]:
        """Return a permutation of the samples."""
        order: NDArray[np.int64] = kernels.permutation(count, **self.key())
        return order

    def beta(self, count: int, alpha: float) -> NDArray[np.float64]:
        """Return numbers of the Beta(alpha, alpha) distribution, alpha <= 4.

        Two numbers u, v give u**(1/alpha) / (u**(1/alpha) + v**(1/alpha)) when that
        sum is at most 1; else they are drawn again (Joehnk 1964).
        """
        key, result = self.key(), np.full(count, -1.0)
        offset = 0
        while (result < 0).any():
            words = kernels.philox(2 * count, **key, offset=offset)
            u = power((words.astype(np.float64) + 0.5) * 2.0**-32, 1 / alpha)
            first, total = u[:count], u[:count] + u[count:]
            fits = (result < 0) & (total <= 1)
            result[fits] = first[fits] / total[fits]
            offset += 2 * count
        return result
