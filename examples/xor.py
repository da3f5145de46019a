"""XOR over 50 seeds, with the nets 2-10-10-1 and 2-4-1.

python examples/xor.py
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import pellucid as pl

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([0, 1, 1, 0])
SEEDS = 50
BAR = 48


def wide(seed: int) -> pl.Sequential:
    """2-10-10-1: the points 50 times, a sigmoid, until the loss is below 0.01."""
    model = pl.mlp([2, 10, 10, 1], seed=seed)
    model.compile(pl.Adam(0.01), "sigmoid_binary_cross_entropy")
    x, y = np.tile(X, (50, 1)), np.tile(Y, 50)
    done = pl.LambdaCallback(on_epoch_end=lambda epoch, logs: stop(model, logs))
    model.fit(x, y, epochs=1000, callbacks=[done], verbose=0)
    return model


def stop(model: pl.Sequential, logs: dict[str, float]) -> None:
    """Enough is learnt."""
    model.stop_training = logs["loss"] < 0.01


def narrow(seed: int, output: str | None = "sigmoid") -> pl.Sequential:
    """2-4-1 on the squared error: the points 250 times, 100 epochs, batches of 4."""
    model = pl.mlp([2, 4, 1], output_activation=output, seed=seed)
    model.compile(pl.Adam(0.01), "mse")
    x, y = np.tile(X, (250, 1)), np.tile(Y, 250)
    model.fit(x, y, epochs=100, batch_size=4, verbose=0)
    return model


def solved(model: pl.Sequential) -> bool:
    """All four points are on their side of one half."""
    if model.loss.kind == "binary":
        return bool((model.predict_classes(X) == Y).all())
    return bool(((model.predict(X)[:, 0] > 0.5) == Y).all())


def count(make: Callable[[int], pl.Sequential], seeds: int = SEEDS) -> int:
    """For how many seeds the net finds all four."""
    return sum(solved(make(seed)) for seed in range(seeds))


def main() -> None:
    """Print the rates."""
    print(f"2-10-10-1               {count(wide)} of {SEEDS}   bar {BAR}")
    for output in ("sigmoid", None, "relu"):
        found = count(lambda seed, kind=output: narrow(seed, kind))
        print(f"2-4-1, {output or 'linear'} output   {found} of {SEEDS}")


if __name__ == "__main__":
    main()
