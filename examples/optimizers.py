"""Gradient descent, momentum and Adam on a disc in a ring, with the net 2-16-8-1.

    python examples/optimizers.py

Rates as in the textbook comparison: 0.5, 0.5 with a moving average of the gradient
(momentum 0.9, dampening 0.9), and Adam's 0.01; 100 epochs, batches of 32. A second
table gives each its best of five rates: what the choice costs when it is tuned.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import pellucid as pl
from pellucid.optimizers import Optimizer

Make = Callable[[float], Optimizer]
TARGET = 0.25
"""Training loss whose first epoch is counted; the noise allows about 0.19."""

KINDS: dict[str, tuple[Make, float]] = {
    "gradient descent": (lambda rate: pl.SGD(rate), 0.5),
    "momentum": (lambda rate: pl.SGD(rate, momentum=0.9, dampening=0.9), 0.5),
    "Adam": (lambda rate: pl.Adam(rate), 0.01),
}
RATES = (0.001, 0.01, 0.1, 0.5, 1.0)


def points(samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Radius uniform in [0, 1], class 1 from 0.5 on, then noise of 0.1."""
    rng = np.random.default_rng(seed)
    radius, angle = rng.uniform(0, 1, samples), rng.uniform(0, 2 * np.pi, samples)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    x += 0.1 * rng.normal(size=x.shape)
    return x.astype(np.float32), (radius >= 0.5).astype(np.int64)


def run(optimizer: Optimizer, seed: int, epochs: int = 100) -> tuple[float, int]:
    """Return the final accuracy on fresh points, and the epochs to the target."""
    model = pl.mlp([2, 16, 8, 1], seed=seed)
    model.compile(optimizer, "sigmoid_binary_cross_entropy", ["accuracy"])
    losses = model.fit(
        *points(1000, seed), epochs=epochs, batch_size=32, verbose=0
    ).history["loss"]
    reached = np.flatnonzero(np.array(losses) < TARGET)
    needed = int(reached[0]) + 1 if reached.size else epochs + 1
    return model.evaluate(*points(20_000, seed + 1000))["accuracy"], needed


def compare(seeds: int = 5) -> dict[str, tuple[float, float]]:
    """Mean accuracy and median epochs of each kind, at the textbook's rates."""
    table = {}
    for name, (make, rate) in KINDS.items():
        found = [run(make(rate), seed) for seed in range(seeds)]
        accuracies, epochs = zip(*found, strict=True)
        table[name] = float(np.mean(accuracies)), float(np.median(epochs))
    return table


def tuned(seeds: int = 5) -> dict[str, tuple[float, float]]:
    """The rate with the fewest epochs to the target, and those epochs."""
    table = {}
    for name, (make, _) in KINDS.items():
        medians = {
            rate: float(np.median([run(make(rate), seed)[1] for seed in range(seeds)]))
            for rate in RATES
        }
        best = min(medians, key=medians.__getitem__)
        table[name] = best, medians[best]
    return table


def main() -> None:
    """Print both tables."""
    for name, (accuracy, epochs) in compare().items():
        print(f"{name:<17} accuracy {accuracy:.4f}   epochs to {TARGET}: {epochs:g}")
    for name, (rate, epochs) in tuned().items():
        print(f"{name:<17} best rate {rate:<6} epochs to {TARGET}: {epochs:g}")


if __name__ == "__main__":
    main()
