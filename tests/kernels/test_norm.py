"""Batch normalization: exact where it can be, within bounds elsewhere, the same bits.

The trick behind the exact tests: with a variance plus epsilon of 4, 16 or 64 and whole
numbers for the rest, nothing rounds, so every tail and every chunk must count right.
"""

from itertools import pairwise

import numpy as np
import pytest

from pellucid import kernels
from pellucid.core.workspace import aligned_empty
from pellucid.kernels import reference
from tests.support.bounds import (
    assert_exact,
    assert_not_vacuous,
    assert_within,
    dot_bound,
    unit_roundoff,
)
from tests.support.data import generator, integers, uniform
from tests.support.guard import assert_survives, layouts
from tests.support.threads import THREADS, isa, isas, threads

_core = pytest.importorskip("pellucid.kernels._core")
pytestmark = pytest.mark.skipif(
    kernels.backend() != "compiled", reason="the reference backend is in use"
)

DTYPES = ("float32", "float64")
FMA_ISAS = [name for name in isas() if name != "portable"]
DEFAULT_GRAIN = 15000
WIDE = {"float32": np.float64, "float64": np.longdouble}

CHANNELS = (1, 2, 3, 5, 6, 8, 15, 16, 17, 31, 33, 63, 64, 65, 72, 100, 257)
"""Every kind of row: whole vectors of several values, and tails of single ones."""


@pytest.fixture(autouse=True)
def always_threaded():
    """Small arrays open a parallel region as well."""
    _core.set_grain(0)
    yield
    _core.set_grain(DEFAULT_GRAIN)


def train(x, gamma, beta, *, running=None, **options):
    """batch_norm_training into poisoned memory; the running values come last."""
    c, dtype = x.shape[-1], x.dtype.newbyteorder("=")
    if running is None:
        running = np.zeros(c, dtype), np.ones(c, dtype)
    out = tuple(np.full(shape, np.nan, dtype) for shape in (x.shape, c, c))
    result = kernels.batch_norm_training(x, gamma, beta, *running, out=out, **options)
    assert all(a is b for a, b in zip(result, out, strict=True))
    return (*out, *running)


def backward(function, dy, x, *vectors, **options):
    """One of the two gradients into poisoned memory."""
    c = x.shape[-1]
    out = tuple(np.full(shape, np.nan, x.dtype) for shape in (x.shape, c, c))
    result = function(dy, x, *vectors, out=out, **options)
    assert all(a is b for a, b in zip(result, out, strict=True))
    return out


def vectors(c, dtype, count=2):
    """Whole numbers for gamma, beta, mean: one vector each."""
    return [integers((c,), seed, dtype=dtype) for seed in range(10, 10 + count)]


# ---- exact -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("values", [2050, 5000])
@pytest.mark.parametrize("name", isas())
def test_training_is_exact_on_whole_numbers(name, values, dtype):
    for c in CHANNELS:
        gamma, beta, center = vectors(c, dtype, 3)
        side = np.tile([3, -3], values // 2)
        generator((values,), c).shuffle(side)
        x = (center + side[:, None] * np.where(np.arange(c) % 3, 1, -1)).astype(dtype)
        old = integers((c,), 1, dtype=dtype), 32 + integers((c,), 2, dtype=dtype)
        running = old[0].copy(), old[1].copy()
        with isa(name), threads(1 + c % 3):
            y, mean, inv_std, *running = train(
                x, gamma, beta, running=running, momentum=0.75, epsilon=7.0
            )
        assert_exact(mean, center)
        assert_exact(inv_std, np.full(c, 0.25, dtype))
        assert_exact(y + 0, (x - center) / 4 * gamma + beta + 0)
        assert_exact(running[0] + 0, old[0] * 0.75 + center * 0.25 + 0)
        assert_exact(running[1], old[1] * 0.75 + dtype_of(dtype, 9 * 0.25))


def dtype_of(dtype, value):
    return np.dtype(dtype).type(value)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
def test_inference_is_exact_on_whole_numbers(name, dtype):
    for c in CHANNELS:
        gamma, beta, mean = vectors(c, dtype, 3)
        variance = np.resize(np.array([3, 15, 63], dtype), c)
        for shape in ((5, c), (2, 3, 37, c)):
            x, dy = integers(shape, c, dtype=dtype), integers(shape, c + 1, dtype=dtype)
            scale = gamma / np.sqrt(variance + 1)
            with isa(name), threads(1 + c % 3):
                y = np.full_like(x, np.nan)
                kernels.batch_norm_inference(
                    x, gamma, beta, mean, variance, epsilon=1.0, out=y
                )
                dx, dgamma, dbeta = backward(
                    kernels.batch_norm_inference_backward,
                    *(dy, x, gamma, mean, variance),
                    epsilon=1.0,
                )
            assert_exact(y + 0, (x - mean) * scale + beta + 0)
            assert_exact(dx, dy * scale)
            rows = tuple(range(x.ndim - 1))
            assert_exact(dbeta + 0, dy.sum(rows) + 0)
            summed = (dy * (x - mean)).sum(rows) / np.sqrt(variance + 1)
            assert_exact(dgamma + 0, summed + 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("values", [2, 64, 1024])
@pytest.mark.parametrize("name", isas())
def test_backward_is_exact_on_whole_numbers(name, values, dtype):
    for c in CHANNELS:
        gamma, mean = vectors(c, dtype)
        gamma = np.where(gamma == 0, 1, gamma).astype(dtype)
        inv_std = np.resize(np.array([0.5, 1, 2], dtype), c)
        x = integers((values, c), c, limit=3, dtype=dtype)
        dy = integers((values, c), c + 1, limit=3, dtype=dtype)
        with isa(name), threads(1 + c % 3):
            dx, dgamma, dbeta = backward(
                kernels.batch_norm_backward, dy, x, gamma, mean, inv_std
            )
        sums = dy.sum(0), (dy * (x - mean)).sum(0) * inv_std
        n = (x - mean) * inv_std
        assert_exact(dbeta + 0, sums[0] + 0)
        assert_exact(dgamma + 0, sums[1] + 0)
        want = gamma * inv_std * (dy - sums[0] / values - n * (sums[1] / values))
        assert_exact(dx + 0, want + 0)
    assert_not_vacuous(dx)


# ---- real numbers ----------------------------------------------------------------


def noise(shape, seed, dtype):
    return generator(shape, seed, "noise").normal(size=shape).astype(dtype)


DATA = {
    "noise": lambda shape, dtype: noise(shape, 1, dtype),
    "far from zero": lambda shape, dtype: 1000 + noise(shape, 2, dtype) / 100,
    # The first rows, from which the shift is taken, say nothing about the others.
    "zeros first": lambda shape, dtype: np.where(
        np.arange(shape[0])[:, None] < shape[0] // 8, 0, 1000 + noise(shape, 3, dtype)
    ).astype(dtype),
    "drift": lambda shape, dtype: (
        noise(shape, 4, dtype) + np.linspace(-50, 50, shape[0], dtype=dtype)[:, None]
    ),
}


def real_case(make, values, c, dtype):
    """x, dy, gamma, beta and the float64 or longdouble truth about them."""
    x, dy = DATA[make]((values, c), dtype), noise((values, c), 5, dtype)
    gamma, beta = noise((c,), 6, dtype), noise((c,), 7, dtype)
    exact = x.astype(WIDE[dtype])
    mean = exact.mean(0)
    variance = ((exact - mean) ** 2).mean(0)
    return x, dy, gamma, beta, exact, mean, variance


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("name", isas())
def test_training_is_within_the_bound(name, make, dtype):
    u = unit_roundoff(dtype)
    for c, values in (
        (1, 2),
        (1, 70),
        (3, 3001),
        (6, 784),
        (16, 50),
        (33, 999),
        (72, 600),
    ):
        x, _, gamma, beta, exact, mean, variance = real_case(make, values, c, dtype)
        inv_std = 1 / np.sqrt(variance + 1e-5)
        with isa(name):
            y, got_mean, got_inv, running_mean, running_variance = train(x, gamma, beta)
        # A float chain is at most 256 long, and only deviations go into it.
        chain = dot_bound(min(values, 256), 1.0, dtype) + 2 * u
        size = abs(mean) + np.sqrt(variance)
        assert_within(got_mean, mean, chain * size)
        assert_within(running_mean, mean * 0.1, chain * size)
        assert_within(running_variance, 0.9 + variance * 0.1, chain * (0.9 + variance))
        # In float64 the mean has no more digits than x: its error shows in y.
        lost = abs(mean) * inv_std if dtype == "float64" else 0
        assert_within(got_inv, inv_std, chain * inv_std)
        n = (exact - mean) * inv_std
        bound = chain * (abs(n * gamma) + abs(gamma) * (1 + lost) + abs(beta))
        assert_within(y, n * gamma + beta, bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("name", isas())
def test_gradients_are_within_the_bound(name, make, dtype):
    for c, values in (
        (1, 2),
        (1, 70),
        (3, 3001),
        (6, 784),
        (16, 50),
        (33, 999),
        (72, 600),
    ):
        x, dy, gamma, _, exact, mean, variance = real_case(make, values, c, dtype)
        mean, variance = mean.astype(dtype), variance.astype(dtype)
        inv_std = (1 / np.sqrt(variance + dtype_of(dtype, 1e-5))).astype(dtype)
        with isa(name):
            got = backward(kernels.batch_norm_backward, dy, x, gamma, mean, inv_std)
            frozen = backward(
                kernels.batch_norm_inference_backward, dy, x, gamma, mean, variance
            )
        dy = dy.astype(exact.dtype)
        s = inv_std.astype(exact.dtype)
        n = (exact - mean) * s
        dbeta, dgamma = dy.sum(0), (dy * n).sum(0)
        chain = dot_bound(min(values, 256) + 4, 1.0, dtype)
        sizes = abs(dy).sum(0), abs(dy * n).sum(0)
        assert_within(got[2], dbeta, chain * sizes[0])
        assert_within(got[1], dgamma, chain * sizes[1])
        shares = abs(dy) + sizes[0] / values + abs(n) * sizes[1] / values
        dx = gamma * s * (dy - dbeta / values - n * dgamma / values)
        assert_within(got[0], dx, chain * abs(gamma) * s * shares)
        exact_s = 1 / np.sqrt(variance.astype(exact.dtype) + 1e-5)
        dx = dy * gamma * exact_s
        assert_within(frozen[0], dx, 4 * unit_roundoff(dtype) * abs(dx))
        assert_exact(frozen[2], got[2])
        n = (exact - mean) * exact_s
        assert_within(frozen[1], (dy * n).sum(0), chain * abs(dy * n).sum(0))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
def test_a_constant_channel_has_no_variance(name, dtype):
    for value in (0.0, 0.1, -1e20, 3e7):
        x = np.full((777, 6), value, dtype)
        beta = vectors(6, dtype)[1]
        with isa(name):
            y, mean, inv_std, _, variance = train(x, np.zeros(6, dtype), beta)
        # Chunks are added in float64, which float32 does not feel.
        lost = 4 * unit_roundoff(dtype) * abs(value) if dtype == "float64" else 0
        assert_within(mean, x[0], lost)
        assert_exact(y, np.broadcast_to(beta, y.shape))
        tiny = (abs(value) * unit_roundoff(dtype)) ** 2
        assert (1 / inv_std.astype("f8") ** 2 <= 1.001e-5 + 4 * tiny).all()
        assert (variance >= 0.9 * (1 - 2 * unit_roundoff(dtype))).all()


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("name", isas())
def test_a_fused_activation_is_the_activation(name, activation):
    for c in (1, 6, 16, 65):
        x, gamma, beta = uniform((100, c), 1), uniform((c,), 2), uniform((c,), 3)
        x[7, 0] = np.nan
        given = uniform((c,), 4), np.abs(uniform((c,), 5))
        with isa(name):
            plain = kernels.batch_norm_inference(x, gamma, beta, *given)
            fused = kernels.batch_norm_inference(
                x, gamma, beta, *given, activation=activation
            )
            assert_exact(fused, kernels.activation(plain, activation))
            x[7, 0] = 0
            fused = train(x, gamma, beta, activation=activation)
            plain = train(x, gamma, beta)
            assert_exact(fused[0], kernels.activation(plain[0], activation))
            for got, want in zip(fused[1:], plain[1:], strict=True):
                assert_exact(got, want)


@pytest.mark.parametrize("name", isas())
def test_a_nan_stays_in_its_channel(name):
    for c in (1, 3, 16, 33):
        x, dy = uniform((300, c), 1), uniform((300, c), 2)
        gamma, beta = uniform((c,), 3), uniform((c,), 4)
        bad = c // 2
        x[123, bad] = np.nan
        with isa(name):
            for array in train(x, gamma, beta):
                columns = np.isnan(array).reshape(-1, c)
                assert columns[:, bad].all()
                assert columns.sum() == len(columns)
            given = np.zeros(c, "f4"), np.ones(c, "f4")
            y = kernels.batch_norm_inference(x, gamma, beta, *given)
            assert np.argwhere(np.isnan(y)).tolist() == [[123, bad]]
            for array in kernels.batch_norm_backward(dy, x, gamma, *given)[:2]:
                columns = np.isnan(array).reshape(-1, c)
                assert columns[:, bad].all()
                assert columns.sum() == len(columns)
            dx = kernels.batch_norm_inference_backward(dy, x, gamma, *given)[0]
            assert np.isfinite(dx).all()


# ---- folding ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
def test_folding_is_exact_where_nothing_rounds(name, dtype):
    for c in (1, 7, 16, 65):
        gamma, beta, mean, b = (integers((c,), i, dtype=dtype) for i in range(4))
        variance = np.resize(np.array([3, 15, 63], dtype), c)
        exact = gamma / np.sqrt(variance + 1)
        with isa(name):
            scale, shift = kernels.fold_batch_norm(
                gamma, beta, mean, variance, b, epsilon=1.0
            )
            _, alone = kernels.fold_batch_norm(gamma, beta, mean, variance, epsilon=1.0)
        assert_exact(scale, exact)
        assert_exact(shift, (b - mean) * exact + beta)
        assert_exact(alone, beta - mean * exact)


@pytest.mark.parametrize("dtype", DTYPES)
def test_folding_into_given_memory_changes_nothing_else(dtype):
    for c in (1, 5, 33):
        vectors = [uniform((c,), i, dtype=dtype) for i in range(5)]
        vectors[3] = np.abs(vectors[3])
        kept = [vector.copy() for vector in vectors]
        out = np.full(c + 2, np.nan, dtype), np.full(c + 2, np.nan, dtype)
        inner = out[0][1:-1], out[1][1:-1]
        result = kernels.fold_batch_norm(*vectors, out=inner)
        assert result[0] is inner[0]
        assert result[1] is inner[1]
        want = reference.fold_batch_norm(*(v.astype("f8") for v in vectors))
        u = unit_roundoff(dtype)
        _, beta, mean, _, b = (np.abs(v).astype("f8") for v in vectors)
        scale = np.abs(want[0])
        assert_within(inner[0], want[0], 2 * u * scale)
        assert_within(inner[1], want[1], 4 * u * ((b + mean) * scale + beta))
        for array in out:
            assert np.isnan(array[[0, -1]]).all()
        for vector, before in zip(vectors, kept, strict=True):
            assert_exact(vector, before)


# ---- bits, memory, calls ---------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_threads_and_isa(dtype):
    for c, values in (
        (1, 40000),
        (6, 1000),
        (16, 3000),
        (33, 500),
        (130, 70),
        (257, 9),
    ):
        x, dy = noise((values, c), 1, dtype), noise((values, c), 2, dtype)
        gamma, beta = noise((c,), 3, dtype), noise((c,), 4, dtype)
        results = []
        for name in FMA_ISAS:
            for count in THREADS:
                with isa(name), threads(count):
                    forward = train(x, gamma, beta, activation="relu")
                    given = forward[1], forward[4]
                    arrays = [
                        *forward,
                        kernels.batch_norm_inference(x, gamma, beta, *given),
                        *kernels.batch_norm_backward(dy, x, gamma, *forward[1:3]),
                        *kernels.batch_norm_inference_backward(dy, x, gamma, *given),
                    ]
                    results.append([array.tobytes() for array in arrays])
        assert all(a == b for a, b in pairwise(results))


def test_several_threads_take_part():
    x = noise((4000, 16), 1, "float32")
    with threads(3):
        train(x, x[0], x[0])
        assert _core.last_region_threads() > 1


@pytest.mark.parametrize("name", isas())
def test_outputs_beyond_the_caches(name):
    shape = (10_400, 7, 64)  # 18.6 MB, written past the caches when aligned
    x = integers((1, *shape[1:]), 1).repeat(shape[0], axis=0)
    given = [*vectors(64, "float32", 3), np.full(64, 3, "float32")]
    gamma, _, mean, _ = given
    half = np.full(64, 0.5, "float32")
    y = reference.batch_norm_inference(x[:1], *given, epsilon=1.0)
    small = kernels.batch_norm_backward(x[:1], x[:1], gamma, mean, half)
    for make in (aligned_empty, np.empty):
        out = make(shape, "float32")
        with isa(name), threads(3):
            kernels.batch_norm_inference(x, *given, epsilon=1.0, out=out)
            assert (out == y).all()
            # The same sums over seven values or over all of them.
            results = (out, None, None)
            kernels.batch_norm_backward(x, x, gamma, mean, half, out=results)
        assert_within(out[:1], small[0], 1e-5 * (1 + abs(small[0])))
        assert (out == out[:1]).all()


def test_empty_batches_work():
    x, one = np.empty((0, 5, 3), "float32"), np.ones(3, "float32")
    assert kernels.batch_norm_inference(x, one, one, one, one).shape == x.shape
    for function in (
        kernels.batch_norm_backward,
        kernels.batch_norm_inference_backward,
    ):
        dx, dgamma, dbeta = backward(function, x, x, one, one, one)
        assert dx.shape == x.shape
        assert_exact(dgamma, np.zeros(3, "float32"))
        assert_exact(dbeta, np.zeros(3, "float32"))


def test_a_refused_call_changes_nothing():
    one = np.ones(3, "float32")
    running = np.full(3, 5, "float32"), np.full(3, 6, "float32")
    with pytest.raises(ValueError, match="more than one value per channel"):
        kernels.batch_norm_training(np.ones((1, 3), "float32"), one, one, *running)
    with pytest.raises(ValueError, match="beta"):
        kernels.batch_norm_training(np.ones((9, 3), "f4"), one, one[:2], *running)
    assert (running[0] == 5).all()
    assert (running[1] == 6).all()


def test_any_layout_and_read_only_inputs_give_the_same():
    x, gamma, beta = uniform((4, 9, 5), 1), uniform((5,), 2), uniform((5,), 3)
    want = train(x, gamma, beta)
    for name, view in layouts(x):
        before = view.tobytes()
        assert_exact(train(view, gamma, beta)[0], want[0])
        assert view.tobytes() == before, name
    for (_, one), (_, two) in zip(layouts(gamma), layouts(beta), strict=True):
        assert_exact(train(x, one, two)[0], want[0])


def test_recorded_calls_follow_their_arrays():
    plan = _core.Plan()
    x, dy = uniform((50, 6), 1), uniform((50, 6), 2)
    gamma, beta = uniform((6,), 3), uniform((6,), 4)
    running = np.zeros(6, "float32"), np.ones(6, "float32")
    y, mean, inv_std = np.empty_like(x), np.empty(6, "f4"), np.empty(6, "f4")
    gradients = np.empty_like(x), np.empty(6, "f4"), np.empty(6, "f4")
    with plan.record():
        kernels.batch_norm_training(
            *(x, gamma, beta, *running), activation="tanh", out=(y, mean, inv_std)
        )
        kernels.batch_norm_backward(dy, x, gamma, mean, inv_std, out=gradients)
    for array in (x, dy, gamma, beta):
        array[...] = uniform(array.shape, 9)
    again = running[0].copy(), running[1].copy()
    plan.run()
    want = train(x, gamma, beta, running=again, activation="tanh")
    for got, expected in zip((y, mean, inv_std, *running), want, strict=True):
        assert_exact(got, expected)
    want = kernels.batch_norm_backward(dy, x, gamma, mean, inv_std)
    for got, expected in zip(gradients, want, strict=True):
        assert_exact(got, expected)


# ---- with max pooling behind it ---------------------------------------------------

TILED = [
    ((2, 4, 4, 1), (2, 2)),
    ((3, 6, 4, 5), (2, 2)),
    ((2, 8, 6, 6), (2, 3)),
    ((2, 9, 12, 17), (3, 4)),
    ((5, 14, 14, 64), (2, 2)),
    ((2, 16, 16, 100), (4, 2)),
    ((1, 4, 4, 300), (2, 2)),
    ((3, 32, 32, 64), (2, 2)),
]
"""Chunks that begin and end inside of windows; rows of every kind."""


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("name", isas())
def test_with_pooling_the_bits_are_those_of_one_after_the_other(
    name, activation, dtype
):
    dead = 0
    for i, (shape, pool) in enumerate(TILED):
        c = shape[-1]
        x, gamma, beta = (
            uniform(s, k, dtype=dtype) for k, s in enumerate((shape, (c,), (c,)))
        )
        running = np.zeros(c, dtype), np.ones(c, dtype)
        again = running[0].copy(), running[1].copy()
        with isa(name), threads(1 + i % 3):
            y, argmax, mean, inv_std = kernels.batch_norm_max_pool2d(
                x, gamma, beta, *running, pool, momentum=0.75, activation=activation
            )
            dy = uniform(y.shape, 4, dtype=dtype)
            got = kernels.batch_norm_max_pool2d_backward(
                dy, argmax, x, gamma, mean, inv_std, pool
            )
            z, *batch, _, _ = train(
                x, gamma, beta, running=again, momentum=0.75, activation=activation
            )
            pooled, places = kernels.max_pool2d(z, pool)
            given = (
                kernels.activation_backward(dy, pooled, "relu") if activation else dy
            )
            dz = kernels.max_pool2d_backward(given, places, x.shape, pool)
            want = kernels.batch_norm_backward(dz, x, gamma, *batch)
        if activation:
            dead += np.count_nonzero(pooled == 0)
            places = np.where(pooled <= 0, np.uint8(255), places)
        ours, theirs = (
            (y, argmax, mean, inv_std, *running, *got),
            (pooled, places, *batch, *again, *want),
        )
        for one, other in zip(ours, theirs, strict=True):
            assert_exact(one, other)
    assert bool(dead) is bool(activation)


def test_with_pooling_recorded_calls_follow_their_arrays():
    plan = _core.Plan()
    x, dy = uniform((3, 4, 6, 6), 1), uniform((3, 2, 3, 6), 2)
    gamma, beta = uniform((6,), 3), uniform((6,), 4)
    running = np.zeros(6, "f4"), np.ones(6, "f4")
    forward = np.empty_like(dy), np.empty(dy.shape, "u1"), *np.empty((2, 6), "f4")
    gradients = np.empty_like(x), *np.empty((2, 6), "f4")
    with plan.record():
        kernels.batch_norm_max_pool2d(
            *(x, gamma, beta, *running, 2), activation="relu", out=forward
        )
        kernels.batch_norm_max_pool2d_backward(
            dy, forward[1], x, gamma, *forward[2:], 2, out=gradients
        )
    for array in (x, dy, gamma, beta):
        array[...] = uniform(array.shape, 9)
    plan.run()
    y, argmax, *batch = kernels.batch_norm_max_pool2d(
        x, gamma, beta, np.zeros(6, "f4"), np.ones(6, "f4"), 2, activation="relu"
    )
    want = kernels.batch_norm_max_pool2d_backward(dy, argmax, x, gamma, *batch, 2)
    for one, other in zip(
        (*forward, *gradients), (y, argmax, *batch, *want), strict=True
    ):
        assert_exact(one, other)


@pytest.mark.parametrize("pool", [(3, 2), (2, 3), (5, 51)])
def test_windows_that_do_not_tile_are_refused(pool):
    x, running = uniform((2, 4, 4, 3), 1), (np.zeros(3, "f4"), np.ones(3, "f4"))
    if pool == (5, 51):
        x = uniform((1, 5, 51, 3), 1)
    with pytest.raises(ValueError, match="does not tile images of"):
        kernels.batch_norm_max_pool2d(x, *np.ones((2, 3), "f4"), *running, pool)
    assert (running[0] == 0).all()


GUARDED = """
import numpy as np
from pellucid import kernels
from tests.support.data import uniform
from tests.support.guard import SIDES, guarded, guarded_copy
from tests.support.threads import isa, isas

for name in isas():
    with isa(name):
        for side in SIDES:
            for dtype in ("float32", "float64"):
                for c in (1, 3, 6, 15, 16, 17, 31, 33, 64, 72, 100):
                    for values in (2, 3, 65, 300):
                        x, dy = (
                            guarded_copy(uniform((values, c), i, dtype=dtype), side)
                            for i in (1, 2))
                        gamma, beta, spread = (
                            guarded_copy(1 + uniform((c,), i, dtype=dtype), side)
                            for i in (3, 4, 5))
                        vector = [guarded((c,), dtype, side) for _ in range(4)]
                        y = guarded(x.shape, dtype, side)
                        vector[0][...] = vector[1][...] = 1
                        kernels.batch_norm_training(
                            x, gamma, beta, *vector[:2], out=(y, *vector[2:]))
                        assert np.isfinite(y).all()
                        kernels.batch_norm_inference(
                            x, gamma, beta, beta, spread, out=y)
                        out = (y, *vector[:2])
                        kernels.batch_norm_backward(dy, x, gamma, beta, spread, out=out)
                        kernels.batch_norm_inference_backward(
                            dy, x, gamma, beta, spread, out=out)
                        assert np.isfinite(y).all()
                    x, dy = (guarded_copy(uniform(s, 1, dtype=dtype), side)
                             for s in ((3, 6, 4, c), (3, 3, 2, c)))
                    y = guarded(dy.shape, dtype, side)
                    argmax = guarded(dy.shape, "uint8", side)
                    kernels.batch_norm_max_pool2d(
                        x, gamma, beta, *vector[:2], 2, activation="relu",
                        out=(y, argmax, *vector[2:]))
                    dx = guarded(x.shape, dtype, side)
                    kernels.batch_norm_max_pool2d_backward(
                        dy, argmax, x, gamma, *vector[2:], 2, out=(dx, *vector[:2]))
                    assert np.isfinite(dx).all()
"""


def test_nothing_outside_the_arrays_is_touched():
    assert_survives(GUARDED)


def test_every_variant_is_listed():
    rows = kernels.variants("norm")
    assert {row["isa"] for row in rows} >= set(isas())
    assert {row["dtype"] for row in rows} == set(DTYPES)
