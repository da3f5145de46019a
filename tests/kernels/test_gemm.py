"""Matrix product and dense layer: exact, bounded, same bits, inside their memory."""

import itertools

import numpy as np
import pytest

from tests.kernels.exact import (
    DTYPES,
    FMA_ISAS,
    ISAS,
    THREADS,
    core,
    every_dtype,
    every_isa,
    fma,
    forced,
    forced_results,
    one_result,
    same_bits,
)
from tests.support import bounds, data
from tests.support.guard import layouts, misaligned, run_script

LANES = {"avx512": 16, "avx2": 8, "neon": 4, "portable": 4}  # float32
VECTORS = {"avx512": 4, "avx2": 2, "neon": 4, "portable": 2}  # of a full tile
TALLEST = 12  # rows of the tallest tile
BLOCK_K, BLOCK_N, BLOCK_M = 1024, 256, 48

TRANSPOSES = list(itertools.product((False, True), repeat=2))
every_transpose = pytest.mark.parametrize(("trans_a", "trans_b"), TRANSPOSES)

M_EDGES = range(2 * TALLEST + 2)
K_EDGES = [*range(34), 63, 64, 65, BLOCK_K - 1, BLOCK_K, BLOCK_K + 1, 2 * BLOCK_K + 3]


def n_edges(isa, dtype):
    """Sizes around every multiple of a vector, up to one more than two full tiles."""
    lanes = LANES[isa] // (2 if dtype == "float64" else 1)
    near = data.sizes_around(lanes, multiples=2 * VECTORS[isa])
    return [0, *near, 2 * VECTORS[isa] * lanes + 1]


def stored(matrix, transposed):
    """The matrix as `gemm` wants it stored."""
    return np.ascontiguousarray(matrix.T if transposed else matrix)


class Canvas:
    """Memory full of NaN, out of which results are cut; nobody else writes it."""

    def __init__(self, most, dtype):
        self.margin = 64
        self.memory = np.full(most + 2 * self.margin, np.nan, dtype)

    def cut(self, shape):
        self.size = int(np.prod(shape))
        return self.memory[self.margin : self.margin + self.size].reshape(shape)

    def check_and_clear(self, case):
        inside = self.memory[self.margin : self.margin + self.size]
        inside[...] = np.nan
        assert np.isnan(self.memory).all(), f"{case}: written outside the result"


def check_edges(isa, dtype, trans_a, trans_b, chosen):
    """Compare products of all sizes (m, n, k) that `chosen` lets through."""
    ns = n_edges(isa, dtype)
    a = data.integers((M_EDGES[-1], K_EDGES[-1]), 1, dtype=dtype)
    b = data.integers((K_EDGES[-1], ns[-1]), 2, dtype=dtype)
    canvas = Canvas(a.shape[0] * b.shape[1], dtype)
    checked = 0
    for k in K_EDGES:
        exact = (a[:, :k].astype("float64") @ b[:k].astype("float64")).astype(dtype)
        lefts = [stored(a[:m, :k], trans_a) for m in M_EDGES]
        for n in ns:
            right = stored(b[:k, :n], trans_b)
            for m in M_EDGES:
                if not chosen(m, n, k):
                    continue
                out = canvas.cut((m, n))
                core.gemm(lefts[m], right, trans_a=trans_a, trans_b=trans_b, out=out)
                case = f"m={m} n={n} k={k}"
                assert np.array_equal(out, exact[:m, :n]), case
                canvas.check_and_clear(case)
                checked += 1
    return checked


@every_isa
@every_dtype
@every_transpose
def test_products_around_tile_edges_are_exact(isa, dtype, trans_a, trans_b):
    order = itertools.count(LANES[isa] + 2 * trans_a + trans_b)
    with forced(isa):
        checked = check_edges(
            isa, dtype, trans_a, trans_b, lambda m, n, k: next(order) % 17 == 0
        )
    assert checked > 500


@pytest.mark.slow
@every_isa
@every_dtype
@every_transpose
def test_products_around_all_tile_edges_are_exact(isa, dtype, trans_a, trans_b):
    with forced(isa):
        checked = check_edges(isa, dtype, trans_a, trans_b, lambda m, n, k: True)
    assert checked > 10_000


# Sizes beyond one block of each loop, and rows of a and of b 4 KiB apart, which are
# packed: (m, n, k).
BLOCKS = [
    (BLOCK_M + 1, BLOCK_N + 1, 7),
    (2 * BLOCK_M + 5, 70, BLOCK_K + 1),
    (13, 2 * BLOCK_N + 19, 2 * BLOCK_K + 3),
    (260, 33, 65),
    (1, 1000, 300),
    (1000, 1, 300),
    (1024, 100, 9),
    (61, 1024, 33),
    (300, 512, 129),
]


@every_isa
@every_dtype
@pytest.mark.parametrize("size", BLOCKS, ids=str)
def test_products_of_many_blocks_are_exact(isa, dtype, size):
    m, n, k = size
    a = data.integers((m, k), 1, dtype=dtype)
    b = data.integers((k, n), 2, dtype=dtype)
    exact = (a.astype("float64") @ b.astype("float64")).astype(dtype)
    bounds.assert_not_vacuous(exact)
    canvas = Canvas(m * n, dtype)
    for trans_a, trans_b in TRANSPOSES:
        left, right = stored(a, trans_a), stored(b, trans_b)
        for threads in THREADS:
            case = f"trans_a={trans_a} trans_b={trans_b} threads={threads}"
            out = canvas.cut((m, n))
            with forced(isa, threads):
                core.gemm(left, right, trans_a=trans_a, trans_b=trans_b, out=out)
            assert np.array_equal(out, exact), case
            canvas.check_and_clear(case)


@pytest.mark.parametrize("threads", [2, 3])
def test_the_threads_that_were_asked_for_take_part(threads):
    a, b = data.integers((64, 8), 1), data.integers((8, 300), 2)
    with forced(ISAS[0], threads):
        core.gemm(a, b)
        assert core.last_region_threads() == threads


@every_dtype
@every_transpose
@pytest.mark.parametrize("size", [(7, 9, 33), (50, 70, 1100), (13, 300, 40)], ids=str)
def test_threads_and_isas_give_the_same_bits(dtype, trans_a, trans_b, size):
    m, n, k = size
    a = stored(data.uniform((m, k), 1, dtype=dtype), trans_a)
    b = stored(data.uniform((k, n), 2, dtype=dtype), trans_b)
    one_result(
        forced_results(lambda: (core.gemm(a, b, trans_a=trans_a, trans_b=trans_b),))
    )


def test_threads_give_the_same_bits_without_fma():
    a, b = data.uniform((50, 1100), 1), data.uniform((1100, 70), 2)
    one_result(forced_results(lambda: (core.gemm(a, b),), ["portable"]))


@pytest.mark.parametrize("isa", FMA_ISAS)
@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        ("float32", (5, 37, BLOCK_K + 9)),
        ("float32", (50, 9, 40)),
        ("float64", (3, 9, 25)),
    ],
    ids=str,
)
@every_transpose
def test_every_output_is_one_fma_chain(isa, dtype, size, trans_a, trans_b):
    m, n, k = size
    a = data.uniform((m, k), 1, dtype=dtype)
    b = data.uniform((k, n), 2, dtype=dtype)
    bias = data.uniform((n,), 3, dtype=dtype)
    chain = np.zeros((m, n), dtype)
    for i in range(k):
        chain = fma(a[:, i, None], b[i], chain)
    a_stored, b_stored = stored(a, trans_a), stored(b, trans_b)
    with forced(isa):
        c = core.gemm(a_stored, b_stored, trans_a=trans_a, trans_b=trans_b)
        y = core.dense(a, b, bias)
    np.testing.assert_array_equal(c, chain)
    np.testing.assert_array_equal(y, chain + bias)


# A sum that loses an accumulator, or passes through fewer bits, leaves these first.
WORST = {"uniform": 0.49, "positive": 0.48, "wide range": 0.59, "cancelling": 0.34}


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", data.DISTRIBUTIONS)
def test_errors_stay_within_the_bound(isa, dtype, kind):
    make = data.DISTRIBUTIONS[kind]
    wide = np.longdouble if dtype == "float64" else np.float64
    worst = 0.0
    for seed, k in enumerate([1, 2, 9, 27, 144, 576, 1152, 4608]):
        a = make((9, k), seed, dtype=dtype)
        b = make((19, k), seed + 100, dtype=dtype)
        exact = a.astype(wide) @ b.T.astype(wide)
        magnitude = np.abs(a).astype("float64") @ np.abs(b.T).astype("float64")
        with forced(isa):
            c = core.gemm(a, b, trans_b=True)
        bound = bounds.dot_bound(k, magnitude, dtype)
        worst = max(worst, bounds.assert_within(c, exact, bound))
    assert 0.01 < worst <= 1.5 * WORST[kind]


@pytest.mark.slow
@every_isa
@pytest.mark.parametrize("kind", data.DISTRIBUTIONS)
def test_errors_stay_within_the_bound_often(isa, kind):
    make = data.DISTRIBUTIONS[kind]
    random = np.random.default_rng(0)
    for seed in range(450):
        m, n, k = random.integers(1, (30, 70, 1500)).tolist()
        a, b = make((m, k), seed), make((n, k), seed + 10_000)
        exact = a.astype("float64") @ b.T.astype("float64")
        magnitude = np.abs(a).astype("float64") @ np.abs(b.T).astype("float64")
        with forced(isa):
            c = core.gemm(a, b, trans_b=True)
        bounds.assert_within(c, exact, bounds.dot_bound(k, magnitude))


@every_isa
@every_dtype
@every_transpose
def test_nan_stays_in_its_row_and_column(isa, dtype, trans_a, trans_b):
    clean_a, clean_b = (data.uniform(s, 1, dtype=dtype) for s in ((23, 17), (17, 39)))
    options = {"trans_a": trans_a, "trans_b": trans_b}
    with forced(isa):
        clean = core.gemm(stored(clean_a, trans_a), stored(clean_b, trans_b), **options)
        for row, column in ((0, 0), (11, 15), (22, 38)):
            a, b = clean_a.copy(), clean_b.copy()
            a[row, 3], b[5, column] = np.nan, np.inf
            c = core.gemm(stored(a, trans_a), stored(b, trans_b), **options)
            touched = np.zeros(c.shape, bool)
            touched[row], touched[:, column] = True, True
            assert not np.isfinite(c[touched]).any()
            np.testing.assert_array_equal(c[~touched], clean[~touched])


@every_isa
def test_denormals_are_kept(isa):
    tiny = np.full((2, 2), 1e-40, np.float32)
    with forced(isa):
        np.testing.assert_array_equal(core.gemm(tiny, np.eye(2, dtype="f4")), tiny)


@every_isa
@every_dtype
def test_inputs_in_any_layout_give_the_same_bits_and_stay_unchanged(isa, dtype):
    a = data.uniform((7, 21), 1, dtype=dtype)
    b = data.uniform((21, 35), 2, dtype=dtype)
    with forced(isa):
        expected = core.gemm(a, b)
        for (name, left), (_, right) in zip(layouts(a), layouts(b), strict=True):
            assert same_bits(core.gemm(left, right), expected), name
            np.testing.assert_array_equal(left, a, name)
            np.testing.assert_array_equal(right, b, name)


@every_isa
@every_dtype
@every_transpose
def test_every_alignment_gives_the_same_bits(isa, dtype, trans_a, trans_b):
    a = stored(data.uniform((7, 21), 1, dtype=dtype), trans_a)
    b = stored(data.uniform((21, 35), 2, dtype=dtype), trans_b)
    options = {"trans_a": trans_a, "trans_b": trans_b}
    with forced(isa):
        expected = core.gemm(a, b, **options)
        for offset in range(0, 64, a.itemsize):
            out = misaligned(np.full((7, 35), np.nan, dtype), offset)
            left, right = misaligned(a, offset), misaligned(b, 64 - offset)
            assert core.gemm(left, right, **options, out=out) is out
            assert same_bits(out, expected), offset


GUARDED = """
import numpy as np
from tests.kernels.exact import core, forced
from tests.support.guard import SIDES, guarded, guarded_copy
from tests.support.data import integers

def places(*arrays):
    return [guarded_copy(array, side) for array in arrays]

sizes = {sizes} or [
         (1, 1, 1), (2, 3, 5), (6, 64, 33), (7, 65, 9), (13, 17, 4), (25, 129, 3),
         (12, 31, 65), (3, 1, 130), (1, 47, 2), (49, 15, 8), (60, 19, 1030),
         (300, 33, 5), (13, 256, 31), (64, 1024, 3), (1024, 70, 3), (5, 4, 0)]
for side in SIDES:
    for dtype, threads in (("float32", 1), ("float64", 1), ("float32", 2)):
        for m, n, k in sizes:
            print(side, dtype, threads, m, n, k, flush=True)
            shapes = (m, k), (k, n), (m, n), (n,)
            a, b, c, bias, scale = (integers(s, i, dtype=dtype)
                                    for i, s in enumerate((*shapes, (n,))))
            with forced("{isa}", threads):
                for trans_a in (False, True):
                    for trans_b in (False, True):
                        left = np.ascontiguousarray(a.T if trans_a else a)
                        right = np.ascontiguousarray(b.T if trans_b else b)
                        out = guarded((m, n), dtype, side)
                        core.gemm(*places(left, right), trans_a=trans_a,
                                  trans_b=trans_b, out=out)
                        assert np.array_equal(out, a @ b)
                out = guarded((m, n), dtype, side)
                core.dense(*places(a, b, bias), scale=places(scale)[0],
                           activation="relu", out=out)
                assert np.array_equal(out, np.maximum(a @ b * scale + bias, 0))
                out = tuple(guarded(s, dtype, side) for s in (a.shape, b.shape, n))
                core.dense_backward(*places(c, a, b), out=out)
                assert np.array_equal(out[0], c @ b.T)
                assert np.array_equal(out[1], a.T @ c)
                assert np.array_equal(out[2], c.sum(0))
print("survived")
"""


def check_guarded(isa, sizes):
    code = GUARDED.replace("{isa}", isa).replace("{sizes}", repr(sizes))
    result = run_script(code, timeout=1200)
    assert result.stdout.endswith("survived\n"), result.stdout[-200:] + result.stderr


@every_isa
def test_nothing_beyond_the_arrays_is_touched(isa):
    check_guarded(isa, [])


@pytest.mark.slow
@pytest.mark.timeout(1300)
@every_isa
@pytest.mark.parametrize("part", range(2))
def test_nothing_beyond_the_arrays_around_tile_edges_is_touched(isa, part):
    """Two of eight parts of all sizes around tile edges; each has 24 products."""
    edges = itertools.product(M_EDGES, n_edges(isa, "float32"), K_EDGES)
    sizes = [(m, n, k) for m, n, k in edges if m * n * k > 0][part::8]
    assert len(sizes) > 1000
    check_guarded(isa, sizes)


@every_isa
@every_dtype
def test_empty_products(isa, dtype):
    def empty(*shape):
        return np.empty(shape, dtype)

    with forced(isa, 2):
        for m, n in ((0, 5), (5, 0), (0, 0)):
            assert core.gemm(empty(m, 3), empty(3, n)).shape == (m, n)
        for m, n in ((1, 1), (5, 70), (300, 3)):
            out = np.full((m, n), np.nan, dtype)
            for trans_a, trans_b in TRANSPOSES:
                a, b = stored(empty(m, 0), trans_a), stored(empty(0, n), trans_b)
                core.gemm(a, b, trans_a=trans_a, trans_b=trans_b, out=out)
                np.testing.assert_array_equal(out, np.zeros((m, n)))
        bias = data.integers((7,), 1, dtype=dtype)
        y = core.dense(empty(3, 0), empty(0, 7), bias)
        np.testing.assert_array_equal(y, np.tile(bias, (3, 1)))
        dx, dw, db = core.dense_backward(empty(0, 4), empty(0, 5), empty(5, 4))
        assert dx.shape == (0, 5)
        np.testing.assert_array_equal(dw, np.zeros((5, 4)))
        np.testing.assert_array_equal(db, np.zeros(4))


# Dense layer ----------------------------------------------------------------------

ACTIVATED = {
    None: lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
}


@every_isa
@every_dtype
@pytest.mark.parametrize("activation", ACTIVATED)
def test_dense_adds_the_bias_and_applies_the_activation(isa, dtype, activation):
    for n, inputs, outputs in ((5, 37, 41), (1, 3, 1), (70, 1100, 20)):
        x = data.uniform((n, inputs), 1, dtype=dtype)
        w = data.uniform((inputs, outputs), 2, dtype=dtype)
        b = data.uniform((outputs,), 3, dtype=dtype)
        wide_x, wide_w = x.astype(np.longdouble), w.astype(np.longdouble)
        exact = ACTIVATED[activation](wide_x @ wide_w + b)
        magnitude = np.abs(wide_x) @ np.abs(wide_w) + np.abs(b)
        # All slopes are at most 1; the function itself adds at most 4 roundings.
        bound = bounds.dot_bound(inputs + 1, magnitude, dtype)
        bound += 4 * bounds.unit_roundoff(dtype) * np.abs(exact).astype("float64")
        with forced(isa, 2):
            y = core.dense(x, w, b, activation=activation)
            fused_none = core.dense(x, w, b)
            assert same_bits(core.dense(x, w, b, activation=activation), y)
        bounds.assert_within(y, exact, bound)
        if activation is not None:
            with forced(isa):
                assert same_bits(y, core.activation(fused_none, activation))


@pytest.mark.parametrize("isa", FMA_ISAS)
def test_scale_and_bias_of_a_dense_layer_round_once(isa):
    for n, inputs, outputs in ((5, 37, 41), (1, 3, 1), (70, 1100, 20), (3, 2050, 70)):
        x, w = data.uniform((n, inputs), 1), data.uniform((inputs, outputs), 2)
        b, scale = data.uniform((outputs,), 3), data.uniform((outputs,), 4)
        with forced(isa, 2):
            plain, scaled = core.dense(x, w), core.dense(x, w, b, scale=scale)
        assert same_bits(scaled, fma(plain, scale, b))


@every_isa
def test_relu_keeps_nan_and_makes_zeros_positive(isa):
    x = np.array([[1.0], [-1.0], [np.nan], [-0.0]], np.float32)
    with forced(isa):
        y = core.dense(x, np.ones((1, 1), np.float32), activation="relu")
    bounds.assert_exact(y, np.array([[1.0], [0.0], [np.nan], [0.0]], np.float32))


@every_isa
@every_dtype
@pytest.mark.parametrize("size", [(64, 37, 21), (5, 130, 70), (1, 1, 1)], ids=str)
def test_dense_gradients_are_exact(isa, dtype, size, threads):
    n, inputs, outputs = size
    x = data.integers((n, inputs), 1, dtype=dtype)
    w = data.integers((inputs, outputs), 2, dtype=dtype)
    dy = data.integers((n, outputs), 3, dtype=dtype)
    shapes = x.shape, w.shape, (outputs,)
    out = tuple(np.full(shape, np.nan, dtype) for shape in shapes)
    with forced(isa, threads):
        dx, dw, db = core.dense_backward(dy, x, w, out=out)
        none_dx, only_dw, none_db = core.dense_backward(
            dy, x, w, need_dx=False, need_db=False
        )
    assert none_dx is None
    assert none_db is None
    assert [a is b for a, b in zip(out, (dx, dw, db), strict=True)] == [True] * 3
    np.testing.assert_array_equal(dx, dy @ w.T)
    np.testing.assert_array_equal(dw, x.T @ dy)
    np.testing.assert_array_equal(only_dw, dw)
    np.testing.assert_array_equal(db, dy.sum(0))


def check_dense(count, seed):
    """Forward and backward of layers with random sizes, on every ISA, exact."""
    random = np.random.default_rng(seed)
    for case in range(count):
        n, inputs, outputs = (int(2**e) for e in random.uniform(0, (6, 8, 8)))
        dtype, threads = DTYPES[case % 2], THREADS[case % 3]
        shapes = (n, inputs), (inputs, outputs), (n, outputs), (outputs,)
        x, w, dy, b = (data.integers(s, case + 1, dtype=dtype) for s in shapes)
        given = [array.tobytes() for array in (x, w, dy, b)]
        exact = x @ w + b, dy @ w.T, x.T @ dy, dy.sum(0)
        for isa in ISAS:
            y, *out = (np.full_like(array, np.nan) for array in (dy, x, w, b))
            with forced(isa, threads):
                core.dense(x, w, b, out=y)
                core.dense_backward(dy, x, w, out=tuple(out))
            for got, want in zip((y, *out), exact, strict=True):
                assert np.array_equal(got, want), (isa, dtype, n, inputs, outputs)
            assert [array.tobytes() for array in (x, w, dy, b)] == given
    return case + 1


@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.slow)])
def test_dense_layers_of_random_sizes_are_exact(count):
    assert check_dense(count, seed=1) == count
