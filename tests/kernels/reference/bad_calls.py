"""Calls that every twin refuses: (op, arguments, options, error, words of the message).

Each entry is a function of nothing, so that every test gets arrays of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Call = tuple[str, tuple[Any, ...], dict[str, Any], type[Exception], str]


def ones(*shape: int, dtype: str = "float32") -> np.ndarray[Any, Any]:
    return np.ones(shape, dtype)


def read_only() -> np.ndarray[Any, Any]:
    array = ones(2, 2)
    array.flags.writeable = False
    return array


def conv(error: type[Exception], words: str, **options: Any) -> Callable[[], Call]:
    """A convolution of 5x5 images of 4 channels with 3x3 filters, options as given."""
    x_shape = options.pop("x_shape", (2, 5, 5, 4))
    w_shape = options.pop("w_shape", (3, 3, 4, 6))
    return lambda: ("conv2d", (ones(*x_shape), ones(*w_shape)), options, error, words)


def pool(error: type[Exception], words: str, **options: Any) -> Callable[[], Call]:
    size = options.pop("pool_size", 2)
    return lambda: ("max_pool2d", (ones(2, 5, 5, 3), size), options, error, words)


def gemm(error: type[Exception], words: str, a: Any, **options: Any) -> Any:
    return lambda: ("gemm", (a, ones(2, 2)), options, error, words)


def shared() -> Call:
    a = ones(2, 2)
    return "gemm", (a, ones(2, 2)), {"out": a}, ValueError, "shares memory"


def half_in_place() -> Call:
    x = ones(9)
    return "activation", (x[:8], "relu"), {"out": x[1:]}, ValueError, "shares memory"


def masked() -> Any:
    return np.ma.masked_array(ones(2, 2), mask=[[0, 1], [0, 0]])


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


BAD_CALLS: dict[str, Callable[[], Call]] = {
    # arrays
    "rank": gemm(ValueError, r"a has shape \(2,\), 1 dimensions", ones(2)),
    "scalar": gemm(ValueError, r"a has shape \(\), 0 dimensions", 1.0),
    "ragged": gemm(ValueError, "a does not form an array", [[1.0], [1.0, 2.0]]),
    "inner": gemm(ValueError, "3 is not 2", ones(2, 3)),
    "integers": gemm(TypeError, "a is an array of int64", np.ones((2, 2), int)),
    "bytes": gemm(TypeError, "a is an array of uint8", np.ones((2, 2), np.uint8)),
    "half": gemm(TypeError, "a is an array of float16", np.ones((2, 2), np.float16)),
    "bool": gemm(TypeError, "a is an array of bool", np.ones((2, 2), bool)),
    "objects": gemm(TypeError, "a is an array of object", np.ones((2, 2), object)),
    "strings": gemm(TypeError, "a is an array of <U1", np.full((2, 2), "1")),
    "masked": gemm(TypeError, "masked array", masked()),
    "mixed": gemm(TypeError, "b is an array of float32", ones(2, 2, dtype="float64")),
    "flag": gemm(TypeError, "trans_a is 1", ones(2, 2), trans_a=1),
    # out
    "out list": gemm(TypeError, "out is a list", ones(2, 2), out=[1]),
    "out shape": gemm(ValueError, r"out has shape \(2,\)", ones(2, 2), out=ones(2)),
    "out dtype": gemm(
        ValueError, "out is an array of float64", ones(2, 2), out=np.ones((2, 2))
    ),
    "out byte order": gemm(
        ValueError, "out is an array of >f4", ones(2, 2), out=np.ones((2, 2), ">f4")
    ),
    "out read-only": gemm(ValueError, "out is read-only", ones(2, 2), out=read_only()),
    "out strided": gemm(
        ValueError, "out is not C-contiguous", ones(2, 2), out=ones(2, 4)[:, ::2]
    ),
    "out fortran": gemm(
        ValueError, "out is not C-contiguous", ones(2, 2), out=ones(2, 2).copy("F").T.T
    ),
    "out misaligned": gemm(
        ValueError,
        "out is misaligned",
        ones(2, 2),
        out=np.zeros(17, np.uint8)[1:].view(np.float32).reshape(2, 2),
    ),
    "out broadcast": gemm(
        ValueError,
        "out overlaps itself",
        ones(2, 2),
        out=np.lib.stride_tricks.as_strided(ones(2), (2, 2), (0, 4)),
    ),
    "out shared": shared,
    "out half in place": half_in_place,
    "out no tuple": pool(TypeError, "out is a ndarray", out=ones(2, 2, 2, 3)),
    "out short tuple": pool(ValueError, "out has 1 items", out=(None,)),
    # convolution
    "conv rank": conv(ValueError, r"x\[None\]", x_shape=(5, 5, 4)),
    "conv filter rank": conv(ValueError, "filter of shape", w_shape=(3, 3, 4)),
    "conv channels": conv(ValueError, "4 channels .* 3 were", w_shape=(3, 3, 3, 6)),
    "conv channels first": conv(ValueError, "channels-first", x_shape=(2, 4, 5, 5)),
    "conv empty image": conv(ValueError, "spatial size 0", x_shape=(2, 0, 5, 4)),
    "conv empty filter": conv(ValueError, "sizes of at least 1", w_shape=(3, 0, 4, 6)),
    "conv no filters": conv(ValueError, "sizes of at least 1", w_shape=(3, 3, 4, 0)),
    "conv too large": conv(ValueError, "would be -1 x -1", w_shape=(7, 7, 4, 6)),
    "conv spread": conv(ValueError, "output would be", dilation=3),
    "stride 0": conv(ValueError, "strides is 0", strides=0),
    "stride negative": conv(ValueError, "strides is -1", strides=(1, -1)),
    "stride float": conv(TypeError, "strides is 1.0, of type float", strides=1.0),
    "stride bool": conv(TypeError, "strides is True, of type bool", strides=True),
    "stride inner bool": conv(TypeError, "strides is True", strides=(True, 1)),
    "stride string": conv(TypeError, "strides is '1'", strides="1"),
    "stride three": conv(ValueError, "3 numbers", strides=(1, 1, 1)),
    "stride huge": conv(ValueError, "<= 2147483647", strides=2**31),
    "dilation 0": conv(ValueError, "dilation is 0", dilation=0),
    "groups 0": conv(ValueError, "groups is 0", groups=0),
    "groups odd": conv(ValueError, "groups=3 does not divide 4 .* 6", groups=3),
    "padding word": conv(ValueError, 'Did you mean "same"', padding="smae"),
    "padding negative": conv(ValueError, "padding is -1", padding=-1),
    "padding float": conv(TypeError, "padding is 1.5", padding=1.5),
    "padding three": conv(ValueError, "3 numbers", padding=(1, 2, 3)),
    "padding mixed": conv(TypeError, "padding is", padding=((1, 2), 3)),
    "algo": conv(ValueError, "conv_algo", conv_algo="fft"),
    "algo type": conv(TypeError, "conv_algo", conv_algo=None),
    "activation": conv(ValueError, 'Did you mean "relu"', activation="rleu"),
    "bias": lambda: (
        "conv2d",
        (ones(2, 5, 5, 4), ones(3, 3, 4, 6), ones(5)),
        {},
        ValueError,
        r"b has shape \(5,\)",
    ),
    "scale": lambda: (
        "conv2d",
        (ones(2, 5, 5, 4), ones(3, 3, 4, 6), ones(6)),
        {"scale": ones(5)},
        ValueError,
        r"scale has shape \(5,\)",
    ),
    "scale alone": lambda: (
        "dense",
        (ones(2, 5), ones(5, 4)),
        {"scale": ones(4)},
        ValueError,
        "scale is given, b is not",
    ),
    "folded vectors": lambda: (
        "fold_batch_norm",
        (ones(3), ones(3), ones(4), ones(3)),
        {},
        ValueError,
        r"mean has shape \(4,\)",
    ),
    "conv dy": lambda: (
        "conv2d_backward",
        (ones(2, 5, 5, 6), ones(2, 5, 5, 4), ones(3, 3, 4, 6)),
        {},
        ValueError,
        r"dy has shape \(2, 5, 5, 6\).* Expected \(2, 3, 3, 6\)",
    ),
    "transposed channels": lambda: (
        "conv_transpose2d",
        (ones(2, 5, 5, 4), ones(3, 3, 4, 6)),
        {},
        ValueError,
        r"Expected x of shape \(n, h, w, 6\)",
    ),
    "transposed rank": lambda: (
        "conv_transpose2d",
        (ones(5, 5, 4), ones(3, 3, 6, 4)),
        {},
        ValueError,
        "Expected 4 dimensions",
    ),
    "transposed groups": lambda: (
        "conv_transpose2d",
        (ones(2, 5, 5, 5), ones(3, 3, 2, 5)),
        {"groups": 2},
        ValueError,
        "groups=2 does not divide 5 input and 4 output",
    ),
    "transposed padding": lambda: (
        "conv_transpose2d",
        (ones(2, 1, 1, 4), ones(3, 3, 6, 4)),
        {"padding": 2},
        ValueError,
        "the output would be -1 x -1",
    ),
    "transposed output_padding": lambda: (
        "conv_transpose2d",
        (ones(2, 2, 2, 4), ones(3, 3, 6, 4)),
        {"output_padding": 1},
        ValueError,
        "output_padding is 1, the stride is 1",
    ),
    "transposed same": lambda: (
        "conv_transpose2d",
        (ones(2, 2, 2, 4), ones(3, 3, 6, 4)),
        {"output_padding": 0, "padding": "same"},
        ValueError,
        "fixes the size",
    ),
    "transposed dy": lambda: (
        "conv_transpose2d_backward",
        (ones(2, 5, 5, 6), ones(2, 2, 2, 4), ones(3, 3, 6, 4)),
        {},
        ValueError,
        r"dy has shape \(2, 5, 5, 6\).* Expected \(2, 4, 4, 6\)",
    ),
    "im2col huge": lambda: (
        "im2col",
        (ones(1, 2, 2, 1), 2),
        {"padding": 2**31 - 1},
        ValueError,
        r"needs .* bytes",
    ),
    "cols shape": lambda: (
        "col2im",
        (ones(1, 2, 2, 5), (1, 3, 3, 1), 2),
        {},
        ValueError,
        "cols has shape",
    ),
    "x_shape": lambda: (
        "col2im",
        (ones(1, 2, 2, 4), 3, 2),
        {},
        TypeError,
        "x_shape is 3",
    ),
    # pooling
    "pool size": pool(ValueError, "pool_size is 0", pool_size=0),
    "pool too large": pool(ValueError, "output would be", pool_size=6),
    "pool padding": pool(ValueError, "reaches over the window", padding=2),
    "ceil_mode": pool(TypeError, "ceil_mode is 1", ceil_mode=1),
    "argmax dtype": lambda: (
        "max_pool2d_backward",
        (ones(1, 1, 1, 1), np.zeros((1, 1, 1, 1), np.int64), (1, 2, 2, 1), 2),
        {},
        TypeError,
        "argmax is an array of int64",
    ),
    # resampling
    "upsample size": lambda: (
        "upsample2d",
        (ones(1, 2, 2, 1), 0),
        {},
        ValueError,
        "size is 0",
    ),
    "interpolation": lambda: (
        "upsample2d",
        (ones(1, 2, 2, 1), 2),
        {"interpolation": "cubic"},
        ValueError,
        "interpolation",
    ),
    "upsample rank": lambda: ("upsample2d", (ones(2, 2), 2), {}, ValueError, "dimens"),
    "upsample multiple": lambda: (
        "upsample2d_backward",
        (ones(1, 4, 3, 1), 2),
        {},
        ValueError,
        "dy has 4 x 3 pixels.* Expected a multiple of 2 x 2",
    ),
    "output_size": lambda: (
        "adaptive_avg_pool2d",
        (ones(1, 2, 2, 1), (1, 0)),
        {},
        ValueError,
        "output_size is 0",
    ),
    "adaptive dy": lambda: (
        "adaptive_avg_pool2d_backward",
        (ones(1, 2, 2, 1), (1, 4, 4, 2)),
        {},
        ValueError,
        r"dy has shape \(1, 2, 2, 1\)",
    ),
    "pad word": lambda: (
        "zero_pad2d",
        (ones(1, 2, 2, 1), "same"),
        {},
        TypeError,
        "padding is 'same'",
    ),
    "pad negative": lambda: (
        "zero_pad2d",
        (ones(1, 2, 2, 1), -1),
        {},
        ValueError,
        "padding is -1",
    ),
    "pad dy": lambda: (
        "zero_pad2d_backward",
        (ones(1, 2, 5, 1), 1),
        {},
        ValueError,
        "dy has 2 x 5 pixels",
    ),
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
