"""Structure and use: shapes, names, layouts, memory, predictions, summary."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from tests.support.models import blobs, cnn, mlp, snapshot, strokes


def test_names_count_per_class():
    layers = [
        pl.Dense(4),
        pl.BatchNorm(),
        pl.Dense(4, name="middle"),
        pl.Dense(4),
        pl.BatchNorm(name="batch_norm_2"),
        pl.BatchNorm(),
    ]
    model = pl.Sequential(layers, input_shape=(4,))
    assert [layer.name for layer in model.layers] == [
        "dense_1",
        "batch_norm_1",
        "middle",
        "dense_2",
        "batch_norm_2",
        "batch_norm_3",
    ]
    assert list(model.state_dict())[:4] == [
        "dense_1.weight",
        "dense_1.bias",
        "batch_norm_1.gamma",
        "batch_norm_1.beta",
    ]
    assert "batch_norm_1.running_mean" in model.state_dict()


def test_add_builds_the_same_model():
    whole = cnn()
    grown = pl.Sequential(input_shape=(8, 8, 1), seed=0)
    for layer in cnn().layers:
        grown.add(type(layer)(**{**layer.config(), "name": None}))
    grown.compile(pl.Adam(0.01), "softmax_cross_entropy")
    assert snapshot(grown) == snapshot(whole)
    with pytest.raises(RuntimeError, match="add"):
        grown.add(pl.Dense(2))


def test_parameters_lie_in_one_aligned_array():
    model = cnn()
    store = model.store
    assert store.values.ctypes.data % 64 == 0
    assert store.gradients.ctypes.data % 64 == 0
    for parameter, span in zip(model.parameters(), store.spans, strict=True):
        assert span.start % 16 == 0
        assert np.shares_memory(parameter.value, store.values)
        assert np.shares_memory(parameter.grad, store.gradients)
    assert store.runs() == [slice(0, store.values.size)]
    model.layers[4].trainable = False
    first, second = store.runs()
    assert 0 == first.start < first.stop < second.start < second.stop
    assert second.stop == store.values.size


def test_weights_follow_the_next_activation():
    def deviation(*after):
        layers = [pl.Dense(400), *after]
        model = pl.Sequential(layers, input_shape=(100,), seed=0)
        return float(model.parameters()[0].value.std())

    he, glorot = np.sqrt(2 / 100), np.sqrt(2 / 500)
    passing = (pl.BatchNorm(), pl.Dropout(0.5), pl.Flatten())
    assert deviation(pl.ReLU()) == pytest.approx(he, rel=0.05)
    assert deviation(*passing, pl.LeakyReLU()) == pytest.approx(he, rel=0.05)
    assert deviation(pl.Tanh()) == pytest.approx(glorot, rel=0.05)
    assert deviation(pl.Dense(3, activation="relu")) == pytest.approx(glorot, rel=0.05)
    assert deviation() == pytest.approx(glorot, rel=0.05)


def test_a_write_through_a_view_counts_at_once():
    x, _ = blobs(5)
    model = mlp()
    before = model.predict(x)
    model.parameters()[0].value[...] *= 2
    assert not np.array_equal(model.predict(x), before)
    model.layers[0].weight.value = model.layers[0].weight.value / 2
    np.testing.assert_array_equal(model.predict(x), before)


def test_forward_and_predict_agree():
    x, _ = strokes(20)
    model = cnn()
    np.testing.assert_array_equal(model.forward(x), model.predict(x))
    np.testing.assert_array_equal(model.predict(x, batch_size=7), model.predict(x))


def test_backward_returns_dx():
    x, _ = blobs(3)
    model = mlp(dtype="float64")
    dy = np.ones((3, 3))
    model.forward(x, training=True)
    dx = model.backward(dy)
    assert dx.shape == x.shape
    moved = x.astype("float64")
    moved[1, 2] += 1e-6
    difference = (model.predict(moved).sum() - model.predict(x).sum()) / 1e-6
    assert dx[1, 2] == pytest.approx(difference, rel=1e-4)


def test_channels_first_changes_only_the_door():
    x, _y = strokes(20)
    x = np.concatenate([x, 2 * x[:, ::-1]], axis=3)[:, :6]
    layers = [pl.Conv2D(3, 3, padding="same"), pl.MaxPool2D(2)]
    last = pl.Sequential(layers, input_shape=(6, 8, 2), seed=0)
    again = [pl.Conv2D(3, 3, padding="same"), pl.MaxPool2D(2)]
    first = pl.Sequential(
        again, input_shape=(2, 6, 8), seed=0, data_format="channels_first"
    )
    turned = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    assert first.input_shape == (2, 6, 8)
    assert first.output_shape == (3, 3, 4)
    assert snapshot(first) == snapshot(last)
    expected = last.predict(x).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(first.predict(turned), expected)
    np.testing.assert_array_equal(first.forward(turned, training=True), expected)
    last.forward(x, training=True)
    dy = np.random.default_rng(0).normal(size=expected.shape).astype("float32")
    dx = last.backward(dy.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(first.backward(dy), dx)
    target = np.zeros_like(expected)
    for model, data, goal in (
        (last, x, target.transpose(0, 2, 3, 1)),
        (first, turned, target),
    ):
        model.compile("adam", "mse")
        model.fit(data, goal, verbose=0)
    assert snapshot(first) == snapshot(last)
    with pytest.raises(ValueError, match="channels-last data"):
        first.predict(x)


def test_probabilities_and_classes():
    x, y = blobs(30)
    model = mlp()
    model.fit(x, y, epochs=20, verbose=0)
    p = model.predict_proba(x)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    classes = model.predict_classes(x)
    assert classes.dtype == np.int64
    assert classes.tolist() == p.argmax(axis=1).tolist()

    binary = pl.Sequential([pl.Dense(1)], input_shape=(4,), seed=0)
    binary.compile(pl.Adam(0.1), "sigmoid_binary_cross_entropy", ["accuracy"])
    binary.fit(x, y > 0, epochs=30, verbose=0)
    p = binary.predict_proba(x)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-binary.predict(x))), rtol=1e-5)
    for threshold in (0.0, 0.3, 0.5, 1.0):
        chosen = binary.predict_classes(x, threshold=threshold)
        assert chosen.tolist() == (p[:, 0] >= threshold).astype(int).tolist()
    right = (binary.predict_classes(x) == (y > 0)).mean()
    assert binary.evaluate(x, y > 0)["accuracy"] == right

    measured = pl.Sequential([pl.Dense(1)], input_shape=(4,))
    measured.compile("adam", "mse")
    for use in (measured.predict_proba, measured.predict_classes):
        with pytest.raises(RuntimeError, match="probability"):
            use(x)


def test_summary(capsys):
    model = cnn()
    table = model.summary()
    assert capsys.readouterr().out == f"{table}\n"
    lines = table.splitlines()
    assert lines[0].split()[:3] == ["layer", "output", "parameters"]
    assert lines[1].startswith("conv2d_1")
    assert "(8, 8, 8)" in lines[1]
    assert max(map(len, lines)) <= 100
    assert table.parameters == sum(p.size for p in model.parameters())
    assert lines[-1].startswith("total")
    assert table.rows[0].mflop == pytest.approx(2 * 9 * 8 * 64 / 1e6)
    model.layers[0].trainable = False
    assert "are trainable" in model.summary()
    assert "parameters>" in repr(table)


def test_the_tutorials_mlp_has_the_known_size():
    layers = [pl.Dense(128, "relu"), pl.Dense(64, "relu"), pl.Dense(10)]
    model = pl.Sequential(layers, input_shape=784)
    assert sum(p.size for p in model.parameters()) == 109_386
    assert model.input_shape == (784,)


def test_repr_and_sizes():
    model = mlp()
    assert repr(model) == "Sequential([dense_1, dense_2], input_shape=(4,))"
    assert len(model) == 2
    assert model.output_shape == (3,)
    assert mlp(input_shape=None).output_shape is None


def test_build_arguments():
    model = mlp(input_shape=None)
    with pytest.raises(ValueError, match="input_shape"):
        model.build()
    model.build((4,))
    model.build(4)
    with pytest.raises(ValueError, match="input_shape"):
        model.build(5)
    assert model.built


def test_compile_again_keeps_weights_and_forgets_the_state():
    x, y = blobs()
    model = mlp()
    model.fit(x, y, epochs=2, verbose=0)
    weights = model.state_dict()
    optimizer = model.optimizer
    model.compile(optimizer, "softmax_cross_entropy")
    assert optimizer.iterations == 0
    assert optimizer.state() == {}
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, weights[name])


def test_float64_end_to_end():
    x, y = blobs()
    model = mlp(dtype="float64")
    model.fit(x, y, verbose=0)
    assert model.predict(x).dtype == np.float64
    assert {p.value.dtype for p in model.parameters()} == {np.dtype("float64")}


def test_a_layer_used_alone_can_join_a_model():
    x, _ = blobs(5)
    layer = pl.Dense(3)
    alone = layer.forward(x)
    model = pl.Sequential([layer], input_shape=(4,))
    np.testing.assert_array_equal(model.predict(x), alone)
    for options in ({"dtype": "float64"}, {"input_shape": (5,)}):
        used = pl.Dense(3)
        used.forward(x)
        with pytest.raises(ValueError, match=r"dense_1 \(Dense\)"):
            pl.Sequential([used], **{"input_shape": (4,), **options})
