"""Sick models and data sets, a few lines each, with the rule that names the cause."""

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
    mlp,
    sick,
)

ADAM = 3e-3


def cnn(classes=10):
    return [
        pl.Conv2D(8, 3, padding="same", activation="relu"),
        pl.MaxPool2D(2),
        pl.Conv2D(16, 3, padding="same", activation="relu"),
        pl.GlobalAvgPool2D(),
        pl.Dense(classes),
    ]


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


# Targets -----------------------------------------------------------------------


@sick("targets_refused", cure=True)
def labels_from_one(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, y + 1, pl.Adam(ADAM), SOFTMAX, seed)


@sick("targets_refused", cure=True)
def too_few_outputs(seed):
    x, y = blobs(seed, classes=6)
    return case(mlp(32, 4), x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("targets_refused", cure=True)
def labels_minus_one_and_one(seed):
    x, y = blobs(seed, classes=2)
    return case(mlp(16, 1), x, 2 * y - 1, pl.Adam(ADAM), SIGMOID, seed)


@sick("targets_refused", cure=True)
def labels_for_a_wide_squared_error(seed):
    x, y = blobs(seed)
    return case(mlp(16, 4), x, y, pl.Adam(ADAM), "mse", seed)


@sick("targets_shifted", cure=True)
def labels_one_row_late(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, np.roll(y, 1), pl.Adam(ADAM), SOFTMAX, seed)


@sick("targets_shifted", cure=True)
def values_two_rows_early(seed):
    x, y = curve(seed)
    return case(mlp(32, 1), x, np.roll(y, -2), pl.Adam(ADAM), "mse", seed)


@sick("labels_look_random")
def labels_shuffled(seed):
    x, y = blobs(seed)
    y = np.random.default_rng(seed).permutation(y)
    return case(mlp(32, 4), x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("labels_look_random")
def digits_with_labels_shuffled(seed):
    x, y = digits(seed)
    y = np.random.default_rng(seed).permutation(y)
    return case([pl.Flatten(), *mlp(64, 10)], x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("labels_look_random")
def values_shuffled(seed):
    x, y = curve(seed)
    y = np.random.default_rng(seed).permutation(y)
    return case(mlp(32, 1), x, y, pl.Adam(ADAM), "mse", seed)


@sick("targets_constant")
def one_class_only(seed):
    x, y = blobs(seed)
    return case(mlp(16, 4), x, 0 * y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("targets_not_scaled", cure=True)
def prices_in_dollars(seed):
    x, y = curve(seed)
    return case(mlp(32, 1), x, 2e5 + 5e4 * y, pl.Adam(ADAM), "mse", seed)


@sick("imbalance", cure=True)
def two_in_a_hundred(seed):
    x, y = blobs(seed, n=600, classes=2)
    keep = (y == 0) | (np.random.default_rng(seed).random(600) < 0.04)
    return case(mlp(16, 1), x[keep], y[keep], pl.Adam(ADAM), SIGMOID, seed)


@sick("order_kept", cure=True)
def sorted_and_not_shuffled(seed):
    x, y = blobs(seed)
    rows = np.argsort(y, kind="stable")
    layers, best = mlp(32, 4), pl.Adam(ADAM)
    return case(layers, x[rows], y[rows], best, SOFTMAX, seed, shuffle=False)


@sick("targets_contradict", cure=True)
def twins_that_disagree(seed):
    x, y = blobs(seed)
    x, y = np.repeat(x[:200], 2, axis=0), np.repeat(y[:200], 2)
    y[1:100:2] = (y[1:100:2] + 1) % 4
    return case(mlp(32, 4), x, y, pl.Adam(ADAM), SOFTMAX, seed)


# Inputs ------------------------------------------------------------------------


@sick("inputs_not_scaled", cure=True)
def bytes_into_a_dense_net(seed):
    x, y = digits(seed)
    x = np.round(255 * x)
    return case([pl.Flatten(), *mlp(64, 10)], x, y, pl.SGD(0.1), SOFTMAX, seed)


@sick("inputs_not_scaled", cure=True)
def bytes_into_a_cnn(seed):
    x, y = digits(seed)
    x = np.round(255 * x).astype(np.uint8)
    return case(cnn(), x, y, pl.Adam(1e-2), SOFTMAX, seed)


@sick("inputs_not_scaled", cure=True)
def columns_in_different_units(seed):
    x, y = blobs(seed)
    x = x * np.geomspace(1e-2, 1e4, 8, dtype="float32")
    return case(mlp(32, 4), x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("inputs_not_scaled", cure=True)
def millionths(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), 1e-6 * x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("inputs_off_centre", "inputs_not_scaled", cure=True)
def far_from_zero(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), 5 + 0.02 * x, y, pl.SGD(0.05), SOFTMAX, seed)


@sick("inputs_constant")
def the_same_row_everywhere(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), np.repeat(x[:1], 400, 0), y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("values_missing", cure=True)
def one_nan(seed):
    x, y = blobs(seed)
    x[17 * seed + 3, 2] = np.nan
    return case(mlp(32, 4), x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("values_missing", cure=True)
def infinite_target(seed):
    x, y = curve(seed)
    y[11 + seed] = np.inf
    return case(mlp(32, 1), x, y, pl.Adam(ADAM), "mse", seed)


@sick("outliers", cure=True)
def one_typing_error(seed):
    x, y = blobs(seed)
    x[5, 3] = 1e6
    return case(mlp(32, 4), x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("validation_leaks", cure=True)
def validation_rows_in_training(seed):
    x, y = blobs(seed, n=600)
    data = (x[300:500], y[300:500])
    best = pl.Adam(ADAM)
    return case(mlp(32, 4), x[:400], y[:400], best, SOFTMAX, seed, validation_data=data)


@sick("validation_differs", cure=True)
def validation_in_bytes(seed):
    x, y = digits(seed, 600)
    data = (255 * x[500:], y[500:])
    layers = [pl.Flatten(), *mlp(32, 10)]
    best = pl.Adam(ADAM)
    return case(layers, x[:500], y[:500], best, SOFTMAX, seed, validation_data=data)


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
