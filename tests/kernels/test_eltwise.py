"""Elementwise ops and ops along the last axis against the reference."""

import itertools

import numpy as np
import pytest

from pellucid.kernels import ACTIVATIONS, reference
from tests.kernels.exact import (
    ISAS,
    core,
    every_dtype,
    every_isa,
    forced,
    forced_results,
    one_result,
)
from tests.support.bounds import (
    assert_exact,
    assert_not_vacuous,
    assert_within,
    layer_bound,
    softmax_bound,
)
from tests.support.data import DISTRIBUTIONS, VECTOR_SIZES, integers, uniform
from tests.support.guard import SIDES, assert_survives, layouts

CHUNK = 4096
SIZES = [0, *VECTOR_SIZES, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 13]
CLASSES = [1, 2, 3, 5, 8, 10, 15, 16, 17, 31, 33, 100, 1000]
NAMES = [*ACTIVATIONS]


def fresh(shape, dtype):
    """Memory full of what must not survive."""
    return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else 0xAA, dtype)


# ---- along the last axis ---------------------------------------------------------

# Logits that differ by hundreds leave nothing but one 1 and zeros.
LOGIT_SCALE = {"uniform": 1, "positive": 10, "wide range": 1e-3, "cancelling": 0.01}


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_softmax_and_its_gradient_are_within_their_bounds(kind, dtype, isa):
    for k, rows in zip(CLASSES, itertools.cycle([1, 3, 17]), strict=False):
        x = DISTRIBUTIONS[kind]((rows, k), k, dtype=dtype)
        x *= np.array(LOGIT_SCALE[kind], dtype)
        dy = uniform((rows, k), k + 1, dtype=dtype)
        wide = x.astype(np.longdouble)
        y = np.exp(wide - wide.max(axis=-1, keepdims=True))
        y /= y.sum(axis=-1, keepdims=True)
        with forced(isa):
            got = core.softmax(x, out=fresh(x.shape, dtype))
            assert_within(got, y, softmax_bound(x, dtype))
            dx = core.softmax_backward(dy, got, out=fresh(x.shape, dtype))
        p, g = got.astype(np.longdouble), dy.astype(np.longdouble)
        dot = (p * g).sum(axis=-1, keepdims=True)
        size = p * (np.abs(g) + (p * np.abs(g)).sum(axis=-1, keepdims=True))
        assert_within(dx, p * (g - dot), layer_bound(k + 2, size, dtype))
        assert_not_vacuous(dx if k > 1 else [1.0])


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_log_softmax_and_its_gradient_are_within_their_bounds(kind, dtype, isa):
    for k, rows in zip(CLASSES, itertools.cycle([1, 3, 17]), strict=False):
        x = DISTRIBUTIONS[kind]((rows, k), k, dtype=dtype)
        x *= np.array(LOGIT_SCALE[kind], dtype)
        dy = uniform((rows, k), k + 1, dtype=dtype)
        wide = x.astype(np.longdouble)
        depth = wide.max(axis=-1, keepdims=True) - wide
        y = -depth - np.log(np.exp(-depth).sum(axis=-1, keepdims=True))
        with forced(isa):
            got = core.log_softmax(x, out=fresh(x.shape, dtype))
            assert_within(got, y, layer_bound(k, 1 + depth + np.log(k), dtype))
            dx = core.log_softmax_backward(dy, got, out=fresh(x.shape, dtype))
        p, g = np.exp(got.astype(np.longdouble)), dy.astype(np.longdouble)
        size = np.abs(g) + p * np.abs(g).sum(axis=-1, keepdims=True)
        total = g.sum(axis=-1, keepdims=True)
        assert_within(dx, g - p * total, layer_bound(k + 2, size, dtype))
        assert_not_vacuous(dx if k > 1 else [1.0])


@every_isa
def test_log_softmax_of_extreme_rows(isa):
    rows = [[88.0, -88.0, 0.0], [3e38, -3e38, 0.0], [-np.inf, 0.0, 0.0]]
    rows += [[np.nan, 0.0, 1.0], [np.inf, 0.0, 1.0], [-np.inf] * 3]
    with forced(isa):
        y = core.log_softmax(np.array(rows, np.float32))
    np.testing.assert_array_equal(y[0], [0, -176, -88])
    assert y[1, 0] == 0
    assert (y[1, 1:] < -1e38).all()
    half = -np.log(2)
    np.testing.assert_allclose(y[2], [-np.inf, half, half], rtol=1e-6)
    assert np.isnan(y[3:]).all()


@every_isa
def test_softmax_of_extreme_rows(isa):
    rows = [[88.0, -88.0, 0.0], [3e38, -3e38, 0.0], [-np.inf, 0.0, 0.0]]
    bad = [[np.nan, 0.0, 1.0], [np.inf, 0.0, 1.0], [-np.inf] * 3]
    x = np.array([rows[0], bad[0], rows[1], bad[1], rows[2], bad[2]], np.float32)
    with forced(isa):
        y = core.softmax(x)
    np.testing.assert_array_equal(y[::2], core.softmax(np.array(rows, np.float32)))
    np.testing.assert_allclose(y[::2].sum(axis=-1), 1, rtol=1e-6)
    np.testing.assert_allclose(y[4], [0, 0.5, 0.5])
    assert np.isnan(y[1::2]).all()


@every_isa
@every_dtype
def test_argmax_takes_the_first_and_prefers_nan(dtype, isa):
    with forced(isa):
        for k in CLASSES:
            x = integers((50, k), k, limit=3, dtype=dtype)
            x[::7] = -np.inf
            x[1, 0] = np.inf
            assert_exact(core.argmax(x), x.argmax(axis=-1))
            x[::3, k // 2 :] = np.nan
            x[3] = np.nan
            assert_exact(core.argmax(x), x.argmax(axis=-1))
        assert core.argmax(np.ones((2, 3, 4), dtype)).shape == (2, 3)


# ---- dropout ---------------------------------------------------------------------


@every_isa
@every_dtype
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_dropout_is_exact(rate, dtype, isa, threads):
    options = {"seed": 2**32 - 1, "stream": 5}
    with forced(isa, threads):
        for size in SIZES:
            x = uniform((size,), 1, dtype=dtype)
            x[::5] = np.nan  # where it falls out, it is gone
            counters = np.full((2, 1), 2**40 + 7, np.uint64)
            out = fresh(size, dtype), fresh((size + 7) // 8, np.uint8)
            y, mask = core.dropout(x, rate, counter=counters[0], out=out, **options)
            wanted = reference.dropout(x, rate, counter=counters[1], **options)
            assert_exact(y, wanted[0])
            assert_exact(mask, wanted[1])
            assert counters[0, 0] == counters[1, 0] == 2**40 + 8
            dx = core.dropout_backward(x, mask, rate, out=fresh(size, dtype))
            assert_exact(dx, y)


def test_dropout_drops_the_right_share():
    x, counter = np.ones(1 << 20, np.float32), np.zeros(1, np.uint64)
    for draw in range(3):
        y, mask = core.dropout(x, 0.3, seed=draw, stream=1, counter=counter)
        kept = np.count_nonzero(y) / x.size
        assert abs(kept - 0.7) < 4 * np.sqrt(0.21 / x.size)
        assert np.unpackbits(mask).sum() == np.count_nonzero(y)
        assert abs(y.mean() - 1) < 0.005


# ---- vectors ---------------------------------------------------------------------


@every_isa
@every_dtype
def test_sums_of_vectors_are_exact(dtype, isa, threads):
    with forced(isa, threads):
        for size in SIZES:
            a, b = uniform((size,), 1, dtype=dtype), uniform((size,), 2, dtype=dtype)
            assert_exact(core.add(a, b, out=fresh(size, dtype)), a + b)
            y, want = a.copy(), a.copy()
            core.add_scaled(y, b, 0.3)
            reference.add_scaled(want, b, 0.3)
            assert_exact(y, want)
            core.scale(y, -1.7)
            reference.scale(want, -1.7)
            assert_exact(y, want)
            x = integers((size,), 3, limit=1000, dtype=dtype)
            assert core.sum_of_squares(x) == float((x.astype(np.float64) ** 2).sum())


@every_isa
def test_sums_of_squares_add_in_float64(isa):
    x = np.array([1e30, 1.0, 1e-30], np.float32)
    with forced(isa):
        assert core.sum_of_squares(x) == float(np.float64(x[0]) ** 2)
        x = uniform((100_003,), 1)
        exact = float((x.astype(np.longdouble) ** 2).sum())
        assert abs(core.sum_of_squares(x) - exact) < 1e-13 * exact


@every_isa
@every_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_all_finite_finds_the_one_bad_element_anywhere(bad, dtype, isa, threads):
    largest = np.finfo(dtype).max
    with forced(isa, threads):
        for size in (1, 7, 16, 65, 3 * CHUNK + 5):
            x = np.full(size, largest, dtype)
            x[::2] *= -1
            assert core.all_finite(x) == 1
            for place in {0, size // 2, size - 1, max(0, size - 17)}:
                kept, x[place] = x[place], bad
                assert core.all_finite(x) == 0
                x[place] = kept
        assert core.all_finite(np.empty(0, dtype)) == 1


@every_isa
@every_dtype
@pytest.mark.parametrize("source", ["uint8", "float32", "float64"])
def test_gather_is_exact(source, dtype, isa, threads):
    random = np.random.default_rng(4)
    with forced(isa, threads):
        for shape in [(5,), (7, 1), (9, 3), (11, 17), (4, 5, 3), (6, 5000), (3, 0)]:
            x = random.integers(0, 256, shape).astype(source)
            rows = random.integers(0, shape[0], 23)
            for scale in (1.0, 1 / 255):
                out = fresh((23, *shape[1:]), dtype)
                want = reference.gather(x, rows, scale=scale, out=out.copy())
                assert core.gather(x, rows, scale=scale, out=out) is out
                assert_exact(out, want)
            assert core.gather(x, rows[:0]).shape == (0, *shape[1:])


# ---- contracts -------------------------------------------------------------------


def calls(dtype, n, k):
    """Every op of this file that computes with real numbers: call() -> arrays."""
    x, y = uniform((n, k), 1, dtype=dtype), uniform((n, k), 2, dtype=dtype)
    flat = x.reshape(-1)

    def dropped():
        counter = np.zeros(1, np.uint64)
        return core.dropout(x, 0.4, seed=1, stream=2, counter=counter)

    def vector_sums():
        z = flat.copy()
        core.add_scaled(z, y.reshape(-1), 0.7)
        core.scale(z, 1.3)
        return z, np.array(core.sum_of_squares(flat))

    for name in NAMES:
        yield lambda name=name: (core.activation(4 * x, name),)
        yield lambda name=name: (core.activation_backward(x, y, name),)
    yield lambda: (core.softmax(9 * x), core.log_softmax(9 * x))
    yield lambda: (core.softmax_backward(x, y), core.log_softmax_backward(x, y))
    for alpha in (y[0], y[0, :1]):
        yield lambda alpha=alpha: (core.prelu(x, alpha),)
        yield lambda alpha=alpha: core.prelu_backward(y, x, alpha)
    yield lambda: (core.argmax(x), core.add(x, y))
    yield lambda: dropped()
    yield lambda: vector_sums()


@every_dtype
@pytest.mark.parametrize("shape", [(700, 10), (13, 1000), (3, 3 * CHUNK + 5)], ids=str)
def test_the_same_bits_with_every_fma_and_thread_count(shape, dtype):
    for call in calls(dtype, *shape):
        one_result(forced_results(call))


@every_dtype
def test_rows_do_not_depend_on_their_batch(dtype):
    x = uniform((50, 13), 1, dtype=dtype)
    whole = core.softmax(x)
    assert_exact(core.softmax(x[17:21]), whole[17:21])
    x[18] = np.nan
    assert_exact(np.delete(core.softmax(x), 18, 0), np.delete(whole, 18, 0))


def test_all_layouts_of_an_input_give_the_same():
    x = uniform((6, 19), 1)
    for name, view in layouts(x):
        assert_exact(core.softmax(view), core.softmax(x))
        assert_exact(core.activation(view, "tanh"), core.activation(x, "tanh"))
        assert_exact(core.argmax(view), core.argmax(x)), name


def test_recorded_calls_read_their_counter_again():
    x, counter = np.ones(1000, np.float32), np.zeros(1, np.uint64)
    plan = core.Plan()
    with plan.record():
        y, mask = core.dropout(x, 0.5, seed=1, stream=2, counter=counter)
    first = mask.copy()
    plan.run()
    assert counter[0] == 2
    assert (mask != first).any()
    again = reference.dropout(x, 0.5, seed=1, stream=2, counter=np.ones(1, np.uint64))
    assert_exact(mask, again[1])
    assert_exact(y, again[0])


GUARDED = """
import numpy as np
from pellucid.kernels import _core as core
from tests.support.guard import guarded, guarded_copy
core.set_num_threads(1)
random = np.random.default_rng(1)
for isa in {isas}:
    core.use_isa(isa)
    for dtype in ("float32", "float64"):
        for n in [*range(1, 36), 63, 64, 65, 4097]:
            x = guarded_copy(random.standard_normal(n).astype(dtype), {side!r})
            dy = guarded_copy(random.standard_normal(n).astype(dtype), {side!r})
            y = guarded(n, dtype, {side!r})
            for name in {names}:
                core.activation(x, name, out=y)
                core.activation_backward(dy, x, name, out=y)
            core.softmax(x, out=y)
            core.softmax_backward(dy, x, out=y)
            core.log_softmax(x, out=y)
            core.log_softmax_backward(dy, x, out=y)
            slopes = guarded_copy(x[:1].copy(), {side!r})
            dslopes = guarded(1, dtype, {side!r})
            for alpha, dalpha in ((slopes, dslopes), (x, guarded(n, dtype, {side!r}))):
                core.prelu(x, alpha, out=y)
                core.prelu_backward(dy, x, alpha, out=(y, dalpha))
            core.argmax(x)
            core.add(x, dy, out=y)
            core.add_scaled(y, x, 0.5)
            core.scale(y, 0.5)
            core.sum_of_squares(x)
            assert core.all_finite(x) == 1
            for name in ("exp", "log", "erf"):
                core.elementary(name, x)
            mask = guarded((n + 7) // 8, np.uint8, {side!r})
            counter = np.zeros(1, np.uint64)
            core.dropout(x, 0.5, seed=1, stream=2, counter=counter, out=(y, mask))
            core.dropout_backward(dy, mask, 0.5, out=y)
            assert not np.isnan(y).any()
            rows = guarded_copy(np.array([2, 0, 1]), {side!r})
            for source in ("uint8", "float32", "float64"):
                table = guarded_copy(np.ones((3, n), source), {side!r})
                out = guarded((3, n), dtype, {side!r})
                core.gather(table, rows, scale=0.5, out=out)
                assert (out == 0.5).all()
"""


@pytest.mark.parametrize("side", SIDES)
def test_nothing_is_touched_outside_the_arrays(side):
    assert_survives(GUARDED.format(isas=ISAS, side=side, names=NAMES))
