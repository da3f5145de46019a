"""Pictures need the extra `plot`; a small trained model for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pl


@pytest.fixture
def axes() -> Any:
    """Make axes of a figure that pyplot does not know: axes(rows, columns)."""
    figure = pytest.importorskip("matplotlib.figure")

    def make(rows: int = 1, columns: int = 1) -> Any:
        return figure.Figure().subplots(rows, columns)

    return make


@pytest.fixture(scope="session")
def images() -> tuple[np.ndarray, np.ndarray]:
    """Twenty digits with their labels."""
    (x, y), _ = pl.data.load_digits()
    return x[:20], y[:20]


@pytest.fixture
def network() -> pl.Sequential:
    """A convolutional net on 8 x 8 images, compiled."""
    layers = [
        pl.Conv2D(4, 3, activation="relu"),
        *(pl.MaxPool2D(2), pl.Flatten(), pl.Dropout(0.5), pl.Dense(10)),
    ]
    model = pl.Sequential(layers, input_shape=(8, 8, 1), seed=0)
    model.compile("adam", "softmax_cross_entropy", ["accuracy"])
    model.build()
    return model
