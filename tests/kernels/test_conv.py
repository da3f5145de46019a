"""Convolution in three directions: exact, adjoint, one chain of FMA, the same bits."""

import itertools

import numpy as np
import pytest

from tests.kernels.convolutions import KINDS, every_kind, filled_three, three
from tests.kernels.exact import (
    DTYPES,
    FMA_ISAS,
    ISAS,
    THREADS,
    Conv,
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


def check_exact(cases, dtypes):
    """Compare on every ISA, threads in turn; return how many cases were compared."""
    order, count = itertools.cycle(THREADS), 0
    for seed, case in cases:
        for dtype in dtypes:
            arrays = case.arrays(seed, dtype=dtype)
            exact = [array.astype(dtype) for array in case.exact(*arrays)]
            for isa in ISAS:
                threads = next(order)
                with forced(isa, threads):
                    got = filled_three(*arrays, case)
                for name, a, b in zip(("y", "dx", "dw"), got, exact, strict=True):
                    same = np.array_equal(a, b)
                    assert same, f"{name} {isa} {dtype} threads={threads} {seed} {case}"
        count += 1
    return count


def test_random_shapes_are_exact():
    assert check_exact(random_convs(400, seed=1), ["float32"]) == 400
    assert check_exact(random_convs(150, seed=2), ["float64"]) == 150


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_random_shapes_are_exact(seed):
    assert check_exact(random_convs(1000, seed=100 + seed), DTYPES) == 1000


@every_kind
@every_isa
def test_every_kind_is_exact(kind, isa):
    case = KINDS[kind]
    for dtype in DTYPES:
        arrays = case.arrays(dtype=dtype)
        exact = [array.astype(dtype) for array in case.exact(*arrays)]
        bounds.assert_not_vacuous(exact[2])
        for threads in THREADS:
            with forced(isa, threads):
                got = filled_three(*arrays, case)
            for name, a, b in zip(("y", "dx", "dw"), got, exact, strict=True):
                assert np.array_equal(a, b), f"{name} {dtype} threads={threads}"


def inner(a, b):
    return int((a.astype(np.int64) * b.astype(np.int64)).sum())


def check_adjoint(case, seed):
    x, w, dy = case.arrays(seed)
    y, dx, dw = three(x, w, dy, case)
    assert inner(dy, y) == inner(x, dx) == inner(w, dw), case


@every_isa
def test_the_gradients_are_the_adjoint_on_whole_numbers(isa):
    # On sizes that are too large for an oracle.
    pad = ((1, 1), (1, 1))
    large = [
        Conv((4, 32, 32, 32), (3, 3, 32, 48), padding=pad),
        Conv((2, 33, 31, 64), (3, 3, 64, 64), (2, 2), ((0, 1), (1, 1))),
        Conv((8, 28, 28, 1), (5, 5, 1, 20)),
    ]
    with forced(isa, 2):
        for seed, case in enumerate(large):
            check_adjoint(case, seed)
        for seed, case in random_convs(100, seed=3):
            check_adjoint(case, seed)


@pytest.mark.slow
@every_isa
def test_the_gradients_are_the_adjoint_on_five_thousand_shapes(isa):
    with forced(isa):
        for seed, case in random_convs(5000, seed=4):
            check_adjoint(case, seed)


@every_kind
@every_dtype
def test_threads_and_isas_give_the_same_bits(kind, dtype):
    case = KINDS[kind]
    x, w, dy = case.arrays(make=data.uniform, dtype=dtype)
    one_result(forced_results(lambda: three(x, w, dy, case)))


def test_random_shapes_give_the_same_bits():
    for seed, case in random_convs(60, seed=5):
        x, w, dy = case.arrays(seed, make=data.uniform)
        results = {}
        for isa, threads in zip(FMA_ISAS * 2, (1, 2, 3), strict=False):
            with forced(isa, threads):
                results[isa, threads] = three(x, w, dy, case)
        one_result(results)


def test_threads_give_the_same_bits_without_fma():
    for case in KINDS.values():
        x, w, dy = case.arrays(make=data.uniform)
        results = {}
        for threads in THREADS:
            with forced("portable", threads):
                results[threads] = three(x, w, dy, case)
        one_result(results)


@pytest.mark.parametrize("isa", FMA_ISAS)
@every_dtype
def test_every_output_is_one_fma_chain(isa, dtype):
    """Over (kh, kw, c); over taps in falling order and k; over (n, oh, ow)."""
    # The weights of one image are one chunk.
    case = Conv((1, 6, 5, 3), (3, 2, 3, 5), (2, 1), ((1, 1), (0, 1)), (1, 2))
    x, w, dy = case.arrays(make=data.uniform, dtype=dtype)
    padded, taps = case.pad(x), list(np.ndindex(*w.shape[:2]))
    y, dx = np.zeros(dy.shape, dtype), np.zeros_like(padded)
    for u, v in taps:
        for c in range(w.shape[2]):
            y = fma(case.seen(padded, u, v)[..., c, None], w[u, v, c], y)
    for u, v in reversed(taps):
        seen = case.seen(dx, u, v)
        for k in range(w.shape[3]):
            seen[...] = fma(dy[..., k, None], w[u, v, :, k], seen)
    dw = np.zeros(w.shape, dtype)
    for i, j in np.ndindex(*dy.shape[1:3]):
        for u, v in taps:
            pixel = case.seen(padded, u, v)[0, i, j, :, None]
            dw[u, v] = fma(pixel, dy[0, i, j], dw[u, v])
    with forced(isa):
        got = three(x, w, dy, case)
    for name, a, b in zip(("y", "dx", "dw"), got, (y, case.crop(dx), dw), strict=True):
        np.testing.assert_array_equal(a, b, name)


def worst_error(isa, dtype, name, cases):
    """The largest error in units of its bound; fail where it is above 1."""
    worst = 0.0
    wide = np.longdouble if dtype == "float64" else np.float64
    for seed, case in cases:
        arrays = case.arrays(seed, data.DISTRIBUTIONS[name], dtype)
        exact = case.exact(*arrays, wide)
        magnitude = case.exact(*map(np.abs, arrays))
        (kh, kw, c, k), (n, oh, ow, _) = case.w_shape, case.y_shape
        lengths = kh * kw * c, kh * kw * k // case.groups, n * oh * ow
        with forced(isa, THREADS[seed % 3]):
            got = three(*arrays, case)
        for a, b, scale, length in zip(got, exact, magnitude, lengths, strict=True):
            bound = bounds.dot_bound(length, scale, dtype)
            worst = max(worst, bounds.assert_within(a, b, bound))
    return worst


# A sum that loses an accumulator, or passes through fewer bits, leaves these first.
WORST = {"uniform": 0.28, "positive": 0.29, "wide range": 0.33, "cancelling": 0.24}


@every_isa
@every_dtype
@pytest.mark.parametrize("name", data.DISTRIBUTIONS)
def test_errors_stay_within_the_bound(isa, dtype, name):
    worst = worst_error(isa, dtype, name, random_convs(12, seed=6))
    assert 0.01 < worst <= 1.5 * WORST[name]


@pytest.mark.slow
@every_isa
@every_dtype
@pytest.mark.parametrize("name", data.DISTRIBUTIONS)
def test_errors_stay_within_the_bound_often(isa, dtype, name):
    assert worst_error(isa, dtype, name, random_convs(100, seed=10)) > 0.01


@every_kind
@every_isa
def test_parts_of_a_batch_give_the_same_bits(kind, isa):
    case = KINDS[kind]
    one = Conv(
        (1, *case.x_shape[1:]),
        case.w_shape,
        case.strides,
        case.padding,
        case.dilation,
        case.groups,
    )
    x, w, dy = case.arrays(make=data.uniform)
    n = len(x)
    order = np.random.default_rng(0).permutation(n)
    with forced(isa, 2):
        y, dx, _ = three(x, w, dy, case)
        singles = [three(x[i : i + 1], w, dy[i : i + 1], one) for i in range(n)]
        moved_y, moved_dx, _ = three(x[order], w, dy[order], case)
    assert same_bits(np.concatenate([single[0] for single in singles]), y)
    assert same_bits(np.concatenate([single[1] for single in singles]), dx)
    assert same_bits(moved_y, y[order])
    assert same_bits(moved_dx, dx[order])


def check_nan(case, seed, dtype):
    """NaN stays in its sample, its filter and its group."""
    x, w, dy = case.arrays(seed, make=data.uniform, dtype=dtype)
    n, c, k, groups = len(x), x.shape[3], w.shape[3], case.groups
    y, dx, dw = three(x, w, dy, case)
    for i in {0, n // 2, n - 1}:
        bad_x, bad_dy = x.copy(), dy.copy()
        bad_x[i], bad_dy[i] = np.nan, np.nan
        bad_y, bad_dx, _ = three(bad_x, w, bad_dy, case)
        assert np.isnan(bad_y[i]).any()
        assert np.isnan(bad_dx[i]).any()
        others = np.arange(n) != i
        assert same_bits(bad_y[others], y[others])
        assert same_bits(bad_dx[others], dx[others])
    for filter_ in {0, k // 2, k - 1}:
        bad_w, bad_dy = w.copy(), dy.copy()
        bad_w[..., filter_], bad_dy[..., filter_] = np.nan, np.nan
        bad_y, _, _ = three(x, bad_w, dy, case)
        _, _, bad_dw = three(x, w, bad_dy, case)
        others = np.arange(k) != filter_
        assert np.isnan(bad_y[..., filter_]).all()
        assert same_bits(bad_y[..., others], y[..., others])
        assert same_bits(bad_dw[..., others], dw[..., others])
    for channel in {0, c // 2, c - 1}:
        bad_x = x.copy()
        bad_x[..., channel] = np.nan
        bad_y, _, bad_dw = three(bad_x, w, dy, case)
        group = channel // (c // groups)
        other_groups = np.arange(k) // (k // groups) != group
        assert same_bits(bad_y[..., other_groups], y[..., other_groups])
        others = np.arange(c // groups) != channel % (c // groups)
        assert same_bits(bad_dw[:, :, others], dw[:, :, others])


@every_kind
@every_isa
@every_dtype
def test_nan_never_reaches_another_sample_filter_or_group(kind, isa, dtype):
    with forced(isa, 3):
        check_nan(KINDS[kind], 0, dtype)


@every_isa
@pytest.mark.parametrize("count", [20, pytest.param(10_000, marks=pytest.mark.slow)])
def test_nan_stays_where_it_is_in_random_shapes(isa, count):
    checked = 0
    for seed, case in random_convs(count, seed=13):
        with forced(isa, THREADS[seed % 3]):
            check_nan(case, seed, DTYPES[seed % 2])
        checked += 1
    assert checked == count
