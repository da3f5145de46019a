"""The networks that `pellucid train` knows by name."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pellucid as pl
from pellucid.errors import describe
from pellucid.optimizers import OPTIMIZERS


def cnn(input_shape: tuple[int, ...], classes: int) -> list[Any]:
    """Return four 3x3 convolutions with BatchNorm and a mean over what is left."""
    layers: list[Any] = []
    for filters in (32, 32, 64, 64):
        layers += [
            pl.Conv2D(filters, 3, padding="same", use_bias=False),
            pl.BatchNorm(),
            pl.ReLU(),
        ]
        if len(layers) == 6:
            layers.append(pl.MaxPool2D(2))
    return [*layers, pl.GlobalAvgPool2D(), pl.Dropout(0.3), pl.Dense(classes)]


def lenet5(input_shape: tuple[int, ...], classes: int) -> list[Any]:
    """Return LeNet-5 (LeCun et al., 1998) with ReLU and max pooling."""
    if min(input_shape[:2]) < 12:
        height, width, _ = input_shape
        raise ValueError(
            describe(
                f"lenet5 can't take images of {height}x{width}",
                "Expected at least 12x12: two 5x5 convolutions, two poolings",
                "Use --model cnn or --model mlp, or --dataset mnist.",
            )
        )
    return [
        pl.Conv2D(6, 5, padding="same", activation="relu"),
        pl.MaxPool2D(2),
        pl.Conv2D(16, 5, activation="relu"),
        pl.MaxPool2D(2),
        pl.Flatten(),
        pl.Dense(120, activation="relu"),
        pl.Dense(84, activation="relu"),
        pl.Dense(classes),
    ]


def mlp(input_shape: tuple[int, ...], classes: int) -> list[Any]:
    """Return a multi-layer perceptron with two hidden layers."""
    return [
        pl.Flatten(),
        pl.Dense(128, activation="relu"),
        pl.Dense(64, activation="relu"),
        pl.Dense(classes),
    ]


RATES = {
    "adam": 3e-3,
    "adamw": 3e-3,
    "nadam": 3e-3,
    "radam": 1e-2,
    "rmsprop": 1e-3,
    "sgd": 5e-2,
    "adagrad": 3e-2,
    "adadelta": 1.0,
    "lion": 1e-3,
}
"""The optimizers of the library, and their rates by default in commands."""


def make_optimizer(name: str, rate: float | None) -> Any:
    """Return the optimizer of a name, at a rate or at its own; SGD with momentum."""
    momentum = {"momentum": 0.9} if name == "sgd" else {}
    return OPTIMIZERS[name](RATES[name] if rate is None else rate, **momentum)


def add_optimizer_options(parser: argparse.ArgumentParser) -> None:
    """Add --optimizer and --learning-rate."""
    parser.add_argument(
        "--optimizer",
        choices=RATES,
        default="adam",
        help="how a gradient becomes a step (default: %(default)s)",
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        metavar="RATE",
        help="at the first step; by default "
        + ", ".join(f"{rate:g} for {name}" for name, rate in RATES.items()),
    )


MODELS: dict[str, Callable[[tuple[int, ...], int], list[Any]]] = {
    "cnn": cnn,
    "lenet5": lenet5,
    "mlp": mlp,
}
