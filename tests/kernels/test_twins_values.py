"""The compiled twin computes what the reference twin computes: products, convolution.

Whole numbers agree to the bit; real numbers within the bound of a sum of products.
"""

import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.exact import (
    Conv,
    core,
    every_dtype,
    every_isa,
    forced,
    random_convs,
)
from tests.support import bounds, data

CONVS = [
    *(case for _, case in random_convs(30, seed=11)),
    Conv((2, 8, 8, 32), (3, 3, 16, 16), groups=2, padding=((1, 1), (1, 1))),
]
SIZES = [(1, 1, 1), (7, 33, 65), (64, 100, 10), (9, 1100, 33), (3, 0, 4), (0, 5, 2)]


def product_calls(n, inputs, outputs, make, dtype):
    """Rows (op, arguments, options)."""
    x = make((n, inputs), 1, dtype=dtype)
    w = make((inputs, outputs), 2, dtype=dtype)
    b = make((outputs,), 3, dtype=dtype)
    dy = make((n, outputs), 4, dtype=dtype)
    return [
        ("gemm", (x, w), {}),
        ("gemm", (x, dy), {"trans_a": True}),
        ("gemm", (dy, w), {"trans_b": True}),
        ("gemm", (w, x), {"trans_a": True, "trans_b": True}),
        ("dense", (x, w), {}),
        ("dense", (x, w, b), {}),
        ("dense", (x, w, b), {"activation": "relu"}),
        ("dense", (x, w, b), {"scale": np.flip(b), "activation": "relu"}),
        ("dense_backward", (dy, x, w), {}),
        ("dense_backward", (dy, x, w), {"need_dx": False, "need_db": False}),
    ]


def conv_calls(case, seed, make, dtype, conv_algo):
    """Rows (op, arguments, options)."""
    x, w, dy = case.arrays(seed, make, dtype)
    b = make(w.shape[3:], seed, dtype=dtype)
    (kh, kw), (n, oh, ow, _) = w.shape[:2], dy.shape
    cols = make((n, oh, ow, kh * kw * x.shape[3]), seed, dtype=dtype)
    options = {"conv_algo": conv_algo} | case.options
    window = {name: case.options[name] for name in ("strides", "padding", "dilation")}
    return [
        ("conv2d", (x, w), options),
        ("conv2d", (x, w, b), options | {"activation": "relu"}),
        ("conv2d", (x, w, b), options | {"scale": np.flip(b)}),
        ("conv2d_backward", (dy, x, w), options),
        ("conv2d_backward", (dy, x, w), options | {"need_dx": False, "need_db": False}),
        ("im2col", (x, (kh, kw)), window),
        ("col2im", (cols, x.shape, (kh, kw)), window),
    ]


def results(twin, op, args, options):
    got = getattr(twin, op)(*args, **options)
    return got if isinstance(got, tuple) else (got,)


def compare_exactly(calls):
    for op, args, options in calls:
        got, want = (results(twin, op, args, options) for twin in (core, reference))
        for a, b in zip(got, want, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b, f"{op} {options}")


def widened(args, function=np.asarray):
    """The arguments with float64 arrays, each after a function."""
    return tuple(
        function(arg.astype("float64")) if isinstance(arg, np.ndarray) else arg
        for arg in args
    )


def compare_within_bounds(calls, length):
    """Compare with the reference on float64; `length` bounds the terms of a sum."""
    for op, args, options in calls:
        wide = dict(zip(options, widened(options.values()), strict=True))
        plain = dict(zip(options, widened(options.values(), np.abs), strict=True))
        plain.pop("activation", None)
        got = results(core, op, args, options)
        want = results(reference, op, widened(args), wide)
        magnitudes = results(reference, op, widened(args, np.abs), plain)
        for a, b, magnitude in zip(got, want, magnitudes, strict=True):
            if a is not None:
                # In float64 the reference errs as much.
                bound = bounds.dot_bound(length, magnitude, a.dtype)
                bounds.assert_within(a, b, bound * (2 if a.dtype == "float64" else 1))


@every_isa
@every_dtype
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_products_agree(isa, dtype, size):
    with forced(isa, 2):
        compare_exactly(product_calls(*size, data.integers, dtype))
        for make in data.DISTRIBUTIONS.values():
            compare_within_bounds(product_calls(*size, make, dtype), max(size) + 1)


@every_isa
@every_dtype
@pytest.mark.parametrize("conv_algo", ["auto", "direct", "im2col"])
def test_convolutions_of_whole_numbers_agree(isa, dtype, conv_algo):
    with forced(isa, 2):
        for seed, case in enumerate(CONVS):
            compare_exactly(conv_calls(case, seed, data.integers, dtype, conv_algo))


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", data.DISTRIBUTIONS)
def test_convolutions_of_real_numbers_agree(isa, dtype, kind):
    make = data.DISTRIBUTIONS[kind]
    with forced(isa, 2):
        for seed, case in enumerate(CONVS[:10]):
            (n, oh, ow, k), (kh, kw, c, _) = case.y_shape, case.w_shape
            length = max(n * oh * ow, kh * kw * max(c, k)) + 1
            compare_within_bounds(conv_calls(case, seed, make, dtype, "auto"), length)
