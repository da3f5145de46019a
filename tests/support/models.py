"""Small models and data for the tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pl


def blobs(n: int = 60, classes: int = 3, features: int = 4, seed: int = 0) -> Any:
    """Clouds of points around one centre per class, float32 and int64."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    centres = 4 * np.random.default_rng(99).normal(size=(classes, features))
    return (centres[y] + rng.normal(size=(n, features))).astype("float32"), y


def mlp(**options: Any) -> pl.Sequential:
    """Four features, three classes, compiled."""
    options = {"input_shape": (4,), "seed": 0} | options
    model = pl.Sequential([pl.Dense(8, activation="relu"), pl.Dense(3)], **options)
    model.compile(pl.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    return model


def regression(loss: str = "mse", units: int = 1) -> pl.Sequential:
    """Four features, measured values, compiled."""
    model = pl.Sequential([pl.Dense(units)], input_shape=(4,), seed=0)
    model.compile("sgd", loss)
    return model


def cnn(**options: Any) -> pl.Sequential:
    """Eight by eight images, four classes, with BatchNorm and dropout, compiled."""
    options = {"input_shape": (8, 8, 1), "seed": 0} | options
    layers = [
        pl.Conv2D(8, 3, padding="same"),
        pl.BatchNorm(),
        pl.ReLU(),
        pl.MaxPool2D(2),
        pl.Conv2D(8, 3, padding="same", activation="relu"),
        pl.GlobalAvgPool2D(),
        pl.Dropout(0.2),
        pl.Dense(4),
    ]
    model = pl.Sequential(layers, **options)
    model.compile(pl.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    return model


def strokes(n: int = 64, seed: int = 0) -> Any:
    """8x8 images like digits: a bar, a column or one of two diagonals, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.15, (n, 8, 8, 1))
    y = rng.integers(0, 4, n)
    for image, kind in zip(x[..., 0], y, strict=True):
        at = int(rng.integers(1, 7))
        if kind == 0:
            image[at] += 1
        elif kind == 1:
            image[:, at] += 1
        else:
            shape = np.eye(8) if kind == 2 else np.eye(8)[::-1]
            image += np.roll(shape, int(rng.integers(-1, 2)), axis=1)
    return x.astype("float32"), y


def snapshot(model: pl.Sequential) -> bytes:
    """Everything that training changes, as bytes."""
    parts = [array.tobytes() for array in model.state_dict().values()]
    if model.compiled:
        optimizer = model.optimizer
        parts += [array.tobytes() for array in optimizer.state().values()]
        parts.append(repr(optimizer.counters()).encode())
    parts += [layer.random.counter.tobytes() for layer in model.layers]
    parts.append(str(model.epochs_done).encode())
    return b"".join(parts)


def assert_refused(model: pl.Sequential, call: Any, error: Any, *words: str) -> None:
    """The call raises this error with these words, and the model is as before."""
    before = snapshot(model)
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert snapshot(model) == before
    assert not model._training_lock.locked()
