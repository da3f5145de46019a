"""Transposed convolution: the convolution's gradients, with bias and activation."""

import itertools

import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.exact import (
    DTYPES,
    FMA_ISAS,
    THREADS,
    Conv,
    core,
    every_dtype,
    every_isa,
    fma,
    forced,
    forced_results,
    one_result,
    random_convs,
    same_bits,
)
from tests.support import bounds, data

CASE = Conv((3, 9, 12, 6), (2, 3, 3, 10), (2, 3), ((1, 0), (2, 1)), (3, 1), groups=2)


def transposed(case):
    """The options of the transposed convolution from y back to x."""
    lacking = []
    for axis in (0, 1):
        covered = (case.w_shape[axis] - 1) * case.dilation[axis] + 1
        size = (case.y_shape[1 + axis] - 1) * case.strides[axis] + covered
        lacking.append(case.x_shape[1 + axis] - size + sum(case.padding[axis]))
    return case.options | {"output_padding": tuple(lacking)}


def check_exact(case, seed, dtype, twin):
    """y, dx, dw and db into arrays that hold NaN."""
    y, w, x = case.arrays(seed, dtype=dtype)  # the convolution's dy is our x
    dx, dy, dw = case.exact(y, w, x)
    b = data.integers((y.shape[3],), seed, dtype=dtype)
    options = transposed(case) | {"conv_algo": "direct"}
    got = np.full(y.shape, np.nan, dtype)
    twin.conv_transpose2d(x, w, b, out=got, **options)
    np.testing.assert_array_equal(got, dy + b)
    out = [np.full(array.shape, np.nan, dtype) for array in (x, w, b)]
    twin.conv_transpose2d_backward(y, x, w, out=tuple(out), **options)
    for a, exact in zip(out, (dx, dw, y.sum((0, 1, 2))), strict=True):
        np.testing.assert_array_equal(a, exact)


@every_isa
def test_random_shapes_are_exact(isa):
    threads = itertools.cycle(THREADS)
    for seed, case in [(0, CASE), *random_convs(60, seed=11)]:
        for dtype in DTYPES:
            with forced(isa, next(threads)):
                check_exact(case, seed, dtype, core)


def test_random_shapes_are_exact_by_the_reference():
    for seed, case in [(0, CASE), *random_convs(60, seed=12)]:
        check_exact(case, seed, "float64", reference)


@every_dtype
def test_threads_and_isas_give_the_same_bits(dtype):
    y, w, x = CASE.arrays(make=data.uniform, dtype=dtype)
    b, options = data.uniform((6,), 1, dtype=dtype), transposed(CASE)

    def call():
        forward = core.conv_transpose2d(x, w, b, activation="tanh", **options)
        return (forward, *core.conv_transpose2d_backward(y, x, w, **options))

    one_result(forced_results(call))


@every_isa
@every_dtype
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
def test_a_fused_activation_is_the_activation_of_the_result(isa, dtype, activation):
    _, w, x = CASE.arrays(make=data.uniform, dtype=dtype)
    b, options = data.uniform((6,), 1, dtype=dtype), transposed(CASE)
    with forced(isa, 2):
        plain = core.conv_transpose2d(x, w, **options)
        biased = core.conv_transpose2d(x, w, b, **options)
        fused = core.conv_transpose2d(x, w, b, activation=activation, **options)
        alone = core.conv_transpose2d(x, w, activation=activation, **options)
        assert same_bits(biased, plain + b)
        assert same_bits(fused, core.activation(biased, activation))
        assert same_bits(alone, core.activation(plain, activation))
    assert not same_bits(fused, biased)


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_scale_and_bias_round_once(isa):
    _, w, x = CASE.arrays(make=data.uniform)
    b, scale, options = data.uniform((6,), 1), data.uniform((6,), 2), transposed(CASE)
    with forced(isa, 2):
        plain = core.conv_transpose2d(x, w, **options)
        scaled = core.conv_transpose2d(x, w, b, scale=scale, **options)
    assert same_bits(scaled, fma(plain, scale, b))


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_winograd_stays_within_its_bound(isa):
    case = Conv((4, 16, 16, 32), (3, 3, 32, 32), padding=((1, 1), (1, 1)))
    y, w, x = case.arrays(make=data.uniform)
    with forced(isa, 2):
        got = core.conv_transpose2d(x, w, padding=1)
        direct = core.conv_transpose2d(x, w, padding=1, conv_algo="direct")
    assert not same_bits(got, direct)
    exact = case.exact(y, w, x, np.longdouble)[1]
    scale = case.exact(*map(np.abs, (y, w, x)))[1]
    bounds.assert_within(direct, exact, bounds.dot_bound(9 * 32, scale, "float32"))
    # The points of the transform lose less than two bits more.
    bounds.assert_within(got, exact, 4 * bounds.dot_bound(9 * 32, scale, "float32"))


@pytest.mark.parametrize(
    ("size", "kernel", "options", "expected"),
    [
        (5, 3, {}, 7),
        (5, 3, {"strides": 2}, 11),
        (5, 3, {"strides": 2, "padding": "same"}, 10),
        (5, 3, {"strides": 2, "padding": 1, "output_padding": 1}, 10),
        (5, 2, {"strides": 3}, 15),  # Keras: what the filter lacks to the stride
        (5, 2, {"strides": 3, "output_padding": 0}, 14),  # PyTorch
        (5, 2, {"strides": 3, "padding": "same"}, 15),
        (5, 4, {"strides": 2, "padding": 1}, 10),
        (4, 3, {"dilation": 2, "padding": (1, 1)}, 6),
        (1, 5, {"padding": "same"}, 1),
    ],
)
def test_sizes_of_the_output(size, kernel, options, expected):
    x, w = np.ones((1, size, size, 1)), np.ones((kernel, kernel, 1, 1))
    y = core.conv_transpose2d(x, w, **options)
    assert y.shape == (1, expected, expected, 1)


@every_isa
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_is_the_gradient_of_a_convolution_with_the_same_padding(
    isa, kernel, stride
):
    x, w = data.integers((2, 3, 4, 3), 1), data.integers((kernel, kernel, 2, 3), 2)
    options = {"strides": stride, "padding": "same", "conv_algo": "direct"}
    image = np.zeros((2, 3 * stride, 4 * stride, 2), x.dtype)
    dx, _, _ = reference.conv2d_backward(x, image, w, **options)
    with forced(isa, 2):
        y = core.conv_transpose2d(x, w, **options)
    np.testing.assert_array_equal(y, dx)


@every_isa
def test_an_empty_batch(isa):
    x, w = np.ones((0, 3, 4, 2)), np.ones((3, 3, 5, 2))
    with forced(isa, 2):
        y = core.conv_transpose2d(x, w, np.ones(5), activation="relu")
        dx, dw, db = core.conv_transpose2d_backward(y, x, w)
    assert (y.shape, dx.shape) == ((0, 5, 6, 5), x.shape)
    np.testing.assert_array_equal(dw, np.zeros(w.shape))
    np.testing.assert_array_equal(db, np.zeros(5))
