"""Batch normalization: the same bits, inside its memory, recorded and refused calls."""

from itertools import pairwise

import numpy as np
import pytest

from pellucid import kernels
from pellucid.core.workspace import aligned_empty
from pellucid.kernels import reference
from tests.kernels.batch_norm import backward, noise, train, vectors
from tests.kernels.exact import compiled_and_threaded, core
from tests.support.bounds import assert_exact, assert_within
from tests.support.data import integers, uniform
from tests.support.guard import assert_survives, layouts
from tests.support.threads import THREADS, isa, isas, threads

pytestmark = compiled_and_threaded

DTYPES = ("float32", "float64")
FMA_ISAS = [name for name in isas() if name != "portable"]


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
        assert core.last_region_threads() > 1


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
    plan = core.Plan()
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
