"""Convolution in three directions: exact, adjoint, the same bits, inside its memory."""

import itertools

import numpy as np
import pytest

from tests.kernels.exact import (
    DTYPES,
    FMA_ISAS,
    ISAS,
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
from tests.support.guard import layouts, misaligned, run_script

# One of each kind: what a network has, every option, windows that leave the image on
# every side, bands of rows, several panels of filters, filters too large for chunks.
KINDS = {
    "first layer": Conv((2, 12, 11, 3), (3, 3, 3, 64), padding=((1, 1), (1, 1))),
    "one channel": Conv((3, 12, 13, 1), (5, 5, 1, 6)),
    "few filters": Conv((2, 12, 21, 3), (7, 6, 3, 7), padding=((3, 3), (0, 4))),
    "few filters strided": Conv((2, 9, 12, 2), (3, 4, 2, 9), strides=(2, 2)),
    "few filters dilated": Conv((2, 11, 12, 2), (3, 2, 2, 5), dilation=(2, 1)),
    "1x1": Conv((2, 5, 6, 17), (1, 1, 17, 33)),
    "1x1 strided": Conv((2, 7, 6, 9), (1, 1, 9, 20), strides=(2, 2)),
    "strided": Conv(
        (2, 11, 9, 8), (3, 3, 8, 24), strides=(2, 3), padding=((0, 1), (1, 0))
    ),
    "long stride": Conv((1, 9, 13, 4), (2, 2, 4, 5), strides=(4, 5)),
    "dilated": Conv(
        (2, 9, 10, 5), (3, 2, 5, 7), dilation=(2, 3), padding=((2, 2), (0, 3))
    ),
    "grouped": Conv((2, 6, 7, 12), (3, 3, 4, 18), groups=3, padding=((1, 1), (1, 1))),
    "depthwise": Conv(
        (2, 7, 6, 19), (3, 3, 1, 19), groups=19, padding=((1, 1), (1, 1))
    ),
    "depthwise tiles": Conv(
        (2, 9, 19, 33), (3, 3, 1, 33), groups=33, padding=((2, 0), (0, 2))
    ),
    "depthwise strided": Conv(
        (3, 9, 12, 17), (3, 3, 1, 17), (2, 3), ((0, 1), (2, 0)), (1, 2), groups=17
    ),
    "depthwise filters": Conv(
        (2, 7, 9, 7), (4, 3, 1, 21), (1, 2), ((2, 1), (1, 1)), groups=7
    ),
    "all options": Conv(
        (2, 9, 12, 6), (2, 3, 3, 10), (2, 1), ((1, 0), (2, 1)), (3, 2), groups=2
    ),
    "only padding": Conv((1, 2, 1, 3), (3, 4, 3, 17), padding=((4, 3), (5, 4))),
    "bands": Conv((1, 70, 40, 40), (3, 3, 40, 9), padding=((1, 1), (1, 1))),
    "panels": Conv((1, 4, 5, 7), (3, 3, 7, 150), padding=((1, 1), (1, 1))),
    "chunks": Conv((19, 4, 5, 5), (3, 3, 5, 18), padding=((1, 1), (1, 1))),
    "large filter": Conv((3, 5, 5, 90), (3, 3, 90, 85), padding=((1, 1), (1, 1))),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def three(x, w, dy, case, **options):
    """(y, dx, dw) by direct convolution."""
    options = {"conv_algo": "direct"} | case.options | options
    y = core.conv2d(x, w, **options)
    dx, dw, _ = core.conv2d_backward(dy, x, w, need_db=False, **options)
    return y, dx, dw


def filled_three(x, w, dy, case):
    """`three` into arrays that hold NaN, after which the inputs must be as before."""
    before = [array.tobytes() for array in (x, w, dy)]
    y, dx, dw = (np.full(array.shape, np.nan, x.dtype) for array in (dy, x, w))
    options = {"conv_algo": "direct"} | case.options
    core.conv2d(x, w, out=y, **options)
    core.conv2d_backward(dy, x, w, need_db=False, out=(dx, dw, None), **options)
    assert [array.tobytes() for array in (x, w, dy)] == before
    return y, dx, dw


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


@every_isa
@every_dtype
def test_inputs_in_any_layout_give_the_same_bits_and_stay_unchanged(isa, dtype):
    case = KINDS["all options"]
    arrays = case.arrays(make=data.uniform, dtype=dtype)
    with forced(isa):
        expected = three(*arrays, case)
        for views in zip(*map(layouts, arrays), strict=True):
            got = three(*(view for _, view in views), case)
            for a, b in zip(got, expected, strict=True):
                assert same_bits(a, b), views[0][0]
            for (name, view), array in zip(views, arrays, strict=True):
                np.testing.assert_array_equal(view, array, name)


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", ["first layer", "grouped", "strided"])
def test_every_alignment_gives_the_same_bits(isa, dtype, kind):
    case = KINDS[kind]
    arrays = case.arrays(make=data.uniform, dtype=dtype)
    options = {"conv_algo": "direct"} | case.options
    with forced(isa):
        expected = three(*arrays, case)
        for offset in range(0, 64, arrays[0].itemsize):
            x, w, dy = (misaligned(a, offset + 4 * a.itemsize) for a in arrays)
            y, dx, dw = (
                misaligned(np.full_like(a, np.nan), offset) for a in (dy, x, w)
            )
            core.conv2d(x, w, out=y, **options)
            core.conv2d_backward(dy, x, w, need_db=False, out=(dx, dw, None), **options)
            for a, b in zip((y, dx, dw), expected, strict=True):
                assert same_bits(a, b), offset


GUARDED = """
import numpy as np
from tests.kernels.exact import core, forced, random_convs
from tests.kernels.test_conv import KINDS
from tests.support.data import integers
from tests.support.guard import SIDES, guarded, guarded_copy

def places(*arrays):
    return [guarded_copy(array, side) for array in arrays]

cases = [(0, case) for case in KINDS.values()]
cases += random_convs({count}, seed={seed})
for seed, case in cases:
    for dtype in ("float32", "float64"):
        arrays = case.arrays(seed, dtype=dtype)
        exact = case.exact(*arrays)
        bias = integers(arrays[1].shape[3:], seed, dtype=dtype)
        factor = integers(arrays[1].shape[3:], seed + 1, dtype=dtype)
        kernel = case.w_shape[:2]
        window = {k: v for k, v in case.options.items() if k != "groups"}
        for side in SIDES:
            print(side, dtype, case, flush=True)
            x, w, dy, b, scale = places(*arrays, bias, factor)
            y, dx, dw = (guarded(a.shape, dtype, side) for a in (dy, x, w))
            db = guarded(bias.shape, dtype, side)
            with forced("{isa}", 1 + seed % 2):
                options = dict(conv_algo="direct", **case.options)
                core.conv2d(x, w, b, scale=scale, activation="relu", out=y, **options)
                core.conv2d_backward(dy, x, w, out=(dx, dw, db), **options)
                columns = core.im2col(x, kernel, **window)
                out = guarded(columns.shape, dtype, side)
                core.im2col(x, kernel, out=out, **window)
                image = guarded(x.shape, dtype, side)
                core.col2im(*places(out), x.shape, kernel, out=image, **window)
            assert np.array_equal(y, np.maximum(exact[0] * scale + b, 0))
            assert np.array_equal(dx, exact[1])
            assert np.array_equal(dw, exact[2])
            assert np.array_equal(db, dy.sum((0, 1, 2)))
            assert np.array_equal(out, columns)
print("survived")
"""


def check_guarded(isa, count, seed):
    code = GUARDED.replace("{isa}", isa).replace("{count}", str(count))
    code = code.replace("{seed}", str(seed))
    result = run_script(code, timeout=1200)
    assert result.stdout.endswith("survived\n"), result.stdout[-300:] + result.stderr


@every_isa
def test_nothing_beyond_the_arrays_is_touched(isa):
    check_guarded(isa, 40, seed=7)


@pytest.mark.slow
@pytest.mark.timeout(1300)
@every_isa
@pytest.mark.parametrize("seed", range(5))
def test_nothing_beyond_the_arrays_of_ten_thousand_shapes_is_touched(isa, seed):
    check_guarded(isa, 2000, seed=200 + seed)


@every_isa
@every_dtype
def test_an_empty_batch(isa, dtype):
    case = Conv((0, 5, 6, 3), (3, 3, 3, 7), padding=((1, 1), (1, 1)))
    x, w, dy = case.arrays(dtype=dtype)
    with forced(isa, 2):
        for conv_algo in ("auto", "direct", "im2col"):
            options = {"conv_algo": conv_algo} | case.options
            assert core.conv2d(x, w, **options).shape == (0, 5, 6, 7)
            out = None, np.full(w.shape, np.nan, dtype), np.full(7, np.nan, dtype)
            dx, dw, db = core.conv2d_backward(dy, x, w, out=out, **options)
            assert dx.shape == x.shape
            np.testing.assert_array_equal(dw, np.zeros(w.shape))
            np.testing.assert_array_equal(db, np.zeros(7))


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
