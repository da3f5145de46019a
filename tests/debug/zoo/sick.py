"""Sick models, a few lines each, with the rule that names the cause."""

from __future__ import annotations

import numpy as np

import pellucid as pl
from tests.debug.zoo.cases import (
    ADAM,
    SIGMOID,
    SOFTMAX,
    blobs,
    case,
    cnn,
    curve,
    digits,
    mlp,
    sick,
)

# The last layer and the loss ---------------------------------------------------


@sick("output_and_loss", cure=True)
def softmax_before_logits(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4, out="softmax"), x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("output_and_loss", cure=True)
def relu_before_logits(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4, out="relu"), x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("output_and_loss", cure=True)
def sigmoid_before_binary_logits(seed):
    x, y = blobs(seed, classes=2)
    return case(mlp(16, 1, out="sigmoid"), x, y, pl.Adam(ADAM), SIGMOID, seed)


@sick("output_and_loss", cure=True)
def logits_into_binary_cross_entropy(seed):
    x, y = blobs(seed, classes=2)
    loss = "binary_cross_entropy"
    return case(mlp(16, 1), x, y, pl.Adam(ADAM), loss, seed)


@sick("output_and_loss", cure=True)
def logits_into_categorical_cross_entropy(seed):
    x, y = blobs(seed)
    loss = "categorical_cross_entropy"
    return case(mlp(16, 4), x, y, pl.Adam(ADAM), loss, seed)


@sick("output_and_loss", cure=True)
def sigmoid_for_exclusive_classes(seed):
    x, y = blobs(seed)
    loss = "categorical_cross_entropy"
    return case(mlp(16, 4, out="sigmoid"), x, y, pl.Adam(ADAM), loss, seed)


@sick("softmax_twice", cure=True)
def softmax_in_the_middle(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32, activation="softmax"), *mlp(32, 4)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("output_range", cure=True)
def sigmoid_for_values(seed):
    x, y = curve(seed)
    return case(mlp(32, 1, out="sigmoid"), x, y, pl.Adam(ADAM), "mse", seed)


@sick("output_range", cure=True)
def relu_for_negative_values(seed):
    x, y = curve(seed)
    return case(mlp(32, 1, out="relu"), x, y, pl.Adam(ADAM), "mse", seed)


@sick("classes_as_numbers", cure=True)
def squared_error_for_one_hot(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, pl.data.one_hot(y), pl.Adam(ADAM), "mse", seed)


@sick("classes_as_numbers", cure=True)
def squared_error_for_labels(seed):
    x, y = blobs(seed, classes=6)
    return case(mlp(32, 1), x, y, pl.Adam(ADAM), "mse", seed)


@sick("dropout_at_the_end", cure=True)
def dropout_on_the_answer(seed):
    x, y = blobs(seed)
    layers = [*mlp(32, 4), pl.Dropout(0.5)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


# Rates -------------------------------------------------------------------------


@sick("rate_too_large", cure=True)
def adam_at_one(seed):
    x, y = digits(seed)
    return case([pl.Flatten(), *mlp(64, 64, 10)], x, y, pl.Adam(1.0), SOFTMAX, seed)


@sick("rate_too_large", cure=True)
def sgd_at_fifty(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, y, pl.SGD(50.0), SOFTMAX, seed)


@sick("rate_too_large", cure=True)
def squared_error_explodes(seed):
    x, y = curve(seed)
    return case(mlp(64, 64, 1), x, y, pl.SGD(5.0, momentum=0.9), "mse", seed)


@sick("rate_too_large", "dead_units", cure=True)
def cnn_at_half(seed):
    x, y = digits(seed)
    return case(cnn(), x, y, pl.Adam(0.5), SOFTMAX, seed)


@sick("rate_too_small", cure=True)
def adam_at_a_hundred_thousandth(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, y, pl.Adam(1e-5), SOFTMAX, seed)


@sick("rate_too_small", cure=True)
def sgd_at_a_ten_thousandth(seed):
    x, y = digits(seed)
    return case([pl.Flatten(), *mlp(64, 10)], x, y, pl.SGD(1e-4), SOFTMAX, seed)


@sick("rate_too_small", cure=True)
def cnn_that_crawls(seed):
    x, y = digits(seed)
    return case(cnn(), x, y, pl.Adam(1e-6), SOFTMAX, seed)


@sick("rate_zero", cure=True)
def no_rate(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, y, pl.SGD(0.0), SOFTMAX, seed)


# Layers ------------------------------------------------------------------------


@sick("dead_units", cure=True)
def born_dead(seed):
    x, y = blobs(seed)
    dead = pl.Dense(32, activation="relu", bias_initializer=pl.Constant(-20.0))
    return case([dead, pl.Dense(4)], x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("dead_units", cure=True)
def second_layer_born_dead(seed):
    x, y = digits(seed)
    dead = pl.Dense(32, activation="relu", bias_initializer=pl.Constant(-30.0))
    layers = [pl.Flatten(), pl.Dense(32, activation="relu"), dead, pl.Dense(10)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("weights_alike", cure=True)
def all_weights_zero(seed):
    x, y = blobs(seed)
    layers = [
        pl.Dense(32, activation="relu", kernel_initializer="zeros"),
        pl.Dense(4, kernel_initializer="zeros"),
    ]
    return case(layers, x, y, pl.SGD(0.1), SOFTMAX, seed)


@sick("weights_alike", cure=True)
def all_weights_a_half(seed):
    x, y = curve(seed)
    start = pl.Constant(0.5)
    layers = [pl.Dense(32, activation="tanh", kernel_initializer=start), pl.Dense(1)]
    return case(layers, x, y, pl.Adam(ADAM), "mse", seed)


@sick("vanishing_gradient", cure=True)
def sigmoid_stack(seed):
    x, y = blobs(seed)
    layers = mlp(*[16] * 8, 4, activation="sigmoid")
    return case(layers, x, y, pl.SGD(0.1), SOFTMAX, seed)


@sick("saturated_units", "signal_size", cure=True)
def tanh_with_huge_weights(seed):
    x, y = blobs(seed)
    start = pl.RandomNormal(std=20.0)
    layers = [
        pl.Dense(32, activation="tanh", kernel_initializer=start),
        pl.Dense(32, activation="tanh", kernel_initializer=start),
        pl.Dense(4),
    ]
    return case(layers, x, y, pl.SGD(0.01), SOFTMAX, seed)


@sick("signal_size", "vanishing_gradient", cure=True)
def weights_too_small(seed):
    x, y = blobs(seed)
    start = pl.RandomNormal(std=1e-3)
    hidden = [pl.Dense(16, "relu", kernel_initializer=start) for _ in range(4)]
    return case([*hidden, pl.Dense(4)], x, y, pl.SGD(0.1), SOFTMAX, seed)


@sick("signal_size", "exploding_gradient", cure=True)
def weights_too_large(seed):
    x, y = blobs(seed)
    start = pl.RandomNormal(std=5.0)
    hidden = [pl.Dense(32, "relu", kernel_initializer=start) for _ in range(4)]
    return case([*hidden, pl.Dense(4)], x, y, pl.SGD(0.01), SOFTMAX, seed)


@sick("no_activation", cure=True)
def linear_all_the_way(seed):
    x, y = pl.data.make_spiral(300, seed=seed)
    layers = [pl.Dense(64), pl.Dense(64), pl.Dense(3)]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


@sick("no_activation", cure=True)
def convolutions_without_activation(seed):
    x, y = digits(seed)
    layers = [pl.Conv2D(8, 3), pl.Conv2D(8, 3), pl.Flatten(), pl.Dense(10)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("batch_norm_batch", cure=True)
def batch_norm_one_by_one(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32), pl.BatchNorm(), pl.ReLU(), pl.Dense(4)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed, batch_size=1)


@sick("batch_norm_batch", cure=True)
def batch_norm_in_pairs(seed):
    x, y = digits(seed)
    layers = [pl.Conv2D(8, 3), pl.BatchNorm(), pl.ReLU(), pl.Flatten(), pl.Dense(10)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed, batch_size=2)


@sick("batch_norm_statistics", cure=True)
def batch_norm_that_never_learns(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32), pl.BatchNorm(momentum=1.0), pl.ReLU(), pl.Dense(4)]
    return case(layers, x + 5, y, pl.Adam(1e-2), SOFTMAX, seed)


@sick("batch_norm_statistics", cure=True)
def batch_norm_that_lags(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32), pl.BatchNorm(momentum=0.999), pl.ReLU(), pl.Dense(4)]
    return case(layers, 5 + 3 * x, y, pl.Adam(1e-2), SOFTMAX, seed)


@sick("dropout_too_high", cure=True)
def nearly_all_dropped(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32, "relu"), pl.Dropout(0.98), pl.Dense(4)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("penalty_too_strong", "weights_shrunk", cure=True)
def crushed_by_l2(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32, "relu", kernel_regularizer=pl.L2(10.0)), pl.Dense(4)]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


@sick("weights_shrunk", "penalty_too_strong", cure=True)
def crushed_by_decay(seed):
    x, y = blobs(seed)
    best = pl.SGD(0.1, weight_decay=0.6)
    return case(mlp(32, 4), x, y, best, SOFTMAX, seed)


@sick("nothing_trains", cure=True)
def everything_frozen(seed):
    x, y = blobs(seed)
    patient = case(mlp(32, 4), x, y, pl.Adam(ADAM), SOFTMAX, seed)
    for layer in patient.model.layers:
        layer.trainable = False
    return patient


# Generalisation ----------------------------------------------------------------


@sick("underfits", cure=True)
def one_hidden_unit_for_a_spiral(seed):
    x, y = pl.data.make_spiral(300, seed=seed)
    return case(mlp(1, 3), x, y, pl.Adam(3e-2), SOFTMAX, seed)


@sick("underfits", cure=True)
def a_plane_for_rings(seed):
    x, y = pl.data.make_circles(300, seed=seed)
    return case(mlp(1), x, y, pl.Adam(3e-2), SIGMOID, seed)


@sick("overfits", "labels_look_random")
def forty_noisy_rows(seed):
    rng = np.random.default_rng([seed, 9])
    x = rng.normal(size=(60, 30)).astype("float32")
    y = (x[:, 0] + 1.5 * rng.normal(size=60) > 0).astype(int)
    return case(mlp(128, 128, 2), x, y, pl.Adam(1e-2), SOFTMAX, seed)
