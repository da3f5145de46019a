"""Faults of neural-network tutorials that pellucid must not have: training and data.

See test_tutorial_bugs.py.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pellucid as pl
from tests.support.bounds import assert_exact
from tests.support.gradients import assert_gradients, gradients
from tests.support.models import blobs, mlp, snapshot

X, Y = blobs(12)


def trained(model, *data, **options):
    model.fit(*data, **({"verbose": 0} | options))
    return model


def test_b37_adam_keeps_its_moments_by_parameter_and_moves_biases():
    model = pl.mlp([4, 7, 5, 3], activation="tanh", seed=0, dtype="float64")
    model.compile(pl.Adam(0.01), "softmax_cross_entropy")
    start = [p.value.copy() for p in model.parameters()]
    m = [np.zeros_like(value) for value in start]
    v = [np.zeros_like(value) for value in start]
    for t in (1, 2, 3):
        _, *grads = gradients(model, X, Y)
        model.train_on_batch(X, Y)
        for w, g, one, two in zip(start, grads, m, v, strict=True):
            one += 0.1 * (g - one)
            two += 0.001 * (g * g - two)
            w -= 0.01 * (one / (1 - 0.9**t)) / (np.sqrt(two / (1 - 0.999**t)) + 1e-8)
    for p, expected in zip(model.parameters(), start, strict=True):
        np.testing.assert_allclose(p.value, expected, rtol=1e-9)
        assert p.name == "weight" or np.abs(p.value).min() > 0.005


def test_b38_the_epochs_loss_counts_samples():
    x, y = blobs(23)
    for size in (10, 23, 1000):  # a rest of 3, none, fewer samples than a batch
        model = mlp()
        model.compile(pl.SGD(0.0), "softmax_cross_entropy")
        history = trained(model, x, y, batch_size=size).history.history
        exact = model.evaluate(x, y)["loss"]
        assert history["loss"] == [pytest.approx(exact, rel=1e-6)]
    parts = [model.evaluate(x[i : i + 10], y[i : i + 10])["loss"] for i in (0, 10, 20)]
    assert abs(np.mean(parts) - exact) > 1e-3  # the mean of batches would be wrong


def test_b39_early_stopping_works_from_the_first_epoch():
    model = mlp()
    model.compile(pl.SGD(0.0), "softmax_cross_entropy")
    stopping = pl.EarlyStopping("loss", patience=2, min_delta=1e-3)
    history = model.fit(X, Y, epochs=300, callbacks=[stopping], verbose=0)
    assert history.epoch == [0, 1, 2]
    assert len(history.history["loss"]) == 3
    assert stopping.message.startswith("stopped after epoch 3: ")


def test_b40_penalties_of_all_layers_count_and_softmax_goes_back_by_a_formula():
    model = pl.Sequential(
        [
            pl.Dense(4, "tanh", kernel_regularizer=pl.L2(0.1)),
            pl.Dense(5, "tanh", kernel_regularizer=pl.L1(0.2)),
            pl.Dense(3, kernel_regularizer=pl.L1L2(0.3, 0.4)),
        ],
        input_shape=(4,),
        dtype="float64",
        seed=0,
    )
    model.compile(pl.SGD(0.01), "softmax_cross_entropy")
    weights = [p.value.copy() for p in model.parameters()[::2]]
    sizes = [0.5 * 0.1 * (weights[0] ** 2).sum(), 0.2 * np.abs(weights[1]).sum()]
    sizes.append(0.3 * np.abs(weights[2]).sum() + 0.5 * 0.4 * (weights[2] ** 2).sum())
    plain = pl.SoftmaxCrossEntropy()(model.predict(X), Y)
    assert model.evaluate(X, Y)["loss"] == pytest.approx(plain + sum(sizes), rel=1e-12)
    grads = gradients(model, X, Y)[1::2]
    model.train_on_batch(X, Y)
    extra = [0.1 * weights[0], 0.2 * np.sign(weights[1])]
    extra.append(0.3 * np.sign(weights[2]) + 0.4 * weights[2])
    for p, w, g, e in zip(model.parameters()[::2], weights, grads, extra, strict=True):
        np.testing.assert_allclose(p.value, w - 0.01 * (g + e), rtol=1e-12)
    layer = pl.Softmax().bind(dtype="float64", seed=0)
    y, g = layer.forward(X.astype("float64"), training=True), X[::-1].astype("float64")
    expected = y * (g - (g * y).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(layer.backward(g), expected, atol=1e-14)


@pytest.mark.parametrize("epochs", [5, 30])
def test_b42_the_best_weights_come_back_whether_patience_ends_or_not(epochs):
    model = mlp()
    seen = []

    def worsen(epoch, logs):
        seen.append(model.state_dict())
        logs["val_loss"] = [5.0, 1.0, 2.0, 3.0, 4.0, *range(5, 99)][epoch]

    stopping = pl.EarlyStopping(patience=10)
    watching = [pl.LambdaCallback(on_epoch_end=worsen), stopping]
    trained(model, X, Y, epochs=epochs, callbacks=watching)
    assert (stopping.stopped_epoch is None) == (epochs == 5)
    for name, value in model.state_dict().items():
        assert_exact(value, seen[1][name])
        assert (seen[-1][name] != seen[1][name]).any()


def test_b43_the_strength_of_a_penalty_does_not_depend_on_the_batch():
    x, y = np.concatenate([X, X]), np.concatenate([Y, Y])
    moved = []
    for data in ((X, Y), (x, y)):  # the same mean loss from 12 and from 24 samples
        model = pl.Sequential(
            [pl.Dense(3, kernel_regularizer=pl.L2(0.5))],
            input_shape=(4,),
            dtype="float64",
            seed=0,
        )
        model.compile(pl.SGD(0.1), "softmax_cross_entropy")
        before = model.evaluate(*data, batch_size=5)["loss"]
        history = trained(model, *data, batch_size=0).history.history
        assert history["loss"] == [pytest.approx(before, rel=1e-12)]
        moved.append(model.parameters()[0].value)
    np.testing.assert_allclose(moved[0], moved[1], rtol=1e-12)


def test_b44_binary_cross_entropy_of_large_logits():
    loss = pl.SigmoidBinaryCrossEntropy()
    z = np.array([[-800.0], [800.0], [-800.0], [800.0]], "float32")
    t = np.array([0, 1, 1, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        targets = loss.check(t, (1,), dtype=z.dtype)
        value, gradient = loss.value_and_gradient(z, targets)
    assert value[0] == 400.0  # (0 + 0 + 800 + 800) / 4: no epsilon caps it
    assert gradient.ravel().tolist() == [0, 0, -0.25, 0.25]
    small = loss(np.full((1, 1), 40.0, "float64"), [1])
    assert small == pytest.approx(np.exp(-40.0), rel=1e-12)  # log(a + 1e-8) gives -1e-8


class Counting(pl.Layer):
    """Passes its input on, and counts."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def output_shape(self, input_shape):
        return tuple(input_shape)

    def forward(self, x, training=False):
        self.calls.append((len(x), training))
        return np.array(x)

    def backward(self, dy):
        return np.array(dy)


def counted(x, y, **options):
    counting = Counting()
    model = pl.Sequential([counting, pl.Dense(3)], input_shape=(4,), seed=0)
    model.compile("adam", "softmax_cross_entropy", ["accuracy"])
    model.fit(x, y, verbose=0, **options)
    return counting.calls


def test_b45_metrics_of_training_cost_no_second_pass():
    calls = counted(X, Y, batch_size=6, epochs=3, validation_data=(X[:5], Y[:5]))
    assert calls == [(6, True), (6, True), (5, False)] * 3


@pytest.mark.parametrize(
    "name",
    [
        *("mse", "mean_squared_error", "binary_crossentropy", "binary_cross_entropy"),
        *("categorical_crossentropy", "softmax_cross_entropy"),
    ],
)
def test_b46_names_of_losses_become_losses(name):
    last = {"mse": None, "mea": None, "bin": "sigmoid", "cat": "softmax"}
    categorical = name.startswith(("cat", "soft"))
    layers = [pl.Dense(3 if categorical else 1, activation=last.get(name[:3]))]
    model = pl.Sequential(layers, input_shape=(4,), dtype="float64", seed=0)
    model.compile("sgd", name)
    assert isinstance(model.loss, pl.losses.Loss)
    targets = Y if categorical else (Y > 0).astype(float)
    first = model.evaluate(X, targets)["loss"]
    trained(model, X, targets, epochs=20)
    assert model.evaluate(X, targets)["loss"] < first
    with pytest.raises(ValueError, match="Did you mean"):
        model.compile("sgd", name + "x")


def test_b47_the_named_optimizer_is_used():
    models = {}
    for name in ("sgd", "momentum", "adam", "adamw"):
        models[name] = pl.mlp([4, 3], seed=0, dtype="float64")
        models[name].compile(name, "softmax_cross_entropy")
        start = models[name].parameters()[0].value.copy()
        grad = gradients(models[name], X, Y)[1]
        for _ in range(2):
            models[name].train_on_batch(X, Y)
    adam, rate = models["adam"], models["adam"].optimizer.learning_rate
    assert type(adam.optimizer) is pl.Adam
    moved = adam.parameters()[0].value - start
    np.testing.assert_allclose(moved, -2 * rate * np.sign(grad), rtol=0.05)
    results = {snapshot(model) for model in models.values()}
    assert len(results) == 4
    with pytest.raises(ValueError, match='Did you mean "adam"'):
        adam.compile("addam", "mse")


def test_b48_features_by_samples_is_refused_with_the_repair():
    model = mlp()
    for call in (lambda: model.predict(X.T), lambda: model.fit(X.T, Y)):
        with pytest.raises(ValueError, match="12 features, 4 were expected") as caught:
            call()
        assert "x.T" in str(caught.value)
    model.predict(X.T.T)


def test_b49_the_step_does_not_shrink_with_the_batch():
    one = mlp(dtype="float64")
    grads = gradients(one, X[:1], Y[:1])[1:]
    ten = gradients(one, X[:1].repeat(10, axis=0), Y[:1].repeat(10))[1:]
    for single, many in zip(grads, ten, strict=True):
        np.testing.assert_allclose(single, many, rtol=1e-12)
    linear = pl.Sequential([pl.Dense(1)], input_shape=(4,), dtype="float64", seed=0)
    linear.compile("sgd", "mse")
    x, t = X.astype("float64"), X[:, :1].astype("float64")
    error = linear.predict(x) - t
    want = 2 / 12 * x.T @ error
    np.testing.assert_allclose(gradients(linear, x, t)[1], want, rtol=1e-12)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("one_hot", [True, False])
def test_b50_both_cross_entropies_have_their_own_gradient(from_logits, one_hot):
    last = [] if from_logits else [pl.Softmax()]
    model = pl.Sequential(
        [pl.Dense(3), *last], input_shape=(4,), dtype="float64", seed=0
    )
    loss = "softmax_cross_entropy" if from_logits else "categorical_cross_entropy"
    model.compile("sgd", loss)
    assert_gradients(model, X, np.eye(3)[Y] if one_hot else Y)
    # With respect to the probabilities: -t / p / n, not p - t.
    p = np.array([[0.7, 0.2, 0.1]])
    from_probabilities = pl.CategoricalCrossEntropy()
    targets = from_probabilities.check([0], (3,), dtype=p.dtype)
    value, gradient = from_probabilities.value_and_gradient(p, targets)
    assert value[0] == pytest.approx(-np.log(0.7), rel=1e-14)
    np.testing.assert_allclose(gradient, [[-1 / 0.7, 0, 0]], rtol=1e-14)


def test_b51_targets_of_classes_by_samples_are_refused():
    model = mlp()
    with pytest.raises(ValueError, match=r"\(3, 12\)"):
        model.fit(X, np.eye(3)[Y].T)
    square = np.array([[0.9, 0.0, 0.1], [0.1, 0.9, 0.2], [0.0, 0.1, 0.7]])
    with pytest.raises(ValueError, match=r"row 1 of y sums to 1\.2"):
        model.fit(X[:3], square)


def test_b52_no_sample_is_dropped_and_each_goes_forward_once():
    assert counted(X, Y, batch_size=5) == [(5, True), (5, True), (2, True)]
    assert counted(X, Y, batch_size=50) == [(12, True)]


def test_b54_xor_is_solved_for_nearly_all_seeds():
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    solved = 0
    for seed in range(20):
        model = pl.mlp([2, 10, 10, 1], seed=seed)
        model.compile(pl.Adam(0.02), "sigmoid_binary_cross_entropy")
        trained(model, x, y, epochs=150, batch_size=0)
        solved += model.predict_classes(x).tolist() == y.tolist()
    assert solved >= 19


def test_b55_a_loss_of_zero_is_a_loss_and_the_data_stay():
    model = pl.Sequential([pl.Dense(1)], input_shape=(2,), seed=0)
    model.compile("sgd", "mse")
    model.parameters()[0].value[...] = 1
    x = np.arange(12.0, dtype="float32").reshape(6, 2)
    y = x.sum(axis=1)
    kept = x.copy(), y.copy()
    stopping = pl.EarlyStopping(patience=2)
    options = {"epochs": 9, "batch_size": 4, "callbacks": [stopping]}
    history = trained(model, x, y, validation_data=(x, y), **options).history
    assert history.history["val_loss"] == [0.0, 0.0, 0.0]
    assert (stopping.best, history.best_epoch) == (0.0, 0)
    assert_exact(x, kept[0])
    assert_exact(y, kept[1])
