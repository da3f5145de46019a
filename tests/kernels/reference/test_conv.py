from itertools import product

import numpy as np
import pytest

from pellucid import shapes
from pellucid.kernels import reference
from tests.kernels.reference.gradients import check_gradient, real
from tests.support.data import generator, integers

# x shape, filter (kh, kw, k), options
CASES = [
    ((2, 5, 6, 1), (3, 3, 2), {}),
    ((1, 1, 1, 3), (1, 1, 4), {}),
    ((2, 4, 5, 3), (1, 1, 2), {"strides": 2}),
    ((2, 7, 5, 2), (3, 2, 3), {"padding": "same", "strides": (2, 1)}),
    ((1, 5, 5, 2), (2, 2, 2), {"padding": "same"}),
    ((1, 5, 6, 2), (3, 3, 2), {"padding": 2}),
    ((1, 5, 6, 2), (3, 3, 2), {"padding": (0, 1)}),
    ((1, 5, 6, 2), (3, 3, 2), {"padding": ((0, 2), (1, 0)), "strides": (1, 3)}),
    ((1, 7, 8, 2), (3, 2, 2), {"dilation": (2, 3)}),
    ((1, 7, 8, 2), (3, 3, 2), {"dilation": 2, "padding": "same", "strides": 2}),
    ((2, 4, 4, 4), (3, 3, 6), {"groups": 2, "padding": 1}),
    ((2, 4, 4, 3), (2, 2, 6), {"groups": 3}),
    ((1, 2, 2, 1), (3, 3, 1), {"padding": 5}),
    ((1, 6, 6, 1), (2, 2, 1), {"strides": 5}),
]
IDS = [f"{x}-{w}-{options}" for x, w, options in CASES]
every_case = pytest.mark.parametrize(("x_shape", "filters", "options"), CASES, ids=IDS)


def make(x_shape, filters, options, numbers=integers):
    kh, kw, k = filters
    w_shape = (kh, kw, x_shape[3] // options.get("groups", 1), k)
    return numbers(x_shape, 1), numbers(w_shape, 2), numbers((k,), 3)


def seven_loops(x, w, b, options):
    """Convolve one product at a time, indices as in the formula."""
    g = shapes.conv_geometry(x.shape, w.shape, **options)
    y = np.zeros((g.n, g.oh, g.ow, g.k), x.dtype)
    for n, i, j, k in np.ndindex(*y.shape):
        group = k // (g.k // g.groups)
        y[n, i, j, k] = b[k]
        for u, v, c in np.ndindex(*w.shape[:3]):
            row = i * g.stride_h - g.pad_top + u * g.dilation_h
            column = j * g.stride_w - g.pad_left + v * g.dilation_w
            if 0 <= row < g.h and 0 <= column < g.w:
                channel = group * (g.c // g.groups) + c
                y[n, i, j, k] += x[n, row, column, channel] * w[u, v, c, k]
    return y


@every_case
def test_forward_is_the_seven_loops(x_shape, filters, options):
    x, w, b = make(x_shape, filters, options)
    expected = seven_loops(x, w, b, options)
    np.testing.assert_array_equal(reference.conv2d(x, w, b, **options), expected)
    relu = reference.conv2d(x, w, b, activation="relu", **options)
    np.testing.assert_array_equal(relu, np.maximum(expected, 0))


def test_forward_is_the_seven_loops_on_random_shapes():
    random, tried = generator((), 7, "shapes"), 0
    while tried < 60:
        kh, kw, sh, sw, dh, dw, groups = random.integers(1, 4, 7).tolist()
        padding = ["valid", "same", (kh // 2, kw // 2), ((0, 1), (2, 0))][tried % 4]
        options = {
            "strides": (sh, sw),
            "padding": padding,
            "dilation": (dh, dw),
            "groups": groups,
        }
        h, width = random.integers((kh - 1) * dh + 1, 10), random.integers(7, 10)
        x_shape = (int(random.integers(1, 3)), int(h), int(width), 2 * groups)
        x, w, b = make(x_shape, (kh, kw, 3 * groups), options)
        y = reference.conv2d(x, w, b, **options)
        np.testing.assert_array_equal(y, seven_loops(x, w, b, options), str(options))
        tried += 1


@every_case
def test_adjoint_identity_is_exact_on_integers(x_shape, filters, options):
    x, w, b = make(x_shape, filters, options)
    y = reference.conv2d(x, w, b, **options)
    dy = integers(y.shape, 4)
    dx, dw, db = reference.conv2d_backward(dy, x, w, **options)

    def inner(a, b):
        return int((a.astype(np.int64) * b.astype(np.int64)).sum())

    linear = reference.conv2d(x, w, **options)
    assert inner(dy, linear) == inner(x, dx) == inner(w, dw)
    assert inner(dy, y - linear) == inner(b, db)


@pytest.mark.parametrize("case", range(0, len(CASES), 3))
def test_gradients(case):
    x_shape, filters, options = CASES[case]
    x, w, b = make(x_shape, filters, options, real)
    dy = real(reference.conv2d(x, w, **options).shape, 5)
    dx, dw, db = reference.conv2d_backward(dy, x, w, **options)

    def loss(x, w, b):
        kind = np.result_type(x, w, b)
        x, w, b = (array.astype(kind) for array in (x, w, b))
        return (reference.conv2d(x, w, b, **options) * dy).sum()

    check_gradient(lambda x: loss(x, w, b), x, dx)
    check_gradient(lambda w: loss(x, w, b), w, dw)
    check_gradient(lambda b: loss(x, w, b), b, db)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_im2col_rows_are_windows_and_col2im_is_its_adjoint(dtype):
    x = integers((2, 5, 6, 3), 1, dtype=dtype)
    options = {"strides": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2)}
    cols = reference.im2col(x, (3, 2), **options)
    padded = np.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0)))
    for n, i, j in product(range(2), range(cols.shape[1]), range(cols.shape[2])):
        window = padded[n, 2 * i : 2 * i + 3, j : j + 4 : 2]
        np.testing.assert_array_equal(cols[n, i, j], window.ravel())
    back = integers(cols.shape, 2, dtype=dtype)
    images = reference.col2im(back, x.shape, (3, 2), **options)
    assert images.dtype == dtype
    assert (back * cols).sum() == (images * x).sum()


def test_groups_are_block_diagonal_filters():
    x, w, b = make((2, 5, 5, 4), (3, 3, 6), {"groups": 2})
    blocks = np.zeros((3, 3, 4, 6), np.float32)
    blocks[:, :, :2, :3], blocks[:, :, 2:, 3:] = w[..., :3], w[..., 3:]
    grouped = reference.conv2d(x, w, b, groups=2)
    np.testing.assert_array_equal(grouped, reference.conv2d(x, blocks, b))


def test_dilation_is_a_filter_with_zeros_between():
    x, w, b = make((1, 7, 7, 2), (2, 3, 2), {})
    stuffed = np.zeros((3, 5, 2, 2), np.float32)
    stuffed[::2, ::2] = w
    dilated = reference.conv2d(x, w, b, dilation=2)
    np.testing.assert_array_equal(dilated, reference.conv2d(x, stuffed, b))


def test_stride_takes_every_second_output():
    x, w, b = make((1, 8, 9, 2), (3, 3, 2), {})
    strided = reference.conv2d(x, w, b, strides=2)
    np.testing.assert_array_equal(strided, reference.conv2d(x, w, b)[:, ::2, ::2])


def test_nan_stays_in_its_sample():
    x, w, b = make((3, 5, 5, 2), (3, 3, 2), {})
    clean = reference.conv2d(x, w, b, padding="same")
    x[1] = np.nan
    y = reference.conv2d(x, w, b, padding="same")
    assert np.isnan(y[1]).all()
    np.testing.assert_array_equal(y[[0, 2]], clean[[0, 2]])


def test_an_empty_batch_gives_empty_results_and_zero_gradients():
    x, w, b = make((0, 5, 5, 2), (3, 3, 4), {})
    y = reference.conv2d(x, w, b)
    assert y.shape == (0, 3, 3, 4)
    dx, dw, db = reference.conv2d_backward(y, x, w)
    assert dx.shape == x.shape
    assert not dw.any()
    assert not db.any()
