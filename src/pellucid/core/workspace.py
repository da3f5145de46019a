"""Memory that training steps use again and again."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ALIGNMENT = 64  # one cache line, one AVX-512 register


def aligned_empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """A new C-contiguous array, not initialised, that starts on a 64-byte border."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


class Workspace:
    """Hands out the same array for the same key, shape and dtype.

    Memory only grows: a smaller array (the last, partial batch) is a view of the
    start of the larger one, so that sizes may alternate without new allocations.
    The contents are whatever the last user of the key left there.

    Example
    -------
    >>> space = Workspace()
    >>> a = space.array("y", (64, 10), "float32")
    >>> a is space.array("y", (64, 10), "float32")
    True
    >>> bool(np.shares_memory(a, space.array("y", (29, 10), "float32")))
    True
    """

    def __init__(self) -> None:
        self._views: dict[Hashable, dict[Hashable, NDArray[Any]]] = {}
        self._memory: dict[Hashable, NDArray[Any]] = {}

    def array(
        self, key: Hashable, shape: tuple[int, ...], dtype: DTypeLike
    ) -> NDArray[Any]:
        """The array of this key, allocated at the first call and when it must grow."""
        dtype = np.dtype(dtype)
        views = self._views.setdefault(key, {})
        view = views.get((shape, dtype))
        if view is None:
            size = math.prod(shape) * dtype.itemsize
            memory = self._memory.get(key)
            if memory is None or memory.size < size:
                memory = self._memory[key] = aligned_empty((size,), np.uint8)
                views.clear()
            view = memory[:size].view(dtype).reshape(shape)
            views[shape, dtype] = view
        return view

    def memory(self) -> list[NDArray[Any]]:
        """Everything that it holds, as bytes."""
        return list(self._memory.values())

    def sizes(self) -> dict[Hashable, int]:
        """Bytes held for each key."""
        return {key: memory.nbytes for key, memory in self._memory.items()}

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(memory.nbytes for memory in self._memory.values())
