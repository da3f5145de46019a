"""Twenty training steps of a CNN, boiled down to one SHA-256."""

from __future__ import annotations

import hashlib
import json

import pellucid as pl

STEPS, BATCH = 20, 32
DTYPES = ("float32", "float64")
THREADS = (1, 2, 3)


def network() -> list[pl.Layer]:
    """Every layer kind; sizes beside vector widths, a stride, a dilation, groups."""
    return [
        pl.Conv2D(9, 3, padding="same", use_bias=False),
        pl.BatchNorm(),
        pl.ReLU(),
        pl.MaxPool2D(2),
        pl.Conv2D(18, 3, padding=1, groups=3, activation="leaky_relu"),
        pl.Conv2D(17, 2, padding="same", dilation=2, activation="tanh"),
        pl.Dropout(0.25),
        pl.AvgPool2D(3, strides=1, padding=1),
        pl.Conv2D(33, 3, strides=2, padding="same"),
        pl.BatchNorm(),
        pl.Flatten(),
        pl.Dense(65, activation="sigmoid"),
        pl.Dropout(0.5),
        pl.Dense(10),
    ]


def trained(dtype: str, seed: int = 0) -> pl.Sequential:
    """The network after twenty steps on the digits."""
    (x, y), _ = pl.data.load_digits()
    model = pl.Sequential(network(), input_shape=(8, 8, 1), dtype=dtype, seed=seed)
    model.compile(optimizer="adamw", loss="softmax_cross_entropy")
    count = STEPS * BATCH
    model.fit(x[:count], y[:count], batch_size=BATCH, verbose=0)
    return model


def fingerprint(dtype: str, seed: int = 0) -> str:
    """SHA-256 of weights, running statistics, optimizer state and predictions."""
    model = trained(dtype, seed)
    (x, _), _ = pl.data.load_digits()
    arrays = [*model.state_dict().values(), *model.optimizer.state().values()]
    digest = hashlib.sha256()
    for array in [*arrays, model.predict_proba(x[:100])]:
        digest.update(array.tobytes())
    return digest.hexdigest()


def print_fingerprints() -> None:
    """Print JSON: a fingerprint for every dtype, instruction set and thread count."""
    found = {}
    for isa in pl.kernels.isas():
        with pl.kernels.use_isa(isa):
            for threads in THREADS:
                pl.set_num_threads(threads)
                for dtype in DTYPES:
                    found[f"{dtype} {isa} {threads}"] = fingerprint(dtype)
    print(json.dumps(found))
