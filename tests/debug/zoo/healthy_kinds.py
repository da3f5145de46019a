"""Healthy trainings with the other layers, activations, losses and optimizers."""

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
def layer_norm_and_gelu(seed):
    x, y = blobs(seed)
    layers = []
    for _ in range(4):
        layers += [pl.Dense(32), pl.LayerNorm(), pl.GELU()]
    return case([*layers, pl.Dense(4)], x, y, pl.AdamW(3e-3), SOFTMAX, seed)


@healthy
def group_norm_cnn(seed):
    x, y = digits(seed, 600)
    layers = []
    for _ in range(2):
        layers += [pl.Conv2D(16, 3, padding="same"), pl.GroupNorm(4), pl.SiLU()]
    layers += [pl.GlobalAvgPool2D(), pl.Dense(10)]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


@healthy
def layer_norm_takes_thousands(seed):
    x, y = blobs(seed)
    layers = [pl.LayerNorm(), *mlp(32, 4)]
    return case(layers, 1000 * x, y, pl.Adam(3e-3), SOFTMAX, seed)


@healthy
def selu_with_alpha_dropout(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(64, "selu"), pl.AlphaDropout(0.1)]
    layers += [pl.Dense(32, "selu"), pl.AlphaDropout(0.1), pl.Dense(4)]
    return case(layers, x, y, pl.Adam(3e-3), SOFTMAX, seed)


@healthy
def mobile_blocks(seed):
    x, y = digits(seed, 600)
    layers = [pl.Conv2D(16, 3, padding="same", activation="hard_swish")]
    for _ in range(2):
        layers += [
            pl.DepthwiseConv2D(3, padding="same", use_bias=False),
            pl.Conv2D(32, 1, use_bias=False),
            pl.BatchNorm(),
            pl.HardSwish(),
        ]
    layers += [pl.GlobalAvgPool2D(), pl.Dense(10)]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


@healthy
def modern_blocks(seed):
    x, y = digits(seed, 600)
    layers = [pl.Conv2D(16, 2, 2)]
    for _ in range(2):
        body = [pl.DepthwiseConv2D(3, padding="same"), pl.LayerNorm()]
        body += [pl.Conv2D(32, 1, activation="gelu"), pl.Conv2D(16, 1)]
        layers.append(pl.Residual(body))
    layers += [pl.GlobalAvgPool2D(), pl.LayerNorm(), pl.Dense(10)]
    return case(layers, x, y, pl.AdamW(1e-2), SOFTMAX, seed)


@healthy
def separable_cnn_with_spatial_dropout(seed):
    x, y = digits(seed, 600)
    layers = [
        pl.GaussianNoise(0.05),
        pl.SeparableConv2D(32, 3, padding="same", activation="relu"),
        pl.SpatialDropout2D(0.1),
        pl.SeparableConv2D(32, 3, activation="relu"),
        pl.Flatten(),
        pl.Dense(10),
    ]
    return case(layers, x, y, pl.Adam(3e-3), SOFTMAX, seed)


@healthy
def one_dimension(seed):
    x, y = digits(seed, 600)
    layers = [pl.Conv1D(32, 3, activation="mish"), pl.Conv1D(32, 3, activation="mish")]
    layers += [pl.Flatten(), pl.Dense(10)]
    return case(layers, x[..., 0], y, pl.RMSprop(1e-3), SOFTMAX, seed)


@healthy
def small_autoencoder(seed):
    x, _ = digits(seed, 600)
    layers = [
        pl.Conv2D(16, 3, 2, padding="same", activation="relu"),
        pl.Conv2D(16, 3, 2, padding="same", activation="relu"),
        pl.ConvTranspose2D(16, 2, 2, activation="relu"),
        pl.UpSample2D(2),
        pl.Conv2D(1, 3, padding="same", activation="sigmoid"),
    ]
    return case(layers, x, x, pl.Adam(1e-2), "mse", seed)


@healthy
def hinge_of_scores(seed):
    x, y = blobs(seed, classes=2)
    return case(mlp(16, 1), x, 2 * y - 1, pl.Adam(3e-3), "hinge", seed)


@healthy
def hinge_without_hidden_layer(seed):
    x, y = blobs(seed, classes=2)
    return case(mlp(1), x, y, pl.SGD(0.05), "hinge", seed)


@healthy
def kl_divergence_of_soft_targets(seed):
    x, y = blobs(seed)
    rows = np.random.default_rng(seed).dirichlet(np.ones(4), len(y))
    y = 0.8 * pl.data.one_hot(y) + 0.2 * rows
    layers = mlp(32, 4, out="softmax")
    return case(layers, x, y, pl.Adam(3e-3), "kl_divergence", seed)


@healthy
def smoothed_labels(seed):
    x, y = digits(seed, 600)
    loss = pl.SoftmaxCrossEntropy(label_smoothing=0.2)
    return case([pl.Flatten(), *mlp(64, 10)], x, y, pl.Adam(3e-3), loss, seed)


@healthy
def absolute_errors(seed):
    x, y = curve(seed)
    return case(mlp(64, 64, 1), x, y, pl.Adam(3e-3), "mae", seed)


@healthy
def huber_with_outliers(seed):
    x, y = curve(seed)
    y[::40] += 6
    return case(mlp(64, 64, 1), x, y, pl.Adam(3e-3), "huber", seed)


@healthy
def mean_of_probabilities(seed):
    x, y = digits(seed, 600)
    layers = [
        pl.Conv2D(16, 3, activation="relu"),
        pl.Conv2D(16, 3, activation="relu"),
        pl.Conv2D(10, 3, activation="softmax"),
        pl.GlobalAvgPool2D(),
    ]
    return case(layers, x, y, pl.Adam(1e-2), "categorical_cross_entropy", seed)


@healthy
def relu_then_mean_of_positions(seed):
    x, y = digits(seed, 600)
    layers = [
        pl.Conv2D(32, 3, activation="relu"),
        pl.Conv2D(10, 3, activation="relu"),
        pl.GlobalAvgPool2D(),
        pl.Dropout(0.0),
    ]
    return case(layers, x, y, pl.Adam(3e-3), SOFTMAX, seed)


@healthy
def prelu_and_momentum(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32), pl.PReLU(), pl.Dense(32), pl.PReLU(), pl.Dense(4)]
    return case(layers, x, y, pl.SGD(0.03, momentum=0.9), SOFTMAX, seed)


@healthy
def softplus_moons_radam(seed):
    x, y = pl.data.make_moons(300, seed=seed)
    layers = mlp(32, 32, 1, activation="softplus")
    return case(layers, x, y, pl.RAdam(3e-2), SIGMOID, seed)


@healthy
def elu_and_nadam(seed):
    x, y = blobs(seed)
    layers = mlp(32, 32, 4, activation="elu")
    return case(layers, x, y, pl.NAdam(2e-3), SOFTMAX, seed)


@healthy
def lion_on_digits(seed):
    x, y = digits(seed, 800)
    return case([pl.Flatten(), *mlp(64, 10)], x, y, pl.Lion(1e-3), SOFTMAX, seed)


@healthy
def adagrad_on_digits(seed):
    x, y = digits(seed, 800)
    return case([pl.Flatten(), *mlp(64, 10)], x, y, pl.Adagrad(3e-2), SOFTMAX, seed)


@healthy
def adadelta_on_blobs(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, y, pl.Adadelta(1.0), SOFTMAX, seed)


@healthy
def log_softmax_before_softmax(seed):
    x, y = blobs(seed)
    layers = [*mlp(32, 4), pl.LogSoftmax()]
    return case(layers, x, y, pl.Adam(3e-3), SOFTMAX, seed)
