"""Alpha dropout and normal noise: the bits of the reference, and the moments."""

import math

import numpy as np
import pytest

from pellucid import kernels
from pellucid.kernels import reference
from tests.kernels.exact import compiled_and_threaded, core
from tests.support.bounds import assert_exact
from tests.support.data import VECTOR_SIZES, uniform
from tests.support.guard import assert_survives
from tests.support.threads import THREADS, isa, isas, threads

pytestmark = compiled_and_threaded

DTYPES = ("float32", "float64")
SIZES = [0, *VECTOR_SIZES, 4096, 9001]
KEY = {"seed": 2**32 - 1, "stream": 5}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.99])
def test_alpha_dropout_is_exact(rate, name, dtype):
    for size in SIZES:
        x = uniform((size,), 1, dtype=dtype)
        x[::5] = np.nan  # where it falls out, it is gone
        with isa(name), threads(1 + size % 3):
            counters = np.full((2, 1), 2**40 + 7, np.uint64)
            out = np.full(size, 7, dtype), np.full((size + 7) // 8, 9, np.uint8)
            kernels.alpha_dropout(x, rate, counter=counters[0], out=out, **KEY)
            want = reference.alpha_dropout(x, rate, counter=counters[1], **KEY)
            assert_exact(out[0], want[0])
            assert_exact(out[1], want[1])
            assert counters[0, 0] == counters[1, 0] == 2**40 + 8
            dx = kernels.alpha_dropout_backward(x, out[1], rate)
            assert_exact(dx, reference.alpha_dropout_backward(x, out[1], rate))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
def test_noise_is_exact(name, dtype):
    for size in SIZES:
        x = uniform((size,), 1, dtype=dtype)
        for count in THREADS:
            with isa(name), threads(count):
                counters = np.full((2, 1), 2**40 + 7, np.uint64)
                y = kernels.gaussian_noise(x, 0.3, counter=counters[0], **KEY)
                want = reference.gaussian_noise(x, 0.3, counter=counters[1], **KEY)
            assert_exact(y, want)
            assert counters[0, 0] == counters[1, 0] == 2**40 + 8
    still = kernels.gaussian_noise(x, 0.0, counter=counters[0], **KEY)
    assert_exact(still, x)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.7])
def test_alpha_dropout_keeps_mean_and_variance(rate):
    count = 1 << 20
    x = kernels.random_normal((count,), seed=3, stream=8, dtype="float64")
    y, mask = kernels.alpha_dropout(x, rate, counter=np.zeros(1, np.uint64), **KEY)
    # Moments within 5 standard errors; the fourth moment of y is below 40.
    assert abs(y.mean()) < 5 / math.sqrt(count)
    assert abs(y.var() - 1) < 5 * math.sqrt(40 / count)
    kept = np.unpackbits(mask, count=count, bitorder="little")
    assert abs(kept.mean() - (1 - rate)) < 5 * math.sqrt(rate * (1 - rate) / count)
    assert len(set(y[kept == 0])) == 1


def test_noise_has_its_deviation():
    count = 1 << 20
    y = kernels.gaussian_noise(
        np.ones(count), 0.5, counter=np.zeros(1, np.uint64), **KEY
    )
    assert abs(y.mean() - 1) < 5 * 0.5 / math.sqrt(count)
    assert abs(y.std() / 0.5 - 1) < 5 / math.sqrt(2 * count)


def test_several_threads_take_part():
    x, counter = uniform((20_000,), 1), np.zeros(1, np.uint64)
    with threads(3):
        kernels.alpha_dropout(x, 0.5, counter=counter, **KEY)
        assert core.last_region_threads() > 1
        kernels.gaussian_noise(x, 0.5, counter=counter, **KEY)
        assert core.last_region_threads() > 1


def test_recorded_calls_draw_anew():
    x, counter = uniform((100,), 1), np.zeros(1, np.uint64)
    plan = core.Plan()
    y, z = np.empty_like(x), np.empty_like(x)
    mask = np.empty(13, np.uint8)
    with plan.record():
        kernels.gaussian_noise(x, 0.5, counter=counter, out=y, **KEY)
        kernels.alpha_dropout(x, 0.5, counter=counter, out=(z, mask), **KEY)
    first = y.copy(), z.copy()
    plan.run()
    assert counter[0] == 4
    step = np.full(1, 2, np.uint64)
    assert_exact(y, reference.gaussian_noise(x, 0.5, counter=step, **KEY))
    assert_exact(z, reference.alpha_dropout(x, 0.5, counter=step, **KEY)[0])
    assert (y != first[0]).any()
    assert (z != first[1]).any()


GUARDED = """
import numpy as np
from pellucid import kernels
from tests.support.data import VECTOR_SIZES, uniform
from tests.support.guard import SIDES, guarded, guarded_copy
from tests.support.threads import isa, isas

counter = np.zeros(1, np.uint64)
key = {"seed": 1, "stream": 2, "counter": counter}
for name in isas():
    with isa(name):
        for side in SIDES:
            for dtype in ("float32", "float64"):
                for size in VECTOR_SIZES:
                    x = guarded_copy(uniform((size,), 1, dtype=dtype), side)
                    y = guarded((size,), dtype, side)
                    mask = guarded(((size + 7) // 8,), np.uint8, side)
                    kernels.alpha_dropout(x, 0.5, out=(y, mask), **key)
                    kernels.alpha_dropout_backward(x, mask, 0.5, out=y)
                    kernels.gaussian_noise(x, 0.5, out=y, **key)
                    assert np.isfinite(y).all()
"""


def test_nothing_outside_the_arrays_is_touched():
    assert_survives(GUARDED)
