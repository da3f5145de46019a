"""Sick data sets, a few lines each, with the rule that names the cause."""

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
