"""Sick models of the other layers, activations, losses and optimizers."""

from __future__ import annotations

import numpy as np

import pellucid as pl
from tests.debug.zoo.cases import (
    ADAM,
    SIGMOID,
    SOFTMAX,
    blobs,
    case,
    curve,
    digits,
    mlp,
    sick,
)

# Losses and the last layer -------------------------------------------------------


@sick("output_and_loss", cure=True)
def sigmoid_before_hinge(seed):
    x, y = blobs(seed, classes=2)
    layers = mlp(16, 1, out="sigmoid")
    return case(layers, x, 2 * y - 1, pl.Adam(ADAM), "hinge", seed)


@sick("output_and_loss", cure=True)
def relu_layer_before_hinge(seed):
    x, y = blobs(seed, classes=2)
    layers = [*mlp(16, 1), pl.ReLU()]
    return case(layers, x, y, pl.Adam(ADAM), "hinge", seed)


@sick("output_and_loss", cure=True)
def scores_into_kl_divergence(seed):
    x, y = blobs(seed)
    y = 0.9 * pl.data.one_hot(y) + 0.025
    return case(mlp(32, 4), x, y, pl.Adam(ADAM), "kl_divergence", seed)


@sick("output_and_loss", cure=True)
def sigmoid_layer_before_kl_divergence(seed):
    x, y = blobs(seed)
    y = 0.9 * pl.data.one_hot(y) + 0.025
    layers = [*mlp(32, 4), pl.Sigmoid()]
    return case(layers, x, y, pl.Adam(ADAM), "kl_divergence", seed)


@sick("output_and_loss", cure=True)
def log_softmax_into_categorical_cross_entropy(seed):
    x, y = blobs(seed)
    layers = [*mlp(32, 4), pl.LogSoftmax()]
    return case(layers, x, y, pl.Adam(ADAM), "categorical_cross_entropy", seed)


@sick("output_and_loss", cure=True)
def softmax_behind_a_reshape(seed):
    x, y = blobs(seed)
    layers = [*mlp(32, 4, out="softmax"), pl.Reshape((4,))]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("output_and_loss", cure=True)
def softmax_of_positions_before_logits(seed):
    x, y = digits(seed)
    layers = [
        pl.Conv2D(16, 3, activation="relu"),
        pl.Conv2D(10, 3, activation="softmax"),
        pl.GlobalAvgPool2D(),
    ]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


@sick("output_and_loss", cure=True)
def softplus_before_logits(seed):
    x, y = blobs(seed, classes=2)
    return case(mlp(16, 1, out="softplus"), x, y, pl.Adam(1e-2), SIGMOID, seed)


@sick("softmax_twice", cure=True)
def log_softmax_in_the_middle(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32), pl.LogSoftmax(), *mlp(32, 4)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("output_range", cure=True)
def sigmoid_for_absolute_errors(seed):
    x, y = curve(seed)
    return case(mlp(32, 1, out="sigmoid"), x, y, pl.Adam(1e-2), "mae", seed)


@sick("output_range", cure=True)
def softplus_layer_for_negative_values(seed):
    x, y = curve(seed)
    layers = [*mlp(32, 1), pl.Softplus()]
    return case(layers, x, y, pl.Adam(1e-2), "huber", seed)


@sick("targets_not_scaled", cure=True)
def huber_of_dollars(seed):
    x, y = curve(seed)
    return case(mlp(32, 1), x, 2e5 + 5e4 * y, pl.Adam(1e-2), "huber", seed)


@sick("classes_as_numbers", cure=True)
def absolute_error_for_one_hot(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, pl.data.one_hot(y), pl.Adam(ADAM), "mae", seed)


@sick("targets_refused", cure=True)
def labels_for_kl_divergence(seed):
    x, y = blobs(seed)
    layers = mlp(32, 4, out="softmax")
    return case(layers, x, y, pl.Adam(ADAM), "kl_divergence", seed)


@sick("targets_refused", cure=True)
def six_classes_for_hinge(seed):
    x, y = blobs(seed, classes=6)
    return case(mlp(32, 1), x, y, pl.Adam(ADAM), "hinge", seed)


@sick("targets_refused", cure=True)
def too_few_filters_at_the_end(seed):
    x, y = digits(seed)
    layers = [
        pl.Conv2D(16, 3, activation="relu"),
        pl.Conv2D(32, 3, activation="relu"),
        pl.Conv2D(5, 1),
        pl.GlobalAvgPool2D(),
    ]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


# Layers ------------------------------------------------------------------------


@sick("dropout_too_high", cure=True)
def nearly_all_channels_dropped(seed):
    x, y = digits(seed)
    layers = [pl.Conv2D(16, 3, activation="relu"), pl.SpatialDropout2D(0.95)]
    layers += [pl.Flatten(), pl.Dense(10)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("dropout_too_high", cure=True)
def nearly_all_saturated(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32, "selu"), pl.AlphaDropout(0.97), pl.Dense(4)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("dropout_at_the_end", cure=True)
def alpha_dropout_on_the_answer(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32, "selu"), pl.Dense(4), pl.AlphaDropout(0.5)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("dropout_at_the_end", cure=True)
def noise_on_the_answer(seed):
    x, y = curve(seed)
    layers = [*mlp(32, 1), pl.GaussianNoise(2.0)]
    return case(layers, x, y, pl.Adam(1e-2), "mse", seed)


@sick("no_activation", cure=True)
def separable_convolutions_without_activation(seed):
    x, y = digits(seed)
    layers = [pl.SeparableConv2D(16, 3), pl.SeparableConv2D(16, 3, activation="relu")]
    layers += [pl.Flatten(), pl.Dense(10)]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


@sick("no_activation", cure=True)
def one_dimension_without_activation(seed):
    x, y = digits(seed)
    layers = [pl.Conv1D(16, 3), pl.Conv1D(16, 3, activation="relu"), pl.Flatten()]
    layers += [pl.Dense(10)]
    return case(layers, x[..., 0], y, pl.Adam(1e-2), SOFTMAX, seed)


@sick("no_activation", cure=True)
def up_and_down_without_activation(seed):
    x, y = digits(seed)
    layers = [pl.ConvTranspose2D(8, 2, 2), pl.AvgPool2D(2), pl.Conv2D(8, 3)]
    layers += [pl.ReLU(), pl.Flatten(), pl.Dense(10)]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


@sick("weights_alike", cure=True)
def transposed_convolution_of_ones(seed):
    x, y = digits(seed)
    layers = [
        pl.ConvTranspose2D(8, 2, 2, activation="relu", kernel_initializer="ones"),
        pl.Flatten(),
        pl.Dense(10),
    ]
    return case(layers, x, y, pl.SGD(1e-2), SOFTMAX, seed)


@sick("weights_alike", cure=True)
def separable_convolution_of_zeros(seed):
    x, y = digits(seed)
    layers = [
        pl.SeparableConv2D(16, 3, activation="relu", kernel_initializer="zeros"),
        pl.Flatten(),
        pl.Dense(10),
    ]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("normalized_away", cure=True)
def group_norm_of_single_numbers(seed):
    x, y = blobs(seed)
    layers = [pl.Dense(32), pl.GroupNorm(32), pl.ReLU(), pl.Dense(4)]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


@sick("normalized_away", cure=True)
def layer_norm_of_one_channel(seed):
    x, y = digits(seed)
    layers = [pl.LayerNorm(), pl.Conv2D(16, 3, activation="relu"), pl.Flatten()]
    return case([*layers, pl.Dense(10)], x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("inputs_not_scaled", cure=True)
def layer_norm_over_different_units(seed):
    x, y = blobs(seed)
    x = x * np.geomspace(1e-2, 1e4, 8, dtype="float32")
    return case([pl.LayerNorm(), *mlp(32, 4)], x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("inputs_not_scaled", cure=True)
def millionths_below_the_epsilon(seed):
    x, y = blobs(seed)
    layers = [pl.BatchNorm(), *mlp(32, 4)]
    return case(layers, 1e-6 * x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("penalty_too_strong", "weights_shrunk", cure=True)
def separable_convolution_crushed(seed):
    x, y = digits(seed)
    penalty = pl.L2(10.0)
    layers = [
        pl.SeparableConv2D(16, 3, activation="relu", kernel_regularizer=penalty),
        pl.Flatten(),
        pl.Dense(10),
    ]
    return case(layers, x, y, pl.Adam(1e-2), SOFTMAX, seed)


# Activations -------------------------------------------------------------------


@sick("dead_units", cure=True)
def hard_swish_born_dead(seed):
    x, y = blobs(seed)
    start = pl.Constant(-20.0)
    layers = [pl.Dense(32, "hard_swish", bias_initializer=start), pl.Dense(4)]
    return case(layers, x, y, pl.Adam(ADAM), SOFTMAX, seed)


@sick("signal_size", "exploding_gradient", cure=True)
def gelu_with_huge_weights(seed):
    x, y = blobs(seed)
    start = pl.RandomNormal(std=5.0)
    layers = [pl.Dense(32, "gelu"), pl.Dense(32, "gelu", kernel_initializer=start)]
    layers += [pl.Dense(32, "gelu", kernel_initializer=start), pl.Dense(4)]
    return case(layers, x, y, pl.SGD(0.01), SOFTMAX, seed)


# Rates -------------------------------------------------------------------------


@sick("rate_too_small", cure=True)
def adadelta_at_a_thousandth(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, y, pl.Adadelta(1e-3), SOFTMAX, seed)


@sick("rate_too_small", cure=True)
def adagrad_at_a_hundred_thousandth(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, y, pl.Adagrad(1e-5), SOFTMAX, seed)


@sick("rate_too_small", cure=True)
def nadam_at_a_millionth(seed):
    x, y = blobs(seed)
    return case(mlp(32, 4), x, y, pl.NAdam(1e-6), SOFTMAX, seed)


@sick("rate_too_large", cure=True)
def lion_at_a_half(seed):
    x, y = digits(seed)
    layers = [pl.Flatten(), *mlp(64, 64, 10)]
    return case(layers, x, y, pl.Lion(0.5), SOFTMAX, seed)


@sick("rate_too_large", cure=True)
def rmsprop_at_one(seed):
    x, y = digits(seed)
    layers = [pl.Flatten(), *mlp(64, 64, 10)]
    return case(layers, x, y, pl.RMSprop(1.0), SOFTMAX, seed)
