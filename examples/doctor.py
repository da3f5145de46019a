"""Ask the doctor: a sick training, its cure, and a training that is watched.

python examples/doctor.py
"""

from __future__ import annotations

import numpy as np

import pellucid as pl


def network() -> pl.Sequential:
    """A small network for the digits, with a learning rate far too large."""
    model = pl.Sequential(
        [
            pl.Flatten(),
            pl.Dense(128, activation="relu"),
            pl.Dense(64, activation="relu"),
            pl.Dense(10),
        ],
        input_shape=(8, 8, 1),
        seed=0,
    )
    model.compile(pl.Adam(1.0), "softmax_cross_entropy", ["accuracy"])
    return model


def main() -> None:
    (x, y), _ = pl.data.load_digits()
    model = network()

    print("--- bytes that were never scaled, and a rate of 1\n")
    print(model.diagnose(255 * x, y))

    print("\n--- with both lines that the doctor proposes\n")
    model.optimizer.learning_rate = 0.01
    print(model.diagnose(x, y))

    print("\n--- watched while it trains, with labels in the wrong order\n")
    doctor = pl.Doctor(every=20)
    wrong = np.roll(y, 1)
    model.fit(x, wrong, epochs=3, callbacks=[doctor], verbose=0)
    print(doctor.diagnosis)


if __name__ == "__main__":
    main()
