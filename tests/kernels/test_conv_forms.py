"""Convolution with bias and activation, by im2col, and in other forms of itself."""

import numpy as np
import pytest

from tests.kernels.convolutions import KINDS, every_kind
from tests.kernels.exact import (
    FMA_ISAS,
    THREADS,
    Conv,
    core,
    every_dtype,
    every_isa,
    fma,
    forced,
    random_convs,
    same_bits,
)
from tests.support import bounds, data

# Bias, activation, im2col -----------------------------------------------------------


@every_kind
@every_isa
def test_scale_bias_and_relu_are_exact(kind, isa, threads):
    case = KINDS[kind]
    x, w, dy = case.arrays()
    b, scale = data.integers((w.shape[3],), 9), data.integers((w.shape[3],), 10)
    exact = (case.exact(x, w, dy)[0] + b).astype(np.float32)
    scaled = (case.exact(x, w, dy)[0] * scale + b).astype(np.float32)
    with forced(isa, threads):
        for conv_algo in ("direct", "im2col"):
            options = {"conv_algo": conv_algo} | case.options
            y = core.conv2d(x, w, b, scale=scale, activation="relu", **options)
            bounds.assert_exact(y, np.maximum(scaled, np.float32(0)) + np.float32(0))
        y = core.conv2d(x, w, b, conv_algo="direct", **case.options)
        relu = core.conv2d(
            x, w, b, activation="relu", conv_algo="direct", **case.options
        )
        dx, dw, db = core.conv2d_backward(
            dy, x, w, need_dx=False, conv_algo="direct", **case.options
        )
    np.testing.assert_array_equal(y, exact)
    bounds.assert_exact(relu, np.maximum(exact, np.float32(0)) + np.float32(0))
    assert dx is None
    np.testing.assert_array_equal(dw, case.exact(x, w, dy)[2])
    np.testing.assert_array_equal(db, dy.sum((0, 1, 2)))


@every_kind
@pytest.mark.parametrize("isa", FMA_ISAS)
@pytest.mark.parametrize("conv_algo", ["auto", "winograd", "im2col"])
def test_scale_and_bias_round_once(kind, isa, conv_algo):
    case = KINDS[kind]
    x, w, _ = case.arrays(make=data.uniform)
    b, scale = data.uniform(w.shape[3:], 1), data.uniform(w.shape[3:], 2)
    options = {"conv_algo": conv_algo} | case.options
    with forced(isa, 2):
        plain = core.conv2d(x, w, **options)
        biased = core.conv2d(x, w, b, **options)
        scaled = core.conv2d(x, w, b, scale=scale, **options)
    assert same_bits(biased, plain + b)
    assert same_bits(scaled, fma(plain, scale, b))


@every_isa
@every_dtype
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("conv_algo", ["direct", "winograd", "im2col"])
def test_a_fused_activation_is_the_activation_of_the_result(
    isa, dtype, activation, conv_algo
):
    case = Conv((2, 9, 10, 5), (3, 3, 5, 35), padding=((1, 1), (1, 1)))
    x, w, _ = case.arrays(make=data.uniform, dtype=dtype)
    b = data.uniform((35,), 1, dtype=dtype)
    options = {"conv_algo": conv_algo} | case.options
    with forced(isa, 2):
        fused = core.conv2d(x, w, b, activation=activation, **options)
        plain = core.conv2d(x, w, b, **options)
        assert same_bits(fused, core.activation(plain, activation))
    assert not same_bits(fused, plain)


@every_isa
@pytest.mark.parametrize("conv_algo", ["direct", "winograd", "im2col"])
def test_relu_keeps_nan(isa, conv_algo):
    x, w, _ = KINDS["first layer"].arrays(make=data.uniform)
    x[1] = np.nan
    with forced(isa):
        y = core.conv2d(x, w, activation="relu", conv_algo=conv_algo)
    assert np.isfinite(y[0]).all()
    assert np.isnan(y[1]).all()


@every_isa
@every_dtype
def test_im2col_and_col2im_are_exact(isa, dtype, threads):
    for seed, case in [(0, KINDS["dilated"]), *random_convs(30, seed=8)]:
        x, _, _ = case.arrays(seed, dtype=dtype)
        padded = case.pad(x)
        window = {k: v for k, v in case.options.items() if k != "groups"}
        (kh, kw), (n, oh, ow, _) = case.w_shape[:2], case.y_shape
        expected = [case.seen(padded, u, v) for u, v in np.ndindex(kh, kw)]
        expected = np.concatenate(expected, axis=3)
        cols = data.integers(expected.shape, seed, dtype=dtype)
        image = np.zeros_like(padded)
        taps = cols.reshape(n, oh, ow, kh, kw, x.shape[3])
        for u, v in np.ndindex(kh, kw):
            case.seen(image, u, v)[...] += taps[:, :, :, u, v]
        with forced(isa, threads):
            out = np.full(expected.shape, np.nan, dtype)
            core.im2col(x, (kh, kw), out=out, **window)
            bounds.assert_exact(out, expected)
            out = np.full(x.shape, np.nan, dtype)
            core.col2im(cols, x.shape, (kh, kw), out=out, **window)
            np.testing.assert_array_equal(out, case.crop(image))


@every_isa
@every_dtype
def test_im2col_gives_the_bits_of_direct(isa, dtype):
    cases = [(0, case) for case in KINDS.values()] + list(random_convs(40, seed=9))
    compared = 0
    for seed, case in cases:
        if case.groups == 1:
            x, w, _ = case.arrays(seed, make=data.uniform, dtype=dtype)
            with forced(isa, THREADS[seed % 3]):
                direct = core.conv2d(x, w, conv_algo="direct", **case.options)
                im2col = core.conv2d(x, w, conv_algo="im2col", **case.options)
            assert same_bits(direct, im2col), case
            compared += 1
    assert compared > 20


def test_same_padding_is_the_padding_of_keras():
    x, w = data.integers((1, 8, 7, 2), 1), data.integers((3, 4, 2, 3), 2)
    explicit = Conv(x.shape, w.shape, (2, 2), ((0, 1), (1, 2)))
    y, dx, dw = explicit.exact(x, w, data.integers((1, 4, 4, 3), 3))
    options = {"strides": 2, "padding": "same", "conv_algo": "direct"}
    got = core.conv2d(x, w, **options)
    np.testing.assert_array_equal(got, y)
    dy = data.integers((1, 4, 4, 3), 3)
    got_dx, got_dw, _ = core.conv2d_backward(dy, x, w, **options)
    np.testing.assert_array_equal(got_dx, dx)
    np.testing.assert_array_equal(got_dw, dw)


# What another form of the same convolution gives ------------------------------------


@every_isa
def test_groups_are_block_diagonal_filters(isa):
    case = KINDS["grouped"]
    x, w, _ = case.arrays()
    whole = np.zeros((3, 3, 12, 18), np.float32)
    for group in range(3):
        outs = slice(6 * group, 6 * group + 6)
        whole[:, :, 4 * group : 4 * group + 4, outs] = w[..., outs]
    with forced(isa):
        grouped = core.conv2d(x, w, padding=1, groups=3)
        np.testing.assert_array_equal(grouped, core.conv2d(x, whole, padding=1))


@every_isa
def test_dilation_is_a_filter_with_zeros(isa):
    x, w = data.integers((2, 9, 10, 5), 1), data.integers((3, 2, 5, 7), 2)
    wide = np.zeros((5, 4, 5, 7), np.float32)
    wide[::2, ::3] = w
    with forced(isa):
        dilated = core.conv2d(x, w, dilation=(2, 3))
        np.testing.assert_array_equal(dilated, core.conv2d(x, wide))


@every_isa
def test_a_stride_takes_every_other_output_and_padding_is_a_border(isa):
    x, w = data.uniform((2, 9, 10, 5), 1), data.uniform((3, 3, 5, 7), 2)
    padded = np.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0)))
    with forced(isa):
        every = core.conv2d(x, w, padding=(1, 2), conv_algo="direct")
        some = core.conv2d(x, w, padding=(1, 2), strides=(2, 3), conv_algo="direct")
        border = core.conv2d(padded, w, conv_algo="direct")
    assert same_bits(some, np.ascontiguousarray(every[:, ::2, ::3]))
    assert same_bits(border, every)


@every_isa
@every_dtype
def test_a_1x1_convolution_is_a_matrix_product(isa, dtype):
    x = data.uniform((2, 5, 6, 17), 1, dtype=dtype)
    w = data.uniform((1, 1, 17, 33), 2, dtype=dtype)
    with forced(isa):
        y = core.conv2d(x, w)
        product = core.gemm(x.reshape(60, 17), w.reshape(17, 33))
    assert same_bits(y.reshape(60, 33), product)
