"""Models with Residual and Concat: names, weights, training, files."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import pellucid as pl
from pellucid.model.training import TrainingStep
from tests.support.models import snapshot, strokes


def nested(**options):
    """A ResNet block with a projection, a DenseNet block, dropout inside."""
    options = {"input_shape": (8, 8, 1), "seed": 0} | options
    layers = [
        pl.Conv2D(4, 3, padding="same", activation="relu"),
        pl.Residual(
            [
                pl.Conv2D(6, 3, strides=2, padding="same"),
                pl.BatchNorm(),
                pl.ReLU(),
                pl.Dropout(0.2),
                pl.Conv2D(6, 3, padding="same"),
            ],
            shortcut=pl.Conv2D(6, 1, strides=2),
        ),
        pl.ReLU(),
        pl.Concat([[], [pl.Conv2D(4, 3, padding="same", activation="relu")]]),
        pl.GlobalAvgPool2D(),
        pl.Residual(pl.Dense(10, kernel_regularizer="l2")),
        pl.Dense(4),
    ]
    model = pl.Sequential(layers, **options)
    model.compile(pl.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    return model


def test_names():
    assert list(nested().state_dict()) == [
        "conv2d_1.weight",
        "conv2d_1.bias",
        "residual_1.body.conv2d_1.weight",
        "residual_1.body.conv2d_1.bias",
        "residual_1.body.batch_norm_1.gamma",
        "residual_1.body.batch_norm_1.beta",
        "residual_1.body.batch_norm_1.running_mean",
        "residual_1.body.batch_norm_1.running_variance",
        "residual_1.body.conv2d_2.weight",
        "residual_1.body.conv2d_2.bias",
        "residual_1.shortcut.conv2d_1.weight",
        "residual_1.shortcut.conv2d_1.bias",
        "concat_1.branch_2.conv2d_1.weight",
        "concat_1.branch_2.conv2d_1.bias",
        "residual_2.body.dense_1.weight",
        "residual_2.body.dense_1.bias",
        "dense_1.weight",
        "dense_1.bias",
    ]


def test_it_learns():
    x, y = strokes(400)
    model = nested()
    history = model.fit(x, y, epochs=8, batch_size=32, verbose=0)
    assert history.history["loss"][-1] < 0.4 * history.history["loss"][0]
    assert model.evaluate(*strokes(200, seed=1))["accuracy"] > 0.85


@pytest.mark.skipif(pl.kernels.backend() != "compiled", reason="nothing is recorded")
def test_steps_are_recorded():
    model = nested()
    step = TrainingStep(model)
    x, y = strokes(8)
    for _ in range(2):
        step.run(x, y)
    assert len(step.recordings) == 1


def test_recorded_steps_are_those_of_the_layers(monkeypatch):
    x, y = strokes(40)
    recorded, plain = nested(), nested()
    recorded.fit(x, y, epochs=3, batch_size=16, verbose=0)
    monkeypatch.setattr("pellucid.model.training.ours", lambda *parts: False)
    plain.fit(x, y, epochs=3, batch_size=16, verbose=0)
    assert snapshot(recorded) == snapshot(plain)


def test_every_layer_inside_has_random_numbers_of_its_own():
    """Two equal layers in one model start with different weights and masks."""
    twice = [pl.Dense(5, use_bias=False), pl.Dense(5, use_bias=False)]
    layers = [pl.Residual(twice), pl.Concat([pl.Dense(5), pl.Dense(5)]), pl.Dense(5)]
    model = pl.Sequential(layers, input_shape=(5,), seed=0)
    weights = [v for v in model.state_dict().values() if v.shape == (5, 5)]
    assert len(weights) == 4
    assert len({w.tobytes() for w in weights}) == 4
    streams = [layer.random.stream for _, layer in model.walk() if not layer.children()]
    assert streams == [1, 3, 5, 7, 9]
    alone = pl.Residual([pl.Dense(5, use_bias=False), pl.Dense(5, use_bias=False)])
    alone.build((5,))
    first, second = alone.parameters()
    assert (first.value != second.value).all()


def deviation(parameter):
    return float(parameter.value.std())


def test_initial_weights_look_through_containers():
    """He before a ReLU: inside a body, after the sum, and into the next container."""
    width = 400
    layers = [
        pl.Dense(width, use_bias=False),  # the body begins with a ReLU
        pl.Residual([pl.ReLU(), pl.Dense(width, use_bias=False)]),  # ReLU after the sum
        pl.Concat([[pl.BatchNorm()], [pl.Dense(width, use_bias=False)]]),
        pl.ReLU(),
        pl.Dense(width, use_bias=False),
    ]
    model = pl.Sequential(layers, input_shape=(width,), seed=0)
    first, body, branch, last = (p for p in model.parameters() if p.name == "weight")
    he, glorot = np.sqrt(2 / width), np.sqrt(2 / (3 * width))
    for parameter in (first, body, branch):
        assert deviation(parameter) == pytest.approx(he, rel=0.02)
    assert deviation(last) == pytest.approx(glorot, rel=0.02)


@pytest.mark.parametrize("include_optimizer", [True, False])
def test_files(tmp_path, include_optimizer):
    x, y = strokes(40)
    model = nested()
    model.fit(x, y, epochs=2, verbose=0)
    path = tmp_path / "nested.safetensors"
    model.save(path, include_optimizer)
    again = pl.load_model(path)
    assert (again.predict(x) == model.predict(x)).all()
    if include_optimizer:
        assert snapshot(again) == snapshot(model)
        for one in (model, again):
            one.fit(x, y, epochs=2, verbose=0)
        assert snapshot(again) == snapshot(model)


@pytest.mark.parametrize(
    "damage",
    [
        {"body": [{"kind": "Dense", "name": "a", "config": {"units": 2**40}}]},
        {"body": [{"kind": "Nonsense", "name": "a", "config": {}}]},
        {"body": [{"kind": "Dense"}]},
        {"body": 3},
        {"shortcut": [3]},
    ],
)
def test_a_file_with_a_bad_container_is_refused(tmp_path, damage, monkeypatch):
    model = nested()
    config = model.config()
    for part in config["layers"]:
        if part["kind"] == "Residual":
            part["config"] |= damage
    monkeypatch.setattr(model, "config", lambda: config)
    model.save(tmp_path / "bad.safetensors")
    with pytest.raises(pl.FormatError):
        pl.load_model(tmp_path / "bad.safetensors")


def test_copies_are_independent():
    x, y = strokes(20)
    model = nested()
    model.fit(x, y, verbose=0)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert snapshot(again) == snapshot(model)
        again.fit(x, y, verbose=0)
        assert snapshot(again) != snapshot(model)


def test_freezing_a_container_freezes_what_it_holds():
    x, y = strokes(20)
    model = nested()
    block = model.layers[1]
    block.trainable = False
    before = model.state_dict()
    model.fit(x, y, verbose=0)
    after = model.state_dict()
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert not any(name.startswith("residual_1.") for name in changed)
    assert "conv2d_1.weight" in changed
    assert not block.trainable
    block.children()["body"][0].trainable = True
    assert block.trainable


def test_frozen_layers_at_the_start_of_a_body():
    """Nothing before the first layer that learns needs a gradient."""
    layers = [
        pl.Residual([pl.Dense(4, trainable=False), pl.ReLU(), pl.Dense(4)]),
        pl.Dense(3),
    ]
    model = pl.Sequential(layers, input_shape=(4,), seed=0)
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    before = model.state_dict()
    model.fit(rng.normal(size=(20, 4)), rng.normal(size=(20, 3)), verbose=0)
    after = model.state_dict()
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {
        "residual_1.body.dense_2.weight",
        "residual_1.body.dense_2.bias",
        "dense_1.weight",
        "dense_1.bias",
    }


def test_channels_first_is_the_same_network():
    x, _ = strokes(6)
    last, first = nested(), nested(input_shape=(1, 8, 8), data_format="channels_first")
    first.load_state_dict(last.state_dict())
    assert (last.predict(x) == first.predict(x.transpose(0, 3, 1, 2))).all()


def test_forward_and_backward_of_the_model():
    x, _ = strokes(6)
    model = nested(dtype="float64")
    y = model.forward(x, training=True)
    dx = model.backward(np.ones_like(y))
    assert dx.shape == x.shape
    np.testing.assert_allclose(model.forward(x), model.predict(x))


def test_the_summary_counts_everything_once():
    model = nested()
    table = model.summary()
    assert table.parameters == sum(p.size for p in model.parameters())
    assert sum(row.parameters for row in table.rows) == table.parameters
    rows = {row.name: row for row in table.rows}
    assert rows["residual_1"].parameters == 0
    assert rows["residual_1"].output == "(4, 4, 6)"
    assert rows["residual_1"].mflop == pytest.approx(4 * 4 * 6 / 1e6)
    assert rows["residual_1.body.conv2d_2"].parameters == 6 * 6 * 9 + 6
    flops = sum(row.mflop for row in table.rows)
    total = sum(layer.flops(layer.input_shape) / 1e6 for layer in model.layers)
    assert flops == pytest.approx(total)


def test_shapes_that_cannot_be_merged():
    with pytest.raises(ValueError, match=r"body gives shape \(n, 3\), the shortcut"):
        pl.Sequential([pl.Residual([pl.Dense(3)])], input_shape=(4,))
    branches = [[pl.Conv2D(2, 3)], [pl.Conv2D(2, 1)]]
    with pytest.raises(ValueError, match="differ in the last axis only"):
        pl.Sequential([pl.Concat(branches)], input_shape=(8, 8, 1))
    with pytest.raises(ValueError, match=r"before it, residual_1.body.dense_"):
        pl.Sequential([pl.Residual([pl.Dense(3), pl.Conv2D(2, 1)])], input_shape=(4,))


def test_layers_that_come_twice():
    layer = pl.Dense(4)
    with pytest.raises(ValueError, match="in the model twice"):
        pl.Residual([layer], shortcut=[layer])
    with pytest.raises(ValueError, match="in the model twice"):
        pl.Sequential([layer, pl.Residual([layer])], input_shape=(4,))
    owner = pl.Sequential([pl.Residual([layer])], input_shape=(4,))
    with pytest.raises(ValueError, match="belongs to another model"):
        pl.Sequential([pl.Concat([layer])], input_shape=(4,))
    assert [found for _, found in owner.walk()][-1] is layer


@pytest.mark.parametrize("bad", [3, "dense", [3], None, {"kind": "Dense"}])
def test_bad_bodies(bad):
    with pytest.raises((TypeError, ValueError), match="Residual"):
        pl.Residual(bad)


@pytest.mark.parametrize("bad", [[], (), 3, None, "ab", [3]])
def test_bad_branches(bad):
    with pytest.raises((TypeError, ValueError), match="Concat"):
        pl.Concat(bad)


def test_errors_name_the_place():
    model = nested()
    layer = model.layers[1].children()["body"][4]
    assert layer.label == "residual_1.body.conv2d_2 (Conv2D)"
    x, y = strokes(8)
    layer.weight.value[0, 0, 0, 0] = np.nan
    with pytest.raises(pl.NumericsError, match="residual_1"):
        model.fit(x, y, verbose=0)
