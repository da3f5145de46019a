"""Pooling against the reference: every instruction set, tail, border, thread count."""

from itertools import pairwise

import numpy as np
import pytest

from pellucid import kernels
from pellucid.core.workspace import aligned_empty
from pellucid.kernels import reference
from tests.kernels.exact import compiled_and_threaded, core
from tests.support.bounds import (
    assert_exact,
    assert_not_vacuous,
    assert_within,
    dot_bound,
    unit_roundoff,
)
from tests.support.data import integers, positive, uniform
from tests.support.guard import assert_survives, layouts
from tests.support.threads import THREADS, isa, isas, threads

pytestmark = compiled_and_threaded

DTYPES = ("float32", "float64")
FMA_ISAS = [name for name in isas() if name != "portable"]

CHANNELS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67)
"""Every tail of every vector; up to 8 several windows share a vector."""

GEOMETRIES = {
    "2x2": ((9, 8), 2, {}),
    "2x2 many windows": ((4, 37), 2, {}),
    "2x2 over the edge": ((7, 9), 2, {"ceil_mode": True}),
    "2x2 padded": ((7, 6), 2, {"padding": 1}),
    "2x2 touching": ((6, 7), 2, {"strides": 1}),
    "2x1": ((7, 5), (2, 1), {}),
    "3x2 side by side": ((8, 11), (3, 2), {}),
    "3x3 by 2 same": ((9, 10), 3, {"strides": 2, "padding": "same"}),
    "3x3 by 1": ((6, 7), 3, {"strides": 1, "padding": ((2, 0), (1, 2))}),
    "3x3 by 2 ceil": ((8, 8), 3, {"strides": 2, "padding": 1, "ceil_mode": True}),
    "gaps": ((11, 13), 2, {"strides": (3, 5)}),
    "gaps below": ((11, 8), (2, 3), {"strides": (5, 3)}),
    "1x1": ((3, 5), 1, {}),
    "1x1 by 2": ((5, 6), 1, {"strides": 2}),
    "larger than the image": ((2, 3), 4, {"padding": 2, "strides": 1}),
    "one window": ((5, 4), (5, 4), {}),
    "one window, short strides": ((5, 4), (5, 4), {"strides": (3, 1)}),
    "gaps, cut at the edge": ((4, 4), 2, {"strides": 3, "ceil_mode": True}),
    "300 taps": ((18, 17), (20, 15), {"padding": ((1, 1), (0, 0)), "strides": 1}),
}


def fresh(like):
    """An output full of what must not survive."""
    return np.full(like.shape, np.nan if like.dtype.kind == "f" else 99, like.dtype)


def compare(x, dy, pool, options, count):
    """All four functions on integer data, every instruction set."""
    y, argmax = reference.max_pool2d(x, pool, **options)
    dy = dy[: y.size].reshape(y.shape)
    routed = reference.max_pool2d_backward(dy, argmax, x.shape, pool, **options)
    mean = reference.avg_pool2d(x, pool, **options)
    wide = [array.astype("float64") for array in (dy, abs(dy))]
    shared, size = (
        reference.avg_pool2d_backward(array, x.shape, pool, **options) for array in wide
    )
    bound = 2 * dot_bound(1 + np.prod(pool), size, x.dtype)
    for name in isas():
        with isa(name), threads(count):
            out = fresh(y), fresh(argmax)
            result = kernels.max_pool2d(x, pool, out=out, **options)
            assert result[0] is out[0]
            assert result[1] is out[1]
            assert_exact(out[0], y)
            assert_exact(out[1], argmax)
            dx = fresh(x)
            kernels.max_pool2d_backward(dy, argmax, x.shape, pool, out=dx, **options)
            assert_exact(dx, routed)
            out = fresh(y)
            assert kernels.avg_pool2d(x, pool, out=out, **options) is out
            assert_exact(out, mean)
            dx = fresh(x)
            kernels.avg_pool2d_backward(dy, x.shape, pool, out=dx, **options)
            assert_within(dx, shared, bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_bits_equal_the_reference(geometry, dtype):
    (h, w), pool, options = GEOMETRIES[geometry]
    for c in CHANNELS:
        x = integers((2, h, w, c), c, dtype=dtype)
        dy = integers((2 * (h + 5) * (w + 5) * c,), c, dtype=dtype)
        compare(x, dy, pool, options, count=1)
        assert_not_vacuous(x)


@pytest.mark.parametrize("count", [60, pytest.param(3000, marks=pytest.mark.slow)])
def test_random_geometries_equal_the_reference(count):
    random = np.random.default_rng(20)
    done = 0
    while done < count:
        n, h, w = (int(size) for size in random.integers((0, 1, 1), (4, 14, 14)))
        c = int(random.choice(CHANNELS))
        kh, kw = (int(size) for size in random.integers(1, 5, 2))
        strides = tuple(int(step) for step in random.integers(1, 5, 2))
        sides = [
            tuple(int(side) for side in random.integers(0, size, 2))
            for size in (kh, kw)
        ]
        options = {
            "strides": None if random.random() < 0.4 else strides,
            "padding": ("valid", "same", tuple(sides))[random.integers(3)],
            "ceil_mode": bool(random.random() < 0.4),
        }
        dtype = str(random.choice(DTYPES))
        x = integers((n, h, w, c), done, dtype=dtype)
        try:
            reference.max_pool2d(x, (kh, kw), **options)
        except ValueError:
            continue
        dy = integers((n * (h + 9) * (w + 9) * c,), done, dtype=dtype)
        compare(x, dy, (kh, kw), options, count=1 + done % 3)
        done += 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
@pytest.mark.parametrize("c", [1, 3, 6, 16, 21])
def test_first_maximum_last_nan_and_infinities(c, name, dtype):
    x = integers((3, 8, 10, c), 7, limit=1, dtype=dtype)
    random = np.random.default_rng(3)
    for value in (np.nan, np.inf, -np.inf, -0.0):
        x[random.random(x.shape) < 0.15] = value
    x[1] = -np.inf
    x[2, :2] = np.nan
    with isa(name):
        for pool, options in ((2, {}), (3, {"strides": 2, "padding": 1}), ((1, 2), {})):
            y, argmax = kernels.max_pool2d(x, pool, **options)
            want, places = reference.max_pool2d(x, pool, **options)
            assert np.array_equal(y, want, equal_nan=True)
            assert_exact(argmax, places)
    assert len(np.unique(argmax)) > 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
@pytest.mark.parametrize("c", [1, 6, 16, 21])
def test_a_rectified_window_of_zeros_has_no_place(c, name, dtype):
    x = np.maximum(integers((3, 8, 10, c), 7, limit=3, dtype=dtype), 0)
    x[np.random.default_rng(3).random(x.shape) < 0.5] = 0
    x[2, 0, 0] = np.nan
    with isa(name):
        for pool, options in ((2, {}), (3, {"strides": 2, "padding": 1}), ((1, 2), {})):
            y, argmax = kernels.max_pool2d(x, pool, rectified=True, **options)
            want, places = reference.max_pool2d(x, pool, rectified=True, **options)
            assert np.array_equal(y, want, equal_nan=True)
            assert_exact(argmax, places)
            assert np.array_equal(argmax == 255, y == 0)
            assert (argmax == 255).any()
            dy = integers(y.shape, 5, dtype=dtype)
            masked = np.where(y == 0, 0, dy)
            _, plain = kernels.max_pool2d(x, pool, **options)
            assert_exact(
                kernels.max_pool2d_backward(dy, argmax, x.shape, pool, **options),
                kernels.max_pool2d_backward(masked, plain, x.shape, pool, **options),
            )


@pytest.mark.parametrize("twin", [kernels, reference])
def test_a_rectified_window_has_fewer_taps_than_numbers(twin):
    with pytest.raises(ValueError, match=r"(?s)255 taps.*Expected.*rectified=False"):
        twin.max_pool2d(np.ones((1, 15, 17, 1)), (15, 17), rectified=True)
    with pytest.raises(TypeError, match="rectified"):
        twin.max_pool2d(np.ones((1, 2, 2, 1)), 2, rectified="yes")


@pytest.mark.parametrize("name", isas())
@pytest.mark.parametrize("c", [1, 6, 17])
def test_a_nan_stays_in_its_windows(c, name):
    x = uniform((2, 8, 8, c), 1)
    x[0, 3, 3, 0] = np.nan
    with isa(name):
        for y in (kernels.max_pool2d(x, 2)[0], kernels.avg_pool2d(x, 2)):
            assert np.argwhere(np.isnan(y)).tolist() == [[0, 1, 1, 0]]
        assert np.isnan(kernels.global_avg_pool2d(x)).sum() == 1
        dy = uniform((2, 4, 4, c), 2)
        dy[0, 1, 1, 0] = np.nan
        argmax = kernels.max_pool2d(uniform(x.shape, 3), 2)[1]
        assert np.isnan(kernels.max_pool2d_backward(dy, argmax, x.shape, 2)).sum() == 1
        assert np.isnan(kernels.avg_pool2d_backward(dy, x.shape, 2)).sum() == 4


@pytest.mark.parametrize("wide", [False, True])
def test_numbers_that_are_no_tap_inside_add_nothing(wide):
    pool = (2, 2) if not wide else (17, 17)
    shape = (1, 34, 34, 6)
    y = kernels.max_pool2d(uniform(shape, 1), pool)[0]
    nowhere = np.full(y.shape, 255 if not wide else -5, "int32" if wide else "uint8")
    for name in isas():
        with isa(name):
            dx = kernels.max_pool2d_backward(np.ones_like(y), nowhere, shape, pool)
            assert not dx.any()


def real_results(c, dtype):
    """Everything that rounds, on data whose sums round."""
    x, dy = (
        uniform((3, 9, 10, c), 1, dtype=dtype),
        uniform((3, 5, 5, c), 2, dtype=dtype),
    )
    three = {"strides": 2, "padding": "same"}
    big = positive((2, 30, 11, c), 3, dtype=dtype)
    return [
        kernels.avg_pool2d(x, 3, **three),
        kernels.avg_pool2d_backward(dy, x.shape, 3, **three),
        kernels.avg_pool2d(big, (30, 11)),
        kernels.global_avg_pool2d(big),
        kernels.global_avg_pool2d_backward(dy[:, 0, 0], x.shape),
        kernels.avg_pool2d(x[:, :8], 2),
    ]


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_threads_and_isa(dtype):
    for c in (1, 6, 16, 33, 64):
        results = []
        for name in FMA_ISAS:
            for count in THREADS:
                with isa(name), threads(count):
                    results.append([a.tobytes() for a in real_results(c, dtype)])
        assert all(a == b for a, b in pairwise(results))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
@pytest.mark.parametrize("make", [uniform, positive])
def test_averages_are_within_the_bound(make, name, dtype):
    wide = np.longdouble if dtype == "float64" else np.float64
    for c in (1, 6, 16, 65):
        x = make((2, 33, 35, c), c, dtype=dtype)
        with isa(name):
            small, whole = kernels.avg_pool2d(x, (3, 5)), kernels.global_avg_pool2d(x)
        windows = x.astype(wide).reshape(2, 11, 3, 7, 5, c)
        for got, taps, axes in (
            (small, windows, (2, 4)),
            (whole, windows, (1, 2, 3, 4)),
        ):
            count = np.prod([taps.shape[axis] for axis in axes])
            scale = abs(taps).mean(axis=axes)
            assert_within(
                got,
                taps.mean(axis=axes),
                dot_bound(int(count), scale, dtype) + unit_roundoff(dtype) * scale,
            )


@pytest.mark.parametrize("name", isas())
def test_long_windows_are_summed_in_pieces(name):
    # 0.1 added 40,000 times in one float32 chain is wrong in the third digit.
    x = np.full((1, 200, 200, 3), 0.1, "float32")
    with isa(name):
        assert_within(kernels.global_avg_pool2d(x), np.full((1, 3), x[0, 0, 0]), 1e-6)


@pytest.mark.parametrize("name", isas())
def test_backward_is_the_adjoint_of_forward(name):
    # Averages of four integers: every product and sum is exact in float64.
    for c in (1, 3, 6, 16, 40):
        for options in ({}, {"strides": 1}):
            x = integers((2, 9, 11, c), 4, dtype="float64")
            with isa(name):
                y = kernels.avg_pool2d(x, 2, **options)
                dy = integers(y.shape, 5, dtype="float64")
                dx = kernels.avg_pool2d_backward(dy, x.shape, 2, **options)
                assert (dy * y).sum() == (dx * x).sum() != 0
                y, argmax = kernels.max_pool2d(x, 2, **options)
                dx = kernels.max_pool2d_backward(dy, argmax, x.shape, 2, **options)
                assert (dy * y).sum() == (dx * x).sum() != 0


@pytest.mark.parametrize("name", isas())
def test_global_pooling_is_one_window(name):
    for c in CHANNELS:
        x = integers((3, 5, 8, c), c)
        dy = integers((3, c), c + 1)
        with isa(name):
            assert_exact(kernels.global_avg_pool2d(x), reference.global_avg_pool2d(x))
            dx = np.full_like(x, np.nan)
            kernels.global_avg_pool2d_backward(dy, x.shape, out=dx)
        assert_exact(dx, reference.global_avg_pool2d_backward(dy, x.shape))


@pytest.mark.parametrize("name", isas())
def test_outputs_beyond_the_caches(name):
    shape = (5, 64, 1024, 16)  # 20 MiB, written past the caches when aligned
    x = integers((1, *shape[1:]), 1).repeat(shape[0], axis=0)
    small, places = reference.max_pool2d(x[:1], 2)
    for make in (aligned_empty, np.empty):
        with isa(name), threads(3):
            y, argmax = kernels.max_pool2d(x, 1, out=(make(shape, "float32"), None))
            dx = kernels.max_pool2d_backward(
                small.repeat(shape[0], axis=0),
                places.repeat(shape[0], axis=0),
                shape,
                2,
                out=make(shape, "float32"),
            )
        assert np.array_equal(y, x)
        assert not argmax.any()
        wanted = reference.max_pool2d_backward(small, places, x[:1].shape, 2)
        assert (dx == wanted).all()


def test_empty_batches_work():
    x = np.empty((0, 4, 4, 3), "float32")
    y, argmax = kernels.max_pool2d(x, 2)
    assert y.shape == argmax.shape == (0, 2, 2, 3)
    assert kernels.max_pool2d_backward(y, argmax, x.shape, 2).shape == x.shape
    assert kernels.avg_pool2d(x, 2).shape == (0, 2, 2, 3)
    assert kernels.avg_pool2d_backward(y, x.shape, 2).shape == x.shape
    assert kernels.global_avg_pool2d(x).shape == (0, 3)
    assert kernels.global_avg_pool2d_backward(y[:, 0, 0], x.shape).shape == x.shape


def test_any_layout_and_read_only_inputs_give_the_same():
    x = integers((2, 6, 7, 5), 1)
    y, places = kernels.max_pool2d(x, 2)
    for name, view in layouts(x):
        before = view.tobytes()
        assert_exact(kernels.max_pool2d(view, 2)[0], y)
        assert view.tobytes() == before, name
    for name, view in layouts(y):
        dx = kernels.max_pool2d_backward(view, places, x.shape, 2)
        assert dx.sum() == y.sum(), name


def test_a_recorded_call_follows_its_arrays():
    plan = core.Plan()
    x = integers((1, 4, 4, 6), 1)
    y, argmax = np.empty((1, 2, 2, 6), "f4"), np.empty((1, 2, 2, 6), "u1")
    dx = np.empty_like(x)
    with plan.record():
        kernels.max_pool2d(x, 2, out=(y, argmax))
        kernels.max_pool2d_backward(y, argmax, x.shape, 2, out=dx)
    x[...] = integers(x.shape, 2)
    plan.run()
    want, places = reference.max_pool2d(x, 2)
    assert_exact(y, want)
    assert_exact(dx, reference.max_pool2d_backward(want, places, x.shape, 2))


GUARDED = """
import numpy as np
from pellucid import kernels
from tests.support.data import integers
from tests.support.guard import SIDES, guarded, guarded_copy
from tests.support.threads import isa, isas

for name in isas():
    with isa(name):
        for side in SIDES:
            for dtype in ("float32", "float64"):
                for c in (1, 2, 3, 5, 6, 7, 8, 9, 16, 17, 33):
                    for hw, pool, options in CASES:
                        x = guarded_copy(integers((1, *hw, c), c, dtype=dtype), side)
                        y, places = kernels.max_pool2d(x, pool, **options)
                        out = guarded(y.shape, dtype, side)
                        index = guarded(y.shape, places.dtype, side)
                        kernels.max_pool2d(x, pool, out=(out, index), **options)
                        kernels.avg_pool2d(x, pool, out=out, **options)
                        dy, dx = guarded_copy(y, side), guarded(x.shape, dtype, side)
                        index = guarded_copy(places, side)
                        kernels.max_pool2d_backward(
                            dy, index, x.shape, pool, out=dx, **options)
                        assert np.isfinite(dx).all()
                        kernels.avg_pool2d_backward(
                            dy, x.shape, pool, out=dx, **options)
                    total = guarded((1, c), dtype, side)
                    kernels.global_avg_pool2d(x, out=total)
                    kernels.global_avg_pool2d_backward(total, x.shape, out=dx)
"""


def test_nothing_outside_the_arrays_is_touched():
    chosen = ("2x2", "2x2 touching", "3x3 by 2 same", "gaps", "1x1 by 2", "300 taps")
    cases = [GEOMETRIES[geometry] for geometry in chosen]
    assert_survives(GUARDED.replace("CASES", repr(cases)))


def test_every_variant_is_listed():
    rows = kernels.variants("pool")
    assert {row["isa"] for row in rows} >= set(isas())
    assert {row["dtype"] for row in rows} == set(DTYPES)
