"""One-hot rows, scaling by the training part, splitting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pl
from pellucid import data

RANDOM = np.random.default_rng(1)


def test_one_hot_rows() -> None:
    rows = data.one_hot(np.array([[0, 2], [1, 1]]), 4)
    assert rows.shape == (2, 2, 4)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows.argmax(-1), [[0, 2], [1, 1]])
    np.testing.assert_array_equal(rows.sum(-1), 1)
    assert data.one_hot([1.0, 0.0], dtype="float64").dtype == np.float64
    assert data.one_hot(np.zeros(0, int), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("labels", "classes", "error", "words"),
    [
        ([0, 3], 3, ValueError, "label 3"),
        ([-1, 0], None, ValueError, "label -1"),
        ([0.5], None, ValueError, "label 0.5"),
        (["cat"], None, TypeError, "dtype"),
        ([0], 0, ValueError, "classes is 0"),
    ],
)
def test_labels_that_have_no_column(labels, classes, error, words) -> None:
    with pytest.raises(error, match=words):
        data.one_hot(labels, classes)


@pytest.mark.parametrize(
    ("shape", "axis", "gone"),
    [
        ((50,), None, (0,)),
        ((50, 4), None, (0,)),
        ((9000, 3), None, (0,)),
        ((6, 5, 4, 3), None, (0, 1, 2)),
        ((6, 5, 4, 3), 0, (0,)),
        ((6, 5, 4, 3), (0, -1), (0, 3)),
    ],
)
def test_standardized_features_have_mean_0_and_deviation_1(shape, axis, gone) -> None:
    x = RANDOM.normal(3, 5, shape)
    scale = data.Standardizer(x, axis)
    np.testing.assert_allclose(scale(x).mean(axis=gone), 0, atol=1e-12)
    np.testing.assert_allclose(scale(x).std(axis=gone), 1, rtol=1e-12)
    np.testing.assert_allclose(scale.inverse(scale(x)), x, atol=1e-12)
    new = RANDOM.normal(0, 1, shape).astype(np.float32)
    assert scale(new).dtype == np.float32


def test_a_feature_that_never_changes() -> None:
    x = np.full((4, 2), [1.0, 2.0])
    assert not data.Standardizer(x)(x).any()
    assert (data.MinMaxScaler(x, -1, 1)(x) == -1).all()


def test_min_max() -> None:
    x = RANDOM.normal(3, 5, (40, 3))
    scale = data.MinMaxScaler(x, -1, 2)
    z = scale(x)
    np.testing.assert_allclose(z.min(axis=0), -1, atol=1e-12)
    np.testing.assert_allclose(z.max(axis=0), 2, atol=1e-12)
    np.testing.assert_allclose(scale.inverse(z), x, atol=1e-12)
    pixels = np.array([[0], [255]], np.uint8)
    np.testing.assert_array_equal(data.MinMaxScaler(pixels)(pixels), [[0], [1]])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: data.Standardizer(np.zeros((0, 2))), ValueError, "no sample"),
        (lambda: data.Standardizer(["a"]), TypeError, "dtype"),
        (lambda: data.Standardizer(np.ones((2, 2)), axis=1), ValueError, "axis is 1"),
        (lambda: data.Standardizer(np.ones((2, 2)), axis=5), ValueError, "axis is 5"),
        (
            lambda: data.Standardizer(np.ones((2, 2)))(np.ones((2, 3))),
            ValueError,
            r"shape \(2, 3\)",
        ),
        (lambda: data.MinMaxScaler(np.ones((2, 2)), 1, 1), ValueError, "high is 1"),
    ],
)
def test_bad_scalers(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_a_split_has_every_sample_once() -> None:
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10)
    (a, b), (c, d) = data.train_validation_split(x, y, validation_split=0.3, seed=4)
    assert len(c) == 3
    assert sorted([*b, *d]) == list(range(10))
    np.testing.assert_array_equal(np.concatenate([a, c]), x[np.concatenate([b, d])])
    again = data.train_validation_split(x, y, validation_split=0.3, seed=4)
    np.testing.assert_array_equal(again[1][1], d)


def test_a_stratified_split_keeps_the_shares() -> None:
    y = np.repeat([0, 1, 2], [100, 50, 10])
    _, (_, taken) = data.train_validation_split(y, y, stratify=True, seed=9)
    np.testing.assert_array_equal(np.bincount(taken), [20, 10, 2])


def test_fit_takes_the_same_rows_for_validation() -> None:
    x, y = data.make_xor(40, seed=1)

    def loss(**options: Any) -> float:
        model = pl.Sequential([pl.Dense(2)], input_shape=(2,), seed=6)
        model.compile("sgd", "softmax_cross_entropy")
        train = options.pop("train", (x, y))
        history = model.fit(*train, shuffle=False, verbose=0, **options)
        return history.history["val_loss"][0]

    train, validation = data.train_validation_split(x, y, seed=6)
    inside = loss(validation_split=0.2)
    outside = loss(train=train, validation_data=validation)
    assert inside == pytest.approx(outside, rel=1e-5)


@pytest.mark.parametrize(
    ("x", "y", "fraction", "error"),
    [
        (np.ones(3), np.ones(4), 0.2, ValueError),
        (np.ones(1), np.ones(1), 0.2, ValueError),
        (np.ones(3), np.ones(3), 0, ValueError),
        (np.ones(3), np.ones(3), "half", TypeError),
        (np.float32(1), np.ones(1), 0.2, ValueError),
    ],
)
def test_splits_that_are_none(x, y, fraction, error) -> None:
    with pytest.raises(error):
        data.train_validation_split(x, y, validation_split=fraction)
