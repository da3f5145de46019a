"""What a model answers that is not what its user thinks: unbuilt, empty, wired wrongly.

The numbers are those of the project's catalogue of bad inputs.
"""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from tests.support.models import assert_refused, blobs, mlp, snapshot

X, Y = blobs(12)


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


def test_load_state_dict(model):
    state = model.state_dict()
    shapes = {"dense_1.weight": np.zeros((4, 9))}
    for bad, words in (
        ({}, "dense_1.weight is missing"),
        (state | {"dense_9.weight": 1.0}, "dense_9.weight is not in the model"),
        (state | shapes, "(4, 9), the model (4, 8)"),
    ):
        assert_refused(model, lambda b=bad: model.load_state_dict(b), ValueError, words)
    assert_refused(model, lambda: model.load_state_dict([1]), TypeError, "state_dict()")
