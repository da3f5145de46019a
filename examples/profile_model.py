"""Where does the time of a training step go?

    python examples/profile_model.py [PICTURE]

Prints the profile of a small CNN on the embedded digits; with the extra `plot` and the
path of a picture it draws the roofline too.
"""

import sys

import pellucid as pl

(x, y), _ = pl.data.load_digits()
model = pl.Sequential(
    [
        pl.Conv2D(32, 3, padding="same", use_bias=False),
        pl.BatchNorm(),
        pl.ReLU(),
        pl.Conv2D(64, 3, padding="same", activation="relu"),
        pl.MaxPool2D(2),
        pl.Flatten(),
        pl.Dense(128),
        pl.ReLU(),
        pl.Dense(10),
    ],
    input_shape=(8, 8, 1),
    seed=0,
)
model.compile(pl.Adam(1e-3), "softmax_cross_entropy", ["accuracy"])

profile = model.profile(x[:64], y[:64])
print(profile)

conv = profile.rows[3]
print(
    f"\n{conv.name}: {conv.forward.flops:,} FLOP forward, {conv.backward.flops:,} back"
)
if sys.argv[1:]:
    profile.plot().figure.savefig(sys.argv[1], bbox_inches="tight")
