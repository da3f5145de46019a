import numpy as np
import pytest

from pellucid import shapes
from pellucid.kernels import reference
from tests.kernels.reference.gradients import check_gradient, real
from tests.support.data import integers

CASES = [
    ((2, 4, 6, 3), 2, {}),
    ((1, 5, 5, 2), 2, {}),
    ((1, 5, 5, 2), 2, {"ceil_mode": True}),
    ((1, 6, 7, 2), 3, {"strides": 2, "padding": 1}),
    ((1, 6, 7, 2), 3, {"strides": 2, "padding": 1, "ceil_mode": True}),
    ((1, 5, 4, 2), (2, 3), {"strides": 1, "padding": "same"}),
    ((1, 4, 4, 1), (1, 2), {"strides": 3, "ceil_mode": True}),
    ((2, 3, 3, 2), 3, {"padding": ((2, 0), (0, 1)), "strides": 1}),
    ((1, 18, 18, 1), 17, {"strides": 1}),
]
every_case = pytest.mark.parametrize(("x_shape", "size", "options"), CASES)


def windows(x, size, options):
    """Yield (index of y, taps inside the image as (tap number, index of x))."""
    g = shapes.pool_geometry(x.shape, size, **options)
    for n, i, j, c in np.ndindex(g.n, g.oh, g.ow, g.c):
        taps = []
        for u, v in np.ndindex(g.kh, g.kw):
            row, column = (
                i * g.stride_h - g.pad_top + u,
                j * g.stride_w - g.pad_left + v,
            )
            if 0 <= row < g.h and 0 <= column < g.w:
                taps.append((u * g.kw + v, (n, row, column, c)))
        yield (n, i, j, c), taps


@every_case
def test_max_pool_is_the_loops(x_shape, size, options):
    x = integers(x_shape, 1, limit=2)  # many ties
    y, argmax = reference.max_pool2d(x, size, **options)
    dy = integers(y.shape, 2)
    expected = np.zeros_like(x)
    for place, taps in windows(x, size, options):
        values = [x[index] for _, index in taps]
        first = int(np.argmax(values))
        assert y[place] == values[first]
        assert argmax[place] == taps[first][0]
        expected[taps[first][1]] += dy[place]
    dx = reference.max_pool2d_backward(dy, argmax, x.shape, size, **options)
    np.testing.assert_array_equal(dx, expected)
    taps_total = np.prod(shapes.pair(size, "size", 1))
    assert argmax.dtype == (np.uint8 if taps_total <= 256 else np.int32)


@every_case
def test_avg_pool_is_the_loops(x_shape, size, options):
    x = integers(x_shape, 1)
    y = reference.avg_pool2d(x, size, **options)
    dy = integers(y.shape, 2)
    expected = np.zeros_like(x)
    for place, taps in windows(x, size, options):
        total = np.float32(sum(x[index] for _, index in taps))
        assert y[place] == total / np.float32(len(taps))
        for _, index in taps:
            expected[index] += dy[place] / np.float32(len(taps))
    dx = reference.avg_pool2d_backward(dy, x.shape, size, **options)
    np.testing.assert_allclose(dx, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", range(0, 8, 2))
def test_gradients(case):
    x_shape, size, options = CASES[case]
    x = real(x_shape, 1)
    y, argmax = reference.max_pool2d(x, size, **options)
    dy = real(y.shape, 2)
    check_gradient(
        lambda x: (reference.max_pool2d(x, size, **options)[0] * dy).sum(),
        x,
        reference.max_pool2d_backward(dy, argmax, x.shape, size, **options),
    )
    check_gradient(
        lambda x: (reference.avg_pool2d(x, size, **options) * dy).sum(),
        x,
        reference.avg_pool2d_backward(dy, x.shape, size, **options),
    )


def test_global_average_and_its_gradient():
    x, dy = real((2, 3, 4, 5), 1), real((2, 5), 2)
    np.testing.assert_allclose(
        reference.global_avg_pool2d(x), x.mean(axis=(1, 2)), rtol=1e-15
    )
    check_gradient(
        lambda x: (reference.global_avg_pool2d(x) * dy).sum(),
        x,
        reference.global_avg_pool2d_backward(dy, x.shape),
    )


def test_nan_wins_and_padding_never_does():
    x = np.full((1, 2, 2, 1), -np.inf, np.float32)
    y, argmax = reference.max_pool2d(x, 2, strides=1, padding=((1, 0), (1, 0)))
    assert (y == -np.inf).all()
    np.testing.assert_array_equal(argmax[0, :, :, 0], [[3, 2], [1, 0]])
    x[0, 0, 1, 0] = np.nan
    y, argmax = reference.max_pool2d(x, 2)
    assert np.isnan(y).all()
    assert argmax.item() == 1


def test_an_index_that_is_no_tap_adds_nothing():
    dy = np.ones((1, 1, 1, 1), np.float32)
    wild = np.full((1, 1, 1, 1), 200, np.uint8)
    assert not reference.max_pool2d_backward(dy, wild, (1, 2, 2, 1), 2).any()
