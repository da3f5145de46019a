from __future__ import annotations

import numpy as np
import pytest

from pellucid.core import Workspace, aligned_empty


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int32"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (17, 0, 2), (5, 7, 3)])
def test_aligned_empty(shape: tuple[int, ...], dtype: str) -> None:
    array = aligned_empty(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.size == 0 or array.ctypes.data % 64 == 0
    assert array.flags.c_contiguous
    assert array.flags.writeable


def test_the_same_request_gives_the_same_array() -> None:
    space = Workspace()
    large = space.array("y", (8, 3), "float32")
    small = space.array("y", (5, 3), "float32")
    for _ in range(2):
        assert space.array("y", (8, 3), "float32") is large
        assert space.array("y", (5, 3), "float32") is small
    assert np.shares_memory(large, small)
    assert space.nbytes == large.nbytes


def test_keys_do_not_share_memory() -> None:
    space = Workspace()
    arrays = [space.array(key, (9,), "float64") for key in ("a", "b", ("a", "b"))]
    for i, array in enumerate(arrays):
        array[...] = i
    assert [array[0] for array in arrays] == [0, 1, 2]


def test_growth_keeps_old_arrays_valid_and_drops_them() -> None:
    space = Workspace()
    first = space.array("y", (2,), "float32")
    first[...] = 7
    second = space.array("y", (200,), "float32")
    second[...] = 0
    assert first.tolist() == [7, 7]
    assert np.shares_memory(space.array("y", (2,), "float32"), second)
    assert space.nbytes == 800


def test_dtypes_differ() -> None:
    space = Workspace()
    assert space.array("y", (4,), "float32").dtype == "float32"
    assert space.array("y", (4,), "float64").dtype == "float64"
    assert space.array("y", (0, 4), "float64").shape == (0, 4)
