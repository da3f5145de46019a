"""The networks that are timed as a whole, with the optimizer of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pellucid as pl


@dataclass(frozen=True)
class Network:
    """Layers of a classifier for 10 classes, its input and its optimizer."""

    input_shape: tuple[int, ...]
    layers: Callable[[], list[pl.Layer]]
    optimizer: Callable[[], Any] = pl.Adam

    def model(self) -> pl.Sequential:
        """A new compiled model, always with the same weights."""
        model = pl.Sequential(self.layers(), input_shape=self.input_shape, seed=0)
        model.compile(optimizer=self.optimizer(), loss="softmax_cross_entropy")
        return model


def momentum() -> pl.SGD:
    return pl.SGD(0.01, momentum=0.9)


def mlp(*widths: int) -> list[pl.Layer]:
    return [*(pl.Dense(width, activation="relu") for width in widths), pl.Dense(10)]


def lenet5() -> list[pl.Layer]:
    return [
        pl.Conv2D(6, 5, padding="same", activation="relu"),
        pl.MaxPool2D(2),
        pl.Conv2D(16, 5, activation="relu"),
        pl.MaxPool2D(2),
        pl.Flatten(),
        *mlp(120, 84),
    ]


def block(*filters: int) -> list[pl.Layer]:
    """Convolutions with BatchNorm and ReLU, then a pooling."""
    layers: list[pl.Layer] = []
    for k in filters:
        layers += [pl.Conv2D(k, 3, padding="same", use_bias=False)]
        layers += [pl.BatchNorm(), pl.ReLU()]
    return [*layers, pl.MaxPool2D(2)]


def mnist_cnn() -> list[pl.Layer]:
    head = [pl.Dense(128, activation="relu"), pl.Dropout(0.5), pl.Dense(10)]
    return [*block(32), *block(64), pl.Flatten(), *head]


def cifar_vgg() -> list[pl.Layer]:
    body = [*block(64, 64), *block(128, 128), *block(256, 256)]
    return [*body, pl.GlobalAvgPool2D(), pl.Dense(10)]


NETWORKS = {
    "mlp_100": Network((64,), lambda: mlp(100)),
    "mlp_128_64": Network((784,), lambda: mlp(128, 64)),
    "mlp_512_512": Network((784,), lambda: mlp(512, 512)),
    "lenet5_sgd": Network((28, 28, 1), lenet5, momentum),
    "lenet5_adam": Network((28, 28, 1), lenet5),
    "mnist_cnn": Network((28, 28, 1), mnist_cnn),
    "cifar_vgg": Network((32, 32, 3), cifar_vgg, momentum),
}
