"""Faults of neural-network tutorials that pellucid must not have: layers and steps.

One test for each, named after its number in the project's list; `test_all_are_here`
counts them over the five files.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import pellucid as pl
from pellucid import kernels
from pellucid.core.schedule import Schedule
from pellucid.model.training import TrainingStep
from pellucid.optimizers.base import Optimizer
from tests.support.bounds import assert_exact, assert_within, unit_roundoff
from tests.support.gradients import assert_gradients, gradients
from tests.support.models import blobs, cnn, mlp, strokes


def test_all_are_here():
    files = Path(__file__).parent.glob("test_tutorial_bugs*.py")
    text = "".join(path.read_text() for path in files)
    found = sorted(map(int, re.findall(r"^def test_b(\d\d)_", text, re.MULTILINE)))
    assert found == list(range(1, 66))


def model_of(*layers, input_shape, loss="mse", dtype="float64", optimizer="sgd"):
    model = pl.Sequential(list(layers), input_shape=input_shape, dtype=dtype, seed=0)
    model.compile(optimizer, loss)
    return model


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": 2, "padding": 1},
        {"padding": "same", "dilation": 2},
        {"groups": 2, "strides": (1, 2), "padding": (0, 1)},
    ],
)
def test_b01_convolution_goes_back_through_filters_bias_and_input(options):
    model = model_of(
        pl.Conv2D(4, (3, 2), activation="tanh", **options),
        pl.Flatten(),
        pl.Dense(1),
        input_shape=(5, 6, 2),
    )
    assert list(model.state_dict())[:2] == ["conv2d_1.weight", "conv2d_1.bias"]
    assert [p.name for p in model.parameters()] == ["weight", "bias"] * 2
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 2))
    assert_gradients(model, x, [0.5, -1.0])
    before = model.state_dict()
    model.fit(x, [0.5, -1.0], verbose=0)
    for name, value in model.state_dict().items():
        assert (value != before[name]).any(), name


def test_b02_a_cnn_with_pooling_and_flatten_trains():
    x, y = strokes(200)
    layers = [
        *(pl.Conv2D(8, 3, activation="relu"), pl.MaxPool2D(2), pl.Conv2D(8, 2)),
        *(pl.ReLU(), pl.AvgPool2D(2, 1), pl.Flatten(), pl.Dense(4)),
    ]
    model = pl.Sequential(layers, input_shape=(8, 8, 1), seed=0)
    model.compile(pl.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    history = model.fit(x, y, epochs=15, verbose=0).history
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    assert history["accuracy"][-1] > 0.9


def test_b03_softmax_is_a_softmax_and_unknown_names_are_errors():
    x = np.random.default_rng(0).normal(size=(5, 4))
    layer = pl.Dense(3, activation="softmax").bind(dtype="float64", seed=0)
    p = layer.forward(x)
    z = x @ layer.weight.value + layer.bias.value
    expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, expected, rtol=1e-13)
    assert z.min() < 0  # a linear output would not be positive
    with pytest.raises(ValueError, match='Did you mean "softmax"'):
        pl.Dense(3, activation="softmx")
    with pytest.raises(ValueError, match="bananas"):
        pl.Conv2D(3, 3, activation="bananas")


def test_b04_convolution_takes_an_activation():
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype("float32")
    plain, rectified = pl.Conv2D(4, 3), pl.Conv2D(4, 3, activation="relu")
    for layer in (plain, rectified):
        layer.bind(seed=0, name="conv")
        layer.build((6, 6, 2))
    np.copyto(plain.weight.value, rectified.weight.value)
    linear = plain.forward(x)
    assert (linear < 0).any()
    assert_exact(rectified.forward(x), np.maximum(linear, 0))
    # A model from a description, where the tutorial had no non-linearity at all.
    spec = [{"type": "conv", "filters": 4, "kernel_size": 3}]
    model = pl.from_spec(spec, input_shape=(6, 6, 2))
    assert model.predict(x).min() == 0


def test_b05_one_step_counts_once_whatever_the_number_of_layers():
    model = model_of(
        *(pl.Dense(3, activation="tanh") for _ in range(5)),
        input_shape=(3,),
        optimizer=pl.Adam(0.01),
    )
    x = np.random.default_rng(0).normal(size=(8, 3))
    y = np.random.default_rng(1).normal(size=(8, 3))
    before = [p.value.copy() for p in model.parameters()]
    _, *grads = gradients(model, x, y)
    model.train_on_batch(x, y)
    assert model.optimizer.iterations == 1
    # With t = 1 the corrected moments are g and g*g, so each number moves by the rate.
    for p, start, g in zip(model.parameters(), before, grads, strict=True):
        expected = start - 0.01 * g / (np.abs(g) + 1e-8)
        np.testing.assert_allclose(p.value, expected, rtol=0, atol=1e-9)


def test_b06_optimizers_update_the_models_own_memory():
    kinds = [
        kind
        for kind in vars(pl.optimizers).values()
        if isinstance(kind, type) and issubclass(kind, Optimizer) and kind != Optimizer
    ]
    assert len(kinds) >= 3
    x, y = blobs(12)
    for kind in kinds:
        model = mlp()
        model.compile(kind(0.01), "softmax_cross_entropy")
        values = [p.value for p in model.parameters()]
        kept = [value.copy() for value in values]
        model.train_on_batch(x, y)
        for p, value, old in zip(model.parameters(), values, kept, strict=True):
            assert p.value is value
            assert (value != old).any()
        assert kind.step is Optimizer.step  # one signature for all


@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_b07_value_and_gradient_of_a_loss_belong_together(outputs, reduction):
    rng = np.random.default_rng(outputs)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, outputs))
    loss = pl.MeanSquaredError(reduction=reduction)
    model = model_of(
        pl.Dense(4, activation="tanh"), pl.Dense(outputs), input_shape=(3,), loss=loss
    )
    assert_gradients(model, x, y)
    squares = (model.predict(x) - y) ** 2
    expected = squares.mean() if reduction == "mean" else squares.sum()
    assert loss(model.predict(x), y) == pytest.approx(expected, rel=1e-14)


def test_b10_the_last_layer_is_linear_and_reaches_negative_targets():
    model = pl.mlp([5, 40, 2], seed=0)
    hidden, last = model.layers
    assert (hidden.activation, last.activation) == ("relu", None)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 5)), rng.normal(size=(10, 2))
    assert (y < -0.5).any()
    model.compile(pl.Adam(0.01), "mse")
    model.fit(x, y, epochs=1000, batch_size=0, verbose=0)
    assert model.evaluate(x, y)["loss"] < 1e-6


def test_b11_accuracy_of_one_column_is_binary():
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    for loss in ("sigmoid_binary_cross_entropy", "mse"):
        model = pl.Sequential([pl.Dense(1)], input_shape=(1,), seed=0)
        model.compile("sgd", loss, ["accuracy"])
        model.parameters()[0].value[...] = 1
        # With the argmax of one column each of these would be 1.0.
        assert model.evaluate(x, [0, 0, 1, 1])["accuracy"] == 1.0
        assert model.evaluate(x, [1, 1, 0, 0])["accuracy"] == 0.0
        assert model.evaluate(x, [0, 1, 1, 1])["accuracy"] == 0.75
    model.compile("sgd", "mse", ["accuracy"])
    with pytest.raises(ValueError, match="measured values"):
        model.evaluate(x, [0.3, 0.5, 0.7, 0.9])


def test_b12_history_has_every_metric_of_every_epoch():
    x, y = blobs()
    history = mlp().fit(x, y, epochs=4, validation_split=0.2, verbose=0).history
    for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert len(history[key]) == 4
        assert np.isfinite(history[key]).all()
    assert len(set(history["loss"])) == 4


def test_b13_batch_norm_of_images_is_by_channel():
    x = np.random.default_rng(0).normal(2, 3, (6, 5, 5, 5))  # h == w == c
    layer = pl.BatchNorm().bind(dtype="float64", seed=0)
    y = layer.forward(x, training=True)
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-12)
    assert layer.state()["running_mean"].shape == (5,)
    np.testing.assert_allclose(layer.state()["running_mean"], 0.1 * mean)
    with pytest.raises(ValueError, match="5 were expected"):
        layer.forward(x[..., :4])


def test_b14_frozen_batch_norm_scales_the_gradient():
    layer = pl.BatchNorm(trainable=False).bind(dtype="float64", seed=0)
    layer.build((3,))
    state = layer.state()
    state["gamma"][...] = [1.0, 2.0, -3.0]
    state["running_variance"][...] = [4.0, 0.25, 1.0]
    x, dy = np.random.default_rng(0).normal(size=(2, 6, 3))
    layer.forward(x, training=True)
    dx = layer.backward(dy)
    expected = dy * [1, 2, -3] / np.sqrt(np.array([4, 0.25, 1]) + 1e-5)
    np.testing.assert_allclose(dx, expected, rtol=1e-12)
    model = pl.Sequential([pl.BatchNorm()], input_shape=(3,))
    assert [p.name for p in model.parameters()] == ["gamma", "beta"]


def test_b15_momentum_is_the_fraction_kept_and_the_variance_biased():
    x = np.array([[1.0], [3.0], [8.0]])
    layer = pl.BatchNorm(momentum=0.8).bind(dtype="float64", seed=0)
    layer.forward(x, training=True)
    assert layer.state()["running_mean"][0] == pytest.approx(0.2 * 4)
    biased = (9 + 1 + 16) / 3  # / 2 would be the unbiased one
    assert layer.state()["running_variance"][0] == pytest.approx(0.8 + 0.2 * biased)


def test_b16_dropout_is_inverted():
    x = np.full((64, 50), 3.0, "float32")
    layer = pl.Dropout(0.25).bind(seed=0, name="drop")
    y = layer.forward(x, training=True)
    assert set(np.unique(y)) == {0.0, 4.0}  # 3 / (1 - 0.25)
    assert abs((y == 0).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / y.size)
    assert_exact(layer.backward(np.full_like(x, 3)), y)  # the same mask
    layer.forward(x, training=True)
    assert_exact(layer.forward(x), x)  # nothing is left to scale in use


def test_b17_all_schedules_are_called_alike_and_plateaus_are_seen():
    made = [
        *(pl.StepDecay(0.1, 2), pl.MultiStepDecay(0.1, [1, 3]), pl.OneCycle(0.1, 10)),
        *(pl.ExponentialDecay(0.1), pl.CosineAnnealing(0.1, 5), pl.Warmup(0.1, 3)),
        *(pl.CosineWarmRestarts(0.1, 5), pl.PolynomialDecay(0.1, 5)),
    ]
    kinds = {v for v in vars(pl.schedules).values() if isinstance(v, type)}
    kinds = {v for v in kinds if issubclass(v, Schedule) and v is not Schedule}
    assert {type(schedule) for schedule in made} >= {
        kind for kind in kinds if not kind.__name__.startswith("_")
    }
    for schedule in made:
        rates = [schedule(t) for t in range(8)]
        assert all(isinstance(rate, float) for rate in rates)
        assert len(set(rates)) > 1
    x, y = blobs(12)
    model = mlp()
    model.compile(pl.SGD(0.0), "softmax_cross_entropy")
    model.optimizer.learning_rate = 1e-30  # nothing can improve
    plateau = pl.ReduceLROnPlateau("loss", factor=0.5, patience=3)
    history = model.fit(x, y, epochs=9, callbacks=[plateau], verbose=0)
    assert plateau.reductions == [(3, 5e-31), (6, 2.5e-31)]
    assert history.history["learning_rate"] == [1e-30] * 4 + [5e-31] * 3 + [2.5e-31] * 2


def test_b18_early_stopping_knows_epoch_direction_and_weights():
    x, y = blobs(12)
    model = mlp()
    values = iter([0.5, 0.9, 0.7, 0.8, 0.6])
    weights = []

    def judge(epoch, logs):
        logs["score"] = next(values)
        weights.append(model.state_dict()["dense_1.weight"])

    stopping = pl.EarlyStopping("score", patience=2, mode="max")
    callbacks = [pl.LambdaCallback(on_epoch_end=judge), stopping]
    history = model.fit(x, y, epochs=9, callbacks=callbacks, verbose=0)
    assert (stopping.best, stopping.best_epoch, stopping.stopped_epoch) == (0.9, 1, 3)
    assert history.epoch == [0, 1, 2, 3]
    assert_exact(model.state_dict()["dense_1.weight"], weights[1])
    assert (weights[1] != weights[3]).any()


def test_b19_a_kernel_larger_than_the_image_is_an_error():
    with pytest.raises(ValueError, match=r"conv2d_1 .*-2 x -2") as caught:
        pl.Sequential([pl.Conv2D(2, 7)], input_shape=(4, 4, 1))
    assert "kernel 7" in str(caught.value)
    assert "input 4" in str(caught.value)
    with pytest.raises(ValueError, match="-2 x -2"):
        kernels.conv2d(np.zeros((1, 4, 4, 1)), np.zeros((7, 7, 1, 1)))
    assert pl.Conv2D(2, 4).output_shape((4, 4, 1)) == (1, 1, 2)


def test_b20_ceil_mode_keeps_the_last_rows():
    x = np.arange(25.0).reshape(1, 5, 5, 1)
    floor, ceil = pl.MaxPool2D(2), pl.MaxPool2D(2, ceil_mode=True)
    for layer in (floor, ceil):
        layer.bind(dtype="float64", seed=0)
    assert floor.forward(x, training=True)[0, ..., 0].tolist() == [[6, 8], [16, 18]]
    y = ceil.forward(x, training=True)[0, ..., 0]
    assert y.tolist() == [[6, 8, 9], [16, 18, 19], [21, 23, 24]]
    dx = ceil.backward(np.ones((1, 3, 3, 1)))[0, ..., 0]
    assert dx[4].tolist() == [0, 1, 0, 1, 1]
    assert dx.sum() == 9
    assert floor.backward(np.ones((1, 2, 2, 1)))[0, 4].sum() == 0


def test_b21_results_are_the_users_own():
    model, x = mlp(), blobs(30)[0]
    results = [model.predict(x[:10]), model.forward(x[:10], training=True)]
    kept = [result.copy() for result in results]
    for part in (x[10:20], x[20:]):
        model.predict(part)
        model.forward(part, training=True)
    for result, copy in zip(results, kept, strict=True):
        assert_exact(result, copy)
    changed = x[:10].copy()
    model.forward(changed, training=True)
    changed[...] = np.nan  # the input is the user's own as well
    model.backward(np.ones((10, 3), "float32"))
    assert all(np.isfinite(p.grad).all() for p in model.parameters())


def test_b22_float64_goes_into_a_float32_model():
    x, y = blobs(12)
    model = mlp()
    wide = model.forward(x.astype("float64"), training=True)
    dx = model.backward(np.ones((12, 3)))
    assert (wide.dtype, dx.dtype) == (np.float32, np.float32)
    assert_exact(wide, model.forward(x, training=True))
    assert_exact(dx, model.backward(np.ones((12, 3), "float32")))
    model.fit(x.astype("float64"), y.astype("float64"), verbose=0)


def test_b23_the_sigmoid_never_overflows():
    x = np.array([-1e4, -800, -500, -89, 0, 89, 500, 800, 1e4])
    for dtype in ("float32", "float64"):
        for twin in ("compiled", "reference"):
            with warnings.catch_warnings(), kernels.use(twin):
                warnings.simplefilter("error")
                y = kernels.activation(x.astype(dtype), "sigmoid")
            assert y[4] == 0.5
            assert (y[5:] == 1).all()
            assert y[0] == 0
            assert 0 < y[3] < 1e-38  # exp(-89), not a value clipped at some limit
            bound = 8 * unit_roundoff(dtype) * np.exp(-89.0)
            assert_within(y[3], np.exp(-89.0), max(bound, np.finfo(dtype).tiny / 64))


def test_b24_accumulated_gradients_are_those_of_the_large_batch():
    x, y = blobs(24)
    models = [mlp(dtype="float64") for _ in range(3)]
    for model, size, steps in zip(models, (24, 8, 8), (1, 3, 1), strict=True):
        model.compile(pl.SGD(0.1), "softmax_cross_entropy")
        model.fit(x, y, batch_size=size, accumulate_steps=steps, verbose=0)
    large, sums, small = ([p.value for p in model.parameters()] for model in models)
    for one, two, three in zip(large, sums, small, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12)
        assert np.abs(one - three).max() > 1e-3


def test_b25_a_partial_batch_makes_no_new_buffers():
    x, y = strokes(40)
    step = TrainingStep(cnn())

    def places():
        return sorted(a.ctypes.data for a in step._workspace.memory())

    for n in (32, 8):
        step.run(x[:n], y[:n])
    held, size = places(), step._workspace.nbytes
    for n in (32, 8, 32, 5, 9):
        step.run(x[:n], y[:n])
    assert step._workspace.nbytes == size
    assert held == places()
    assert len(held) > 5


def test_b26_batches_are_gathered_into_one_buffer_from_a_file(tmp_path):
    import tracemalloc

    rows, columns = 20_000, 100
    path = tmp_path / "x.dat"
    big = np.memmap(path, "float32", "w+", shape=(rows, columns))
    big[...] = np.random.default_rng(0).normal(size=(rows, columns))
    y = (big[:, 0] > 0).astype(int)
    models = []
    for x in (np.memmap(path, "float32", "r", shape=big.shape), np.array(big)):
        model = pl.mlp([columns, 8, 2], seed=0)
        model.compile("adam", "softmax_cross_entropy")
        tracemalloc.start()
        model.fit(x, y, batch_size=64, verbose=0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < big.nbytes / 4
        models.append(model)
    assert_exact(models[0].parameters()[0].value, models[1].parameters()[0].value)
