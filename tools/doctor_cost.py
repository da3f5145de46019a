"""What `fit(callbacks=[pl.Doctor()])` costs, in time, on a machine that is at rest.

python tools/doctor_cost.py [--seconds 20] [--rounds 5]

Trainings with and without the doctor take turns; the shares are of the median training
without it. The rules before the first step and after the last take a fixed time, which
weighs the less the longer the training is; looking is what the sampling governs.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import perf_counter

import numpy as np

import pellucid as pl

SAMPLES = 20_000


def mlp() -> list[pl.Layer]:
    """784-128-64-10."""
    hidden = [pl.Dense(units, activation="relu") for units in (128, 64)]
    return [pl.Flatten(), *hidden, pl.Dense(10)]


def cnn() -> list[pl.Layer]:
    """Two convolutions with BatchNorm."""
    layers: list[pl.Layer] = []
    for filters in (16, 32):
        layers += [pl.Conv2D(filters, 3, padding="same", use_bias=False)]
        layers += [pl.BatchNorm(), pl.ReLU(), pl.MaxPool2D(2)]
    return [*layers, pl.Flatten(), pl.Dense(10)]


def data() -> tuple[np.ndarray, np.ndarray]:
    """Digits enlarged to 28x28, as many as MNIST has in a third."""
    (x, y), _ = pl.data.load_digits()
    x = np.pad(
        np.repeat(np.repeat(x, 3, axis=1), 3, axis=2), ((0, 0), *2 * [(2, 2)], (0, 0))
    )
    rows = np.random.default_rng(0).integers(0, len(x), SAMPLES)
    noise = np.random.default_rng(1).random((SAMPLES, 28, 28, 1), dtype=np.float32)
    return (x[rows] + 0.1 * noise).astype(np.float32), y[rows]


def fit(layers: list[pl.Layer], x, y, epochs: int, doctor: pl.Doctor | None) -> float:
    """Seconds of one training."""
    model = pl.Sequential(layers, input_shape=x.shape[1:], seed=0)
    model.compile(pl.Adam(1e-3), "softmax_cross_entropy")
    begin = perf_counter()
    model.fit(
        x,
        y,
        epochs=epochs,
        batch_size=64,
        verbose=0,
        callbacks=[] if doctor is None else [doctor],
    )
    return perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of a training")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    x, y = data()
    print(f"{'network':<8}{'epochs':>7}{'without':>10}{'with':>10}{'cost':>8}", end="")
    print(f"{'own count':>11}{'looks':>7}{'steps':>8}")
    for make in (mlp, cnn):
        one = fit(make(), x, y, 1, None)
        epochs = max(1, round(args.seconds / one))
        without, watched, doctor = [], [], pl.Doctor()
        for _ in range(args.rounds):
            without.append(fit(make(), x, y, epochs, None))
            watched.append(fit(make(), x, y, epochs, doctor))
        report = doctor.diagnosis
        base, seen = median(without), median(watched)
        print(f"{make.__name__:<8}{epochs:>7}{base:>9.2f}s{seen:>9.2f}s", end="")
        print(
            f"{100 * (seen / base - 1):>7.1f}%{100 * report.seconds / base:>10.1f}%",
            end="",
        )
        print(f"{report.counts['observations']:>7}{report.counts['steps']:>8}")


if __name__ == "__main__":
    main()
