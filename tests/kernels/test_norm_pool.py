"""Batch normalization with max pooling behind it, in one kernel."""

import numpy as np
import pytest

from pellucid import kernels
from tests.kernels.batch_norm import train
from tests.kernels.exact import compiled_and_threaded, core
from tests.support.bounds import assert_exact
from tests.support.data import uniform
from tests.support.threads import isa, isas, threads

pytestmark = compiled_and_threaded

DTYPES = ("float32", "float64")

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
    plan = core.Plan()
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
