"""Random numbers: the reference's bits on every ISA, known answers, distributions."""

import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.exact import core, every_dtype, every_isa, forced
from tests.support.bounds import assert_exact
from tests.support.data import VECTOR_SIZES

SIZES = [0, *VECTOR_SIZES, 1023, 1025, 4095, 4097, 3 * 4096 + 5]
KEY = {"seed": 2**32 - 1, "stream": 17, "step": 2**40 + 3}


@every_isa
def test_known_answer(isa):
    """The vector of Random123 (kat_vectors, philox4x32 10) with a small counter."""
    with forced(isa):
        words = core.philox(4, seed=0, stream=0)
    assert [f"{word:08x}" for word in words] == [
        *("6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8")
    ]


@every_isa
def test_words_are_those_of_the_reference(isa, threads):
    with forced(isa, threads):
        for size in SIZES:
            for offset in (0, 1, 6, 2**34 - 2, 2**62 + 3):
                got = core.philox(size, offset=offset, **KEY)
                assert_exact(got, reference.philox(size, offset=offset, **KEY))


@every_isa
@every_dtype
def test_numbers_are_those_of_the_reference(dtype, isa, threads):
    with forced(isa, threads):
        for size in SIZES:
            options = {"low": -2.0, "high": 3.7, "dtype": dtype, **KEY}
            got = core.random_uniform(size, **options)
            assert_exact(got, reference.random_uniform(size, **options))
            options = {"mean": 0.1, "std": 3.3, "dtype": dtype, **KEY}
            got = core.random_normal((size,), **options)
            assert_exact(got, reference.random_normal((size,), **options))


@every_isa
def test_every_range_of_the_normal_quantile_is_met(isa):
    """A million draws reach the centre and both tails; all are the reference's."""
    with forced(isa):
        y = core.random_normal(1_000_000, seed=1, stream=2, dtype="float64")
    assert_exact(
        y, reference.random_normal(1_000_000, seed=1, stream=2, dtype="float64")
    )
    assert y.max() > 4.5
    assert y.min() < -4.5
    assert abs(y.mean()) < 4e-3
    assert abs(y.std() - 1) < 3e-3
    assert abs((y**4).mean() - 3) < 0.05


@every_isa
@pytest.mark.parametrize("n", [0, 1, 2, 3, 100, 2048, 2049, 2050, 10_000])
def test_permutations_are_those_of_the_reference(n, isa):
    with forced(isa):
        order = core.permutation(n, seed=3, stream=4, step=5)
    assert_exact(order, reference.permutation(n, seed=3, stream=4, step=5))
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


@pytest.mark.parametrize("twin", [core, reference])
def test_a_permutation_goes_into_out(twin):
    out = np.full(9, -1, np.int64)
    assert twin.permutation(9, seed=1, stream=2, out=out) is out
    assert_exact(out, reference.permutation(9, seed=1, stream=2))
    for wrong in (np.empty(8, np.int64), np.empty(9, np.int32), np.empty(18)[::2]):
        with pytest.raises(ValueError, match="out"):
            twin.permutation(9, seed=1, stream=2, out=wrong)


def test_every_permutation_is_as_likely():
    counts: dict[tuple[int, ...], int] = {}
    for step in range(24 * 500):
        order = tuple(core.permutation(4, seed=1, stream=2, step=step).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    chi_squared = sum((count - 500) ** 2 / 500 for count in counts.values())
    assert chi_squared < 49.7  # 99.9 % of 23 degrees of freedom


@pytest.mark.parametrize("part", ["seed", "stream", "step"])
def test_keys_are_independent(part):
    key = {"seed": 1, "stream": 2, "step": 3}
    a = core.random_uniform(100_000, dtype="float64", **key)
    b = core.random_uniform(100_000, dtype="float64", **key | {part: 4})
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.015
    assert a.min() > 0
    assert a.max() < 1
    assert abs(a.mean() - 0.5) < 0.004
