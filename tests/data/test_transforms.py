"""Augmentation: what each transform does, and that its key decides every bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import data, kernels
from pellucid.data.draws import Draws
from pellucid.data.maths import power
from pellucid.data.transforms import affine_matrix
from tests.support.threads import threads

RANDOM = np.random.default_rng(0)
X = RANDOM.random((6, 8, 10, 3)).astype(np.float32)
Y = np.arange(6) % 3

TRANSFORMS: dict[str, Callable[[], data.Transform]] = {
    "flip": lambda: data.RandomFlip(0.5, 0.5),
    "crop": lambda: data.RandomCrop((5, 6), padding=2, border="reflect"),
    "shift": lambda: data.RandomShift((2, 1)),
    "affine": lambda: data.RandomAffine(20, 0.1, 0.2),
    "rotation": lambda: data.RandomRotation(15),
    "zoom": lambda: data.RandomZoom(0.3, border="edge"),
    "noise": lambda: data.RandomNoise(0.1),
    "light": lambda: data.RandomLight(),
    "cutout": lambda: data.Cutout(4),
    "mixup": lambda: data.Mixup(0.4, classes=3),
    "cutmix": lambda: data.CutMix(1.0, classes=3),
    "all": lambda: data.Compose(
        [data.RandomFlip(), data.RandomAffine(10), data.CutMix(classes=3)]
    ),
}
EVERY = pytest.mark.parametrize("name", TRANSFORMS)


def bits(batch: tuple[Any, Any]) -> bytes:
    return b"".join(np.ascontiguousarray(part).tobytes() for part in batch)


@EVERY
def test_the_key_decides_every_bit(name: str) -> None:
    transform = TRANSFORMS[name]()
    wanted = bits(transform(X, Y, seed=7, step=3))
    assert bits(TRANSFORMS[name]()(X, Y, seed=7, step=3)) == wanted
    assert bits(transform(X, Y, seed=7, step=4)) != wanted
    assert bits(transform(X, Y, seed=8, step=3)) != wanted
    for count in (1, 3):
        with threads(count):
            assert bits(transform(X, Y, seed=7, step=3)) == wanted
    with kernels.use("reference"):
        assert bits(transform(X, Y, seed=7, step=3)) == wanted


@EVERY
def test_shapes_types_and_inputs(name: str) -> None:
    before = X.copy()
    for dtype in (np.float32, np.float64):
        x, _ = TRANSFORMS[name]()(X.astype(dtype), Y)
        assert x.dtype == dtype
        assert x.shape == ((6, 5, 6, 3) if name == "crop" else X.shape)
        assert np.isfinite(x).all()
        assert x.min() >= 0
        assert x.max() <= 1 + 1e-6
    np.testing.assert_array_equal(X, before)
    assert len(TRANSFORMS[name]()(X[:0], Y[:0])[0]) == 0
    assert TRANSFORMS[name]()(X)[1] is None
    assert repr(TRANSFORMS[name]()).endswith(")")


def test_flips_happen_as_often_as_they_should() -> None:
    x = np.broadcast_to(np.arange(3.0).reshape(1, 1, 3, 1), (4000, 1, 3, 1))
    flipped = data.RandomFlip(0.25)(x, seed=1)[0][:, 0, 0, 0] == 2
    assert 0.22 < flipped.mean() < 0.28
    assert not data.RandomFlip(0)(x)[0][:, 0, 0, 0].any()


def test_crops_reach_every_place() -> None:
    x = np.arange(16.0).reshape(1, 4, 4, 1).repeat(500, axis=0)
    corners = data.RandomCrop(3, padding=1, fill=-1)(x)[0][:, 1, 1, 0]
    assert set(corners) == set(x[0].ravel())


def test_rotation_turns_counter_clockwise_on_the_screen() -> None:
    x = np.zeros((1, 5, 5, 1))
    x[0, 2, 4] = 1  # east
    quarter, none = np.array([0.25]), np.zeros(1)
    matrix = affine_matrix((5, 5), quarter, none, none, none + 1)
    turned = kernels.image_affine(x, matrix, (5, 5))
    assert turned[0, 0, 2, 0] == 1  # north


def test_zoom_and_shift_point_the_right_way() -> None:
    x = np.zeros((1, 9, 9, 1))
    x[0, 4, 6] = 1
    none, one = np.zeros(1), np.ones(1)
    zoomed = kernels.image_affine(
        x, affine_matrix((9, 9), none, none, none, 2 * one), (9, 9)
    )
    assert zoomed[0, 4, 8, 0] == 1
    moved = kernels.image_affine(
        x, affine_matrix((9, 9), none, 2 * one, -one, one), (9, 9)
    )
    assert moved[0, 6, 5, 0] == 1


def test_light_keeps_the_mean_under_contrast_alone() -> None:
    x, _ = data.RandomLight(0, 0.9, low=None, high=None)(X.astype(np.float64))
    axes = (1, 2, 3)
    np.testing.assert_allclose(x.mean(axes), X.mean(axes, np.float64), rtol=1e-12)
    assert (np.abs(x.std(axes) - X.std(axes)) > 1e-3).all()


def test_mixup_mixes_images_and_targets_alike() -> None:
    rows = np.eye(6, dtype=np.float32)
    images = rows.reshape(6, 6, 1, 1)
    x, y = data.Mixup(1.0)(images, rows, seed=2)
    np.testing.assert_array_equal(x.reshape(6, 6), y)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
    assert ((y > 0.01) & (y < 0.99)).any()


def test_cutmix_targets_follow_the_pixels() -> None:
    images = np.repeat(np.arange(6.0), 64).reshape(6, 8, 8, 1)
    x, y = data.CutMix(classes=6)(images, np.arange(6), seed=4)
    shares = np.stack([(x == k).mean(axis=(1, 2, 3)) for k in range(6)], axis=1)
    np.testing.assert_allclose(y, shares, atol=1e-6)
    assert 0 < shares[np.arange(6), np.arange(6)].min() < 1


def test_cutout_boxes_are_of_the_size_unless_cut_off() -> None:
    x, _ = data.Cutout((3, 2), fill=9)(np.zeros((300, 12, 12, 1)))
    areas = (x == 9).sum(axis=(1, 2, 3))
    assert areas.max() == 6
    assert np.median(areas) == 6
    assert areas.min() >= 1
    untouched = data.Cutout(3, probability=0)(X)[0]
    np.testing.assert_array_equal(untouched, X)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0])
def test_beta_has_the_moments_of_beta(alpha: float) -> None:
    drawn = Draws(3, 0).beta(20_000, alpha)
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert abs(drawn.mean() - 0.5) < 0.02
    assert abs(drawn.var() - 1 / (4 * (2 * alpha + 1))) < 0.01


def test_power_is_near_libms() -> None:
    base = RANDOM.uniform(1e-9, 3, 500)
    for exponent in (0.25, 1.0, 2.5, 20.0):
        np.testing.assert_allclose(power(base, exponent), base**exponent, rtol=1e-13)


def test_bytes_need_rescale_first() -> None:
    images = np.full((2, 4, 4, 1), 255, np.uint8)
    with pytest.raises(ValueError, match="Rescale"):
        data.RandomFlip()(images)
    x, _ = data.Compose([data.Rescale(), data.RandomFlip()])(images)
    assert x.dtype == np.float32
    assert (x == 1).all()


def test_augment_gives_the_tutorials_four_sets() -> None:
    steps = [data.RandomFlip(1), data.RandomRotation(15), data.RandomNoise(0.1)]
    x, y = data.augment(X, Y, steps, seed=1)
    assert x.shape == (24, 8, 10, 3)
    np.testing.assert_array_equal(x[:6], X)
    np.testing.assert_array_equal(x[6:12], X[:, :, ::-1])
    np.testing.assert_array_equal(y, np.tile(Y, 4))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: data.RandomFlip(1.5), ValueError, "horizontal is 1.5"),
        (lambda: data.RandomFlip("yes"), TypeError, "horizontal is 'yes'"),
        (lambda: data.RandomCrop(0), ValueError, "size is 0"),
        (lambda: data.RandomCrop(4, border="mirror"), ValueError, 'border is "mirror"'),
        (lambda: data.RandomCrop(11)(X), ValueError, "larger than images"),
        (lambda: data.RandomAffine(zoom=1), ValueError, "zoom is 1"),
        (lambda: data.RandomRotation(float("nan")), ValueError, "rotation is nan"),
        (lambda: data.RandomNoise(-1), ValueError, "std is -1"),
        (lambda: data.RandomLight(contrast=2), ValueError, "contrast is 2"),
        (lambda: data.Mixup(0), ValueError, "alpha is 0"),
        (lambda: data.Mixup()(X, Y), ValueError, "class labels"),
        (lambda: data.CutMix(classes=2)(X, Y), ValueError, "label 2"),
        (lambda: data.Mixup(classes=3)(X, Y[:2]), ValueError, "6 samples"),
        (lambda: data.Compose([len]), TypeError, "transforms holds"),
        (lambda: data.RandomFlip()(X, seed=-1), ValueError, "seed is -1"),
        (lambda: data.RandomFlip()(X[0]), ValueError, "4 dimensions"),
        (data.Transform, TypeError, "apply"),
    ],
)
def test_bad_input(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
