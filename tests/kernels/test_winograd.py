"""Winograd convolution F(4x4, 3x3): bounded, and the same bits."""

import numpy as np
import pytest

from tests.kernels.exact import (
    THREADS,
    Conv,
    core,
    every_isa,
    forced,
    forced_results,
    one_result,
    same_bits,
)
from tests.support import bounds, data
from tests.support.guard import misaligned, run_script

# The matrices for the points 0, +-a, +-b, infinity: csrc/conv/winograd_simd.c.
a, b = np.sqrt(0.5), np.sqrt(2.0)
BT = np.array(
    [
        [1, 0, -5 / 2, 0, 1, 0],
        [0, -b, -2, a, 1, 0],
        [0, b, -2, -a, 1, 0],
        [0, -a, -1 / 2, b, 1, 0],
        [0, a, -1 / 2, -b, 1, 0],
        [0, 1, 0, -5 / 2, 0, 1],
    ]
)
G = np.array(
    [
        [1, 0, 0],
        [-2 / 3, -2 * a / 3, -1 / 3],
        [-2 / 3, 2 * a / 3, -1 / 3],
        [1 / 6, b / 6, 1 / 3],
        [1 / 6, -b / 6, 1 / 3],
        [0, 0, 1],
    ]
)
AT = np.array(
    [
        [1, 1, 1, 1, 1, 0],
        [0, a, -a, b, -b, 0],
        [0, 1 / 2, 1 / 2, 2, 2, 0],
        [0, a / 2, -a / 2, 2 * b, -2 * b, 1],
    ]
)

PAD = ((1, 1), (1, 1))
CASES = [
    Conv((2, 9, 11, 17), (3, 3, 17, 33), padding=((0, 0), (0, 0))),
    Conv((1, 13, 6, 33), (3, 3, 33, 17), padding=PAD),
    Conv((3, 7, 7, 5), (3, 3, 5, 3), padding=((2, 2), (2, 2))),
    Conv((1, 4, 4, 16), (3, 3, 16, 16), padding=PAD),
    Conv((2, 10, 5, 32), (3, 3, 32, 40), padding=((0, 2), (1, 0))),
    Conv((1, 3, 3, 1), (3, 3, 1, 1)),
    Conv((1, 1, 2, 4), (3, 3, 4, 70), padding=((2, 1), (1, 2))),
    Conv((5, 24, 20, 8), (3, 3, 8, 9), padding=PAD),
]
WORST = 0.48
"""The largest error of these in bounds: a lost bit or sum leaves it first."""
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def tiles(image, size):
    """The tiles (n, th, tw, size, size, c), 4 pixels apart, of a padded image."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(1, 2))
    return windows[:, ::4, ::4].transpose(0, 1, 2, 4, 5, 3)


def both_sides(matrix, inner):
    """matrix @ inner @ matrix.T, with the two axes of `inner` before the last one."""
    return np.einsum("ip,...pqc,jq->...ijc", matrix, inner, matrix, optimize=True)


def input_tiles(x, case):
    """|B^T| |d| |B| of every tile of x in its border of zeros."""
    _, oh, ow, _ = case.y_shape
    (top, _), (left, _) = case.padding
    _, h, w, _ = x.shape
    below, right = (-(-size // 4) * 4 + 2 for size in (oh, ow))
    around = (0, 0), (top, below - top - h), (left, right - left - w), (0, 0)
    return both_sides(abs(BT), tiles(np.pad(np.abs(x.astype("float64")), around), 6))


def forward_magnitude(x, w, case):
    """W = |A^T| (sum over c of (|G| |g| |G^T|) * (|B^T| |d| |B|)) |A|."""
    filters = np.einsum("ip,pqck,jq->ijck", abs(G), np.abs(w.astype("float64")), abs(G))
    products = np.einsum("ntxijc,ijck->ntxijk", input_tiles(x, case), filters)
    out = both_sides(abs(AT), products)  # n th tw 4 4 k
    n, th, tw, _, _, k = out.shape
    image = out.transpose(0, 1, 3, 2, 4, 5).reshape(n, 4 * th, 4 * tw, k)
    return image[:, : case.y_shape[1], : case.y_shape[2]]


def backward_data_magnitude(dy, w, case):
    """The same for the convolution of dy with the turned filters."""
    turned = Conv(
        case.y_shape,
        (3, 3, w.shape[3], w.shape[2]),
        padding=tuple((2 - before, 2 - after) for before, after in case.padding),
    )
    return forward_magnitude(dy, w[::-1, ::-1].transpose(0, 1, 3, 2), turned)


def backward_weights_magnitude(x, dy, case):
    """W = |G^T| (sum over tiles of (|B^T| |d| |B|) * (|A| |dy| |A^T|)) |G|."""
    _, oh, ow, _ = dy.shape
    around = (0, 0), (0, -oh % 4), (0, -ow % 4), (0, 0)
    gradient = tiles(np.pad(np.abs(dy.astype("float64")), around), 4)
    gradient = both_sides(abs(AT).T, gradient)
    products = np.einsum("ntxijc,ntxijk->ijck", input_tiles(x, case), gradient)
    return np.einsum("ip,ijck,jq->pqck", abs(G), products, abs(G))


def three(x, w, dy, case, **options):
    """(y, dx, dw) by Winograd."""
    options = {"conv_algo": "winograd", "padding": case.padding} | options
    y = core.conv2d(x, w, **options)
    dx, dw, _ = core.conv2d_backward(dy, x, w, need_db=False, **options)
    return y, dx, dw


def check_bounds(case, arrays, got, longest=5e-6):
    """Fail outside (4 + sqrt(c) / 4) u W or too far in L2; return the worst error / W.

    A few numbers may cancel by chance: L2 is for 100 and more.
    """
    x, w, dy = arrays
    (n, oh, ow, k), c = case.y_shape, x.shape[3]
    magnitudes = {
        "y": (c, forward_magnitude(x, w, case)),
        "dx": (k, backward_data_magnitude(dy, w, case)),
        "dw": (n * -(-oh // 4) * -(-ow // 4), backward_weights_magnitude(x, dy, case)),
    }
    worst = 0.0
    exact = case.exact(*arrays)
    for (name, (terms, scale)), a, b in zip(
        magnitudes.items(), got, exact, strict=True
    ):
        bound = bounds.winograd_bound(terms, scale)
        worst = max(worst, bounds.assert_within(a, b, bound))
        if a.size >= 100:
            distance = np.linalg.norm(a - b) / np.linalg.norm(b)
            assert distance <= longest, f"{name}: L2 {distance:.3g} {case}"
    return worst


def test_the_matrices_are_a_convolution():
    d, g = data.uniform((6, 6), 1, dtype="float64"), data.uniform((3, 3), 2)
    g = g.astype("float64")
    y = AT @ ((G @ g @ G.T) * (BT @ d @ BT.T)) @ AT.T
    windows = np.lib.stride_tricks.sliding_window_view(d, (3, 3))
    np.testing.assert_allclose(y, (windows * g).sum((2, 3)), rtol=0, atol=1e-14)


@every_isa
@every_case
def test_errors_stay_within_the_bound(isa, case):
    worst = 0.0
    for name, make in data.DISTRIBUTIONS.items():
        arrays = case.arrays(make=make)
        with forced(isa, 2):
            got = three(*arrays, case)
        assert all(np.isfinite(array).all() for array in got)
        # Cancelling sums are small beside their terms: only W measures them.
        longest = np.inf if name == "cancelling" else 5e-6
        worst = max(worst, check_bounds(case, arrays, got, longest))
    assert 0.01 < worst <= 1.5 * WORST


@every_isa
def test_errors_stay_within_the_bound_on_a_large_offset(isa):
    # Winograd takes differences of neighbouring pixels: an offset is its hard case.
    case = CASES[1]
    x, w, dy = case.arrays(make=data.uniform)
    x += 1000
    with forced(isa):
        check_bounds(case, (x, w, dy), three(x, w, dy, case))


@every_isa
def test_wide_padding_below_and_to_the_right(isa):
    case = Conv((2, 6, 7, 20), (3, 3, 20, 18), padding=((0, 9), (1, 7)))
    arrays = case.arrays(make=data.uniform)
    with forced(isa):
        got = three(*arrays, case)
    for a, b in zip(got, case.exact(*arrays), strict=True):
        assert np.linalg.norm(a - b) <= 5e-6 * np.linalg.norm(b)


@every_isa
@pytest.mark.parametrize("channels", [64, 128])
def test_errors_stay_small_with_many_channels(isa, channels):
    case = Conv((1, 12, 12, channels), (3, 3, channels, channels), padding=PAD)
    for make in (data.uniform, data.positive):
        arrays = case.arrays(make=make)
        with forced(isa, 2):
            check_bounds(case, arrays, three(*arrays, case))


def random_cases(count, seed):
    """Shapes of every tail of tiles, channels and filters."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        n, h, w, c, k = random.integers(1, (4, 15, 15, 40, 40)).tolist()
        pads = random.integers(0, 3, (2, 2)).tolist()
        padding = tuple(tuple(pair) for pair in pads)
        h, w = (max(s, 3 - sum(p)) for s, p in zip((h, w), padding, strict=True))
        yield Conv((n, h, w, c), (3, 3, c, k), padding=padding)


@every_isa
@pytest.mark.parametrize("count", [15, pytest.param(1000, marks=pytest.mark.slow)])
def test_errors_stay_within_the_bound_on_random_shapes(isa, count):
    kinds = [data.uniform, data.positive, data.wide_range]
    for seed, case in enumerate(random_cases(count, seed=0)):
        arrays = case.arrays(seed, kinds[seed % 3])
        with forced(isa, THREADS[seed % 3]):
            check_bounds(case, arrays, three(*arrays, case))


@pytest.mark.parametrize(
    "case",
    [*CASES, Conv((4, 26, 23, 33), (3, 3, 33, 35), padding=PAD)],
    ids=str,
)
def test_threads_and_isas_give_the_same_bits(case):
    x, w, dy = case.arrays(make=data.uniform)
    one_result(forced_results(lambda: three(x, w, dy, case)))


def test_threads_give_the_same_bits_without_fma():
    case = CASES[-1]
    x, w, dy = case.arrays(make=data.uniform)
    one_result(forced_results(lambda: three(x, w, dy, case), ["portable"]))


@every_isa
@every_case
def test_a_batch_in_another_order_gives_the_same_bits(isa, case):
    x, w, dy = case.arrays(make=data.uniform)
    order = np.random.default_rng(0).permutation(len(x))
    with forced(isa, 2):
        y, dx, _ = three(x, w, dy, case)
        moved_y, moved_dx, _ = three(x[order], w, dy[order], case)
    assert same_bits(moved_y, y[order])
    assert same_bits(moved_dx, dx[order])


@pytest.mark.parametrize("filters", [(5, 40), (64, 64), (70, 81), (200, 170)], ids=str)
def test_few_tiles_give_the_bits_of_many(filters):
    """Alone, an image has parts of U for its 6 tiles; a batch has all of U."""
    case = Conv((11, 7, 9, filters[0]), (3, 3, *filters), padding=PAD)
    x, w, dy = case.arrays(make=data.uniform)

    def batch():
        return three(x, w, dy, case)[:2]

    def images():
        single = Conv((1, *case.x_shape[1:]), case.w_shape, padding=PAD)
        alone = [three(x[i : i + 1], w, dy[i : i + 1], single) for i in range(len(x))]
        y, dx, _ = zip(*alone, strict=True)
        return np.concatenate(y), np.concatenate(dx)

    results = {("batch", *key): y for key, y in forced_results(batch).items()}
    one_result(results | forced_results(images))


@every_isa
@every_case
def test_nan_never_reaches_another_sample_or_filter(isa, case):
    x, w, dy = case.arrays(make=data.uniform)
    n, k = len(x), w.shape[3]
    with forced(isa, 3):
        y, dx, _ = three(x, w, dy, case)
        for i in {0, n // 2, n - 1}:
            bad_x, bad_dy = x.copy(), dy.copy()
            bad_x[i], bad_dy[i] = np.nan, np.nan
            bad_y, bad_dx, _ = three(bad_x, w, bad_dy, case)
            others = np.arange(n) != i
            assert np.isnan(bad_y[i]).all()
            assert np.isnan(bad_dx[i]).all()
            assert same_bits(bad_y[others], y[others])
            assert same_bits(bad_dx[others], dx[others])
        for filter_ in {0, k // 2, k - 1}:
            bad_w, others = w.copy(), np.arange(k) != filter_
            bad_w[..., filter_] = np.nan
            bad_y, _, _ = three(x, bad_w, dy, case)
            assert np.isnan(bad_y[..., filter_]).all()
            assert same_bits(bad_y[..., others], y[..., others])


@every_isa
def test_nan_stays_in_the_tiles_that_see_it(isa):
    case = Conv((1, 16, 16, 3), (3, 3, 3, 2), padding=PAD)
    x, w, dy = case.arrays(make=data.uniform)
    with forced(isa):
        clean, _, _ = three(x, w, dy, case)
        x[0, 5, 9] = np.nan
        y, _, _ = three(x, w, dy, case)
    # Tile t sees the rows 4 t - 1 .. 4 t + 4.
    seen = np.zeros(y.shape, bool)
    seen[:, 4:8, 8:12] = True
    assert np.isnan(y[:, 4:7, 8:11]).all(), "a direct convolution spreads it so far"
    assert same_bits(y[~seen], clean[~seen])


@every_isa
def test_outputs_are_filled_inputs_unchanged_at_any_alignment(isa):
    case = CASES[0]
    arrays = case.arrays(make=data.uniform)
    options = {"conv_algo": "winograd", "padding": case.padding}
    with forced(isa):
        expected = three(*arrays, case)
        for offset in range(0, 64, 4):
            x, w, dy = (misaligned(array, 60 - offset) for array in arrays)
            y, dx, dw = (
                misaligned(np.full_like(a, np.nan), offset) for a in (dy, x, w)
            )
            core.conv2d(x, w, out=y, **options)
            core.conv2d_backward(dy, x, w, need_db=False, out=(dx, dw, None), **options)
            for got, want in zip((y, dx, dw), expected, strict=True):
                assert same_bits(got, want), offset
            for got, want in zip((x, w, dy), arrays, strict=True):
                assert same_bits(got, want), offset


@every_isa
@every_case
def test_bias_and_relu_come_last(isa, case):
    x, w, _ = case.arrays(make=data.uniform)
    bias = data.uniform((w.shape[3],), 5)
    options = {"conv_algo": "winograd", "padding": case.padding}
    with forced(isa, 2):
        plain = core.conv2d(x, w, **options)
        with_bias = core.conv2d(x, w, bias, **options)
        relu = core.conv2d(x, w, bias, activation="relu", **options)
    assert same_bits(with_bias, plain + bias)
    bounds.assert_exact(relu, np.maximum(with_bias, np.float32(0)))


GUARDED = """
import numpy as np
from tests.kernels.exact import core, forced
from tests.kernels.test_winograd import CASES, random_cases, three
from tests.support import data
from tests.support.guard import SIDES, guarded, guarded_copy

for case in [*CASES, *random_cases({count}, seed=1)]:
    arrays = case.arrays(make=data.uniform)
    bias = data.uniform(case.w_shape[3:], 5)
    options = dict(conv_algo="winograd", padding=case.padding)
    with forced("{isa}"):
        expected = three(*arrays, case)
    for side in SIDES:
        for threads in (1, 2):
            print(side, threads, case, flush=True)
            x, w, dy, b = (guarded_copy(array, side) for array in (*arrays, bias))
            y, dx, dw = (guarded(a.shape, "float32", side) for a in (dy, x, w))
            db = guarded(bias.shape, "float32", side)
            with forced("{isa}", threads):
                core.conv2d(x, w, b, out=y, **options)
                core.conv2d_backward(dy, x, w, out=(dx, dw, db), **options)
            assert np.array_equal(y, expected[0] + b)
            assert np.array_equal(dx, expected[1])
            assert np.array_equal(dw, expected[2])
print("survived")
"""


@every_isa
@pytest.mark.parametrize("count", [0, pytest.param(1000, marks=pytest.mark.slow)])
def test_nothing_beyond_the_arrays_is_touched(isa, count):
    code = GUARDED.replace("{isa}", isa).replace("{count}", str(count))
    result = run_script(code, timeout=280)
    assert result.stdout.endswith("survived\n"), result.stdout[-300:] + result.stderr
