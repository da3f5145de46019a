"""What a model answers to bad input: type, message, and nothing has changed.

The numbers are those of the project's catalogue of bad inputs.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import pellucid as pl
from tests.support.models import blobs, cnn, mlp, snapshot, strokes


def refused(model, call, error, *words):
    """The call raises this error with these words, and the model is as before."""
    before = snapshot(model)
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert snapshot(model) == before
    assert not model._training_lock.locked()


@pytest.fixture
def model():
    trained = mlp()
    trained.fit(*blobs(), epochs=1, verbose=0)
    return trained


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
    refused(model, lambda: getattr(model, use)(*arguments), error, *words)


def test_003_channels_first_data():
    model = pl.Sequential([pl.Conv2D(2, 3), pl.Flatten()], input_shape=(8, 6, 3))
    x = np.zeros((2, 3, 8, 6), "float32")
    refused(
        model,
        lambda: model.predict(x),
        ValueError,
        "conv2d_1 (Conv2D)",
        "channels-first",
        "x.transpose(0, 2, 3, 1)",
        'data_format="channels_first"',
    )
    wrong = np.zeros((2, 8, 6, 4), "float32")
    refused(
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
        refused(model, call, ValueError, "uint8", "/ 255", "Rescaling")
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
        refused(model, lambda call=call: call(empty, []), ValueError, "empty dataset")


BAD_Y = [
    (39, np.full(12, 1.5), ValueError, ["label 1.5 at index 0"]),
    (40, np.full(12, np.nan), ValueError, ["label nan at index 0"]),
    (41, np.full(12, 3), ValueError, ["label 3 at index 0", "labels from 0 to 2"]),
    (42, np.full(12, -1), ValueError, ["label -1 at index 0"]),
    (45, np.zeros(11, int), ValueError, ["12 samples", "11"]),
    (46, np.ones((12, 3)), ValueError, ["row 0 of y sums to 3"]),
    (47, np.eye(5)[np.zeros(12, int)], ValueError, ["(12, 5)", "one unit per class"]),
    (44, np.zeros((12, 2), int), ValueError, ["(12, 2)"]),
    (94, np.arange(12) % 4, ValueError, ["label 3 at index 3", "3 outputs"]),
    (17, np.array(["a"] * 12), TypeError, ["return_inverse"]),
    (0, None, TypeError, ["y is missing"]),
]


@pytest.mark.parametrize(("item", "y", "error", "words"), BAD_Y)
@pytest.mark.parametrize("use", ["fit", "evaluate", "train_on_batch"])
def test_items_of_the_targets(model, use, item, y, error, words):
    refused(model, lambda: getattr(model, use)(X, y), error, *words)


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y.astype("uint8"),
        lambda y: y.astype("float64"),
        lambda y: y.reshape(-1, 1),
        lambda y: y.tolist(),
    ],
)
def test_039_043_044_forms_of_the_same_labels(convert):
    one, two = mlp(), mlp()
    one.fit(X, Y, verbose=0)
    two.fit(X, convert(Y), verbose=0)
    assert snapshot(one) == snapshot(two)


def regression(loss="mse", units=1):
    model = pl.Sequential([pl.Dense(units)], input_shape=(4,), seed=0)
    model.compile("sgd", loss)
    return model


def test_049_a_column_is_a_column():
    target = X[:, 0]
    one, two = regression(), regression()
    one.fit(X, target, verbose=0)
    two.fit(X, target[:, None], verbose=0)
    assert snapshot(one) == snapshot(two)
    model = regression(units=2)
    refused(model, lambda: model.fit(X, target), ValueError, "(12,)", "(n, 2)")


def test_048_targets_of_binary_losses():
    for loss in ("sigmoid_binary_cross_entropy", "binary_cross_entropy"):
        model = regression(loss)
        y = np.where(Y > 0, 1, -1)
        refused(model, lambda m=model, t=y: m.fit(X, t), ValueError, "(y + 1) / 2")


def test_048_predictions_that_are_no_probabilities():
    model = regression("binary_cross_entropy")
    refused(
        model,
        lambda: model.fit(10 * X, Y > 0),
        ValueError,
        "not a probability",
        'activation="sigmoid"',
    )


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.full(12, -1.0), "sample_weight[0] is -1"),
        (np.full(12, np.nan), "sample_weight[0] is nan"),
        (np.zeros(12), "0 for every sample"),
        (np.ones(11), "Expected (12,)"),
        (np.ones((12, 2)), "Expected (12,)"),
    ],
)
@pytest.mark.parametrize("use", ["fit", "evaluate", "train_on_batch"])
def test_050_sample_weights(model, use, weights, words):
    call = getattr(model, use)
    refused(model, lambda: call(X, Y, sample_weight=weights), ValueError, words)


def test_class_weights(model):
    def fit(weights):
        return lambda: model.fit(X, Y, class_weight=weights)

    refused(model, fit({3: 1.0}), ValueError, "class 3", "from 0 to 2")
    refused(model, fit({0: -1.0}), ValueError, "class_weight[0]")
    refused(model, fit({"a": 1.0}), TypeError, "'a'")
    refused(model, fit("even"), TypeError, '"balanced"')
    refused(model, fit([1, 2, 3]), TypeError, "class_weight is [1, 2, 3]")
    other = regression()
    refused(
        other,
        lambda: other.fit(X, X[:, 0], class_weight="balanced"),
        ValueError,
        "sample_weight",
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


def test_055_not_built():
    model = mlp(input_shape=None)
    for call in (
        lambda: model.predict(X),
        lambda: model.predict_proba(X),
        lambda: model.predict_classes(X),
        lambda: model.evaluate(X, Y),
        lambda: model.save("never.safetensors"),
        model.parameters,
        model.state_dict,
        model.summary,
    ):
        with pytest.raises(RuntimeError, match="not built"):
            call()
    assert not model.built
    with pytest.raises(ValueError, match="label"):  # a refused fit does not build
        model.fit(X, Y + 5)
    assert not model.built
    assert model.fit(X, Y, verbose=0).epoch == [0]


def test_not_compiled():
    model = pl.Sequential([pl.Dense(3)], input_shape=(4,))
    for use in ("fit", "evaluate", "train_on_batch"):
        with pytest.raises(RuntimeError, match=r"model\.compile"):
            getattr(model, use)(X, Y)


def test_072_unknown_activation():
    with pytest.raises(ValueError, match='Did you mean "relu"'):
        pl.Dense(3, activation="rellu")


def test_075_layers_that_do_not_chain():
    layers = [pl.Flatten(), pl.Conv2D(2, 3), pl.Dense(2)]
    with pytest.raises(ValueError, match=r"conv2d_1 \(Conv2D\)") as caught:
        pl.Sequential(layers, input_shape=(8, 8, 1))
    assert "flatten_1 (Flatten)" in str(caught.value)
    assert [layer.name for layer in layers] == [None, None, None]
    model = pl.Sequential([pl.Flatten()], input_shape=(8, 8, 1))
    with pytest.raises(ValueError, match="flatten_1"):
        model.add(pl.Conv2D(2, 3))
    assert len(model.layers) == 1
    model.add(pl.Dense(2))
    assert model.output_shape == (2,)


def test_074_pooling_to_nothing():
    with pytest.raises(ValueError, match="max_pool2d_1"):
        pl.Sequential([pl.MaxPool2D(4)], input_shape=(3, 3, 1))


def test_076_the_same_layer_or_name_twice():
    layer = pl.Dense(4)
    with pytest.raises(ValueError, match="twice"):
        pl.Sequential([layer, layer], input_shape=(4,))
    with pytest.raises(ValueError, match='"a"'):
        pl.Sequential([pl.Dense(4, name="a"), pl.Dense(4, name="a")])
    model = pl.Sequential([layer], input_shape=(4,))
    with pytest.raises(ValueError, match="another model"):
        pl.Sequential([layer], input_shape=(4,))
    assert model.predict(X).shape == (12, 4)
    del model
    pl.Sequential([layer])


def test_077_empty_model():
    model = pl.Sequential(input_shape=(4,))
    model.compile("adam", "mse")
    for call in (
        lambda: model.fit(X, Y),
        lambda: model.predict(X),
        lambda: model.evaluate(X, Y),
        lambda: model.train_on_batch(X, Y),
        lambda: model.forward(X),
        model.build,
        model.summary,
    ):
        with pytest.raises(ValueError, match="without layers"):
            call()


def test_073_seeds():
    for seed in (-1, 2**32, 2**70):
        with pytest.raises(ValueError, match="seed"):
            pl.Sequential(seed=seed)
    for seed in (1.0, "1", True):
        with pytest.raises(TypeError, match="seed"):
            pl.Sequential(seed=seed)
    assert 0 <= pl.Sequential().seed < 2**32


def test_constructor_arguments():
    for bad in (pl.Dense, 3, "dense"):
        with pytest.raises(TypeError, match="not a layer"):
            pl.Sequential([bad])
    for dtype in ("float16", "int32", "banana"):
        with pytest.raises(ValueError, match="dtype"):
            pl.Sequential(dtype=dtype)
    with pytest.raises(ValueError, match="data_format"):
        pl.Sequential(data_format="nchw")
    for shape in ((0,), (-1, 2)):
        with pytest.raises(ValueError, match="input_shape"):
            pl.Sequential(input_shape=shape)
    for shape in ("28", (), (2.0,)):
        with pytest.raises(TypeError, match="input_shape"):
            pl.Sequential(input_shape=shape)


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"batch_size": -1}, ValueError, "batch_size"),
        ({"batch_size": 32.0}, TypeError, "batch_size"),
        ({"batch_size": True}, TypeError, "batch_size"),
        ({"epochs": -1}, ValueError, "epochs"),
        ({"epochs": 1.5}, TypeError, "epochs"),
        ({"validation_split": 1.0}, ValueError, "validation_split"),
        ({"validation_split": -0.1}, ValueError, "validation_split"),
        ({"validation_split": 0.001}, ValueError, "leaves 12 for training and 0"),
        ({"validation_split": "0.1"}, TypeError, "validation_split"),
        ({"accumulate_steps": 0}, ValueError, "accumulate_steps"),
        ({"on_nan": "warn"}, ValueError, "on_nan"),
        ({"verbose": 3}, ValueError, "verbose"),
        ({"callbacks": [pl.EarlyStopping]}, TypeError, "callbacks"),
        ({"callbacks": 3}, TypeError, "callbacks"),
        ({"validation_data": [X, Y]}, TypeError, "validation_data"),
        ({"validation_data": (X,)}, TypeError, "validation_data"),
        ({"validation_data": (X, Y[:5])}, ValueError, "5"),
        ({"validation_data": (X[:, :3], Y)}, ValueError, "validation x"),
        ({"validation_data": (X, Y + 9)}, ValueError, "label"),
        ({"validation_data": (X, Y), "validation_split": 0.5}, ValueError, "both"),
    ],
)
def test_082_083_093_arguments_of_fit(model, arguments, error, word):
    refused(model, lambda: model.fit(X, Y, **arguments), error, word)


def test_082_full_batch_and_larger_than_the_data():
    models = [mlp() for _ in range(3)]
    for model, size in zip(models, (0, 12, 1000), strict=True):
        model.fit(X, Y, batch_size=size, epochs=2, shuffle=False, verbose=0)
        assert model.optimizer.iterations == 2
    assert snapshot(models[0]) == snapshot(models[1]) == snapshot(models[2])


def test_083_no_epochs(model):
    before = snapshot(model)
    history = model.fit(X, Y, epochs=0, verbose=0)
    assert history.history == {}
    assert history.epoch == []
    assert history.best_epoch is None
    assert snapshot(model) == before


def test_084_a_last_batch_of_one_with_batch_norm():
    layers = [pl.Dense(4), pl.BatchNorm(), pl.Dense(3)]
    model = pl.Sequential(layers, input_shape=(4,), seed=0)
    model.compile("adam", "softmax_cross_entropy")
    model.fit(X[:9], Y[:9], batch_size=4, verbose=0)
    assert model.optimizer.iterations == 2
    plain = mlp()
    plain.fit(X[:9], Y[:9], batch_size=4, verbose=0)
    assert plain.optimizer.iterations == 3
    refused(
        model,
        lambda: model.fit(X, Y, batch_size=1),
        ValueError,
        "batch_norm_1",
        "more than one value per channel",
    )


def test_085_nan_names_step_rate_and_layer():
    model = mlp()
    model.fit(X, Y, batch_size=4, verbose=0)
    bad = X.copy()
    bad[7, 2] = np.nan
    before = snapshot(model)
    with pytest.raises(pl.NumericsError) as caught:
        model.fit(bad, Y, batch_size=12, shuffle=False, verbose=0)
    for word in ("step 3", "learning rate 0.01", "sample 7"):
        assert word in str(caught.value)
    assert snapshot(model) == before
    model.parameters()[0].value[0, 0] = np.inf
    with pytest.raises(pl.NumericsError, match=r"dense_1 \(Dense\) is the first layer"):
        model.fit(X, Y, verbose=0)


def test_085_keeps_running_statistics_and_random_counters():
    model = cnn()
    x, y = strokes(24)
    model.fit(x, y, verbose=0)
    before = snapshot(model)
    x[5] = np.inf
    with pytest.raises(pl.NumericsError):
        model.fit(x, y, batch_size=24, verbose=0)
    assert snapshot(model) == before


def test_085_stop_and_ignore():
    bad = X.copy()
    bad[11] = np.nan
    model = mlp()
    history = model.fit(
        bad, Y, batch_size=4, shuffle=False, on_nan="stop", epochs=9, verbose=0
    )
    assert model.optimizer.iterations == 2  # two good steps
    assert len(history.epoch) == 1
    assert np.isfinite(history.history["loss"]).all()
    assert all(np.isfinite(p.value).all() for p in model.parameters())
    stopped = mlp()
    stopped.fit(
        bad, Y, batch_size=4, shuffle=False, callbacks=[pl.TerminateOnNaN()], verbose=0
    )
    assert snapshot(model) == snapshot(stopped)
    ignoring = mlp()
    history = ignoring.fit(bad, Y, on_nan="ignore", verbose=0)
    assert np.isnan(history.history["loss"]).all()


def test_086_gradient_overflow_with_a_finite_loss():
    model = regression()
    model.parameters()[0].value[...] = 0
    x = np.full((4, 4), 3e38, "float32")
    refused(
        model,
        lambda: model.fit(x, np.full(4, 2.0), verbose=0),
        pl.NumericsError,
        "the gradient",
        "dense_1 (Dense)",
    )


def test_095_an_optimizer_serves_one_model(model):
    other = mlp()
    before = snapshot(model)
    for one, two in ((model, other), (other, model)):
        with pytest.raises(ValueError, match="another model"):
            one.compile(two.optimizer, "mse")
    assert snapshot(model) == before
    optimizer = other.optimizer
    del one, two, other  # an optimizer whose model is gone is free
    model.compile(optimizer, "mse")


def test_refused_compile_keeps_the_old_choice(model):
    for arguments in (
        ("adams", "mse"),
        ("adam", "msa"),
        ("adam", "mse", ["accurate"]),
        ("adam", "mse", "accuracy"),
    ):
        with pytest.raises((ValueError, TypeError)):
            model.compile(*arguments)
    assert model.optimizer.iterations > 0
    assert model.loss.from_logits


def test_predict_arguments(model):
    with pytest.raises(ValueError, match="batch_size"):
        model.predict(X, batch_size=0)
    with pytest.raises(TypeError, match="batch_size"):
        model.evaluate(X, Y, batch_size=2.5)
    with pytest.raises(ValueError, match="threshold"):
        model.predict_classes(X, threshold=1.5)


def test_load_state_dict(model):
    state = model.state_dict()
    shapes = {"dense_1.weight": np.zeros((4, 9))}
    for bad, words in (
        ({}, "dense_1.weight is missing"),
        (state | {"dense_9.weight": 1.0}, "dense_9.weight is not in the model"),
        (state | shapes, "(4, 9), the model (4, 8)"),
    ):
        refused(model, lambda b=bad: model.load_state_dict(b), ValueError, words)
    refused(model, lambda: model.load_state_dict([1]), TypeError, "state_dict()")
