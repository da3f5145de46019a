import hashlib
import math
from statistics import NormalDist

import numpy as np
import pytest

from pellucid.kernels import reference
from pellucid.kernels.reference import random as source
from tests.support.data import generator

# Random123 1.14, kat_vectors: counter, key, words
KNOWN = [
    ("00000000" * 4, "00000000" * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff" * 4, "ffffffff" * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a8885a308d313198a2e03707344",
        "a4093822299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def words(text):
    return [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter, key, expected):
    c0, c1, c2, c3 = words(counter)
    low, high = np.array([c0], np.uint64), np.array([c1], np.uint64)
    got = source.philox_blocks(low, high, c2, c3, *words(key))
    assert " ".join(f"{word:08x}" for word in got[0]) == expected


def test_words_are_counted_by_block_and_step():
    seed, stream, step = 0xA4093822, 0x299F31D0, 0x0370734413198A2E
    block = 0x05A308D3243F6A88
    got = reference.philox(6, seed=seed, stream=stream, step=step, offset=4 * block + 3)
    expected = source.philox_blocks(
        np.array([0x243F6A88, 0x243F6A89], np.uint64),
        np.full(2, 0x05A308D3, np.uint64),
        0x13198A2E,
        0x03707344,
        seed,
        stream,
    )
    np.testing.assert_array_equal(got[:5], expected.ravel()[3:])
    assert got.dtype == np.uint32


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 17])
@pytest.mark.parametrize("offset", [0, 1, 4, 7])
def test_a_piece_is_a_piece_of_the_whole(count, offset):
    whole = reference.philox(40, seed=1, stream=2, step=3)
    piece = reference.philox(count, seed=1, stream=2, step=3, offset=offset)
    np.testing.assert_array_equal(piece, whole[offset : offset + count])


def test_uniform_lies_between_its_ends():
    u = reference.random_uniform((50, 40), low=-2, high=3, seed=1, stream=0)
    assert u.dtype == np.float32
    assert u.shape == (50, 40)
    assert -2 < u.min() < -1.9
    assert 2.9 < u.max() < 3
    assert abs(u.mean() - 0.5) < 0.1
    drawn = reference.philox(1, seed=1, stream=0)[0]
    wide = reference.random_uniform((1,), seed=1, stream=0, dtype="float64")
    assert wide[0] == (int(drawn) + 0.5) / 2**32


def test_log_is_good_to_two_ulp():
    random = generator((), 1, "log")
    x = np.concatenate([random.uniform(0, 2, 500), 2.0 ** -np.arange(1, 34)])
    expected = np.array([math.log(value) for value in x])
    assert (np.abs(source.log(x) - expected) <= 2 * np.spacing(np.abs(expected))).all()
    assert source.log(np.ones(1))[0] == 0


def test_quantiles_are_those_of_the_normal_distribution():
    ends = [0.5, 0.925, 0.9250001, 0.075, 2**-33, 1 - 2**-33, 1e-5]
    u = np.concatenate([ends, generator((), 2, "u").uniform(0, 1, 500)])
    expected = [NormalDist().inv_cdf(value) for value in u]
    np.testing.assert_allclose(source.normal_quantile(u), expected, rtol=1e-13, atol=0)


def test_normal_has_mean_and_deviation():
    z = reference.random_normal((20000,), mean=1, std=2, seed=5, stream=0)
    assert abs(z.mean() - 1) < 0.05
    assert abs(z.std() - 2) < 0.05


def test_bits_are_those_of_the_contract():
    """The numbers may never change: models are made from them."""
    parts = [
        reference.philox(1000, seed=11, stream=4, step=2**33 + 5),
        reference.random_uniform((1000,), low=-0.1, high=0.3, seed=1, stream=2),
        reference.random_normal((4000,), mean=0.5, std=0.1, seed=3, stream=4),
        reference.random_normal((4000,), seed=3, stream=4, dtype="float64"),
        reference.permutation(1000, seed=9, stream=2**32 - 1, step=7),
    ]
    digest = [hashlib.sha256(part.tobytes()).hexdigest()[:16] for part in parts]
    assert digest == [
        "3d5f3a01d7733d56",
        "4a51df1f30d1dda9",
        "c7aca71a49d35a08",
        "1491fbfec15a8373",
        "5b562d82ead9cd77",
    ]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 100])
def test_permutation_holds_every_number_once(n):
    p = reference.permutation(n, seed=1, stream=2)
    assert p.dtype == np.int64
    np.testing.assert_array_equal(np.sort(p), np.arange(n))


def test_permutation_is_fisher_yates_with_wide_products():
    n, key = 50, {"seed": 8, "stream": 1, "step": 4}
    draws = reference.philox(2 * n, **key).tolist()
    order = list(range(n))
    for t, i in enumerate(range(n - 1, 0, -1)):
        j = ((draws[2 * t] + (draws[2 * t + 1] << 32)) * (i + 1)) >> 64
        order[i], order[j] = order[j], order[i]
    assert reference.permutation(n, **key).tolist() == order


def test_permutations_are_evenly_spread():
    counts = {}
    for step in range(3000):
        order = tuple(reference.permutation(3, seed=1, stream=1, step=step).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert all(400 < count < 600 for count in counts.values())
