"""What the tests of products and convolutions share: forcing, shapes, oracles.

The oracles are sums of float64 products, tap by tap: exact for whole numbers, and no
code of the library takes part in them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid import kernels
from tests.support.data import integers

core: Any = pytest.importorskip("pellucid.kernels._core")

Array = NDArray[Any]

_WANTED = os.environ.get("PELLUCID_ISA")
ISAS: list[str] = [_WANTED] if _WANTED else core.isas()
"""Every ISA that runs here; where the environment asks for one, that one."""
FMA_ISAS = [isa for isa in core.isas() if isa != "portable"]
DTYPES = ("float32", "float64")
THREADS = (1, 2, 3)

compiled_and_threaded = [
    pytest.mark.skipif(
        kernels.backend() != "compiled", reason="the reference backend is in use"
    ),
    pytest.mark.usefixtures("always_threaded"),
]
"""Marks of a module whose tests go through `pellucid.kernels`."""

every_isa = pytest.mark.parametrize("isa", ISAS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)

GRAIN = int(os.environ.get("PELLUCID_GRAIN") or 15_000)  # PL_DEFAULT_GRAIN


@contextmanager
def forced(isa: str, threads: int = 1) -> Iterator[None]:
    """Use this ISA and this many threads, however small the work, inside the block."""
    before = core.active_isa(), core.get_num_threads()
    core.use_isa(isa)
    core.set_num_threads(threads)
    core.set_grain(0)
    try:
        assert core.active_isa() == isa
        yield
    finally:
        core.use_isa(before[0])
        core.set_num_threads(before[1])
        core.set_grain(GRAIN)


def same_bits(a: Array, b: Array) -> bool:
    """Return whether two arrays agree to the bit, NaNs included."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def one_result(results: dict[Any, tuple[Array | None, ...]]) -> None:
    """Fail unless all results (tuples of arrays by a name) have the same bits."""
    (first, expected), *others = results.items()
    assert others, "one result has nothing to agree with"
    for name, arrays in others:
        for i, (got, want) in enumerate(zip(arrays, expected, strict=True)):
            if got is not None and want is not None:
                assert same_bits(got, want), f"result {i}: {name} differs from {first}"


def forced_results(call: Any, isas: list[str] | None = None) -> dict[Any, Any]:
    """Return call() on every ISA with FMA, with 1, 2 and 3 threads."""
    results = {}
    for isa in FMA_ISAS if isas is None else isas:
        for threads in THREADS:
            with forced(isa, threads):
                results[isa, threads] = call()
    return results


def fma(a: Array, b: Array, c: Array) -> Array:
    """Return a * b + c rounded once."""
    if c.dtype == np.float64:
        return np.asarray(_fraction_fma(a, b, c), np.float64)
    # The product is exact in float64. The sum is rounded to odd, so that rounding it
    # again, to float32, gives what one rounding gives (Boldo, Melquiond 2008).
    p, c = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
    total = p + c
    part = total - p
    error = (p - (total - part)) + (c - part)
    even = (total.view(np.int64) & 1) == 0
    toward = np.nextafter(total, np.copysign(np.inf, error))
    return np.where((error != 0) & even, toward, total).astype(np.float32)


_fraction_fma = np.frompyfunc(
    lambda a, b, c: float(Fraction(a) * Fraction(b) + Fraction(c)), 3, 1
)


@dataclass(frozen=True)
class Conv:
    """A convolution: sizes and options; data and exact results follow from it."""

    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    strides: tuple[int, int] = (1, 1)
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of the kernels."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    @property
    def y_shape(self) -> tuple[int, ...]:
        """Shape (n, oh, ow, k)."""
        spatial = []
        for axis in (0, 1):
            covered = (self.w_shape[axis] - 1) * self.dilation[axis] + 1
            room = self.x_shape[1 + axis] + sum(self.padding[axis]) - covered
            spatial.append(room // self.strides[axis] + 1)
        return self.x_shape[0], *spatial, self.w_shape[3]

    def arrays(
        self, seed: int = 0, make: Any = integers, dtype: str = "float32"
    ) -> tuple[Array, Array, Array]:
        """Return (x, w, dy)."""
        shapes = self.x_shape, self.w_shape, self.y_shape
        x, w, dy = (make(s, 3 * seed + i, dtype=dtype) for i, s in enumerate(shapes))
        return x, w, dy

    def seen(self, padded: Array, u: int, v: int) -> Array:
        """Return the view (n, oh, ow, c) of what tap (u, v) sees."""
        (sh, sw), (_, oh, ow, _) = self.strides, self.y_shape
        top, left = u * self.dilation[0], v * self.dilation[1]
        rows = slice(top, top + (oh - 1) * sh + 1, sh)
        return padded[:, rows, left : left + (ow - 1) * sw + 1 : sw]

    def pad(self, x: Array) -> Array:
        """Return x with its border of zeros."""
        return np.pad(x, ((0, 0), *self.padding, (0, 0)))

    def crop(self, padded: Array) -> Array:
        """Return what `pad` put the border around."""
        (top, _), (left, _) = self.padding
        _, h, w, _ = self.x_shape
        return padded[:, top : top + h, left : left + w]

    def exact(
        self, x: Array, w: Array, dy: Array, wide: Any = np.float64
    ) -> tuple[Array, Array, Array]:
        """Return (y, dx, dw), computed in a wider dtype."""
        x, w, dy = (array.astype(wide) for array in (x, w, dy))
        padded = self.pad(x)
        y, dw = np.zeros(self.y_shape, wide), np.zeros(self.w_shape, wide)
        dx = np.zeros_like(padded)
        c, k = self.w_shape[2], self.w_shape[3] // self.groups
        for u, v in np.ndindex(*self.w_shape[:2]):
            for group in range(self.groups):
                ins = slice(group * c, (group + 1) * c)
                outs = slice(group * k, (group + 1) * k)
                seen, taps = self.seen(padded, u, v)[..., ins], w[u, v][:, outs]
                y[..., outs] += seen @ taps
                dw[u, v][:, outs] = np.tensordot(
                    seen, dy[..., outs], ((0, 1, 2), (0, 1, 2))
                )
                self.seen(dx, u, v)[..., ins] += dy[..., outs] @ taps.T
        return y, self.crop(dx), dw


def random_convs(count: int, seed: int) -> Iterator[tuple[int, Conv]]:
    """Yield (seed of the data, convolution): every option, every tail, up to 200 kMAC.

    Only shapes whose results prove something: y and dw are not 90 % zeros.
    """
    random = np.random.default_rng(seed)
    yielded = tried = 0
    while yielded < count:
        tried += 1
        case = _random_conv(random)
        macs = np.prod(case.y_shape) * np.prod(case.w_shape[:3])
        if min(case.y_shape) < 1 or macs > 200_000:
            continue
        y, _, dw = case.exact(*case.arrays(tried))
        if max(np.mean(y == 0), np.mean(dw == 0)) <= 0.9:
            yielded += 1
            yield tried, case


_CHANNELS = (1, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 23, 31, 32, 33)
_FILTERS = (*_CHANNELS, 47, 48, 49, 63, 64, 65, 80)


def _random_conv(random: np.random.Generator) -> Conv:
    def some(low: int, high: int) -> int:
        return int(random.integers(low, high, endpoint=True))

    kernel, sizes, padding, strides, dilation = [], [], [], [], []
    for _ in range(2):
        taps = (1, 2, 3, 3, 3, 4, 5)[some(0, 6)]
        step = (1, 1, 1, 2, 3)[some(0, 4)]
        covered = (taps - 1) * step + 1
        kernel.append(taps)
        dilation.append(step)
        strides.append((1, 1, 2, 3)[some(0, 3)])
        padding.append((some(0, covered), some(0, covered - 1)))
        sizes.append(max(1, some(1, 12) + covered - sum(padding[-1])))
    groups = (1, 1, 1, 2, 3, 0)[some(0, 5)]
    c, k = int(random.choice(_CHANNELS)), int(random.choice(_FILTERS))
    if groups == 0:  # depthwise
        c, k, groups = 1, (1, 1, 2, 3)[some(0, 3)], c
    n = (1, 1, 2, 3, 9)[some(0, 4)]
    return Conv(
        (n, sizes[0], sizes[1], c * groups),
        (kernel[0], kernel[1], c, k * groups),
        (strides[0], strides[1]),
        (padding[0], padding[1]),
        (dilation[0], dilation[1]),
        groups,
    )
