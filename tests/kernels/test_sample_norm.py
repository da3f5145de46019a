"""Layer and group normalization: exact where it can be, within bounds, the same bits.

As with batch normalization, whole numbers at -3 and 3 around a whole mean, an epsilon
that makes a deviation of 4, and gradients whose sums divide evenly round nowhere.
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
    unit_roundoff,
)
from tests.support.data import generator, integers, uniform
from tests.support.guard import assert_survives, layouts
from tests.support.threads import THREADS, isa, isas, threads

pytestmark = compiled_and_threaded

DTYPES = ("float32", "float64")
FMA_ISAS = [name for name in isas() if name != "portable"]
WIDE = {"float32": np.float64, "float64": np.longdouble}

# (shape, groups): 0 groups is layer normalization.
SHAPES = [
    *(((3, c), 0) for c in (2, 4, 6, 14, 16, 18, 32, 34, 66, 130)),
    ((200, 8), 0),
    ((65, 1, 32), 0),
    ((2, 3, 5, 48), 0),
    ((3, 4), 1),
    ((2, 32), 2),
    ((3, 5, 6), 3),
    ((2, 7, 6, 8), 2),
    ((1, 50, 33), 33),
    ((5, 20, 20, 6), 1),
    ((2, 24, 24, 16), 4),
    ((3, 9, 66), 2),
]


def normalize(twin, x, gamma, beta, groups, **options):
    """y, mean and inv_std, into poisoned memory."""
    shape = (x.shape[0], groups) if groups else x.shape[:-1]
    dtype = x.dtype.newbyteorder("=")
    out = tuple(np.full(s, np.nan, dtype) for s in (x.shape, shape, shape))
    if groups:
        got = twin.group_norm(x, gamma, beta, groups, out=out, **options)
    else:
        got = twin.layer_norm(x, gamma, beta, out=out, **options)
    assert all(a is b for a, b in zip(got, out, strict=True))
    return got


def gradients(twin, dy, x, gamma, mean, inv_std, groups):
    """dx, dgamma and dbeta, into poisoned memory."""
    c = x.shape[-1:]
    out = tuple(np.full(s, np.nan, x.dtype) for s in (x.shape, c, c))
    function = twin.group_norm_backward if groups else twin.layer_norm_backward
    got = function(dy, x, gamma, mean, inv_std, out=out)
    assert all(a is b for a, b in zip(got, out, strict=True))
    return got


def by_group(array, groups):
    """(samples, values of a group, other axes): what a mean is taken over is axis 1."""
    n, c = array.shape[0], array.shape[-1]
    if not groups:
        return array.reshape(-1, c, 1)
    parts = array.reshape(n, -1, groups, c // groups).swapaxes(2, 3)
    return parts.reshape(n, -1, groups)


def spread(values, like, groups):
    """One number for each group, repeated to the shape of an array."""
    n, c = like.shape[0], like.shape[-1]
    if not groups:
        return np.broadcast_to(values.reshape(*like.shape[:-1], 1), like.shape)
    repeated = values.repeat(c // groups, axis=1)
    return np.broadcast_to(repeated.reshape(n, *[1] * (like.ndim - 2), c), like.shape)


def balanced(shape, groups, seed, dtype):
    """x at -3 and 3 around a whole mean of each group, and the means."""
    parts = by_group(np.empty(shape), groups)
    count = parts.shape[1]
    sides = np.resize([3, -3], count)[:, None] * np.ones(parts[0, 0].shape)
    rng = generator(shape, seed)
    values = np.stack([rng.permuted(sides, axis=0) for _ in parts])
    means = rng.integers(-8, 9, (parts.shape[0], parts.shape[2]))
    if groups:
        n, c = shape[0], shape[-1]
        grid = values.reshape(n, -1, c // groups, groups).swapaxes(2, 3)
        x = grid.reshape(shape)
        means = means.reshape(n, groups)
    else:
        x, means = values.reshape(shape), means.reshape(shape[:-1])
    return (x + spread(means, x, groups)).astype(dtype), means.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
def test_forward_is_exact_on_whole_numbers(name, dtype):
    for seed, (shape, groups) in enumerate(SHAPES):
        values = by_group(np.empty(shape), groups).shape[1]
        # float64 shows the rounding of the means of single channels.
        whole = dtype == "float32" or not groups or values & (values - 1) == 0
        if values % 2 or not whole:
            continue
        x, means = balanced(shape, groups, seed, dtype)
        gamma, beta = (integers(shape[-1:], i, dtype=dtype) for i in (1, 2))
        with isa(name), threads(1 + seed % 3):
            y, mean, inv_std = normalize(kernels, x, gamma, beta, groups, epsilon=7.0)
        assert_exact(mean + 0, means + 0)
        assert_exact(inv_std, np.full_like(means, 0.25))
        want = (x - spread(means, x, groups)) / 4 * gamma + beta
        assert_exact(y + 0, want.astype(dtype) + 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
def test_backward_is_exact_on_whole_numbers(name, dtype):
    exact = [((2, 32), 2), ((3, 8, 2, 8), 2), ((2, 16, 16, 4), 1), ((3, 8), 8)]
    exact += [((n, c), 0) for n in (1, 70) for c in (1, 2, 4, 16, 32, 64, 128)]
    for seed, (shape, groups) in enumerate(exact):
        x = integers(shape, seed, limit=3, dtype=dtype)
        dy = integers(shape, seed + 1, limit=3, dtype=dtype)
        gamma = integers(shape[-1:], 3, limit=2, dtype=dtype)
        inner = (shape[0], groups) if groups else shape[:-1]
        inv_std = np.resize(np.array([0.5, 1, 2], dtype), inner)
        if groups:
            mean = integers(inner, 4, limit=3, dtype=dtype)
        else:  # rows know their mean: only a true one is exact
            x = 2 * integers(shape, seed, limit=3, dtype=dtype)
            x[..., 0] -= x.sum(-1)
            mean = np.zeros(inner, dtype)
        with isa(name), threads(1 + seed % 3):
            got = gradients(kernels, dy, x, gamma, mean, inv_std, groups)
        given = [a.astype("f8") for a in (dy, x, gamma, mean, inv_std)]
        want = gradients(reference, *given, groups)
        assert_exact(got[0] + 0, want[0].astype(dtype) + 0)
        assert_exact(got[1] + 0, want[1].astype(dtype) + 0)
        assert_exact(got[2] + 0, want[2].astype(dtype) + 0)
    assert_not_vacuous(got[0])


DATA = {
    "noise": lambda x: x,
    "far from zero": lambda x: 1000 + x / 100,
    "one large": lambda x: np.where(np.arange(x.size).reshape(x.shape) % 97, x, 300),
}


def real_case(make, shape, dtype):
    """x, dy, gamma, beta of this dtype."""
    noise = [generator(shape, i, "noise").normal(size=shape) for i in (1, 2)]
    x = DATA[make](noise[0]).astype(dtype)
    vectors = [generator(shape, i, "noise").normal(size=shape[-1]) for i in (3, 4)]
    return x, noise[1].astype(dtype), *(v.astype(dtype) for v in vectors)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("name", isas())
def test_forward_is_within_the_bound(name, make, dtype):
    u = unit_roundoff(dtype)
    for shape, groups in SHAPES:
        x, _, gamma, beta = real_case(make, shape, dtype)
        with isa(name):
            y, mean, inv_std = normalize(kernels, x, gamma, beta, groups)
        exact = x.astype(WIDE[dtype])
        parts = by_group(exact, groups)
        means = parts.mean(1)
        variance = ((parts - means[:, None]) ** 2).mean(1)
        inverse = 1 / np.sqrt(variance + 1e-5)
        # A chain is at most 256 long, and only deviations go into it.
        chain = dot_bound(min(parts.shape[1], 256), 1.0, dtype) + 4 * u
        size = abs(means) + np.sqrt(variance)
        assert_within(
            mean, means.reshape(mean.shape), (chain * size).reshape(mean.shape)
        )
        inverse = inverse.reshape(mean.shape)
        # In float64 the mean has no more digits than x: its error shows.
        lost = size.reshape(mean.shape) * inverse if dtype == "float64" else 0
        assert_within(inv_std, inverse, 2 * chain * inverse * (1 + lost))
        s = spread(inverse, x, groups)
        n = (exact - spread(means.reshape(mean.shape), x, groups)) * s
        lost = spread(lost, x, groups) if dtype == "float64" else 0
        bound = 2 * chain * (abs(n * gamma) + abs(gamma) * (1 + lost) + abs(beta))
        assert_within(y, n * gamma + beta, bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("name", isas())
def test_gradients_are_within_the_bound(name, make, dtype):
    for shape, groups in SHAPES:
        x, dy, gamma, beta = real_case(make, shape, dtype)
        with isa(name):
            _, mean, inv_std = normalize(kernels, x, gamma, beta, groups)
            dx, dgamma, dbeta = gradients(kernels, dy, x, gamma, mean, inv_std, groups)
        exact = x.astype(WIDE[dtype])
        parts = by_group(exact, groups)
        # Rows mend the rounding of their mean; groups take it as it is.
        true = parts.mean(1).reshape(mean.shape) if not groups else mean
        s, at = (spread(v.astype(exact.dtype), x, groups) for v in (inv_std, true))
        n, g = (exact - at) * s, dy.astype(exact.dtype) * gamma

        def over(values, groups=groups, mean=mean, x=x):
            means = by_group(values, groups).mean(1).reshape(mean.shape)
            return spread(means, x, groups)

        want = s * (g - over(g) - n * over(g * n))
        chain = 2 * dot_bound(min(parts.shape[1], 256) + 8, 1.0, dtype)
        # What the mean of float64 cannot hold, as above.
        lost = abs(at) * s if dtype == "float64" else 0
        shares = (
            abs(g)
            + over(abs(g))
            + (abs(n) + lost) * (over(abs(g) * (abs(n) + lost)) + over(abs(g)) * lost)
        )
        assert_within(dx, want, chain * s * shares)
        axes = tuple(range(x.ndim - 1))
        rows = 2 * dot_bound(64 + 256, 1.0, dtype)
        assert_within(dbeta, dy.astype(exact.dtype).sum(axes), rows * abs(dy).sum(axes))
        size = (abs(dy) * (abs(n) + lost)).sum(axes)
        assert_within(
            dgamma, (dy * n).sum(axes), (rows + chain) * size + rows * abs(dy).sum(axes)
        )


@pytest.mark.parametrize("name", isas())
def test_constant_rows_have_no_variance(name):
    for value in (0.0, 0.1, -1e18, 3e7):
        x = np.full((5, 33), value, "float32")
        with isa(name):
            y, mean, inv_std = normalize(kernels, x, x[0], uniform((33,), 1), 0)
        lost = 4 * unit_roundoff() * abs(value)
        assert_within(mean, x[:, 0], lost)
        assert np.isfinite(y).all()
        assert (1 / inv_std.astype("f8") ** 2 <= 1.001e-5 + 4 * lost**2).all()


@pytest.mark.parametrize("name", isas())
def test_a_nan_stays_in_its_sample_and_group(name):
    for groups in (0, 3):
        x, gamma = uniform((4, 5, 6), 1), uniform((6,), 2)
        x[2, 3, 4] = np.nan
        with isa(name):
            y, mean, inv_std = normalize(kernels, x, gamma, gamma, groups)
            dx = gradients(kernels, y, x, gamma, mean, inv_std, groups)[0]
        where = np.zeros(x.shape, bool)
        if groups:
            where[2, :, 4:6] = True
        else:
            where[2, 3] = True
        for array in (y, dx):
            assert (np.isnan(array) == where).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_threads_and_isa(dtype):
    for shape, groups in [*SHAPES, ((1000, 24), 0), ((9, 300, 40), 5)]:
        x, dy, gamma, beta = real_case("noise", shape, dtype)
        factors = uniform((shape[0], shape[-1]), 1, dtype=dtype)
        results = []
        for name in FMA_ISAS:
            for count in THREADS:
                with isa(name), threads(count):
                    got = normalize(kernels, x, gamma, beta, groups)
                    arrays = [
                        *got,
                        *gradients(kernels, dy, x, gamma, *got[1:], groups),
                        kernels.scale_channels(x, factors),
                    ]
                    results.append([array.tobytes() for array in arrays])
        assert all(a == b for a, b in pairwise(results))


def test_several_threads_take_part():
    x = uniform((400, 16), 1)
    with threads(3):
        for call in (
            lambda: kernels.layer_norm(x, x[0], x[0]),
            lambda: kernels.group_norm(x, x[0], x[0], 2),
            lambda: kernels.scale_channels(x, x),
        ):
            call()
            assert core.last_region_threads() > 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", isas())
def test_factors_of_channels_are_products(name, dtype):
    for shape in ((3, 1), (2, 5), (3, 7, 3), (2, 4, 5, 17), (2, 9, 9, 64), (2, 3, 300)):
        x, factors = uniform(shape, 1, dtype=dtype), uniform((shape[0], shape[-1]), 2)
        factors = factors.astype(dtype)
        factors[0, 0], x[0, ..., 0] = -0.0, 0.0
        with isa(name), threads(2):
            y = kernels.scale_channels(x, factors)
        assert_exact(y, reference.scale_channels(x, factors))


def test_empty_batches_work():
    one = np.ones(6, "float32")
    for groups in (0, 2):
        x = np.empty((0, 5, 6), "float32")
        y, mean, inv_std = normalize(kernels, x, one, one, groups)
        assert y.shape == x.shape
        dx, dgamma, dbeta = gradients(kernels, x, x, one, mean, inv_std, groups)
        assert dx.shape == x.shape
        assert not dgamma.any()
        assert not dbeta.any()
    assert kernels.scale_channels(x, np.empty((0, 6), "f4")).shape == x.shape


def test_any_layout_and_read_only_inputs_give_the_same():
    x, gamma = uniform((4, 9, 6), 1), uniform((6,), 2)
    for groups in (0, 3):
        want = normalize(kernels, x, gamma, gamma, groups)[0]
        for name, view in layouts(x):
            before = view.tobytes()
            assert_exact(normalize(kernels, view, gamma, gamma, groups)[0], want)
            assert view.tobytes() == before, name


def test_recorded_calls_follow_their_arrays():
    for groups in (0, 3):
        x, dy = uniform((20, 6), 1), uniform((20, 6), 2)
        gamma, factors = uniform((6,), 3), uniform((20, 6), 4)
        plan = core.Plan()
        with plan.record():
            first = normalize(kernels, x, gamma, gamma, groups)
            second = gradients(kernels, dy, x, gamma, *first[1:], groups)
            third = kernels.scale_channels(x, factors)
        for array in (x, dy, gamma, factors):
            array[...] = uniform(array.shape, 9)
        plan.run()
        again = normalize(kernels, x, gamma, gamma, groups)
        want = gradients(kernels, dy, x, gamma, *again[1:], groups)
        for a, b in zip((*first, *second), (*again, *want), strict=True):
            assert_exact(a, b)
        assert_exact(third, x * factors)


GUARDED = """
import numpy as np
from pellucid import kernels
from tests.support.data import uniform
from tests.support.guard import SIDES, guarded, guarded_copy
from tests.support.threads import isa, isas

def run(c, groups, shape, dtype, side):
    def given(size, seed):
        return guarded_copy(1 + uniform(size, seed, dtype=dtype), side)
    def fresh(size):
        return guarded(size, dtype, side)
    x, dy, gamma, beta = (
        given(size, i) for i, size in enumerate((shape, shape, (c,), (c,))))
    inner = (shape[0], groups) if groups else shape[:-1]
    out = fresh(shape), fresh(inner), fresh(inner)
    if groups:
        kernels.group_norm(x, gamma, beta, groups, out=out)
        backward = kernels.group_norm_backward
    else:
        kernels.layer_norm(x, gamma, beta, out=out)
        backward = kernels.layer_norm_backward
    grads = fresh(shape), fresh((c,)), fresh((c,))
    backward(dy, x, gamma, *out[1:], out=grads)
    scaled = fresh(shape)
    kernels.scale_channels(x, given((shape[0], c), 5), out=scaled)
    for array in (*out, *grads, scaled):
        assert np.isfinite(array).all()

for name in isas():
    with isa(name):
        for side in SIDES:
            for dtype in ("float32", "float64"):
                for c in (2, 6, 14, 16, 18, 30, 34, 64, 72, 100):
                    for shape in ((1, c), (3, c), (2, 5, c), (2, 90, c)):
                        for groups in (0, 1, 2, c):
                            run(c, groups, shape, dtype, side)
"""


def test_nothing_outside_the_arrays_is_touched():
    assert_survives(GUARDED)
