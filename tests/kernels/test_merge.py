"""concat and split: exact copies, on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import kernels
from tests.support.threads import THREADS, threads

SHAPES = [
    ((3,), (1, 2, 5)),
    ((2, 3, 4), (17, 1)),
    ((64, 28, 28), (16, 3, 8)),
    ((5,), (4,)),
    ((0, 3), (2, 2)),
    ((4,), (0, 3)),
    ((), (2, 3)),
]


def parts(front, widths, dtype):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(*front, width)).astype(dtype) for width in widths]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("front", "widths"), SHAPES)
def test_values(front, widths, dtype):
    arrays = parts(front, widths, dtype)
    expected = np.concatenate(arrays, axis=-1)
    for count in THREADS:
        with threads(count):
            joined = kernels.concat(arrays)
            cut = kernels.split(joined, list(widths))
        assert joined.dtype == dtype
        assert (joined == expected).all()
        assert isinstance(cut, tuple)
        for got, want in zip(cut, arrays, strict=True):
            assert got.dtype == want.dtype
            assert got.shape == want.shape
            assert (got == want).all()


def test_out_and_strange_layouts():
    a, b = parts((4, 3), (2, 5), "float32")
    expected = np.concatenate([a, b], axis=-1)
    out = np.full((4, 3, 7), np.nan, "float32")
    assert kernels.concat((a[::-1], b[::-1]), out=out) is out
    assert (out[::-1] == expected).all()
    first = np.full((4, 3, 2), np.nan, "float32")
    got, other = kernels.split(np.asfortranarray(expected), (2, 5), out=(first, None))
    assert got is first
    assert (first == a).all()
    assert (other == b).all()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: kernels.concat([]), ValueError),
        (lambda: kernels.concat(np.ones((2, 2))), TypeError),
        (lambda: kernels.concat([np.ones((2, 2)), np.ones((3, 2))]), ValueError),
        (lambda: kernels.concat([np.ones((2, 2)), np.ones(2)]), ValueError),
        (lambda: kernels.concat([np.float64(3)]), ValueError),
        (lambda: kernels.concat([np.ones(2), np.ones(2, "float32")]), TypeError),
        (lambda: kernels.concat([np.ones(2)], out=np.ones(3)), ValueError),
        (lambda: kernels.split(np.ones(3), [1, 1]), ValueError),
        (lambda: kernels.split(np.ones(3), [4, -1]), ValueError),
        (lambda: kernels.split(np.ones(3), [1.5, 1.5]), TypeError),
        (lambda: kernels.split(np.ones(3), 3), TypeError),
        (lambda: kernels.split(np.ones(3), []), ValueError),
        (lambda: kernels.split(np.ones(3), [3], out=(np.ones(2),)), ValueError),
        (lambda: kernels.split(np.ones(3), [3], out=np.ones(3)), TypeError),
    ],
)
def test_refusals(call, error):
    with pytest.raises(error, match="Expected"):
        call()


def test_overlapping_memory_is_refused():
    memory = np.ones(8)
    with pytest.raises(ValueError, match="shares memory"):
        kernels.concat([memory[:4]], out=memory[2:6])
    with pytest.raises(ValueError, match="shares memory"):
        kernels.split(memory, [4, 4], out=(memory[:4], None))
