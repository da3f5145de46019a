"""Healthy trainings of many kinds: the doctor has nothing to say but notes."""

from __future__ import annotations

import numpy as np

import pellucid as pl
from tests.debug.zoo.cases import (
    SIGMOID,
    SOFTMAX,
    blobs,
    case,
    curve,
    digits,
    healthy,
    mlp,
)


@healthy
def shallow_mlp_adam(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, y, pl.Adam(3e-3), SOFTMAX, seed)


@healthy
def logistic_regression(seed):
    x, y = blobs(seed, classes=2)
    return case(mlp(1), x, y, pl.SGD(0.1), SIGMOID, seed)


@healthy
def probabilities_and_their_loss(seed):
    x, y = blobs(seed)
    layers = mlp(32, 4, out="softmax")
    return case(layers, x, y, pl.Adam(3e-3), "categorical_cross_entropy", seed)


@healthy
def sigmoid_and_its_loss(seed):
    x, y = blobs(seed, classes=2)
    layers = mlp(16, 1, out="sigmoid")
    return case(layers, x, y, pl.Adam(3e-3), "binary_cross_entropy", seed)


@healthy
def deep_mlp_momentum(seed):
    x, y = blobs(seed, n=800)
    best = pl.SGD(0.02, momentum=0.9)
    return case(mlp(32, 32, 32, 32, 32, 4), x, y, best, SOFTMAX, seed)


@healthy
def wide_mlp_on_digits(seed):
    x, y = digits(seed, 1000)
    layers = [pl.Flatten(), *mlp(128, 64, 10)]
    return case(layers, x, y, pl.Adam(1e-3), SOFTMAX, seed)


@healthy
def tanh_spiral(seed):
    x, y = pl.data.make_spiral(300, seed=seed)
    layers = mlp(32, 32, 3, activation="tanh")
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


@healthy
def slow_spiral(seed):
    x, y = pl.data.make_spiral(600, seed=seed)
    return case(mlp(64, 64, 3), x, y, pl.Adam(1e-3), SOFTMAX, seed)


@healthy
def regression(seed):
    x, y = curve(seed)
    return case(mlp(64, 64, 1), x, y, pl.Adam(3e-3), "mse", seed)


@healthy
def linear_regression(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 5)).astype("float32")
    y = x @ [1.0, -2.0, 0.5, 0.0, 3.0] + 0.1 * rng.normal(size=300)
    return case(mlp(1), x, y, pl.SGD(0.05), "mse", seed)


@healthy
def two_outputs(seed):
    x, y = curve(seed)
    y = np.stack([y, x[:, 3]], axis=1)
    return case(mlp(64, 2), x, y, pl.AdamW(1e-2), "mse", seed)


@healthy
def moons_binary(seed):
    x, y = pl.data.make_moons(300, seed=seed)
    return case(mlp(32, 32, 1), x, y, pl.Adam(1e-2), SIGMOID, seed)


@healthy
def small_cnn(seed):
    x, y = digits(seed, 800)
    layers = [
        pl.Conv2D(8, 3, padding="same", activation="relu"),
        pl.MaxPool2D(2),
        pl.Conv2D(16, 3, padding="same", activation="relu"),
        pl.MaxPool2D(2),
        pl.Flatten(),
        pl.Dense(32, activation="relu"),
        pl.Dense(10),
    ]
    return case(layers, x, y, pl.Adam(3e-3), SOFTMAX, seed)


@healthy
def cnn_with_batch_norm(seed):
    x, y = digits(seed, 800)
    layers = []
    for filters in (8, 16):
        layers += [
            pl.Conv2D(filters, 3, padding="same", use_bias=False),
            pl.BatchNorm(),
            pl.ReLU(),
        ]
    layers += [pl.GlobalAvgPool2D(), pl.Dropout(0.2), pl.Dense(10)]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


@healthy
def residual_blocks(seed):
    x, y = digits(seed, 600)
    layers = [pl.Conv2D(8, 3, padding="same", use_bias=False), pl.BatchNorm()]
    for _ in range(2):
        body = [
            pl.Conv2D(8, 3, padding="same", use_bias=False),
            pl.BatchNorm(),
            pl.ReLU(),
            pl.Conv2D(8, 3, padding="same", use_bias=False),
            pl.BatchNorm(),
        ]
        layers += [pl.Residual(body), pl.ReLU()]
    layers += [pl.GlobalAvgPool2D(), pl.Dense(10)]
    return case(layers, x, y, pl.SGD(0.1, momentum=0.9), SOFTMAX, seed)


@healthy
def bytes_behind_rescaling(seed):
    x, y = digits(seed)
    x = np.round(255 * x).astype(np.uint8)
    layers = [pl.Rescaling(1 / 255), pl.Conv2D(8, 3, activation="relu")]
    layers += [pl.Flatten(), pl.Dense(10)]
    return case(layers, x, y, pl.Adam(3e-3), SOFTMAX, seed)


@healthy
def seventy_thirty(seed):
    x, y = blobs(seed, n=700, classes=2)
    keep = (y == 0) | (np.random.default_rng(seed).random(700) < 0.43)
    return case(mlp(16, 1), x[keep], y[keep], pl.Adam(3e-3), SIGMOID, seed)


@healthy
def weighted_imbalance(seed):
    x, y = blobs(seed, n=900, classes=2)
    keep = (y == 0) | (np.random.default_rng(seed).random(900) < 0.07)
    layers, best = mlp(16, 2), pl.Adam(3e-3)
    weights = {"class_weight": "balanced"}
    return case(layers, x[keep], y[keep], best, SOFTMAX, seed, **weights)


@healthy
def sixty_samples(seed):
    x, y = blobs(seed, n=60, classes=3, features=4)
    return case(mlp(8, 3), x, y, pl.Adam(1e-2), SOFTMAX, seed, batch_size=8)


@healthy
def dropout_and_decay(seed):
    x, y = digits(seed, 800)
    layers = [pl.Flatten(), pl.Dense(128, "relu"), pl.Dropout(0.5), pl.Dense(10)]
    return case(layers, x, y, pl.AdamW(3e-3), SOFTMAX, seed)


@healthy
def xor(seed):
    x, y = pl.data.make_xor(200, seed=seed)
    return case(mlp(16, 1, activation="tanh"), x, y, pl.Adam(3e-2), SIGMOID, seed)


@healthy
def leaky_network_with_penalty(seed):
    x, y = blobs(seed)
    penalty = pl.L2(1e-3)
    layers = [pl.Dense(32, "leaky_relu", kernel_regularizer=penalty), pl.Dense(4)]
    return case(layers, x, y, pl.SGD(0.1), SOFTMAX, seed)


@healthy
def validation_of_its_own(seed):
    x, y = blobs(seed, n=600)
    data = (x[400:], y[400:])
    best = pl.Adam(3e-3)
    return case(mlp(32, 4), x[:400], y[:400], best, SOFTMAX, seed, validation_data=data)


@healthy
def standardized_table(seed):
    x, y = blobs(seed)
    x = 100 + 50 * x
    x = pl.data.Standardizer(x)(x)
    return case(mlp(64, 32, 4), x, y, pl.Adam(1e-3), SOFTMAX, seed)
