"""What penalties, dropout and early stopping gain where a net is prone to overfit.

    python examples/regularization.py

60 noisy points of two moons for a net of 10,000 weights, and 100 digits for one of
30,000; each judged on samples that it never saw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pellucid as pl

Data = tuple[tuple[Any, Any], tuple[Any, Any]]


def moons(seed: int) -> Data:
    """60 points to learn from, 20,000 to judge."""
    return (
        pl.data.make_moons(60, noise=0.35, seed=seed),
        pl.data.make_moons(20_000, noise=0.35, seed=seed + 1000),
    )


def digits(seed: int) -> Data:
    """100 digits to learn from, the 360 of the test part to judge."""
    (x, y), (x_test, y_test) = pl.data.load_digits()
    chosen = np.random.default_rng(seed).permutation(len(x))[:100]
    flat = x.reshape(len(x), -1)[chosen], y[chosen]
    return flat, (x_test.reshape(len(x_test), -1), y_test)


def run(data: Data, regularized: bool, seed: int) -> float:
    """Train 2 x 128 units and return the test accuracy."""
    (x, y), (x_test, y_test) = data
    penalty = pl.L2(3e-3) if regularized else None
    layers: list[pl.Layer] = []
    for units in (128, 128):
        layers.append(pl.Dense(units, activation="relu", kernel_regularizer=penalty))
        if regularized:
            layers.append(pl.Dropout(0.3))
    classes = int(y_test.max()) + 1
    model = pl.Sequential([*layers, pl.Dense(classes)], seed=seed)
    model.compile(pl.Adam(3e-3), "softmax_cross_entropy", ["accuracy"])
    stopping = [pl.EarlyStopping(patience=30)] if regularized else []
    model.fit(
        x,
        y,
        epochs=300,
        batch_size=32,
        validation_split=0.2 if regularized else 0.0,
        callbacks=stopping,
        verbose=0,
    )
    return model.evaluate(x_test, y_test)["accuracy"]


def compare(make: Callable[[int], Data], seeds: int = 10) -> tuple[float, float]:
    """Mean accuracy without and with regularization."""
    plain, held = (
        float(np.mean([run(make(seed), kind, seed) for seed in range(seeds)]))
        for kind in (False, True)
    )
    return plain, held


def main() -> None:
    """Print both sets."""
    for name, make in (("moons", moons), ("digits", digits)):
        plain, held = compare(make)
        gain = 100 * (held - plain)
        print(f"{name:<7} without {plain:.4f}   with {held:.4f}   {gain:+.1f} points")


if __name__ == "__main__":
    main()
