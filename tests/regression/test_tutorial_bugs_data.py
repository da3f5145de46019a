"""Faults of neural-network tutorials that pellucid must not have: data and guards.

See test_tutorial_bugs.py.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import pellucid as pl
from pellucid import kernels
from tests.support.bounds import assert_exact
from tests.support.gradients import assert_gradients
from tests.support.models import blobs, cnn, mlp, snapshot, strokes
from tests.support.threads import threads

X, Y = blobs(12)


def test_b56_pictures_are_turned_and_flipped_along_the_right_axes():
    image = np.zeros((1, 5, 5, 2), "float32")
    image[0, 1, 3, 0] = 1  # above and to the right of the middle
    y = np.zeros(1, int)
    flip = pl.data.RandomFlip(horizontal=1.0)
    flipped, _ = pl.data.augment(image, y, [flip])
    assert np.argwhere(flipped[1]).tolist() == [[1, 1, 0]]
    turned = kernels.image_affine(image, _rotation(90), 5)
    assert np.argwhere(turned[0]).tolist() in ([[1, 1, 0]], [[3, 3, 0]])
    kinds = [flip, pl.data.RandomRotation(15), pl.data.RandomNoise(0.1)]
    x = np.random.default_rng(0).uniform(size=(6, 8, 8, 3)).astype("float32")
    many, labels = pl.data.augment(x, np.arange(6), kinds)
    assert many.shape == (24, 8, 8, 3)
    assert labels.tolist() == [*range(6)] * 4
    assert_exact(many[:6], x)
    for part in (many[6:12], many[12:18], many[18:]):
        assert (part != x).mean() > 0.5
        assert 0 <= part.min() <= part.max() <= 1


def _rotation(degrees):
    angle = np.deg2rad(degrees)
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.array([[c, -s, 0], [s, c, 0]])
    matrix[:, 2] = 2 - matrix[:, :2] @ [2, 2]  # about the middle of 5 x 5
    return np.round(matrix, 12)[None]


def test_b57_batch_norm_dropout_and_penalty_in_one_net():
    model = pl.Sequential(
        [
            pl.Dense(6, use_bias=False, kernel_regularizer=pl.L2(0.1)),
            *(pl.BatchNorm(), pl.Tanh(), pl.Dropout(0.5), pl.Dense(3)),
        ],
        input_shape=(4,),
        dtype="float64",
        seed=0,
    )
    model.compile(pl.SGD(0.1), "softmax_cross_entropy", ["accuracy"])
    weight = model.parameters()[0]
    start = weight.value.copy()
    counter = model.layers[3].random.counter.copy()
    y = model.forward(X, training=True)
    _, dy = model.loss.value_and_gradient(y, model.loss.check(Y, (3,), dtype=y.dtype))
    model.backward(dy)
    gradient = weight.grad.copy()
    np.copyto(model.layers[3].random.counter, counter)  # the same mask again
    model.train_on_batch(X, Y)
    np.testing.assert_allclose(
        weight.value, start - 0.1 * (gradient + 0.1 * start), rtol=1e-9
    )
    model.fit(X, Y, epochs=60, verbose=0)
    assert model.evaluate(X, Y)["accuracy"] > 0.9
    assert_exact(model.predict(X)[:1], model.predict(X[:1]))  # no batch statistics
    plain = pl.Sequential(
        [pl.Dense(5), pl.BatchNorm(), pl.Tanh(), pl.Dense(3)],
        input_shape=(4,),
        dtype="float64",
        seed=0,
    )
    plain.compile("sgd", "softmax_cross_entropy")
    assert_gradients(plain, X, Y)


def test_b58_training_with_a_schedule_runs():
    schedule = pl.StepDecay(0.08, step_size=2, factor=0.5)
    model = mlp(dtype="float64")
    model.compile(pl.SGD(schedule), "softmax_cross_entropy")
    rates = model.fit(X, Y, epochs=5, verbose=0).history["learning_rate"]
    assert rates == [0.08, 0.08, 0.04, 0.04, 0.02]
    by_hand = mlp(dtype="float64")
    by_hand.compile(pl.SGD(0.08), "softmax_cross_entropy")
    for rate in rates:
        by_hand.optimizer.learning_rate = rate
        by_hand.fit(X, Y, verbose=0)
    for one, two in zip(model.parameters(), by_hand.parameters(), strict=True):
        assert_exact(one.value, two.value)


def test_b59_every_epoch_has_another_order():
    orders = []

    class Order(pl.metrics.Metric):
        def __init__(self):
            super().__init__("order")

        def reset(self):
            orders.append([])

        def update(self, y_true, y_pred):
            orders[-1].extend(y_true[:, 0].tolist())

        def result(self):
            return 0.0

    model = pl.Sequential([pl.Dense(1)], input_shape=(1,), seed=0)
    model.compile(pl.SGD(0.0), "mse", [Order()])
    x = np.arange(23.0)[:, None]
    losses = model.fit(x, x, epochs=4, batch_size=8, verbose=0).history["loss"]
    exact = model.evaluate(x, x)["loss"]
    assert losses == [pytest.approx(exact, rel=1e-6)] * 4
    orders = [order for order in orders if order][:4]
    assert all(sorted(order) == list(range(23)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert list(range(23)) not in orders


def test_b60_a_class_that_does_not_occur_has_its_row():
    matrix = pl.metrics.confusion_matrix([0, 2, 2], [0, 2, 0], n_classes=4)
    assert matrix.tolist() == [[1, 0, 0, 0], [0] * 4, [1, 0, 1, 0], [0] * 4]


def test_b61_the_signal_keeps_its_size_through_a_deep_net():
    x = np.random.default_rng(0).normal(size=(500, 256)).astype("float32")
    sizes = {}
    for name in (None, "small"):
        initial = None if name is None else pl.RandomNormal(0, 0.01)
        layers = [
            pl.Dense(256, activation="relu", kernel_initializer=initial)
            for _ in range(6)
        ]
        model = pl.Sequential(layers, input_shape=(256,), seed=0)
        sizes[name] = float((model.predict(x) ** 2).mean())
    assert 0.4 < sizes[None] < 2.5  # He: the mean square stays 1
    assert sizes["small"] < 1e-9


def test_b62_no_global_random_numbers_and_masks_without_threads():
    x, y = strokes(40)
    results = []
    for seed, count in ((1, 1), (2, 2), (3, 3)):
        np.random.seed(seed)  # noqa: NPY002
        before = np.random.get_state()[1].tobytes()  # noqa: NPY002
        with threads(count):
            model = cnn()
            model.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
        assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002
        results.append(snapshot(model))
    assert results[0] == results[1] == results[2]
    other = cnn(seed=1)
    other.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
    assert snapshot(other) != results[0]


def test_b63_models_are_saved_and_go_on_and_refuse_what_does_not_fit(tmp_path):
    x, y = strokes(40)
    straight, first = cnn(), cnn()
    straight.fit(x, y, epochs=4, verbose=0)
    first.fit(x, y, epochs=2, verbose=0)
    first.save(tmp_path / "half.safetensors")
    second = pl.load_model(tmp_path / "half.safetensors")
    second.fit(x, y, epochs=2, verbose=0)
    assert snapshot(second) == snapshot(straight)
    for bad, error in ((x[0], ValueError), (x > 0, TypeError), (x[..., 0], ValueError)):
        with pytest.raises(error, match=r"conv2d_1 \(Conv2D\)"):
            second.fit(bad, y, verbose=0)
    assert snapshot(second) == snapshot(straight)


def test_b64_nan_is_found_with_layer_epoch_and_batch():
    model = mlp()
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    before = snapshot(model)
    bad = X.copy()
    bad[9] = np.inf
    with pytest.raises(pl.NumericsError) as caught:
        model.fit(bad, Y, batch_size=12, shuffle=False, verbose=0)
    for word in ("epoch 2, batch 0", "step 6", "sample 9"):
        assert word in str(caught.value)
    assert snapshot(model) == before

    def spoil(batch, logs):
        if batch == 1:
            model.parameters()[2].value[0, 0] = np.nan

    spoiling = pl.LambdaCallback(on_batch_end=spoil)
    with pytest.raises(pl.NumericsError, match=r"dense_2 \(Dense\)") as caught:
        model.fit(X, Y, batch_size=4, callbacks=[spoiling], verbose=0)
    assert "epoch 2, batch 2" in str(caught.value)
    stopped = mlp()
    history = stopped.fit(bad, Y, epochs=3, on_nan="stop", verbose=0)
    assert history.epoch == []
    assert all(np.isfinite(p.value).all() for p in stopped.parameters())


def test_b65_real_digits_need_neither_scikit_learn_nor_a_network():
    code = """
import socket, sys
sys.modules["sklearn"] = None
socket.getaddrinfo = None
import pellucid as pl
(x, y), (x_test, y_test) = pl.data.load_digits()
print(x.shape, y.shape, x_test.shape, sorted(set(y.tolist())), x.min(), x.max())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    shapes = "(1437, 8, 8, 1) (1437,) (360, 8, 8, 1)"
    assert done.stdout.strip() == f"{shapes} {[*range(10)]} 0.0 1.0"
