"""What a model answers to bad samples: type, message, and nothing has changed.

The numbers are those of the project's catalogue of bad inputs.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import pellucid as pl
from tests.support.models import assert_refused, blobs, cnn, mlp, snapshot, strokes

X, Y = blobs(12)


class Subclass(np.ndarray):
    """A subclass of ndarray, as np.matrix is."""


BAD_X = [
    (1, X[0], ValueError, ["dense_1 (Dense)", "(4,)", "Expected (n, 4)", "x[None]"]),
    (4, X[:, :3], ValueError, ["dense_1 (Dense)", "3 features, 4 were expected"]),
    (7, 3.0, ValueError, ["dense_1 (Dense)", "()"]),
    (9, [[1, 2], [3]], ValueError, ["x does not form an array"]),
    (14, X > 0, TypeError, ["boolean"]),
    (15, X.astype(complex), TypeError, ["complex128", "not supported"]),
    (16, X.astype(object), TypeError, ["object array"]),
    (17, X.astype(str), TypeError, ["strings"]),
    (17, X.astype("M8[s]"), TypeError, ["dates"]),
    (27, np.ma.masked_array(X, X > 0), TypeError, ["masked", "filled"]),
]


@pytest.mark.parametrize(("item", "x", "error", "words"), BAD_X)
@pytest.mark.parametrize("use", ["fit", "evaluate", "predict", "train_on_batch"])
def test_items_of_the_features(model, use, item, x, error, words):
    arguments = (x,) if use == "predict" else (x, Y)
    assert_refused(model, lambda: getattr(model, use)(*arguments), error, *words)


def test_003_channels_first_data():
    model = pl.Sequential([pl.Conv2D(2, 3), pl.Flatten()], input_shape=(8, 6, 3))
    x = np.zeros((2, 3, 8, 6), "float32")
    assert_refused(
        model,
        lambda: model.predict(x),
        ValueError,
        "conv2d_1 (Conv2D)",
        "channels-first",
        "x.transpose(0, 2, 3, 1)",
        'data_format="channels_first"',
    )
    wrong = np.zeros((2, 8, 6, 4), "float32")
    assert_refused(
        model,
        lambda: model.predict(wrong),
        ValueError,
        "4 channels in the last dimension, 3 were expected",
    )


def test_012_bytes_are_refused_without_rescaling():
    model = cnn()
    x, y = strokes(8)
    images = (x * 100).clip(0, 255).astype("uint8")
    for call in (lambda: model.fit(images, y), lambda: model.predict(images)):
        assert_refused(model, call, ValueError, "uint8", "/ 255", "Rescaling")
    scaled = pl.Sequential(
        [pl.Rescaling(1 / 255), pl.Flatten(), pl.Dense(4)], input_shape=(8, 8, 1)
    )
    scaled.compile("sgd", "softmax_cross_entropy")
    scaled.fit(images, y, verbose=0)
    np.testing.assert_array_equal(
        scaled.predict(images), scaled.predict(images.astype("float32"))
    )


def test_012_bytes_of_rows_are_numbers():
    model = mlp()
    x = np.random.default_rng(0).integers(0, 9, (12, 4))
    expected = model.predict(x.astype("float32"))
    np.testing.assert_array_equal(model.predict(x.astype("uint8")), expected)
    model.fit(x.astype("uint8"), Y, verbose=0)


def test_013_integers_that_float32_cannot_hold(model):
    x = np.full((2, 4), 2**24 + 1)
    with pytest.warns(UserWarning, match="not exactly representable"):
        model.predict(x)


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.tolist(),
        lambda x: x.astype("float64"),
        lambda x: x.astype("longdouble"),
        lambda x: x.astype(">f4"),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[::-1][::-1],
        lambda x: x.view(Subclass),
    ],
)
def test_008_010_018_019_020_021_022_028_forms_of_the_same_numbers(convert):
    x = convert(X)
    expected = mlp().predict(X)
    np.testing.assert_array_equal(mlp().predict(x), expected)
    one, two = mlp(), mlp()
    one.fit(X, Y, verbose=0)
    two.fit(x, Y, verbose=0)
    assert snapshot(one) == snapshot(two)


def test_011_halves_are_exact():
    half = X.astype("float16")
    np.testing.assert_array_equal(
        mlp().predict(half), mlp().predict(half.astype("float32"))
    )


def test_024_025_read_only_and_misaligned():
    x = X.copy()
    x.flags.writeable = False
    raw = np.frombuffer(b"\0" + X.tobytes(), "uint8")[1:].view("float32")
    for form in (x, raw.reshape(X.shape)):
        model = mlp()
        model.fit(form, Y, verbose=0)
        assert np.isfinite(model.predict(form)).all()


def test_005_051_nothing():
    model = mlp()
    empty = np.zeros((0, 4), "float32")
    assert model.predict(empty).shape == (0, 3)
    assert model.predict_classes(empty).shape == (0,)
    assert model.forward(empty).shape == (0, 3)
    for use in ("fit", "evaluate", "train_on_batch"):
        call = getattr(model, use)
        assert_refused(
            model, lambda call=call: call(empty, []), ValueError, "empty dataset"
        )


def test_052_backward_needs_forward(model):
    with pytest.raises(RuntimeError, match=r"Call forward\(training=True\) first"):
        model.backward(np.zeros((12, 3)))
    model.forward(X, training=True)
    model.backward(np.zeros((12, 3)))
    with pytest.raises(RuntimeError, match=r"Call forward\(training=True\) first"):
        model.backward(np.zeros((12, 3)))


def test_053_054_gradients_of_another_shape(model):
    model.forward(X, training=True)
    with pytest.raises(ValueError, match=re.escape("(12, 3)")):
        model.backward(np.zeros((12, 2)))
    model.forward(X, training=True)
    model.forward(X[:5], training=True)
    with pytest.raises(RuntimeError):
        model.backward(np.zeros((12, 3)))
    model.forward(X, training=True)
    model.forward(X[:5])
    assert model.backward(np.zeros((12, 3))).shape == (12, 4)


def test_predict_arguments(model):
    with pytest.raises(ValueError, match="batch_size"):
        model.predict(X, batch_size=0)
    with pytest.raises(TypeError, match="batch_size"):
        model.evaluate(X, Y, batch_size=2.5)
    with pytest.raises(ValueError, match="threshold"):
        model.predict_classes(X, threshold=1.5)
