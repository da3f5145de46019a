"""exp, log, erf and the activations: ULP, rising, specials, equal bits on every ISA."""

from functools import cache

import numpy as np
import pytest

from tests.kernels.exact import (
    FMA_ISAS,
    ISAS,
    core,
    every_dtype,
    every_isa,
    forced,
    forced_results,
    one_result,
)
from tests.support.bounds import assert_exact, assert_within_ulps
from tests.support.data import VECTOR_SIZES
from tests.support.functions import erf, normal_cdf
from tools import ulp_all

inf, nan = np.inf, np.nan

WIDE = {"float32": np.float64, "float64": np.longdouble}
WHOLE = {"float32": np.int32, "float64": np.int64}


def sigmoid(x):
    """Of float64 or longdouble, without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def selu(x):
    wide = x.dtype.type
    scale, depth = wide("1.0507009873554804934"), wide("1.6732632423543772848")
    return scale * np.where(x > 0, x, depth * elu(x))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def kernel(name):
    return lambda x: core.activation(x, name)


FUNCTIONS = {
    "exp": (lambda x: core.elementary("exp", x), np.exp),
    "log": (lambda x: core.elementary("log", x), np.log),
    "log1p": (lambda x: core.elementary("log1p", x), np.log1p),
    "erf": (lambda x: core.elementary("erf", x), erf),
    "tanh": (kernel("tanh"), np.tanh),
    "sigmoid": (kernel("sigmoid"), sigmoid),
    "elu": (kernel("elu"), elu),
    "selu": (kernel("selu"), selu),
    "softplus": (kernel("softplus"), softplus),
    "gelu": (kernel("gelu"), lambda x: x * normal_cdf(x)),
    "silu": (kernel("silu"), lambda x: x * sigmoid(x)),
    "mish": (kernel("mish"), lambda x: x * np.tanh(softplus(x))),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)

# The largest distances over all floats, by tools/ulp_all.py, and a little more. Without
# FMA (portable) the polynomial of softplus rounds twice in every step, and gelu and erf
# cannot give back what their square loses: exp(-x^2 / 2) is off by x^2 / 2 half units,
# near 1,500 in float64.
ULPS = {"exp": 1.05, "log": 0.9, "log1p": 1.45, "tanh": 2.0, "sigmoid": 1.75}
ULPS |= {"erf": 1.5, "elu": 1.25, "selu": 3.2, "softplus": 2.1}
ULPS |= {"gelu": 8.0, "silu": 3.3, "mish": 4.8}
ULPS_PORTABLE = ULPS | {"softplus": 2.6}


TURNING = {"gelu", "silu", "mish"}  # these have a minimum
FALLS = {name: ["portable"] for name in ("sigmoid", "log1p", "erf")}
FALLS["softplus"] = core.isas()  # by a unit
"""The instruction sets on which a function does not rise everywhere."""
RISING = [
    (name, isa)
    for name in sorted({*FUNCTIONS} - TURNING)
    for isa in ISAS
    if isa not in FALLS.get(name, ())
]


def limit(name, isa, dtype):
    if name == "gelu" and isa == "portable":
        return 75.0 if dtype == "float32" else 400.0
    return (ULPS_PORTABLE if isa == "portable" else ULPS)[name]


@cache
def some_floats(name, dtype):
    """Numbers of every exponent and both signs, and many from where the work is."""
    whole = WHOLE[dtype]
    random = np.random.default_rng(1)
    info = np.iinfo(whole)
    anything = random.integers(info.min, info.max, 400_000, dtype=whole).view(dtype)
    spread = random.uniform(-20, 20, 300_000).astype(dtype)
    near_0 = (
        random.uniform(-1, 1, 300_000) * 2.0 ** random.uniform(-30, 1, 300_000)
    ).astype(dtype)
    x = np.concatenate([anything, spread, near_0])
    if name == "log":
        x = np.concatenate([np.abs(x), 1 + np.abs(near_0) / 64, 1 - near_0 / 8])
    x = x[np.isfinite(x)]
    if name in ("erf", "gelu"):  # whose exact values take long
        x = x[:: 1 if dtype == "float32" else 7].copy()
    return np.abs(x) % 1 if name == "log1p" else x


@cache
def exact_values(name, dtype):
    """The numbers of `some_floats` and their results in higher precision."""
    x = some_floats(name, dtype)
    wide = x.astype(WIDE[dtype])
    with np.errstate(all="ignore"):
        y = FUNCTIONS[name][1](wide)
    y[np.abs(y) > np.finfo(dtype).max] = inf  # only exp: above
    return x, y


@every_isa
@every_dtype
@every_function
def test_ulps(name, dtype, isa):
    x, want = exact_values(name, dtype)
    with forced(isa), np.errstate(all="ignore"):
        worst = assert_within_ulps(FUNCTIONS[name][0](x), want, limit(name, isa, dtype))
    assert worst > 0.5, "nothing was rounded"


@every_function
def test_the_same_bits_with_every_fma(name):
    for dtype in ("float32", "float64"):
        x = some_floats(name, dtype)
        one_result(forced_results(lambda x=x: (FUNCTIONS[name][0](x),)))


@pytest.mark.parametrize("name", ulp_all.FUNCTIONS)
@pytest.mark.parametrize("every", [65_521, pytest.param(997, marks=pytest.mark.slow)])
def test_the_tool_that_takes_every_float(name, every):
    """One float in `every`, evenly over all bit patterns: 4.3 million where slow."""
    before = core.active_isa()
    with np.errstate(all="ignore"):
        tallies = ulp_all.measure(name, every)
    assert core.active_isa() == before
    assert list(tallies) == core.isas()
    for isa, tally in tallies.items():
        assert tally.count == 2 * -(-(2**31) // every)
        assert 0.4 < tally.worst <= limit(name, isa, "float32"), f"{isa}: {tally}"
        if isa not in FALLS.get(name, ()):
            assert tally.falls == 0, f"{isa}: {tally}"
    assert len({tallies[isa].digest.digest() for isa in FMA_ISAS}) <= 1


SPECIALS = {  # to each argument its result
    "exp": {0: 1, inf: inf, -inf: 0, 1000: inf, -1000: 0},
    "log": {0: -inf, 1: 0, inf: inf, -1: nan, -1e-40: nan, -inf: nan},
    "log1p": {0: 0},
    "tanh": {0: 0, inf: 1, -inf: -1, 30: 1, -30: -1, 1e-300: 1e-300},
    "sigmoid": {0: 0.5, inf: 1, -inf: 0, 50: 1, -10_000: 0},
    "erf": {0: 0, inf: 1, -inf: -1, 7: 1, -7: -1},
    "elu": {0: 0, inf: inf, -inf: -1, 5: 5, -1000: -1},
    "selu": {0: 0, inf: inf, -inf: -1.758099340847376625, 1: 1.05070098735548049},
    "softplus": {0: 0.693147180559945309, inf: inf, -inf: 0, 1000: 1000, -1000: 0},
    "gelu": {0: 0, inf: inf, -inf: 0, 1000: 1000, -1000: 0},
    "silu": {0: 0, inf: inf, -inf: -0.0, 1000: 1000, -1000: -0.0},
    "mish": {0: 0, inf: inf, -inf: -0.0, 1000: 1000, -1000: -0.0},
}


@every_isa
@every_dtype
@every_function
def test_specials(name, dtype, isa):
    info = np.finfo(dtype)
    pairs = [*SPECIALS[name].items(), (nan, nan)]
    with forced(isa):
        for shift in range(3):  # in other lanes
            x, want = np.roll(np.array(pairs, dtype), shift, axis=0).T.copy()
            assert_exact(FUNCTIONS[name][0](x), want)
        minus_0 = np.array([-0.0], dtype)
        at_0 = np.array([SPECIALS[name][0]], dtype)
        odd = name not in ("exp", "log", "log1p", "sigmoid", "softplus")
        assert_exact(FUNCTIONS[name][0](minus_0), minus_0 if odd else at_0)
        if name in ("tanh", "log1p", "elu"):  # f(x) = x where x is subnormal
            tiny = info.smallest_subnormal * np.arange(40, dtype=dtype)
            assert_exact(FUNCTIONS[name][0](tiny), tiny)
            if odd:
                assert_exact(FUNCTIONS[name][0](-tiny), -tiny)


@every_isa
@every_dtype
def test_exp_reaches_subnormal_numbers_and_log_accepts_them(dtype, isa):
    info = np.finfo(dtype)
    wide = WIDE[dtype]
    x = np.linspace(
        float(np.log(wide(info.smallest_subnormal))), np.log(info.tiny), 5000
    ).astype(dtype)
    tiny = info.smallest_subnormal * np.arange(1, 5000, dtype=dtype)
    with forced(isa):
        y = core.elementary("exp", x)
        assert_within_ulps(y, np.exp(x.astype(wide)), 1.0)
        assert np.count_nonzero((y > 0) & (y < info.tiny)) > 1000
        assert_within_ulps(core.elementary("log", tiny), np.log(tiny.astype(wide)), 1.0)


@every_dtype
@pytest.mark.parametrize(("name", "isa"), RISING)
def test_monotone(name, dtype, isa):
    whole = WHOLE[dtype]
    starts = [0.01, 0.3, 0.4142, 0.49, 0.6249, 0.7071, 0.9999, 1.0, 3.0, 8.0, 40.0]
    if name == "log1p":
        starts = [0.01, 0.3, 0.4141, 0.49, 0.7, 0.99]
    for start in starts:
        steps = np.arange(20_000, dtype=whole)
        x = (np.array(start, dtype).view(whole) + steps).view(dtype)
        with forced(isa):
            y = FUNCTIONS[name][0](x)
            assert (np.diff(y) >= 0).all(), start
            if name not in ("log", "log1p"):
                assert (np.diff(FUNCTIONS[name][0](-x)) <= 0).all(), -start


@every_isa
@every_dtype
@every_function
def test_a_number_does_not_depend_on_its_neighbours(name, dtype, isa):
    x = np.random.default_rng(2).uniform(0, 1, VECTOR_SIZES[-1]).astype(dtype)
    function = FUNCTIONS[name][0]
    with forced(isa):
        whole = function(x)
        for size in VECTOR_SIZES:
            np.testing.assert_array_equal(function(x[:size]), whole[:size])
        crowded = x.copy()
        crowded[1::2] = nan
        np.testing.assert_array_equal(function(crowded)[::2], whole[::2])


@every_function
def test_threads_do_not_change_bits(name):
    x = np.random.default_rng(3).uniform(0, 1, 3 * 4096 + 5).astype(np.float32)
    results = forced_results(lambda: (FUNCTIONS[name][0](x),), ISAS[:1])
    one_result(results)
