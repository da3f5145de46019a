"""What the parity tests share: seeds, tolerances, NumPy to PyTorch and back."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch: Any = pytest.importorskip("torch", reason="PyTorch not found")

CONFIGURATIONS = 30
STEPS = 50
DTYPES = ("float64", "float32")
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
"""Of the largest value of the array."""

every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def generators(name: str) -> Iterator[np.random.Generator]:
    """One source of configurations and data for each configuration of a row."""
    for number in range(CONFIGURATIONS):
        yield np.random.default_rng([zlib.crc32(name.encode()), number])


@contextmanager
def arithmetic(dtype: str) -> Iterator[None]:
    """One thread, and numbers of this dtype where PyTorch chooses by itself."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(threads)


def leaf(array: NDArray[Any]) -> Any:
    """A copy as a tensor that collects its gradient."""
    return torch.tensor(array, requires_grad=array.dtype.kind == "f")


WORST: dict[str, dict[str, float]] = {dtype: {} for dtype in DTYPES}
"""By number type and table: the largest deviation so far, of the largest value."""


def assert_agrees(got: NDArray[Any], want: Any, table: str, what: str) -> None:
    """Fail where pellucid's array is not PyTorch's, within the tolerance."""
    wanted = want.detach().numpy() if isinstance(want, torch.Tensor) else want
    assert got.shape == wanted.shape, what
    assert got.dtype == wanted.dtype, what
    assert np.isfinite(wanted).all(), f"{what}: PyTorch's result is not finite"
    largest = float(np.abs(wanted).max(initial=0.0))
    error = float(np.abs(got - wanted).max(initial=0.0))
    dtype = str(got.dtype)
    assert error <= TOLERANCE[dtype] * largest, (
        f"{what}: off by {error:.3g} of {largest:.3g}"
    )
    if largest:
        worst = WORST[dtype]
        worst[table] = max(worst.get(table, 0.0), error / largest)
