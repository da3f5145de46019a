"""Copies, pickles, configs, and training that goes on from a saved state."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import pellucid as pl
from tests.support.models import blobs, cnn, mlp, snapshot, strokes

COPIES = [copy.deepcopy, copy.copy, lambda m: pickle.loads(pickle.dumps(m))]


@pytest.mark.parametrize("duplicate", COPIES)
def test_096_copies_are_whole_and_apart(duplicate):
    x, y = strokes(40)
    model = cnn()
    model.fit(x, y, epochs=2, verbose=0)
    twin = duplicate(model)
    assert snapshot(twin) == snapshot(model)
    before = snapshot(model)
    twin.fit(x, y, verbose=0)
    assert snapshot(model) == before != snapshot(twin)
    model.fit(x, y, verbose=0)
    assert snapshot(model) == snapshot(twin)
    assert not np.shares_memory(model.store.values, twin.store.values)
    for one, two in zip(model.parameters(), twin.parameters(), strict=True):
        assert np.shares_memory(two.value, twin.store.values)
        assert not np.shares_memory(one.grad, two.grad)


@pytest.mark.parametrize("duplicate", COPIES)
def test_096_unbuilt_and_uncompiled_models_copy(duplicate):
    bare = pl.Sequential([pl.Dense(3)], seed=5)
    twin = duplicate(bare)
    x, y = blobs(9)
    for model in (bare, twin):
        model.compile("adam", "softmax_cross_entropy")
        model.fit(x, y, verbose=0)
    assert snapshot(bare) == snapshot(twin)


def test_a_copy_taken_inside_fit_has_no_buffers_of_it():
    x, y = blobs()
    model = mlp()
    kept = []
    model.fit(
        x,
        y,
        callbacks=[pl.LambdaCallback(on_batch_end=lambda b, logs: keep(model, kept))],
        verbose=0,
    )
    twin = kept[0]
    assert all(layer.workspace is None for layer in twin.layers)
    assert twin.layers[-1].skip_activation is False
    twin.fit(x, y, verbose=0)


def keep(model, kept):
    kept.append(copy.deepcopy(model))


def test_state_dict_goes_round():
    x, y = strokes(40)
    one, two = cnn(), cnn(seed=9)
    one.fit(x, y, verbose=0)
    state = one.state_dict()
    two.load_state_dict(state)
    np.testing.assert_array_equal(one.predict(x), two.predict(x))
    state["conv2d_1.weight"][...] = 0
    np.testing.assert_array_equal(one.predict(x), two.predict(x))
    two.load_state_dict({k: v.astype("float64") for k, v in one.state_dict().items()})
    np.testing.assert_array_equal(one.predict(x), two.predict(x))


@pytest.mark.parametrize(
    "optimizer",
    [lambda: pl.SGD(0.1), lambda: pl.SGD(0.1, 0.9, nesterov=True), pl.Adam, pl.AdamW],
)
def test_training_goes_on_to_the_bit(optimizer):
    x, y = strokes(40)
    straight = cnn()
    straight.compile(optimizer(), "softmax_cross_entropy", ["accuracy"])
    stopped = copy.deepcopy(straight)
    straight.fit(x, y, epochs=4, verbose=0)
    stopped.fit(x, y, epochs=2, verbose=0)
    config = json.loads(json.dumps(stopped.config()))
    again = pl.Sequential.from_config(config)
    assert json.loads(json.dumps(again.config())) == config
    again.load_compile_config(json.loads(json.dumps(stopped.compile_config())))
    again.load_state_dict(stopped.state_dict())
    again.load_training_state(stopped.training_state())
    assert snapshot(again) == snapshot(stopped)
    history = again.fit(x, y, epochs=2, verbose=0)
    assert history.epoch == [2, 3]
    assert snapshot(again) == snapshot(straight)
    assert again.metrics[0].name == "accuracy"


def test_training_state_of_a_fresh_model():
    model, other = mlp(), mlp()
    other.load_training_state(model.training_state())
    x, y = blobs()
    model.fit(x, y, verbose=0)
    other.fit(x, y, verbose=0)
    assert snapshot(model) == snapshot(other)


def test_a_training_state_that_does_not_fit_changes_nothing():
    x, y = blobs()
    model = mlp()
    model.fit(x, y, verbose=0)
    state = model.training_state()
    before = snapshot(model)
    bad = copy.deepcopy(state)
    bad["optimizer"]["slots"]["m"]["dense_1.weight"] = np.zeros((1, 1))
    huge = copy.deepcopy(state)
    huge["optimizer"]["counters"]["iterations"] = 1e300
    short = copy.deepcopy(state)
    del short["optimizer"]["counters"]["beta_1_power"]
    other = cnn().training_state()
    for broken in (bad, huge, short, other, {**state, "random": {}}):
        with pytest.raises(ValueError, match="does not fit"):
            model.load_training_state(broken)
        assert snapshot(model) == before


def test_configs_name_closed_kinds_only():
    model = mlp()
    config = model.config()
    config["layers"][0]["kind"] = "os.system"
    with pytest.raises(pl.FormatError):
        pl.Sequential.from_config(config)
    compiled = model.compile_config()
    compiled["loss"]["kind"] = "eval"
    with pytest.raises(ValueError, match="eval"):
        mlp().load_compile_config(compiled)
    assert pl.Sequential([pl.Dense(2)]).compile_config() is None


def test_files_go_round(tmp_path):
    x, y = strokes(40)
    model = cnn()
    model.fit(x, y, epochs=2, verbose=0)
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = pl.load_model(path)
    assert snapshot(again) == snapshot(model)
    model.fit(x, y, verbose=0)
    again.fit(x, y, verbose=0)
    assert snapshot(again) == snapshot(model)
    weights = tmp_path / "weights.safetensors"
    model.save_weights(weights)
    fresh = cnn(seed=8)
    fresh.load_weights(weights)
    np.testing.assert_array_equal(fresh.predict(x), model.predict(x))
