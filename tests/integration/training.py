"""Training steps of networks, each boiled down to one SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import pellucid as pl
from pellucid.optimizers import OPTIMIZERS
from tests.support.gradients import gradients
from tests.support.threads import fused

STEPS, BATCH = 20, 32  # of an epoch
DTYPES = ("float32", "float64")
THREADS = (1, 2, 3)
MORE_THREADS = (1, 2, 3, 4, 8)
FUSED = fused()


@dataclass(frozen=True)
class Training:
    """A classifier of the digits, and how it is trained."""

    layers: Callable[[], list[pl.Layer]]
    optimizer: str | Callable[[], Any]
    epochs: int = 5


def every_kind() -> list[pl.Layer]:
    """Sizes beside vector widths, a stride, a dilation, groups."""
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


def mlp() -> list[pl.Layer]:
    """Widths beside those of tiles."""
    return [
        pl.Flatten(),
        pl.Dense(129, activation="relu"),
        pl.Dropout(0.5),
        pl.Dense(63, activation="gelu"),
        pl.Dropout(0.2),
        pl.Dense(10),
    ]


def block(*filters: int) -> list[pl.Layer]:
    """Convolutions with BatchNorm and ReLU, then a pooling."""
    layers: list[pl.Layer] = []
    for k in filters:
        layers += [pl.Conv2D(k, 3, padding="same", use_bias=False)]
        layers += [pl.BatchNorm(), pl.ReLU()]
    return [*layers, pl.MaxPool2D(2)]


def cnn() -> list[pl.Layer]:
    """The MNIST network of the benchmarks, narrower."""
    head = [pl.Dense(33, activation="relu"), pl.Dropout(0.5), pl.Dense(10)]
    return [*block(8), *block(17), pl.Flatten(), *head]


def vgg() -> list[pl.Layer]:
    """The CIFAR network of the benchmarks, narrower: convolutions by Winograd."""
    return [*block(32, 32), *block(33), pl.GlobalAvgPool2D(), pl.Dense(10)]


TRAININGS = {
    "every kind": Training(every_kind, "adamw", epochs=1),
    "mlp": Training(mlp, "adam"),
    "cnn": Training(cnn, "adam"),
    "vgg": Training(vgg, "momentum"),
}
OPTIMIZED = {
    name: Training(mlp, partial(kind, clip_norm=1.0, ema_decay=0.9), epochs=1)
    for name, kind in OPTIMIZERS.items()
}
"""The first network with every optimizer, clipped and averaged."""
HUNDRED = [name for name, training in TRAININGS.items() if training.epochs == 5]


def untrained(name: str, dtype: str = "float32", seed: int = 0) -> pl.Sequential:
    """The network before its first step."""
    training = (TRAININGS | OPTIMIZED)[name]
    options = {"input_shape": (8, 8, 1), "dtype": dtype, "seed": seed}
    model = pl.Sequential(training.layers(), **options)
    made = training.optimizer
    model.compile(made if isinstance(made, str) else made(), "softmax_cross_entropy")
    return model


def fingerprint(name: str, dtype: str, seed: int = 0) -> str:
    """SHA-256 of a forward and a backward pass, and of what training leaves.

    That is weights, running statistics, optimizer state, losses and predictions.
    """
    training, model = (TRAININGS | OPTIMIZED)[name], untrained(name, dtype, seed)
    (x, y), _ = pl.data.load_digits()
    arrays = [model.forward(x[:BATCH]), *gradients(model, x[:BATCH], y[:BATCH])]
    count = STEPS * BATCH
    options = {"epochs": training.epochs, "batch_size": BATCH, "verbose": 0}
    losses = model.fit(x[:count], y[:count], **options).history["loss"]
    arrays += [*model.state_dict().values(), *model.optimizer.state().values()]
    arrays += [model.predict_proba(x[:100])]
    digest = hashlib.sha256(repr(losses).encode())
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def settings() -> Iterator[tuple[str, str, str, int]]:
    """Every (network, dtype, instruction set, thread count) that is promised."""
    for dtype in DTYPES:
        yield from product(["every kind"], [dtype], pl.kernels.isas(), THREADS)
    yield from product(HUNDRED, ["float32"], FUSED, MORE_THREADS)
    yield from product(OPTIMIZED, ["float32"], FUSED, THREADS[1:])


def print_fingerprints() -> None:
    """Print JSON: [network, dtype, instruction set, threads, fingerprint] of all."""
    found = []
    for name, dtype, isa, threads in settings():
        pl.set_num_threads(threads)
        with pl.kernels.use_isa(isa):
            found.append((name, dtype, isa, threads, fingerprint(name, dtype)))
    print(json.dumps(found))
