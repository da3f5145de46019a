"""Arguments of random.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.errors import check_choice
from pellucid.shapes import integer

from .arrays import I64, Array, empty, number, output


def philox(
    count: Any, seed: Any, stream: Any, step: Any, offset: Any
) -> tuple[int, int, int, int, int]:
    """Return `(count, seed, stream, step, offset)` as integers in range."""
    count = integer(count, "count", 0, 2**48)
    step = integer(step, "step", 0, 2**64 - 1)
    return (
        count,
        key(seed, "seed"),
        key(stream, "stream"),
        step,
        integer(offset, "offset", 0, 2**63 - 1),
    )


def random_array(
    shape: Any, first: Any, second: Any, names: tuple[str, str], dtype: Any
) -> tuple[Array, float, float]:
    """Return `(out, first, second)`: a new array and the two numbers, finite."""
    if not isinstance(shape, (tuple, list)):
        shape = (shape,)
    shape = tuple(integer(size, "shape", 0) for size in shape)
    one, two = (
        number(value, name, -math.inf, math.inf, False)
        for value, name in zip((first, second), names, strict=True)
    )
    kind = check_choice(getattr(dtype, "name", dtype), "dtype", ("float32", "float64"))
    return empty(shape, np.dtype(kind)), one, two


def permutation(n: Any, out: Any) -> tuple[int, Array]:
    """Return `(n, out)`; seed, stream and step are checked by `philox`."""
    n = integer(n, "n", 0)
    return n, output(out, (n,), I64, "out")


def key(value: Any, name: str) -> int:
    """Return half of a Philox key: an integer of 32 bits."""
    return integer(value, name, 0, 2**32 - 1)
