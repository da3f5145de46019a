"""The whole library in a few seconds: `python -m pytest tests/test_tiny.py`."""

from __future__ import annotations

import numpy as np

import pellucid as pl
from tests.support.models import cnn, snapshot, strokes


def test_train_save_load_predict(tmp_path):
    x, y = strokes(300)
    model = cnn()
    history = model.fit(
        x,
        y,
        epochs=10,
        batch_size=32,
        validation_split=0.2,
        callbacks=[pl.EarlyStopping(patience=5)],
        verbose=0,
    )
    assert max(history.history["val_accuracy"]) > 0.9
    model.save(tmp_path / "model.safetensors")
    again = pl.load_model(tmp_path / "model.safetensors")
    assert snapshot(again) == snapshot(model)
    np.testing.assert_array_equal(again.predict_classes(x), model.predict_classes(x))


def test_the_readme_model_builds():
    model = pl.Sequential(
        [
            pl.Conv2D(32, 3, padding="same", activation="relu"),
            pl.MaxPool2D(2),
            pl.Conv2D(64, 3, padding="same", activation="relu"),
            pl.MaxPool2D(2),
            pl.Flatten(),
            pl.Dense(128, activation="relu"),
            pl.Dropout(0.5),
            pl.Dense(10),
        ],
        input_shape=(28, 28, 1),
        seed=0,
    )
    model.compile(
        optimizer=pl.Adam(1e-3), loss="softmax_cross_entropy", metrics=["accuracy"]
    )
    x = np.zeros((4, 28, 28, 1), "float32")
    assert model.output_shape == (10,)
    assert model.train_on_batch(x, [0, 1, 2, 3])["loss"] > 0
    assert model.predict_classes(x).shape == (4,)
