"""Numbers, vectors and labels that every twin refuses; see `bad_calls.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.kernels.reference.bad_arrays import Call, ones


def norm(error: type[Exception], words: str, x: Any, **options: Any) -> Any:
    def call() -> Call:
        vectors = (ones(3), ones(3), ones(3), ones(3))
        return "batch_norm_training", (x, *vectors), options, error, words

    return call


def drop(error: type[Exception], words: str, rate: Any, **options: Any) -> Any:
    def call() -> Call:
        given = {"seed": 1, "stream": 2, "counter": np.zeros(1, np.uint64), **options}
        return "dropout", (ones(4), rate), given, error, words

    return call


def loss(error: type[Exception], words: str, targets: Any, **options: Any) -> Any:
    name = options.pop("name", "softmax_cross_entropy")
    return lambda: (name, (ones(2, 3), targets), options, error, words)


NUMBERS: dict[str, Callable[[], Call]] = {
    # elementwise
    "name": lambda: ("activation", (ones(2), "swosh"), {}, ValueError, "name is"),
    "fused": lambda: (
        "dense",
        (ones(2, 3), ones(3, 4)),
        {"activation": "gelu"},
        ValueError,
        'activation is "gelu". Expected one of "relu", "leaky_relu", "sigmoid", "tanh"',
    ),
    "slopes": lambda: ("prelu", (ones(2, 3), ones(2)), {}, ValueError, r"\(3,\)"),
    "slopes dtype": lambda: (
        "prelu",
        (ones(2, 3), ones(3).astype("float64")),
        {},
        TypeError,
        "alpha is an array of float64",
    ),
    "slopes shared": lambda: (
        "prelu_backward",
        (ones(2, 3), ones(2, 3), (slopes := ones(3))),
        {"out": (None, slopes)},
        ValueError,
        "dalpha shares memory",
    ),
    "alpha": lambda: (
        "activation",
        (ones(2), "leaky_relu"),
        {"alpha": -0.1},
        ValueError,
        "alpha is -0.1",
    ),
    "no class": lambda: ("softmax", (ones(2, 0),), {}, ValueError, "last axis"),
    "rate": drop(ValueError, "rate is 1.5", 1.5),
    "rate nan": drop(ValueError, "rate is nan", float("nan")),
    "rate bool": drop(TypeError, "rate is True", True),
    "rate string": drop(TypeError, "rate is '0.5'", "0.5"),
    "seed": drop(ValueError, "seed is -1", 0.5, seed=-1),
    "seed large": drop(ValueError, "seed is", 0.5, seed=2**70),
    "seed float": drop(TypeError, "seed is 1.5", 0.5, seed=1.5),
    "counter": drop(TypeError, "counter is", 0.5, counter=np.zeros(1)),
    "counter shape": drop(
        ValueError, "counter has shape", 0.5, counter=np.zeros(2, np.uint64)
    ),
    "alpha rate": lambda: (
        "alpha_dropout",
        (ones(4), 1.0),
        {"seed": 1, "stream": 2, "counter": np.zeros(1, np.uint64)},
        ValueError,
        "rate is 1.0",
    ),
    "alpha mask": lambda: (
        "alpha_dropout_backward",
        (ones(9), np.zeros(1, np.uint8), 0.5),
        {},
        ValueError,
        r"mask has shape \(1,\)",
    ),
    "noise std": lambda: (
        "gaussian_noise",
        (ones(4), -1.0),
        {"seed": 1, "stream": 2, "counter": np.zeros(1, np.uint64)},
        ValueError,
        "std is -1.0",
    ),
    "noise counter": lambda: (
        "gaussian_noise",
        (ones(4), 1.0),
        {"seed": 1, "stream": 2, "counter": 0},
        TypeError,
        "counter is a int",
    ),
    "add": lambda: ("add", (ones(2, 2), ones(2)), {}, ValueError, r"b has shape \(2,"),
    "add_scaled list": lambda: (
        "add_scaled",
        ([1.0, 2.0], np.ones(2), 1.0),
        {},
        TypeError,
        "y is list",
    ),
    "scale rank": lambda: ("scale", (ones(2, 2), 1.0), {}, ValueError, "1 dimension"),
    "scale nan": lambda: (
        "scale",
        (ones(2), float("nan")),
        {},
        ValueError,
        "factor is nan",
    ),
    "gather range": lambda: (
        "gather",
        (ones(3, 2), np.array([0, 3])),
        {},
        ValueError,
        "index 3 at index 1 is out of range",
    ),
    "gather negative": lambda: (
        "gather",
        (ones(3, 2), np.array([-1])),
        {},
        ValueError,
        "index -1 at index 0 is out of range",
    ),
    # normalization
    "one value": norm(ValueError, "more than one value per channel", ones(1, 3)),
    "norm rank": norm(ValueError, "channels last", ones(3)),
    "norm channels": norm(ValueError, r"gamma has shape \(3,\)", ones(2, 4)),
    "epsilon 0": norm(ValueError, "epsilon is 0.0", ones(2, 3), epsilon=0.0),
    "epsilon nan": norm(ValueError, "epsilon is nan", ones(2, 3), epsilon=float("nan")),
    "momentum": norm(ValueError, "momentum is 1.5", ones(2, 3), momentum=1.5),
    "layer epsilon": lambda: (
        "layer_norm",
        (ones(2, 3), ones(3), ones(3)),
        {"epsilon": 0.0},
        ValueError,
        "epsilon is 0.0",
    ),
    "layer mean": lambda: (
        "layer_norm_backward",
        (ones(2, 3), ones(2, 3), ones(3), ones(3), ones(2)),
        {},
        ValueError,
        r"mean has shape \(3,\)",
    ),
    "groups": lambda: (
        "group_norm",
        (ones(2, 4), ones(4), ones(4), 3),
        {},
        ValueError,
        "groups=3 does not divide 4 channels",
    ),
    "group mean": lambda: (
        "group_norm_backward",
        (ones(2, 4), ones(2, 4), ones(4), ones(2, 3), ones(2, 3)),
        {},
        ValueError,
        r"mean has shape \(2, 3\)",
    ),
    "empty samples": lambda: (
        "group_norm",
        (ones(2, 0, 4), ones(4), ones(4), 2),
        {},
        ValueError,
        "not empty",
    ),
    "factors": lambda: (
        "scale_channels",
        (ones(2, 3, 4), ones(2, 3)),
        {},
        ValueError,
        r"factors has shape \(2, 3\)",
    ),
    # losses
    "empty batch": lambda: (
        "mean_squared_error",
        (ones(0, 3), ones(0, 3)),
        {},
        ValueError,
        "empty batch",
    ),
    "label": loss(ValueError, "label 3 at index 1 is out of", np.array([0, 3])),
    "label negative": loss(ValueError, "label -1 at index 0", np.array([-1, 0])),
    "label shape": loss(ValueError, "targets has shape", np.array([[0], [1]])),
    "label dtype": loss(TypeError, "array of int32", np.zeros(2, np.int32)),
    "target shape": loss(
        ValueError, "targets has shape", ones(2), name="mean_squared_error"
    ),
    "weights": loss(ValueError, "weights has shape", np.array([0, 1]), weights=ones(3)),
    "reduction": loss(ValueError, "reduction", np.array([0, 1]), reduction="none"),
    "smoothing": loss(
        ValueError, "label_smoothing is 2.0", np.array([0, 1]), label_smoothing=2.0
    ),
    "delta": loss(ValueError, "delta is 0", ones(2, 3), name="huber", delta=0),
    "delta text": loss(TypeError, "delta is '1'", ones(2, 3), name="huber", delta="1"),
    "one row": lambda: (
        "kl_divergence",
        (ones(3), ones(3)),
        {},
        ValueError,
        "classes last",
    ),
    "no row": lambda: (
        "kl_divergence",
        (ones(3, 0), ones(3, 0)),
        {},
        ValueError,
        "empty batch",
    ),
    # optimizers
    "hyper": lambda: (
        "sgd_step",
        (ones(3), ones(3), None, np.zeros(5)),
        {},
        ValueError,
        r"hyper has shape \(5,\)",
    ),
    "grad": lambda: (
        "sgd_step",
        (ones(3), ones(4), None, np.zeros(6)),
        {},
        ValueError,
        r"grad has shape \(4,\)",
    ),
    "slot": lambda: (
        "adam_step",
        (ones(3), ones(3), ones(3), ones(2), np.zeros(8)),
        {},
        ValueError,
        r"v has shape \(2,\)",
    ),
    "rmsprop hyper": lambda: (
        "rmsprop_step",
        (ones(3), ones(3), ones(3), None, None, np.zeros(6)),
        {},
        ValueError,
        r"hyper has shape \(6,\)",
    ),
    "rmsprop velocity": lambda: (
        "rmsprop_step",
        (ones(3), ones(3), ones(3), None, None, np.ones(5)),
        {},
        ValueError,
        r"velocity is None and momentum, hyper\[4\], is 1",
    ),
    "rmsprop mean": lambda: (
        "rmsprop_step",
        (ones(3), ones(3), ones(3), None, ones(2), np.zeros(5)),
        {},
        ValueError,
        r"mean has shape \(2,\)",
    ),
    "adagrad square": lambda: (
        "adagrad_step",
        (ones(3), ones(3), ones(4), np.zeros(4)),
        {},
        ValueError,
        r"square has shape \(4,\)",
    ),
    "adadelta moved": lambda: (
        "adadelta_step",
        (ones(3), ones(3), ones(3), ones(4), np.zeros(4)),
        {},
        ValueError,
        r"moved has shape \(4,\)",
    ),
    "nadam hyper": lambda: (
        "nadam_step",
        (ones(3), ones(3), ones(3), ones(3), np.zeros(8)),
        {},
        ValueError,
        r"hyper has shape \(8,\)",
    ),
    "lion m": lambda: (
        "lion_step",
        (ones(3), ones(3), np.ones(3, np.float16), np.zeros(4)),
        {},
        TypeError,
        "m is an array of float16",
    ),
    # random numbers
    "count": lambda: ("philox", (-1,), {"seed": 0, "stream": 0}, ValueError, "count"),
    "dtype": lambda: (
        "random_normal",
        (3,),
        {"seed": 0, "stream": 0, "dtype": "float16"},
        ValueError,
        'dtype is "float16"',
    ),
    "shape": lambda: (
        "random_uniform",
        ((2, -1),),
        {"seed": 0, "stream": 0},
        ValueError,
        "shape is -1",
    ),
}
