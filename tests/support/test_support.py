"""The guards are guarded: helpers of the tests find what they are there to find."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import kernels
from tests.support import bounds, data
from tests.support.guard import (
    SIDES,
    guarded,
    guarded_copy,
    layouts,
    misaligned,
    run_script,
)
from tests.support.threads import isa, isas, threads

# Guard pages ----------------------------------------------------------------------

ACCESS = """
import ctypes, numpy as np
from tests.support.guard import guarded, guarded_copy
array = {make}
address = array.ctypes.data + ({offset})
{action}
print("survived")
"""
READ = "ctypes.string_at(address, 1)"
WRITE = "ctypes.memset(address, 0, 1)"
FLOATS = "guarded(5, np.float32, side={side!r})"
COPY = "guarded_copy(np.ones(5, np.float32), side={side!r})"


@pytest.mark.parametrize("make", [FLOATS, COPY], ids=["output", "input"])
@pytest.mark.parametrize("action", [READ, WRITE], ids=["read", "write"])
@pytest.mark.parametrize(("side", "offset"), [("end", 20), ("start", -1)])
def test_one_byte_too_far_is_fatal(
    make: str, action: str, side: str, offset: int
) -> None:
    make = make.format(side=side)
    result = run_script(ACCESS.format(make=make, offset=offset, action=action))
    assert result.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in result.stderr


@pytest.mark.parametrize("side", SIDES)
def test_writing_an_input_is_fatal(side: str) -> None:
    code = ACCESS.format(make=COPY.format(side=side), offset=0, action=WRITE)
    assert run_script(code).returncode == -signal.SIGSEGV
    code = ACCESS.format(make=COPY.format(side=side), offset=0, action=READ)
    assert run_script(code).stdout == "survived\n"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("shape", [(0,), (1,), (3, 5), (1024,), (1025,), (64, 65)])
def test_guarded_arrays_are_ordinary(side: Any, dtype: Any, shape: Any) -> None:
    array = guarded(shape, dtype, side)
    assert array.shape == shape
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.tobytes() == b"\xff" * array.nbytes
    array[...] = 1
    copy = guarded_copy(array, side)
    np.testing.assert_array_equal(copy, array)
    assert not copy.flags.writeable


def test_memory_goes_back() -> None:
    def mapped() -> int:
        with open("/proc/self/maps") as stream:
            return sum(1 for _ in stream)

    keep = guarded(100)
    before = mapped()
    for _ in range(100):
        guarded(100)[:] = 0
    gc.collect()
    assert mapped() - before < 20
    view = keep[50:]
    del keep
    gc.collect()
    view[:] = 2


def test_layouts_hold_the_same_numbers() -> None:
    array = data.uniform((3, 4), 0)
    seen = dict(layouts(array))
    for view in seen.values():
        np.testing.assert_array_equal(view, array)
    assert not seen["strided"].flags.c_contiguous
    assert seen["reversed"].strides[-1] < 0
    assert not seen["misaligned"].flags.aligned
    assert not seen["read-only"].flags.writeable
    assert misaligned(array, 4).ctypes.data % 64 == 4


# Bounds ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", data.DISTRIBUTIONS)
@pytest.mark.parametrize("k", [1, 9, 576])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dot_bound_holds_for_numpy_and_sees_a_lost_term(
    kind: str, k: int, dtype: str
) -> None:
    a = data.DISTRIBUTIONS[kind]((16, k), 1, dtype=dtype)
    b = data.DISTRIBUTIONS[kind]((16, k), 2, dtype=dtype).T
    wide = np.longdouble
    reference = a.astype(wide) @ b.astype(wide)
    magnitude = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    bound = bounds.dot_bound(k, magnitude, dtype)
    assert bounds.assert_within(a @ b, reference, bound) <= 1
    with pytest.raises(AssertionError, match="leave the bound"):
        bounds.assert_within(a[:, 1:] @ b[1:], reference, bound)


def test_bounds_are_the_documented_formulas() -> None:
    u = 2.0**-24
    assert bounds.dot_bound(1, 3.0) == 2 * u * 3 + 2.0**-149
    assert bounds.dot_bound(100, 3.0) == 42 * u * 3 + 100 * 2.0**-149
    assert bounds.winograd_bound(16, 2.0) == 5 * u * 2
    assert bounds.layer_bound(9, 2.0) == 24 * u * 2
    assert bounds.dot_bound(1, 1.0, "float64") == 2 * 2.0**-53 + 5e-324
    softmax = bounds.softmax_bound(np.zeros((1, 4)))
    np.testing.assert_allclose(softmax, 6 * 2 * u * 0.25)


@pytest.mark.parametrize(
    ("actual", "reference"),
    [
        ([1.0, np.nan], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, np.nan]),
        ([1.0, np.inf], [1.0, 2.0]),
        ([1.0, np.inf], [1.0, -np.inf]),
        ([1.0, 2.5], [1.0, 2.0]),
        ([1.0], [1.0, 2.0]),
        ([[1.0, 2.0]], [1.0, 2.0]),
    ],
)
def test_assert_within_fails(actual: Any, reference: Any) -> None:
    with pytest.raises(AssertionError):
        bounds.assert_within(np.array(actual, np.float32), reference, 0.1)


def test_assert_within_passes() -> None:
    actual = np.array([1.0, np.nan, -np.inf, 2.05], np.float32)
    reference = [1.0, np.nan, -np.inf, 2.0]
    assert 0.4 < bounds.assert_within(actual, reference, 0.1) < 0.6
    assert bounds.assert_within([], [], 0.0) == 0.0


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (np.float32([0.0]), np.float32([-0.0])),
        (np.float32([1.0]), np.float64([1.0])),
        (np.float32([1.0]), np.float32([np.nextafter(np.float32(1), 2)])),
        (np.float32([np.nan]), np.float32([1.0])),
        (np.int64([1]), np.int64([2])),
        (np.float32([1.0]), np.float32([[1.0]])),
    ],
)
def test_assert_exact_fails(actual: Any, expected: Any) -> None:
    with pytest.raises(AssertionError):
        bounds.assert_exact(actual, expected)
    bounds.assert_exact(expected, expected)


def test_assert_within_ulps() -> None:
    reference = np.array([1.0, 1e-30, 3e5, np.inf, 0.0])
    exact = reference.astype(np.float32)
    assert bounds.assert_within_ulps(exact, reference, 2) <= 0.5
    off = np.nextafter(np.nextafter(np.nextafter(exact, 9), 9), 9)
    with pytest.raises(AssertionError):
        bounds.assert_within_ulps(off[:3], reference[:3], 2)


def test_assert_not_vacuous() -> None:
    bounds.assert_not_vacuous(np.arange(5))
    for empty in (np.zeros(20), np.zeros(0)):
        with pytest.raises(AssertionError):
            bounds.assert_not_vacuous(empty)


# Data -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [data.integers, *data.DISTRIBUTIONS.values()])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_are_seeded_and_spread(make: Callable[..., Any], dtype: str) -> None:
    first = make((40, 50), 3, dtype=dtype)
    assert first.dtype == dtype
    np.testing.assert_array_equal(first, make((40, 50), 3, dtype=dtype))
    assert not np.array_equal(first, make((40, 50), 4, dtype=dtype))
    assert len(np.unique(first)) >= (17 if make is data.integers else 1000)
    bounds.assert_not_vacuous(first)


def test_data_are_what_their_names_say() -> None:
    whole = data.integers((1000,), 0, limit=4)
    assert set(whole) == set(range(-4, 5))
    assert data.positive((1000,), 0).min() >= 0
    assert np.ptp(np.log10(np.abs(data.wide_range((1000,), 0)))) > 7.5
    rows = data.cancelling((10, 100), 0)
    assert np.abs(rows.sum(axis=1)).max() < 1e-3 * np.abs(rows).sum(axis=1).min()
    assert data.sizes_around(4) == [1, 3, 4, 5, 7, 8, 9]
    assert {1, 15, 16, 17, 31, 32, 33} <= set(data.VECTOR_SIZES)
    assert set(data.labels(20, 6, 0)) == set(range(6))
    np.testing.assert_array_equal(data.one_hot([2, 0], 3), [[0, 0, 1], [1, 0, 0]])


# Instruction sets and threads -----------------------------------------------------


def test_every_isa_can_be_forced() -> None:
    before = kernels.active_isa()
    for name in isas():
        with isa(name):
            assert kernels.active_isa() == name
    assert kernels.active_isa() == before
    with pytest.raises(ValueError, match="avx9"), isa("avx9"):
        pass


def test_threads_are_set_and_set_back(threads: int) -> None:
    assert kernels.get_num_threads() == threads


def test_threads_are_set_back_after_an_error() -> None:
    before = kernels.get_num_threads()

    def fail() -> None:
        with threads(3):
            assert kernels.get_num_threads() == 3
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert kernels.get_num_threads() == before
