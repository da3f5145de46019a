"""Layers that draw in training: new numbers each step, the same on any threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pl
from tests.support.models import snapshot, strokes
from tests.support.threads import THREADS, threads


def network(seed: int = 3) -> pl.Sequential:
    model = pl.Sequential(
        [
            pl.GaussianNoise(0.1),
            pl.ZeroPad2D(1),
            pl.Conv2D(6, 3, activation="relu"),
            pl.GroupNorm(2),
            pl.SpatialDropout2D(0.3),
            pl.UpSample2D(2, "bilinear"),
            pl.AdaptiveAvgPool2D(3),
            pl.Reshape((9, 6)),
            pl.LayerNorm(),
            pl.AlphaDropout(0.1),
            pl.Flatten(),
            pl.Dense(4),
        ],
        input_shape=(8, 8, 1),
        seed=seed,
    )
    model.compile(pl.Adam(0.01), "softmax_cross_entropy")
    return model


def fit(model: pl.Sequential, **options: Any) -> pl.History:
    x, y = strokes(40)
    return model.fit(x, y, batch_size=16, verbose=0, **options)


def test_the_network_learns() -> None:
    model = network()
    history = fit(model, epochs=30)
    losses = history.history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    x, y = strokes(40)
    assert (model.predict_classes(x) == y).mean() > 0.9


def test_threads_do_not_show() -> None:
    results = []
    for count in THREADS:
        with threads(count):
            model = network()
            fit(model, epochs=2)
            results.append(snapshot(model))
    assert all(result == results[0] for result in results)


def test_resume_is_bit_identical(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    whole = network()
    fit(whole, epochs=4)
    fit(network(), epochs=2, callbacks=[pl.ModelCheckpoint(path)])
    resumed = network(77)
    fit(resumed, epochs=4, resume=path)
    assert snapshot(resumed) == snapshot(whole)


def test_a_saved_network_predicts_the_same(tmp_path: Path) -> None:
    model = network()
    fit(model, epochs=1)
    x, _ = strokes(5)
    model.save(tmp_path / "net.safetensors")
    again = pl.load_model(tmp_path / "net.safetensors")
    assert again.predict(x).tobytes() == model.predict(x).tobytes()
    assert [repr(a) for a in again.layers] == [repr(a) for a in model.layers]


@pytest.mark.parametrize(
    "layer", [pl.SpatialDropout2D(0.5), pl.AlphaDropout(0.5), pl.GaussianNoise(1)]
)
def test_every_step_draws_anew_and_inference_not_at_all(layer: pl.Layer) -> None:
    x = np.ones((4, 3, 3, 30), "float32")
    first = layer.forward(x, training=True).copy()
    second = layer.forward(x, training=True)
    assert (first != second).any()
    assert layer.forward(x) is x


def test_spatial_dropout_drops_whole_channels() -> None:
    x = np.full((50, 3, 4, 40), 3.0)
    layer = pl.SpatialDropout2D(0.25)
    y = layer.forward(x, training=True)
    dx = layer.backward(x)
    assert dx is not None
    assert (y == dx).all()
    assert (y == y[:, :1, :1]).all()
    kept = y[:, 0, 0] != 0
    assert (y[:, 0, 0][kept] == 4).all()
    assert abs(kept.mean() - 0.75) < 5 * (0.25 * 0.75 / kept.size) ** 0.5
    assert kept.any(axis=0).all()
    assert not kept.all(axis=0).any()


def test_channels_first_is_the_same_network() -> None:
    x, _ = strokes(6)
    last = network()
    layers = [type(layer)(**layer.config()) for layer in last.layers]
    first = pl.Sequential(
        layers, input_shape=(1, 8, 8), seed=3, data_format="channels_first"
    )
    first.build()
    assert first.predict(np.moveaxis(x, -1, 1)).tobytes() == last.predict(x).tobytes()
    images = pl.Sequential(
        [pl.ZeroPad2D(1), pl.UpSample2D(3)],
        input_shape=(2, 3, 4),
        data_format="channels_first",
    )
    images.build()
    assert images.predict(np.ones((1, 2, 3, 4), "f4")).shape == (1, 2, 15, 18)
