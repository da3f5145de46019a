"""A small model with every kind of state, for the tests of files."""

from __future__ import annotations

from typing import Any

from pellucid.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from pellucid.model import Sequential
from pellucid.optimizers import SGD, Adam, AdamW, Optimizer
from tests.support import data

X = data.uniform((12, 6, 6, 1), 0)
Y = data.labels(12, 3, 0)

OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda: SGD(0.05),
    "momentum": lambda: SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: Adam(0.01),
    "adamw": lambda: AdamW(0.01, weight_decay=0.1),
}


def make_model(
    optimizer: Optimizer | None = None,
    dtype: str = "float32",
    data_format: str = "channels_last",
) -> Sequential:
    """Return a model with every kind of state: weights, statistics, counters."""
    model = Sequential(
        [
            Conv2D(3, 3, padding="same", activation="relu"),
            BatchNorm(),
            MaxPool2D(2),
            Flatten(),
            Dropout(0.3),
            Dense(3, kernel_regularizer="l2"),
        ],
        input_shape=(6, 6, 1) if data_format == "channels_last" else (1, 6, 6),
        dtype=dtype,
        data_format=data_format,
        seed=5,
    )
    if optimizer is not None:
        model.compile(optimizer, "softmax_cross_entropy", metrics=["accuracy"])
    return model


def train(model: Sequential, epochs: int = 2) -> Sequential:
    x = X if model.data_format == "channels_last" else X.transpose(0, 3, 1, 2)
    model.fit(x, Y, epochs=epochs, batch_size=5, verbose=0)
    return model


def assert_same_weights(model: Sequential, other: Sequential) -> None:
    state, copy = model.state_dict(), other.state_dict()
    assert state.keys() == copy.keys()
    for name, array in state.items():
        assert array.dtype == copy[name].dtype
        assert array.tobytes() == copy[name].tobytes(), name
