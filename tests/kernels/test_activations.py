"""Activations of single elements, forward and backward, against the reference."""

import itertools

import numpy as np
import pytest

from pellucid.kernels import ACTIVATIONS, reference
from tests.kernels.exact import core, every_dtype, every_isa, forced
from tests.kernels.test_eltwise import NAMES, SIZES, fresh
from tests.support.bounds import assert_exact, assert_within, dot_bound, layer_bound
from tests.support.data import integers, uniform
from tests.support.functions import normal_cdf

EXACT = ["relu", "leaky_relu", "hard_swish"]  # the twin takes the same steps
EXACT_BACKWARD = [*EXACT, "sigmoid", "tanh", "elu", "selu"]
every_name = pytest.mark.parametrize("name", NAMES)


@every_isa
@every_dtype
@pytest.mark.parametrize("name", EXACT_BACKWARD)
def test_activations_without_polynomials_are_exact(name, dtype, isa, threads):
    with forced(isa, threads):
        for size in SIZES:
            x, dy = integers((size,), 1, dtype=dtype), integers((size,), 2, dtype=dtype)
            if name in EXACT:
                y = core.activation(x, name, alpha=0.25, out=fresh(size, dtype))
                assert_exact(y, reference.activation(x, name, alpha=0.25))
            saved = 4 * uniform((size,), 3, dtype=dtype)
            dx = core.activation_backward(
                dy, saved, name, alpha=0.25, out=fresh(size, dtype)
            )
            want = reference.activation_backward(dy, saved, name, alpha=0.25)
            assert_exact(dx, want)


def exact_slope(name, x):
    """The derivative of a smooth activation at x, in longdouble."""
    x = x.astype(np.longdouble)
    s = 1 / (1 + np.exp(-x))
    if name == "softplus":
        return s
    if name == "silu":
        return s * (1 + x * (1 - s))
    if name == "mish":
        t = np.tanh(np.log1p(np.exp(x)))
        return t + x * s * (1 - t * t)
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.arccos(np.longdouble(-1)))
    return normal_cdf(x) + x * density


@every_isa
@every_dtype
@pytest.mark.parametrize("name", ["softplus", "gelu", "silu", "mish"])
def test_gradients_of_smooth_activations(name, dtype, isa, threads):
    with forced(isa, threads):
        for size in SIZES:
            x = 6 * uniform((size,), 3, dtype=dtype)
            dy = uniform((size,), 2, dtype=dtype)
            saved = x if ACTIVATIONS[name].saves == "x" else core.activation(x, name)
            dx = core.activation_backward(dy, saved, name, out=fresh(size, dtype))
            # The slope is a sum of parts below 1, which round, and what made them did.
            bound = layer_bound(2, np.abs(dy), dtype)
            assert_within(dx, exact_slope(name, x) * dy, bound)


@every_isa
@every_dtype
def test_elu_takes_its_depth_and_slopes_its_channels(dtype, isa):
    x = 6 * uniform((500,), 3, dtype=dtype)
    with forced(isa):
        unit, deep = core.activation(x, "elu"), core.activation(x, "elu", alpha=2.0)
        assert_exact(deep, np.where(x > 0, x, 2 * unit))
        slopes = core.activation_backward(np.ones_like(x), deep, "elu", alpha=2.0)
    assert_exact(slopes, np.where(deep > 0, 1, deep + 2).astype(dtype))


# Rows of few channels share a vector; a row of many is a period of its own.
CHANNELS = [1, 2, 3, 5, 8, 15, 16, 17, 33, 100, 1000]


@every_isa
@every_dtype
@pytest.mark.parametrize("shared", [False, True])
def test_prelu_of_whole_numbers_is_exact(shared, dtype, isa, threads):
    with forced(isa, threads):
        for c, rows in itertools.product(CHANNELS, [0, 1, 7, 300]):
            shape = (rows, c)
            x, dy = integers(shape, 1, dtype=dtype), integers(shape, 2, dtype=dtype)
            alpha = integers((1 if shared else c,), 3, dtype=dtype)
            y = core.prelu(x, alpha, out=fresh(shape, dtype))
            assert_exact(y, reference.prelu(x, alpha))
            out = fresh(shape, dtype), fresh(alpha.shape, dtype)
            got = core.prelu_backward(dy, x, alpha, out=out)
            for a, b in zip(got, reference.prelu_backward(dy, x, alpha), strict=True):
                assert_exact(a, b)


@every_isa
@every_dtype
def test_prelu_adds_within_the_bound_of_a_sum(dtype, isa):
    for c, shared in itertools.product([1, 3, 33], [False, True]):
        x, dy = (uniform((4000, c), seed, dtype=dtype) for seed in (1, 2))
        alpha = uniform((1 if shared else c,), 3, dtype=dtype)
        with forced(isa):
            _, dalpha = core.prelu_backward(dy, x, alpha)
        shares = np.where(x <= 0, dy.astype(np.longdouble) * x, 0)
        shares = shares.reshape(-1, alpha.size)
        bound = dot_bound(len(shares), np.abs(shares).sum(axis=0), dtype)
        assert_within(dalpha, shares.sum(axis=0), bound)


def test_prelu_hands_nan_and_infinity_on():
    x = np.array([[np.nan, np.inf, -np.inf, -0.0]], np.float32)
    one, half = np.ones_like(x), np.full(4, 0.5, np.float32)
    y = core.prelu(x, half)
    np.testing.assert_array_equal(y, [[np.nan, np.inf, -np.inf, 0]])
    dx, dalpha = core.prelu_backward(one, x, half)
    np.testing.assert_array_equal(dx, [[1, 1, 0.5, 0.5]])
    np.testing.assert_array_equal(dalpha, [0, 0, -np.inf, 0])


@every_isa
@every_dtype
@every_name
def test_specials_of_activations(name, dtype, isa):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40] * 5, dtype)
    with forced(isa), np.errstate(all="ignore"):
        y = core.activation(x, name)
        want = reference.activation(x, name)
        np.testing.assert_allclose(y, want, rtol=1e-6, atol=1e-38)
        saved = x if name not in ("elu", "selu", "softplus") else y
        dx = core.activation_backward(np.ones_like(x), saved, name)
        want_dx = reference.activation_backward(np.ones_like(x), saved, name)
        np.testing.assert_allclose(dx, want_dx, rtol=1e-6, atol=1e-38)
        if name in EXACT_BACKWARD:
            assert_exact(dx, want_dx)
    if name == "relu":
        assert_exact(y, want)
        assert not np.signbit(y[4])


@every_isa
@every_name
def test_activations_work_in_place(name, isa):
    x, dy = uniform((3, 37), 1), uniform((3, 37), 2)
    with forced(isa):
        want = core.activation(x, name)
        slope = core.activation_backward(dy, want, name)
        assert core.activation(x, name, out=x) is x
        assert_exact(x, want)
        assert core.activation_backward(dy, want, name, out=dy) is dy
        assert_exact(dy, slope)
