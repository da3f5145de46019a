"""Training: what fit does with data, what it records, that it learns."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from pellucid.model.prepare import split_rows
from pellucid.model.training import TrainingStep
from tests.support.models import blobs, cnn, mlp, snapshot, strokes


def test_a_cnn_learns_images_like_digits():
    model = cnn()
    x, y = strokes(400)
    x_test, y_test = strokes(200, seed=1)
    history = model.fit(x, y, epochs=12, batch_size=32, verbose=0)
    assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]
    assert model.evaluate(x_test, y_test)["accuracy"] > 0.93


def test_xor_is_learnt():
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    layers = [pl.Dense(10, activation="tanh"), pl.Dense(1, activation="sigmoid")]
    model = pl.Sequential(layers, input_shape=(2,), seed=0)
    model.compile(pl.Adam(0.05), "binary_cross_entropy", ["accuracy"])
    model.fit(x, y, epochs=200, batch_size=4, verbose=0)
    assert model.evaluate(x, y)["accuracy"] == 1.0
    assert model.predict_classes(x).tolist() == y.tolist()


def test_ten_samples_are_learnt_by_heart():
    x, y = blobs(10)
    model = mlp()
    model.compile(pl.Adam(0.05), "softmax_cross_entropy")
    history = model.fit(x, y, epochs=300, batch_size=0, verbose=0)
    assert history.history["loss"][-1] < 1e-3


def test_the_step_is_that_of_the_formulas():
    """One SGD step of a linear model by hand: w - rate * x.T @ 2 (x w - t) / n."""
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    model = pl.Sequential([pl.Dense(2)], input_shape=(3,), dtype="float64", seed=1)
    model.compile(pl.SGD(0.1), "mse")
    weight, bias = (p.value.copy() for p in model.parameters())
    error = x @ weight + bias - t
    history = model.fit(x, t, batch_size=0, verbose=0)
    scale = 2 / error.size
    new_weight, new_bias = (p.value for p in model.parameters())
    np.testing.assert_allclose(new_weight, weight - 0.1 * scale * x.T @ error)
    np.testing.assert_allclose(new_bias, bias - 0.1 * scale * error.sum(axis=0))
    assert history.history["loss"] == [pytest.approx((error**2).mean(), rel=1e-12)]


def test_two_fits_are_one():
    x, y = strokes(50)
    one, two = cnn(), cnn()
    one.fit(x, y, epochs=5, batch_size=16, verbose=0)
    first = two.fit(x, y, epochs=2, batch_size=16, verbose=0)
    second = two.fit(x, y, epochs=3, batch_size=16, verbose=0)
    assert snapshot(one) == snapshot(two)
    assert first.epoch + second.epoch == [0, 1, 2, 3, 4]
    assert two.history is second


def test_the_seed_decides_everything():
    x, y = strokes(50)
    results = []
    for seed in (3, 3, 4):
        model = cnn(seed=seed)
        model.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
        results.append(snapshot(model))
    assert results[0] == results[1] != results[2]


def test_history_has_every_key_every_epoch():
    x, y = blobs()
    model = mlp()
    history = model.fit(x, y, epochs=3, validation_data=(x, y), verbose=0)
    assert list(history.history) == [
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
        "seconds",
    ]
    assert {len(values) for values in history.history.values()} == {3}
    assert history.best_epoch == int(np.argmin(history.history["val_loss"]))
    assert "epochs 0 to 2" in repr(history)
    evaluated = model.evaluate(x, y)
    assert history.history["val_loss"][-1] == evaluated["loss"]
    assert history.history["val_accuracy"][-1] == evaluated["accuracy"]


def test_epoch_values_are_exact_with_a_partial_batch():
    """Known bugs B-38 and B-59: means of batches are wrong with a remainder."""
    x, y = blobs(23)
    model = mlp()
    model.compile(pl.SGD(0), "softmax_cross_entropy", ["accuracy"])
    history = model.fit(x, y, batch_size=10, verbose=0)
    exact = model.evaluate(x, y)
    assert history.history["loss"][0] == pytest.approx(exact["loss"], rel=1e-6)
    assert history.history["accuracy"][0] == exact["accuracy"]
    assert model.optimizer.iterations == 3


def test_evaluate_does_not_depend_on_its_batches():
    x, y = strokes(37)
    model = cnn()
    values = [model.evaluate(x, y, batch_size=size) for size in (1, 5, 37, 256)]
    for value in values[1:]:
        assert value["loss"] == pytest.approx(values[0]["loss"], rel=1e-6)
        assert value["accuracy"] == values[0]["accuracy"]


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "mse"])
def test_accumulated_steps_equal_the_large_batch(loss):
    """Known bug B-24; with a partial group and a partial batch at the end."""
    x, y = blobs(28)
    targets = y if loss != "mse" else np.eye(3)[y]
    models = []
    for size, steps in ((12, 1), (4, 3)):
        layers = [
            pl.Dense(5, activation="tanh", kernel_regularizer=pl.L2(0.01)),
            pl.Dense(3),
        ]
        model = pl.Sequential(layers, input_shape=(4,), dtype="float64", seed=0)
        model.compile(pl.Adam(0.01), loss)
        model.fit(
            x, targets, epochs=2, batch_size=size, accumulate_steps=steps, verbose=0
        )
        assert model.optimizer.iterations == 6
        models.append(model)
    for one, two in zip(*(model.parameters() for model in models), strict=True):
        np.testing.assert_allclose(one.value, two.value, rtol=1e-9)


def test_sample_weights_of_zero_and_one_leave_samples_out():
    x, y = blobs(20)
    weights = np.zeros(20)
    weights[:10] = 2.0  # sum(w * l) / 20 is the mean over the ten
    models = [mlp(dtype="float64") for _ in range(2)]
    models[0].fit(x, y, sample_weight=weights, batch_size=0, shuffle=False, verbose=0)
    models[1].fit(x[:10], y[:10], batch_size=0, shuffle=False, verbose=0)
    for one, two in zip(*(model.parameters() for model in models), strict=True):
        np.testing.assert_allclose(one.value, two.value, rtol=1e-12)


def test_class_weights_are_sample_weights():
    x, y = blobs(20)
    table = {0: 2.0, 2: 0.5}
    one, two, three, four = (mlp() for _ in range(4))
    one.fit(x, y, class_weight=table, verbose=0)
    two.fit(x, y, sample_weight=[table.get(label, 1.0) for label in y], verbose=0)
    assert snapshot(one) == snapshot(two)
    three.fit(x, y, class_weight="balanced", verbose=0)
    counts = np.bincount(y, minlength=3)
    four.fit(x, y, sample_weight=20 / (3 * counts[y]), verbose=0)
    assert snapshot(three) == snapshot(four)
    hot = mlp()
    hot.fit(x, np.eye(3)[y], class_weight=table, verbose=0)
    np.testing.assert_allclose(
        hot.parameters()[0].value, one.parameters()[0].value, rtol=1e-5
    )


def test_class_weights_are_for_training_only():
    x, y = blobs(20)
    model = mlp()
    model.compile(pl.SGD(0), "softmax_cross_entropy")
    history = model.fit(
        x, y, class_weight={0: 9.0, 1: 9.0, 2: 9.0}, validation_data=(x, y), verbose=0
    )
    assert history.history["loss"][0] == pytest.approx(
        9 * history.history["val_loss"][0], rel=1e-5
    )


def test_validation_split_is_seeded_and_the_same_in_every_call():
    x, y = blobs(40)
    seen = []

    class Spy:
        name = "spy"

        def reset(self):
            pass

        def update(self, y_true, y_pred):
            seen.append(len(y_true))

        def result(self):
            return 0.0

    model = mlp()
    model.compile("adam", "softmax_cross_entropy", [Spy()])
    model.fit(x, y, validation_split=0.25, batch_size=100, verbose=0)
    assert seen == [30, 10]
    train, held = split_rows(40, 0.25, model.seed)
    assert len(held) == 10
    assert sorted([*train, *held]) == list(range(40))
    assert held.tolist() != list(range(30, 40))
    again = split_rows(40, 0.25, model.seed)
    assert again[1].tolist() == held.tolist()


def test_validation_weights():
    x, y = blobs(20)
    model = mlp()
    model.compile(pl.SGD(0), "softmax_cross_entropy")
    history = model.fit(x, y, validation_data=(x, y, np.full(20, 3.0)), verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(
        3 * history.history["loss"][0], rel=1e-5
    )


def test_penalties_are_in_both_losses():
    x, y = blobs(20)
    model = pl.Sequential(
        [pl.Dense(3, kernel_regularizer=pl.L2(0.1))], input_shape=(4,), seed=0
    )
    model.compile(pl.SGD(0.1), "softmax_cross_entropy")
    weight = model.parameters()[0]
    penalty = weight.regularizer.value(weight.value)
    plain = pl.losses.SoftmaxCrossEntropy()(model.predict(x), y)
    assert model.evaluate(x, y)["loss"] == pytest.approx(plain + penalty, rel=1e-6)
    before = weight.value.copy()
    model.forward(x, training=True)
    loss, dy = model.loss.value_and_gradient(model.predict(x), y)
    model.backward(dy)
    gradient = weight.grad.copy()
    weight.regularizer.add_gradient(weight.value, gradient)
    value = model.train_on_batch(x, y)["loss"]
    assert value == pytest.approx(float(loss[0]) + penalty, rel=1e-6)
    np.testing.assert_allclose(weight.value, before - 0.1 * gradient, rtol=1e-5)


def test_train_on_batch_is_a_step_of_fit():
    x, y = blobs(12)
    one, two = mlp(), mlp()
    values = [one.train_on_batch(x, y) for _ in range(3)]
    history = two.fit(x, y, epochs=3, batch_size=0, shuffle=False, verbose=0)
    for key in ("loss", "accuracy"):
        assert [value[key] for value in values] == pytest.approx(history.history[key])
    assert one.state_dict()["dense_1.weight"].tobytes() == (
        two.state_dict()["dense_1.weight"].tobytes()
    )


def test_batches_from_an_iterable():
    x, y = blobs(30)
    batches = [(x[i : i + 10], y[i : i + 10]) for i in range(0, 30, 10)]
    one, two = mlp(input_shape=None), mlp()
    one.fit(batches_of(batches), epochs=2, verbose=0)
    two.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    assert snapshot(one) == snapshot(two)
    weighted = [(*batch, np.ones(10)) for batch in batches]
    three = mlp()
    three.fit(batches_of(weighted), epochs=2, verbose=0)
    assert snapshot(three) == snapshot(one)


class batches_of:
    """An iterable with a length, and another length to lie about."""

    def __init__(self, batches, length=None):
        self.batches = batches
        self.length = len(batches) if length is None else length

    def __len__(self):
        return self.length

    def __iter__(self):
        return iter(self.batches)


def test_089_bad_iterables():
    x, y = blobs(30)
    model = mlp()
    with pytest.raises(ValueError, match="ended after 1 batches"):
        model.fit(batches_of([(x, y)], length=2), verbose=0)
    with pytest.raises(ValueError, match="empty dataset"):
        model.fit(batches_of([(x, y)], length=0), verbose=0)
    with pytest.raises(TypeError, match="batch 1 is a list"):
        model.fit(batches_of([(x, y), [x, y]]), verbose=0)
    with pytest.raises(ValueError, match="validation_split was given"):
        model.fit(batches_of([(x, y)]), validation_split=0.5, verbose=0)
    with pytest.raises(TypeError, match="y is missing"):
        model.fit(x)


def test_data_are_not_touched():
    x, y = blobs(30)
    kept = x.copy(), y.copy()
    mlp().fit(x, y, epochs=2, verbose=0)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(y, kept[1])


def test_frozen_layers_stay_and_are_not_gone_back_through():
    x, y = blobs(30)
    model = pl.Sequential(
        [pl.Dense(6, activation="relu", trainable=False), pl.Dense(5), pl.Dense(3)],
        input_shape=(4,),
        seed=0,
    )
    model.compile("adam", "softmax_cross_entropy")
    first = model.layers[0]
    calls = []
    first.backward = lambda *args, **kwargs: calls.append(1)
    before = model.state_dict()
    model.fit(x, y, epochs=2, verbose=0)
    after = model.state_dict()
    assert calls == []
    for name in before:
        assert (before[name].tobytes() == after[name].tobytes()) == ("dense_1" in name)
    del first.backward
    first.trainable = True
    model.fit(x, y, verbose=0)
    assert model.state_dict()["dense_1.weight"].tobytes() != (
        before["dense_1.weight"].tobytes()
    )


@pytest.mark.parametrize("own_layer", [False, True])
@pytest.mark.parametrize(
    ("activation", "loss", "logits", "units"),
    [
        ("softmax", "categorical_cross_entropy", "softmax_cross_entropy", 3),
        ("sigmoid", "binary_cross_entropy", "sigmoid_binary_cross_entropy", 1),
    ],
)
def test_probabilities_train_like_logits(activation, loss, logits, units, own_layer):
    x, y = blobs(30)
    y = y if units == 3 else (y > 0).astype(int)
    if own_layer:
        last = [pl.Dense(units), pl.Softmax() if units == 3 else pl.Sigmoid()]
    else:
        last = [pl.Dense(units, activation=activation)]
    one = pl.Sequential(last, input_shape=(4,), seed=0)
    two = pl.Sequential([pl.Dense(units)], input_shape=(4,), seed=0)
    one.compile(pl.Adam(0.1), loss, ["accuracy"])
    two.compile(pl.Adam(0.1), logits, ["accuracy"])
    records = [m.fit(x, y, epochs=3, verbose=0).history for m in (one, two)]
    for key in ("loss", "accuracy"):
        assert records[0][key] == records[1][key]
    assert one.state_dict()["dense_1.weight"].tobytes() == (
        two.state_dict()["dense_1.weight"].tobytes()
    )
    np.testing.assert_allclose(one.predict(x), two.predict_proba(x), rtol=1e-6)
    assert one.evaluate(x, y)["loss"] == pytest.approx(
        two.evaluate(x, y)["loss"], rel=1e-5
    )
    assert one.forward(x, training=True).min() >= 0  # outside training: probabilities


def test_no_new_buffers_from_step_to_step():
    x, y = strokes(40)
    model = cnn()
    step = TrainingStep(model)
    step.run(x, y)
    held, gradient = step._workspace.nbytes, model.parameters()[0].grad
    for _ in range(3):
        step.run(x, y)
        step.run(x[:7], y[:7])
    assert step._workspace.nbytes == held
    assert model.parameters()[0].grad is gradient
    assert all(layer.workspace is None for layer in model.layers)


def test_what_a_user_received_is_not_overwritten():
    """Known bug B-21."""
    x, y = strokes(40)
    model = cnn()
    first = model.predict(x)
    forward = model.forward(x, training=True)
    kept = first.copy(), forward.copy()
    model.fit(x, y, epochs=2, verbose=0)
    model.predict(x[::-1])
    np.testing.assert_array_equal(first, kept[0])
    np.testing.assert_array_equal(forward, kept[1])
    passing = pl.Sequential([pl.Dropout(0.5)], input_shape=(8, 8, 1))
    for out in (passing.predict(x), passing.forward(x), passing.forward(x, True)):
        assert not np.shares_memory(out, x)


def test_own_loss_and_metric():
    class Absolute:
        def check(self, targets, output_shape, *, dtype="float32"):
            return np.asarray(targets, dtype).reshape(-1, *output_shape)

        def value_and_gradient(self, prediction, targets, *, weights=None, out=None):
            difference = prediction - targets
            value = np.array([np.abs(difference).mean()])
            return value, np.sign(difference) / difference.size

    x, _y = blobs(30)
    model = pl.Sequential([pl.Dense(1)], input_shape=(4,), seed=0)
    model.compile(pl.SGD(0.05), Absolute(), ["mean_absolute_error"])
    history = model.fit(x, x[:, 0], epochs=20, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert history.history["mean_absolute_error"] == pytest.approx(
        history.history["loss"], rel=1e-5
    )
    assert model.compile_config() is None


def test_own_layer_without_need_dx():
    class Doubled(pl.Layer):
        def build(self, input_shape):
            super().build(input_shape)
            self.weight = self.add_parameter("weight", input_shape, pl.Ones())

        def forward(self, x, training=False):
            x = self.check_input(x)
            y = x * self.weight.value
            if training:
                self.save(y, x)
            return y

        def backward(self, dy):
            dy, (x,) = self.restore(dy)
            self.weight.grad[...] = (dy * x).sum(axis=0)
            return dy * self.weight.value

    x, y = blobs(30)
    model = pl.Sequential([Doubled(), pl.Dense(3)], input_shape=(4,), seed=0)
    model.compile("adam", "softmax_cross_entropy")
    model.fit(x, y, epochs=2, verbose=0)
    assert (model.parameters()[0].value != 1).all()
