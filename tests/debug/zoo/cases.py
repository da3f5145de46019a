"""How the zoo is kept: a case is a function of a seed that gives a patient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import pellucid as pl
from pellucid.debug import Diagnosis, diagnose


class Patient(NamedTuple):
    """A compiled model, its data, and what `diagnose` gets besides."""

    model: pl.Sequential
    x: Any
    y: Any
    options: dict[str, Any]

    def diagnose(self, **more: Any) -> Diagnosis:
        return diagnose(self.model, self.x, self.y, **self.options, **more)


class Sick(NamedTuple):
    name: str
    make: Callable[[int], Patient]
    causes: tuple[str, ...]
    """Rules that name the cause."""
    cure: bool
    """Whether the line to try can be run as it stands, and heals."""


SICK: dict[str, Sick] = {}
HEALTHY: dict[str, Callable[[int], Patient]] = {}


def sick(*causes: str, cure: bool = False) -> Any:
    def add(make: Any) -> Any:
        SICK[make.__name__] = Sick(make.__name__, make, causes, cure)
        return make

    return add


def healthy(make: Any) -> Any:
    HEALTHY[make.__name__] = make
    return make


def case(
    layers: Any, x: Any, y: Any, optimizer: Any, loss: Any, seed: int, **options: Any
) -> Patient:
    model = pl.Sequential(layers, input_shape=np.shape(x)[1:], seed=seed)
    model.compile(optimizer, loss)
    return Patient(model, x, y, options)


def mlp(*units: int, activation: str = "relu", out: Any = None) -> list[Any]:
    """Hidden layers of these sizes; the last number is that of the outputs."""
    hidden = [pl.Dense(n, activation=activation) for n in units[:-1]]
    return [*hidden, pl.Dense(units[-1], activation=out)]


def cnn(classes: int = 10) -> list[Any]:
    """Two convolutions and a mean over the pixels."""
    return [
        pl.Conv2D(8, 3, padding="same", activation="relu"),
        pl.MaxPool2D(2),
        pl.Conv2D(16, 3, padding="same", activation="relu"),
        pl.GlobalAvgPool2D(),
        pl.Dense(classes),
    ]


def blobs(seed: int, n: int = 400, classes: int = 4, features: int = 8) -> Any:
    """Overlapping clouds around centres of length about 2.5."""
    rng = np.random.default_rng([seed, 1])
    centres = rng.normal(size=(classes, features))
    y = rng.integers(0, classes, n)
    x = centres[y] + 0.6 * rng.normal(size=(n, features))
    return x.astype("float32"), y


def curve(seed: int, n: int = 400, features: int = 4) -> Any:
    """A smooth function of some numbers, with noise; deviation about 1."""
    rng = np.random.default_rng([seed, 2])
    x = rng.normal(size=(n, features))
    y = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=n)
    return x.astype("float32"), y.astype("float32")


def digits(seed: int, n: int = 500) -> Any:
    (x, y), _ = pl.data.load_digits()
    rows = np.random.default_rng([seed, 3]).permutation(len(x))[:n]
    return x[rows], y[rows]


ADAM = 3e-3
SOFTMAX = "softmax_cross_entropy"
SIGMOID = "sigmoid_binary_cross_entropy"
