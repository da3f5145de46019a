"""Synthetic points: seeded to the bit, of the shape that they promise."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from pellucid import data
from pellucid.data.maths import unit_circle

MAKERS = [
    data.make_blobs,
    data.make_circles,
    data.make_moons,
    data.make_spiral,
    data.make_xor,
]
# Of 64 points with seed 7: a change here changes what users get for their seeds.
DIGESTS = {
    "make_blobs": "09e8e6c90c83cff8",
    "make_circles": "53c370d303d0dc7b",
    "make_moons": "814b132e829b7ae2",
    "make_spiral": "b3ed08b4be7d9120",
    "make_xor": "9a73175d6b163047",
}


@pytest.mark.parametrize("make", MAKERS)
def test_kind_and_balance(make) -> None:
    x, y = make(301, seed=5)
    assert x.shape == (301, 2)
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    assert np.isfinite(x).all()
    counts = np.bincount(y)
    assert counts.max() - counts.min() <= 1
    assert np.abs(np.diff(y)).sum() > 50, "the classes must be shuffled"


@pytest.mark.parametrize("make", MAKERS)
def test_the_seed_decides_every_bit(make) -> None:
    x, y = make(50, seed=1)
    again_x, again_y = make(50, seed=1)
    assert x.tobytes() == again_x.tobytes()
    assert y.tobytes() == again_y.tobytes()
    assert x.tobytes() != make(50, seed=2)[0].tobytes()


@pytest.mark.parametrize("make", MAKERS)
def test_the_bits_are_the_same_on_every_machine(make) -> None:
    x, y = make(64, seed=7)
    digest = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()[:16]
    assert digest == DIGESTS[make.__name__]


def test_sine_and_cosine_are_right_to_the_last_bits() -> None:
    turns = np.linspace(-3, 3, 4001)
    exact = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)
    assert np.abs(unit_circle(turns) - exact).max() < 4e-15
    np.testing.assert_array_equal(
        unit_circle(np.array([0, 0.25, 0.5, 0.75])),
        [[1, 0], [0, 1], [-1, 0], [0, -1]],
    )


def test_blobs_lie_around_their_centers() -> None:
    centers = [(-2.0, -2.0, 0.0), (2.0, 2.0, 5.0)]
    x, y = data.make_blobs(4000, centers=centers, spread=0.5)
    for k, center in enumerate(centers):
        cloud = x[y == k].astype(np.float64)
        np.testing.assert_allclose(cloud.mean(axis=0), center, atol=0.05)
        np.testing.assert_allclose(cloud.std(axis=0), 0.5, atol=0.03)


def test_spiral_arms_are_turned_copies_of_one_another() -> None:
    x, y = data.make_spiral(300, classes=3, noise=0.0)
    radius = np.hypot(*x.T.astype(np.float64))
    turned = np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) - 0.625 * radius - y / 3
    assert np.abs(turned - np.round(turned)).max() < 1e-6
    assert radius.max() == pytest.approx(1)


def test_circles_have_their_radii() -> None:
    x, y = data.make_circles(200, factor=0.3, noise=0.0)
    radius = np.hypot(*x.T)
    np.testing.assert_allclose(radius[y == 0], 1, atol=1e-6)
    np.testing.assert_allclose(radius[y == 1], 0.3, atol=1e-6)


def test_moons_without_noise_are_half_circles() -> None:
    x, y = data.make_moons(100, noise=0.0)
    upper, lower = x[y == 0], x[y == 1]
    np.testing.assert_allclose(np.hypot(*upper.T), 1, atol=1e-6)
    assert upper[:, 1].min() > -1e-6
    np.testing.assert_allclose(np.hypot(*(np.array([1, 0.5]) - lower).T), 1, atol=1e-6)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("samples", [0, -3])
def test_a_count_below_one_is_a_value_error(make, samples: int) -> None:
    with pytest.raises(ValueError, match="samples is"):
        make(samples)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("samples", [True, 2.5, "10", None])
def test_a_count_of_another_kind_is_a_type_error(make, samples) -> None:
    with pytest.raises(TypeError, match="samples is"):
        make(samples)


@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf")])
def test_noise_out_of_range(noise: float) -> None:
    with pytest.raises(ValueError, match="noise is"):
        data.make_moons(10, noise=noise)


@pytest.mark.parametrize("centers", [[], [1.0, 2.0], 0])
def test_centers_that_are_none(centers) -> None:
    with pytest.raises(ValueError, match="centers"):
        data.make_blobs(10, centers=centers)


def test_one_sample_is_enough() -> None:
    for make in MAKERS:
        x, y = make(1)
        assert x.shape == (1, 2)
        assert y.tolist() == [0]


def test_linear_labels_follow_the_plane() -> None:
    x, y = data.make_linear(500, weights=(2.0, -1.0, 0.5), bias=0.25, seed=2)
    height = x.astype(np.float64) @ [2.0, -1.0, 0.5] + 0.25
    np.testing.assert_array_equal(height > 0, y == 1)
    assert 100 < y.sum() < 400
    again, _ = data.make_linear(500, weights=(2.0, -1.0, 0.5), bias=0.25, seed=2)
    assert again.tobytes() == x.tobytes()


@pytest.mark.parametrize("weights", [(), (0.0, 0.0), (np.inf, 1.0), [[1.0]]])
def test_planes_that_are_none(weights) -> None:
    with pytest.raises(ValueError, match="weights is"):
        data.make_linear(10, weights=weights)


def test_shapes_are_drawn_inside_and_told_apart_by_their_area() -> None:
    x, y = data.make_shapes(400, size=24, noise=0.0, seed=3)
    assert x.shape == (400, 24, 24, 1)
    assert x.dtype == np.float32
    assert np.bincount(y).tolist() == [100] * 4
    assert x.min() == 0
    assert (x.max(axis=(1, 2, 3)) > 0.55).all()
    area = (x / x.max(axis=(1, 2, 3), keepdims=True)).sum(axis=(1, 2, 3))
    means = [area[y == k].mean() for k in range(4)]
    radius = 24 * 0.275  # on average; squares of it by 1.06
    for mean, factor in zip(means, [np.pi, 2.56, 1.57, 2.04], strict=True):
        assert abs(mean / (factor * 1.02 * radius**2) - 1) < 0.1


def test_shapes_follow_from_their_seed() -> None:
    one, two = data.make_shapes(40, seed=1), data.make_shapes(40, seed=1)
    assert one[0].tobytes() == two[0].tobytes()
    assert one[0].tobytes() != data.make_shapes(40, seed=2)[0].tobytes()
    assert 0 <= one[0].min() <= one[0].max() <= 1
    with pytest.raises(ValueError, match="size is 7"):
        data.make_shapes(4, size=7)
