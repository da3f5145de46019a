"""Up-sampling, adaptive pooling, padding: exact where it can be, the same bits always.

Whole numbers stay exact under nearest pixels, padding, bilinear factors that are powers
of two, and windows of 1, 2 or 4 elements a side.
"""

from itertools import pairwise

import numpy as np
import pytest

from pellucid import kernels
from pellucid.kernels import reference
from tests.kernels.exact import compiled_and_threaded, core
from tests.support.bounds import (
    assert_exact,
    assert_not_vacuous,
    assert_within,
    dot_bound,
)
from tests.support.data import integers, uniform
from tests.support.guard import assert_survives, layouts
from tests.support.threads import THREADS, isa, isas, threads

pytestmark = compiled_and_threaded

DTYPES = ("float32", "float64")
FMA_ISAS = [name for name in isas() if name != "portable"]
CHANNELS = (1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 65)


def maps(exact):
    """Rows (forward, backward, h, w, arguments, options); backward takes dy first."""
    up, adaptive, pad = "upsample2d", "adaptive_avg_pool2d", "zero_pad2d"
    bilinear = {"interpolation": "bilinear"}
    rows = [
        (up, 3, 4, (2,), {}),
        (up, 1, 5, ((3, 1),), {}),
        (up, 2, 1, ((1, 5),), {}),
        (up, 3, 4, (2,), bilinear),
        (up, 1, 3, ((4, 2),), bilinear),
        (up, 5, 1, ((1, 4),), bilinear),
        (adaptive, 4, 8, (2,), {}),
        (adaptive, 3, 2, ((3, 4),), {}),
        (pad, 3, 4, (1,), {}),
        (pad, 1, 2, (((2, 0), (0, 3)),), {}),
        (pad, 2, 3, (0,), {}),
    ]
    if not exact:
        rows += [
            (up, 4, 3, ((3, 5),), bilinear),
            (up, 2, 7, (7,), bilinear),
            (adaptive, 7, 5, ((3, 2),), {}),
            (adaptive, 3, 5, ((7, 8),), {}),
            (adaptive, 13, 9, (1,), {}),
        ]
    return rows


def both(twin, op, x, dy, args, options):
    """Forward and backward of a map, into poisoned memory."""
    function, gradient = getattr(twin, op), getattr(twin, f"{op}_backward")
    given = (x.shape,) if op == "adaptive_avg_pool2d" else args
    y, dx = np.full_like(dy, np.nan, order="C"), np.full_like(x, np.nan, order="C")
    assert function(x, *args, **options, out=y) is y
    assert gradient(dy, *given, **options, out=dx) is dx
    return y, dx


def case(row, n, c, make, dtype):
    op, h, w, args, options = row
    x = make((n, h, w, c), c, dtype=dtype)
    dy = make(getattr(reference, op)(x, *args, **options).shape, c + 1, dtype=dtype)
    return op, x, dy, args, options


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
def test_whole_numbers_are_exact(name, dtype):
    for row in maps(exact=True):
        for c in CHANNELS:
            given = case(row, 1 + c % 3, c, integers, dtype)
            with isa(name), threads(1 + c % 3):
                got = both(kernels, *given)
            for a, b in zip(got, both(reference, *given), strict=True):
                assert_exact(a + 0, b + 0)
        assert_not_vacuous(got[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
def test_real_numbers_are_within_the_bound(name, dtype):
    for row in maps(exact=False):
        for c in (1, 3, 17, 40):
            op, x, dy, args, options = case(row, 2, c, uniform, dtype)
            with isa(name):
                got = both(kernels, op, x, dy, args, options)
            wide = x.astype("f8"), dy.astype("f8")
            want = both(reference, op, *wide, args, options)
            sizes = both(reference, op, *map(abs, wide), args, options)
            terms = x.shape[1] * x.shape[2] + 4
            for a, b, size in zip(got, want, sizes, strict=True):
                assert_within(a, b, 2 * dot_bound(min(terms, 60), size, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_threads_and_isa(dtype):
    for row in maps(exact=False):
        for c in (1, 7, 16, 33):
            given = case(row, 3, c, uniform, dtype)
            results = []
            for name in FMA_ISAS:
                for count in THREADS:
                    with isa(name), threads(count):
                        results.append([a.tobytes() for a in both(kernels, *given)])
            assert all(a == b for a, b in pairwise(results))


def test_several_threads_take_part():
    x = uniform((8, 16, 16, 16), 1)
    for call in (
        lambda: kernels.upsample2d(x, 2),
        lambda: kernels.zero_pad2d(x, 1),
        lambda: kernels.zero_pad2d_backward(x, 1),
    ):
        with threads(3):
            call()
            assert core.last_region_threads() > 1


def test_nan_and_infinity_reach_what_they_touch():
    x = np.ones((1, 4, 4, 3), "f4")
    x[0, 1, 1, 1] = np.inf
    assert np.isinf(kernels.upsample2d(x, 3)).sum() == 9
    y = kernels.upsample2d(x, 2, interpolation="bilinear")
    assert np.isinf(y).sum() == 16
    assert not np.isnan(y).any()
    x[0, 1, 1, 1] = np.nan
    assert np.isnan(kernels.adaptive_avg_pool2d(x, 2)).sum() == 1
    assert np.isnan(kernels.zero_pad2d(x, 1)).sum() == 1


def test_minus_zero_is_copied():
    x = np.full((1, 2, 2, 5), -0.0)
    assert np.signbit(kernels.upsample2d(x, 3)).all()


def test_any_layout_and_read_only_inputs_give_the_same():
    for row in maps(exact=False):
        op, x, _, args, options = case(row, 2, 5, uniform, "float32")
        want = getattr(kernels, op)(x, *args, **options)
        for name, view in layouts(x):
            before = view.tobytes()
            assert_exact(getattr(kernels, op)(view, *args, **options), want)
            assert view.tobytes() == before, name


def test_empty_batches_work():
    for row in maps(exact=True):
        for array in both(kernels, *case(row, 0, 3, uniform, "float32")):
            assert array.shape[0] == 0


def test_recorded_calls_follow_their_arrays():
    for row in maps(exact=False):
        op, x, dy, args, options = case(row, 2, 5, uniform, "float32")
        plan = core.Plan()
        with plan.record():
            got = both(kernels, op, x, dy, args, options)
        for array in (x, dy):
            array[...] = uniform(array.shape, 77)
        plan.run()
        for a, b in zip(got, both(kernels, op, x, dy, args, options), strict=True):
            assert_exact(a, b)


GUARDED = """
import numpy as np
from pellucid import kernels
from tests.kernels.test_resample import case, maps
from tests.support.data import uniform
from tests.support.guard import SIDES, guarded, guarded_copy
from tests.support.threads import isa, isas

for name in isas():
    with isa(name):
        for side in SIDES:
            for dtype in ("float32", "float64"):
                for row in maps(exact=False):
                    for c in (1, 3, 8, 15, 17, 33, 66):
                        op, x, dy, args, options = case(row, 2, c, uniform, dtype)
                        x, dy = guarded_copy(x, side), guarded_copy(dy, side)
                        y = guarded(dy.shape, dtype, side)
                        dx = guarded(x.shape, dtype, side)
                        getattr(kernels, op)(x, *args, **options, out=y)
                        given = (x.shape,) if op.startswith("adaptive") else args
                        backward = getattr(kernels, op + "_backward")
                        backward(dy, *given, **options, out=dx)
                        assert np.isfinite(y).all() and np.isfinite(dx).all()
"""


def test_nothing_outside_the_arrays_is_touched():
    assert_survives(GUARDED)
