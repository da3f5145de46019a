"""The learning-rate finder; clipping, averages and rates by layer in training."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from pellucid.optimizers.base import clip_by_norm
from tests.support.models import blobs, mlp, snapshot


def test_the_finder_suggests_a_rate_that_works():
    x, y = blobs(200)
    model = mlp()
    model.compile(pl.SGD(1e-9, momentum=0.9), "softmax_cross_entropy", ["accuracy"])
    model.fit(x, y, verbose=0)
    before = snapshot(model)
    found = model.find_learning_rate(x, y)
    assert snapshot(model) == before
    assert found.rates[0] == 1e-6
    assert found.rates == sorted(found.rates)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) <= 100
    assert 1e-3 < found.suggestion < 3
    assert "suggestion" in repr(found)
    model.compile(pl.SGD(found.suggestion, momentum=0.9), "softmax_cross_entropy")
    history = model.fit(x, y, epochs=5, verbose=0)
    assert history.history["loss"][-1] < 0.3


@pytest.mark.parametrize("seed", range(5))
def test_the_finder_is_not_led_by_how_batches_differ(seed):
    """Differences of neighbours gave rates near 1e-6, where nothing is learnt."""
    x, y = pl.data.make_moons(400, noise=0.2, seed=0)
    model = pl.mlp([2, 32, 16, 2], seed=seed)
    model.compile(pl.Adam(1e-3), "softmax_cross_entropy")
    assert 2e-4 < model.find_learning_rate(x, y).suggestion < 0.2


def test_the_finder_before_the_model_is_built():
    x, y = blobs(20)
    model = pl.Sequential([pl.Dense(3)], seed=0)
    model.compile(pl.Adam(pl.StepDecay(0.1, 1)), "softmax_cross_entropy")
    assert len(model.find_learning_rate(x, y, steps=5, stop=1e-3).rates) == 5
    assert not model.built
    batches = pl.data.Batches(x, y, batch_size=5)
    assert len(model.find_learning_rate(batches, steps=7, stop=1e-3).rates) == 7


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": 0}, "start"),
        ({"start": 1.0, "stop": 0.1}, "stop above the start"),
        ({"steps": 1}, "steps"),
        ({"batch_size": -1}, "batch_size"),
    ],
)
def test_bad_searches(options, words):
    x, y = blobs(20)
    with pytest.raises(ValueError, match=words):
        mlp().find_learning_rate(x, y, **options)


def test_a_search_on_broken_data():
    x, y = blobs(20)
    x[3] = np.nan
    with pytest.raises(pl.NumericsError, match="smallest learning rate"):
        mlp().find_learning_rate(x, y, batch_size=0)


def gradient_of(optimizer, x, y, **options):
    """The change of the weights in one step of plain SGD with rate 1."""
    model = mlp(dtype="float64", **options)
    model.compile(optimizer, "softmax_cross_entropy")
    before = model.store.values.copy()
    model.train_on_batch(x, y)
    return before - model.store.values, model


def test_clip_norm_is_that_of_all_parameters_together():
    x, y = blobs(20)
    free, _ = gradient_of(pl.SGD(1.0), x, y)
    norm = np.linalg.norm(free)
    clipped, _ = gradient_of(pl.SGD(1.0, clip_norm=norm / 3), x, y)
    np.testing.assert_allclose(clipped, free / 3 * norm / (norm + 1e-6), rtol=1e-9)
    loose, _ = gradient_of(pl.SGD(1.0, clip_norm=norm * 3), x, y)
    assert (loose == free).all()


def test_frozen_layers_do_not_count_for_the_norm():
    x, y = blobs(20)
    model = mlp(dtype="float64")
    model.layers[0].trainable = False
    model.compile(pl.SGD(1.0, clip_norm=1e-3), "softmax_cross_entropy")
    before = model.store.values.copy()
    model.train_on_batch(x, y)
    assert np.linalg.norm(before - model.store.values) == pytest.approx(1e-3, rel=1e-2)


def test_clip_value():
    x, y = blobs(20)
    free, _ = gradient_of(pl.SGD(1.0), x, y)
    limit = float(np.abs(free).max()) / 3
    clipped, _ = gradient_of(pl.SGD(1.0, clip_value=limit), x, y)
    np.testing.assert_allclose(clipped, np.clip(free, -limit, limit), rtol=1e-9)


def test_clipping_keeps_huge_gradients_in_check():
    """S0.47: weights times 100."""
    x, y = blobs(60)
    model = mlp()
    model.compile(pl.SGD(0.1, clip_norm=1.0), "softmax_cross_entropy")
    for parameter in model.parameters():
        parameter.value *= 100
    history = model.fit(100 * x, y, epochs=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_clip_by_norm_of_nothing():
    assert clip_by_norm([np.zeros(3)], 1.0) == 0.0


def test_the_average_of_the_weights():
    x, y = blobs(20)
    model = mlp(dtype="float64")
    model.compile(pl.SGD(0.1, ema_decay=0.8), "softmax_cross_entropy")
    with pytest.raises(RuntimeError, match="no averaged weights"):
        model.averaged_weights().__enter__()
    expected = model.state_dict()
    for _ in range(5):
        model.train_on_batch(x, y)
        for name, value in model.state_dict().items():
            expected[name] = 0.8 * expected[name] + 0.2 * value
    own = model.state_dict()
    with model.averaged_weights():
        inside = model.state_dict()
    for name in own:
        np.testing.assert_allclose(inside[name], expected[name], rtol=1e-12)
        assert (model.state_dict()[name] == own[name]).all()


def test_an_average_can_be_saved(tmp_path):
    x, y = blobs(20)
    model = mlp()
    model.compile(pl.Adam(0.1, ema_decay=0.9), "softmax_cross_entropy")
    model.fit(x, y, epochs=2, verbose=0)
    with model.averaged_weights():
        model.save(tmp_path / "average.safetensors")
        predicted = model.predict(x)
    again = pl.load_model(tmp_path / "average.safetensors")
    assert (again.predict(x) == predicted).all()


def test_rates_by_layer():
    x, y = blobs(20)
    free, _ = gradient_of(pl.SGD(1.0), x, y)
    factors = {"dense_*": 0.5, "dense_2": 0.0, "dense_2.bias": 2.0}
    changed, model = gradient_of(pl.SGD(1.0, rate_factors=factors), x, y)
    expected = np.zeros_like(free)
    for span, factor in zip(model.store.spans, (0.5, 0.5, 0.0, 2.0), strict=True):
        expected[span] = factor * free[span]
    np.testing.assert_allclose(changed, expected, rtol=1e-12, atol=1e-15)


def test_rates_by_layer_with_adam():
    """One step counter for all groups: with a factor of 1 nothing changes."""
    x, y = blobs(20)
    models = []
    for factors in (None, {"dense_1": 1.0}, {"dense_1": 0.25}):
        model = mlp()
        optimizer = pl.Adam(0.01, rate_factors=factors)
        model.compile(optimizer, "softmax_cross_entropy")
        model.fit(x, y, epochs=3, verbose=0)
        assert optimizer.beta_1_power == pytest.approx(0.9**3)
        models.append(model.state_dict())
    plain, same, other = models
    assert all((plain[name] == same[name]).all() for name in plain)
    assert all((plain[name] != other[name]).any() for name in plain)


def test_a_rate_for_a_layer_that_is_not_there():
    x, y = blobs(20)
    model = mlp()
    model.compile(pl.SGD(0.1, rate_factors={"dense1": 0.5}), "softmax_cross_entropy")
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"(?s)'dense1'.*mean 'dense_1'"):
        model.fit(x, y, verbose=0)
    assert snapshot(model) == before


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"clip_norm": 0}, ValueError),
        ({"clip_norm": "1"}, TypeError),
        ({"clip_value": -1}, ValueError),
        ({"clip_value": float("nan")}, ValueError),
        ({"ema_decay": 1.0}, ValueError),
        ({"ema_decay": -0.1}, ValueError),
        ({"rate_factors": {"a": -1}}, ValueError),
        ({"rate_factors": [0.1]}, TypeError),
        ({"rate_factors": {3: 0.1}}, TypeError),
        ({"no_such_option": 1}, TypeError),
    ],
)
@pytest.mark.parametrize("kind", [pl.SGD, pl.Adam, pl.AdamW])
def test_bad_options(kind, options, error):
    with pytest.raises(error):
        kind(0.1, **options)


def test_options_are_saved(tmp_path):
    x, y = blobs(20)
    options = {"clip_norm": 1.0, "clip_value": 0.5, "ema_decay": 0.9}
    model = mlp()
    optimizer = pl.Adam(0.01, rate_factors={"dense_1": 0.5}, **options)
    model.compile(optimizer, "softmax_cross_entropy")
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "model.safetensors")
    again = pl.load_model(tmp_path / "model.safetensors")
    assert repr(again.optimizer) == repr(optimizer)
    for one in (model, again):
        one.fit(x, y, epochs=2, verbose=0)
    assert snapshot(model) == snapshot(again)


def test_data_larger_than_memory(tmp_path):
    """Only batches of a memory-mapped array are read, whatever its dtype."""
    import tracemalloc

    rows = 40_000
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "float64", (rows, 200))
    y = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", "int64", (rows,))
    rng = np.random.default_rng(0)
    for start in range(0, rows, 5000):
        part = slice(start, start + 5000)
        y[part] = rng.integers(0, 2, 5000)
        x[part] = rng.normal(size=(5000, 200)) + y[part, None]
    x, y = np.load(tmp_path / "x.npy", "r"), np.load(tmp_path / "y.npy", "r")
    model = pl.Sequential([pl.Dense(2)], input_shape=(200,), seed=0)
    model.compile(pl.SGD(0.1), "softmax_cross_entropy", ["accuracy"])
    tracemalloc.start()
    try:
        model.fit(x, y, batch_size=500, validation_data=(x, y), verbose=0)
        scores = model.evaluate(x, y)
        model.predict(x[:10_000])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert scores["accuracy"] > 0.9
    assert peak < x.nbytes / 10
