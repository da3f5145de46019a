"""Windows over images that every twin refuses; see `bad_calls.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.kernels.reference.bad_arrays import Call, ones, pool


def conv(error: type[Exception], words: str, **options: Any) -> Callable[[], Call]:
    """A convolution of 5x5 images of 4 channels with 3x3 filters, options as given."""
    x_shape = options.pop("x_shape", (2, 5, 5, 4))
    w_shape = options.pop("w_shape", (3, 3, 4, 6))
    return lambda: ("conv2d", (ones(*x_shape), ones(*w_shape)), options, error, words)


WINDOWS: dict[str, Callable[[], Call]] = {
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
}
