"""Test a network before training it: a healthy one, and one whose gradients fade."""

import pellucid as pl

healthy = pl.Sequential(
    [pl.Flatten(), pl.Dense(32, activation="relu"), pl.Dense(10)],
    input_shape=(8, 8, 1),
    seed=0,
)
fading = pl.Sequential(
    [
        pl.Flatten(),
        *(pl.Dense(8, activation="sigmoid") for _ in range(12)),
        pl.Dense(10),
    ],
    input_shape=(8, 8, 1),
    seed=0,
)
(x, y), _ = pl.data.load_digits()
for model in (healthy, fading):
    model.compile(optimizer="adam", loss="softmax_cross_entropy")
print(pl.debug.selftest(healthy, x, y))
print()
print(pl.debug.selftest(fading, x, y).summary())
