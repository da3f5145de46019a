"""Batch normalization: exact where it can be, within bounds elsewhere; folding.

The trick behind the exact tests: with a variance plus epsilon of 4, 16 or 64 and whole
numbers for the rest, nothing rounds, so every tail and every chunk must count right.
"""

import numpy as np
import pytest

from pellucid import kernels
from pellucid.kernels import reference
from tests.kernels.batch_norm import backward, noise, train, vectors
from tests.kernels.exact import compiled_and_threaded
from tests.support.bounds import (
    assert_exact,
    assert_not_vacuous,
    assert_within,
    dot_bound,
    unit_roundoff,
)
from tests.support.data import generator, integers, uniform
from tests.support.threads import isa, isas, threads

pytestmark = compiled_and_threaded

DTYPES = ("float32", "float64")
WIDE = {"float32": np.float64, "float64": np.longdouble}

CHANNELS = (1, 2, 3, 5, 6, 8, 15, 16, 17, 31, 33, 63, 64, 65, 72, 100, 257)
"""Every kind of row: whole vectors of several values, and tails of single ones."""


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
