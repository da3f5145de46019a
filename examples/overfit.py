"""A net that cannot learn ten samples by heart has a fault; this one can.

python examples/overfit.py
"""

from __future__ import annotations

import numpy as np

import pellucid as pl

BAR = 1e-6


def run(seed: int = 0) -> tuple[float, int]:
    """Return the loss, and the step at which it fell below the bar (at most 1,000)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(10, 20)).astype(np.float32)
    y = rng.normal(size=(10, 3)).astype(np.float32)
    model = pl.mlp([20, 64, 64, 3], seed=seed)
    model.compile(pl.Adam(3e-3), "mse")
    loss = np.inf
    for step in range(1, 1001):
        loss = model.train_on_batch(x, y)["loss"]
        if loss < BAR:
            return loss, step
    return loss, 1000


def main() -> None:
    """Print five seeds."""
    for seed in range(5):
        loss, steps = run(seed)
        print(f"seed {seed}: loss {loss:.2e} after {steps} steps   bar {BAR:g} in 1000")


if __name__ == "__main__":
    main()
