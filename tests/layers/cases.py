"""One row for each configuration of a layer that the checks run on.

A new layer needs a row here, and every check of check_layer.py runs on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pellucid.core import Layer
from pellucid.layers import (
    ELU,
    GELU,
    SELU,
    AdaptiveAvgPool2D,
    AlphaDropout,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GroupNorm,
    HardSwish,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    MaxPool2D,
    Mish,
    PReLU,
    ReLU,
    Rescaling,
    Reshape,
    Residual,
    SeparableConv2D,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    SpatialDropout2D,
    Tanh,
    UpSample2D,
    ZeroPad2D,
)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """A layer, its arguments, an input shape and the output shape that must follow.

    Shapes are without the batch. ``complex_step=False`` leaves the check by complex
    step out, for kernels that take no complex numbers. ``least_batch`` is the smallest
    batch, above 0, that the layer trains on; ``empty`` tells whether it trains on 0.
    """

    layer: type[Layer]
    kwargs: dict[str, Any]
    input_shape: Shape
    output_shape: Shape
    complex_step: bool = True
    least_batch: int = 1
    empty: bool = True
    batch: int = field(default=3)

    def make(self, **more: Any) -> Layer:
        """A new layer of this case."""
        return self.layer(**self.kwargs, **more)

    def __str__(self) -> str:
        shown = [f"{key}={_brief(value)}" for key, value in self.kwargs.items()]
        return f"{self.layer.__name__}({', '.join(shown)}) on {self.input_shape}"


def _brief(value: Any) -> str:
    """An argument as test names show it: of a nested layer the kind only."""
    if isinstance(value, dict) and "config" in value:
        return str(value["kind"])
    if isinstance(value, list):
        return f"[{', '.join(map(_brief, value))}]"
    return repr(value)


def _conv(input_shape: Shape, output_shape: Shape, *args: Any, **kwargs: Any) -> Case:
    names = ("filters", "kernel_size", "strides", "padding")
    given = dict(zip(names, args, strict=False)) | kwargs
    return Case(Conv2D, given, input_shape, output_shape)


def _part(layer: type[Layer], name: str | None = None, **config: Any) -> dict[str, Any]:
    return {"kind": layer.__name__, "name": name, "config": config}


CASES = [
    # Dense
    Case(Dense, {"units": 4}, (3,), (4,)),
    Case(Dense, {"units": 1}, (1,), (1,)),
    Case(Dense, {"units": 17}, (5,), (17,)),
    Case(Dense, {"units": 4, "use_bias": False}, (3,), (4,)),
    Case(Dense, {"units": 4, "activation": "relu"}, (3,), (4,)),
    Case(Dense, {"units": 4, "activation": "leaky_relu"}, (3,), (4,)),
    Case(Dense, {"units": 4, "activation": "sigmoid"}, (3,), (4,)),
    Case(Dense, {"units": 4, "activation": "tanh", "use_bias": False}, (3,), (4,)),
    Case(Dense, {"units": 4, "activation": "softmax"}, (3,), (4,)),
    Case(Dense, {"units": 4, "activation": "log_softmax"}, (3,), (4,)),
    Case(Dense, {"units": 4, "activation": "selu"}, (3,), (4,)),
    Case(Dense, {"units": 4, "activation": "gelu"}, (3,), (4,)),
    Case(Dense, {"units": 4, "activation": "swish"}, (3,), (4,)),
    Case(
        Dense,
        {
            "units": 2,
            "kernel_initializer": "lecun_uniform",
            "bias_initializer": {"kind": "constant", "value": 0.5},
            "kernel_regularizer": {"l1": 0.1, "l2": 0.2},
        },
        (3,),
        (2,),
    ),
    # Conv2D: kernel sizes and channels
    _conv((5, 4, 2), (3, 2, 3), 3, 3),
    _conv((4, 4, 1), (4, 4, 1), 1, 1),
    _conv((4, 3, 2), (4, 3, 5), 5, 1),
    _conv((5, 6, 1), (4, 4, 4), 4, (2, 3)),
    _conv((3, 3, 3), (1, 1, 17), 17, 3),
    _conv((7, 7, 1), (3, 3, 2), 2, 5),
    # strides
    _conv((6, 5, 2), (2, 2, 3), 3, 3, 2),
    _conv((6, 5, 2), (2, 3, 3), 3, 3, (2, 1)),
    _conv((5, 5, 2), (2, 2, 2), 2, 1, 3),
    # padding: "same" with an even size and stride puts the odd row below
    _conv((5, 4, 2), (5, 4, 3), 3, 3, padding="same"),
    _conv((4, 4, 2), (4, 4, 2), 2, 2, padding="same"),
    _conv((6, 5, 2), (3, 3, 3), 3, 3, 2, "same"),
    _conv((4, 4, 1), (2, 2, 2), 2, 5, 2, "same"),
    _conv((4, 4, 2), (4, 4, 3), 3, 3, padding=1),
    _conv((4, 4, 2), (4, 6, 3), 3, 3, padding=(1, 2)),
    _conv((4, 4, 2), (3, 5, 3), 3, 3, padding=((0, 1), (2, 1))),
    _conv((2, 2, 1), (1, 1, 2), 2, 4, padding=1),
    # dilation
    _conv((6, 6, 2), (2, 2, 2), 2, 3, dilation=2),
    _conv((5, 6, 2), (5, 6, 2), 2, 3, padding="same", dilation=(1, 2)),
    # groups, down to one channel for each
    _conv((4, 4, 4), (2, 2, 6), 6, 3, groups=2),
    _conv((4, 4, 3), (4, 4, 3), 3, 3, padding="same", groups=3),
    _conv((4, 4, 2), (2, 2, 4), 4, 3, groups=2, use_bias=False),
    # everything at once
    _conv((7, 6, 4), (4, 3, 4), 4, 3, 2, (2, 1), dilation=(2, 1), groups=2),
    # bias and activation
    _conv((4, 4, 2), (2, 2, 3), 3, 3, use_bias=False),
    _conv((4, 4, 2), (2, 2, 3), 3, 3, activation="relu"),
    _conv((4, 4, 2), (2, 2, 3), 3, 3, activation="leaky_relu"),
    _conv((4, 4, 2), (2, 2, 3), 3, 3, activation="sigmoid", use_bias=False),
    _conv((4, 4, 2), (2, 2, 3), 3, 3, activation="tanh"),
    _conv((4, 4, 2), (2, 2, 3), 3, 3, activation="softmax"),
    _conv((4, 4, 2), (2, 2, 3), 3, 3, activation="elu"),
    _conv((4, 4, 2), (2, 2, 3), 3, 3, activation="mish", use_bias=False),
    _conv((4, 4, 2), (4, 4, 3), 3, 3, padding="same", conv_algo="im2col"),
    _conv((4, 4, 2), (4, 4, 3), 3, 3, padding="same", conv_algo="direct"),
    # Conv1D
    Case(Conv1D, {"filters": 3, "kernel_size": 3}, (6, 2), (4, 3)),
    Case(Conv1D, {"filters": 17, "kernel_size": 1}, (3, 1), (3, 17)),
    Case(
        Conv1D,
        {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "groups": 2},
        (7, 2),
        (4, 4),
    ),
    Case(
        Conv1D,
        {
            "filters": 3,
            "kernel_size": 3,
            "padding": "causal",
            "dilation": 2,
            "activation": "tanh",
            "use_bias": False,
        },
        (6, 2),
        (6, 3),
    ),
    Case(
        Conv1D,
        {"filters": 2, "kernel_size": 4, "padding": (1, 2), "activation": "softmax"},
        (5, 3),
        (5, 2),
    ),
    Case(Conv1D, {"filters": 2, "kernel_size": 3, "padding": 1}, (5, 1), (5, 2)),
    # ConvTranspose2D
    Case(ConvTranspose2D, {"filters": 3, "kernel_size": 3}, (4, 3, 2), (6, 5, 3)),
    Case(
        ConvTranspose2D,
        {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"},
        (2, 3, 3),
        (4, 6, 2),
    ),
    Case(
        ConvTranspose2D,
        {"filters": 17, "kernel_size": 2, "strides": (2, 3), "activation": "relu"},
        (2, 2, 1),
        (4, 6, 17),
    ),
    Case(
        ConvTranspose2D,
        {
            "filters": 4,
            "kernel_size": (3, 2),
            "strides": (2, 3),
            "padding": ((1, 0), (0, 1)),
            "output_padding": (1, 2),
            "dilation": (1, 2),
            "groups": 2,
            "activation": "tanh",
            "use_bias": False,
        },
        (3, 2, 2),
        (7, 7, 4),
    ),
    Case(
        ConvTranspose2D,
        {
            "filters": 2,
            "kernel_size": 3,
            "padding": 1,
            "activation": "softmax",
            "conv_algo": "direct",
            "kernel_regularizer": {"l1": 0.1, "l2": 0.2},
        },
        (3, 3, 2),
        (3, 3, 2),
    ),
    # DepthwiseConv2D
    Case(DepthwiseConv2D, {"kernel_size": 3}, (5, 4, 2), (3, 2, 2)),
    Case(DepthwiseConv2D, {"kernel_size": (1, 2)}, (3, 3, 1), (3, 2, 1)),
    Case(
        DepthwiseConv2D,
        {"kernel_size": 3, "padding": "same", "activation": "relu"},
        (4, 9, 17),
        (4, 9, 17),
        batch=1,
    ),
    Case(
        DepthwiseConv2D,
        {"kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2},
        (5, 6, 3),
        (3, 3, 6),
    ),
    Case(
        DepthwiseConv2D,
        {
            "kernel_size": (2, 3),
            "strides": (1, 2),
            "padding": ((1, 0), (2, 1)),
            "dilation": (2, 1),
            "depth_multiplier": 3,
            "use_bias": False,
            "activation": "softmax",
        },
        (5, 4, 2),
        (4, 3, 6),
    ),
    # SeparableConv2D
    Case(SeparableConv2D, {"filters": 3, "kernel_size": 3}, (5, 4, 2), (3, 2, 3)),
    Case(
        SeparableConv2D,
        {
            "filters": 5,
            "kernel_size": (3, 2),
            "strides": 2,
            "padding": "same",
            "depth_multiplier": 2,
            "activation": "leaky_relu",
            "kernel_regularizer": {"l1": 0.1, "l2": 0.2},
        },
        (5, 4, 3),
        (3, 2, 5),
    ),
    Case(
        SeparableConv2D,
        {
            "filters": 2,
            "kernel_size": 2,
            "padding": (1, 0),
            "dilation": 2,
            "use_bias": False,
            "activation": "softmax",
        },
        (4, 4, 2),
        (4, 2, 2),
    ),
    # MaxPool2D
    Case(MaxPool2D, {}, (4, 6, 2), (2, 3, 2)),
    Case(MaxPool2D, {"pool_size": 3, "strides": 1}, (4, 5, 2), (2, 3, 2)),
    Case(MaxPool2D, {"pool_size": (1, 3), "strides": (2, 2)}, (4, 5, 3), (2, 2, 3)),
    Case(MaxPool2D, {"pool_size": 2}, (5, 5, 1), (2, 2, 1)),
    Case(MaxPool2D, {"pool_size": 2, "ceil_mode": True}, (5, 5, 1), (3, 3, 1)),
    Case(MaxPool2D, {"pool_size": 3, "padding": 1}, (5, 5, 2), (2, 2, 2)),
    Case(MaxPool2D, {"pool_size": 3, "padding": "same"}, (5, 4, 2), (2, 2, 2)),
    Case(
        MaxPool2D, {"pool_size": 2, "padding": ((0, 1), (1, 0))}, (3, 3, 1), (2, 2, 1)
    ),
    Case(MaxPool2D, {"pool_size": 17, "strides": 1}, (17, 18, 1), (1, 2, 1), batch=1),
    # AvgPool2D
    Case(AvgPool2D, {}, (4, 6, 2), (2, 3, 2)),
    Case(AvgPool2D, {"pool_size": 3, "strides": 1}, (4, 5, 2), (2, 3, 2)),
    Case(AvgPool2D, {"pool_size": (1, 3), "strides": (2, 2)}, (4, 5, 3), (2, 2, 3)),
    Case(AvgPool2D, {"pool_size": 2, "ceil_mode": True}, (5, 5, 1), (3, 3, 1)),
    Case(AvgPool2D, {"pool_size": 3, "padding": 1}, (5, 5, 2), (2, 2, 2)),
    Case(AvgPool2D, {"pool_size": 3, "padding": "same"}, (5, 4, 2), (2, 2, 2)),
    # GlobalAvgPool2D
    Case(GlobalAvgPool2D, {}, (3, 5, 2), (2,)),
    Case(GlobalAvgPool2D, {}, (1, 1, 17), (17,)),
    # GlobalMaxPool2D; 257 places need a wider index than a byte
    Case(GlobalMaxPool2D, {}, (3, 5, 2), (2,)),
    Case(GlobalMaxPool2D, {}, (1, 1, 17), (17,)),
    Case(GlobalMaxPool2D, {}, (16, 16, 1), (1,), batch=2),
    Case(GlobalMaxPool2D, {}, (257, 1, 1), (1,), batch=2),
    # AdaptiveAvgPool2D
    Case(AdaptiveAvgPool2D, {"output_size": 2}, (4, 6, 2), (2, 2, 2)),
    Case(AdaptiveAvgPool2D, {"output_size": (3, 2)}, (7, 5, 17), (3, 2, 17)),
    Case(AdaptiveAvgPool2D, {"output_size": 1}, (3, 5, 1), (1, 1, 1), batch=1),
    Case(AdaptiveAvgPool2D, {"output_size": (5, 3)}, (3, 3, 3), (5, 3, 3)),
    # ZeroPad2D
    Case(ZeroPad2D, {}, (3, 4, 2), (5, 6, 2)),
    Case(ZeroPad2D, {"padding": (0, 2)}, (1, 3, 17), (1, 7, 17), batch=1),
    Case(ZeroPad2D, {"padding": ((1, 0), (2, 3))}, (2, 2, 1), (3, 7, 1)),
    # UpSample2D
    Case(UpSample2D, {}, (3, 2, 2), (6, 4, 2)),
    Case(UpSample2D, {"size": (1, 3)}, (2, 3, 17), (2, 9, 17), batch=1),
    Case(UpSample2D, {"interpolation": "bilinear"}, (3, 2, 3), (6, 4, 3)),
    Case(
        UpSample2D,
        {"size": (3, 5), "interpolation": "bilinear"},
        (1, 3, 5),
        (3, 15, 5),
    ),
    # Reshape
    Case(Reshape, {"target_shape": (3, 2, 2)}, (12,), (3, 2, 2)),
    Case(Reshape, {"target_shape": [-1, 3]}, (2, 3, 5), (10, 3)),
    Case(Reshape, {"target_shape": (5,)}, (5,), (5,), batch=1),
    # Flatten
    Case(Flatten, {}, (3, 2, 2), (12,)),
    Case(Flatten, {}, (5,), (5,)),
    # Dropout
    Case(Dropout, {"rate": 0.5}, (3, 3, 2), (3, 3, 2), complex_step=False),
    Case(Dropout, {"rate": 0.1}, (7,), (7,), complex_step=False),
    Case(Dropout, {"rate": 0.0}, (7,), (7,), complex_step=False),
    Case(Dropout, {"rate": 1.0}, (7,), (7,), complex_step=False),
    # SpatialDropout2D
    Case(SpatialDropout2D, {"rate": 0.5}, (3, 3, 7), (3, 3, 7), complex_step=False),
    Case(SpatialDropout2D, {"rate": 0.1}, (1, 2, 17), (1, 2, 17), False, batch=1),
    Case(SpatialDropout2D, {"rate": 0.0}, (2, 2, 2), (2, 2, 2), complex_step=False),
    # AlphaDropout
    Case(AlphaDropout, {"rate": 0.5}, (3, 3, 2), (3, 3, 2), complex_step=False),
    Case(AlphaDropout, {"rate": 0.1}, (17,), (17,), complex_step=False, batch=1),
    Case(AlphaDropout, {"rate": 0.0}, (7,), (7,), complex_step=False),
    # GaussianNoise
    Case(GaussianNoise, {"stddev": 0.5}, (3, 3, 2), (3, 3, 2), complex_step=False),
    Case(GaussianNoise, {"stddev": 2}, (17,), (17,), complex_step=False, batch=1),
    Case(GaussianNoise, {"stddev": 0.0}, (7,), (7,), complex_step=False),
    # BatchNorm
    Case(BatchNorm, {}, (5,), (5,), least_batch=2, empty=False),
    Case(BatchNorm, {"momentum": 0.5}, (3, 2, 4), (3, 2, 4), empty=False),
    Case(BatchNorm, {"epsilon": 0.1}, (4, 17), (4, 17), empty=False),
    Case(BatchNorm, {"trainable": False}, (3, 2, 4), (3, 2, 4)),
    # LayerNorm
    Case(LayerNorm, {}, (5,), (5,)),
    Case(LayerNorm, {"epsilon": 0.1}, (3, 2, 4), (3, 2, 4)),
    Case(LayerNorm, {}, (2, 17), (2, 17), batch=1),
    Case(LayerNorm, {"trainable": False}, (35,), (35,)),
    # GroupNorm
    Case(GroupNorm, {"groups": 2}, (6,), (6,)),
    Case(GroupNorm, {"groups": 3, "epsilon": 0.1}, (3, 2, 6), (3, 2, 6)),
    Case(GroupNorm, {"groups": 1}, (3, 17), (3, 17), batch=1),
    Case(GroupNorm, {"groups": 5, "trainable": False}, (2, 3, 5), (2, 3, 5)),
    # activations
    Case(ReLU, {}, (4,), (4,)),
    Case(ReLU, {}, (3, 2, 2), (3, 2, 2)),
    Case(LeakyReLU, {}, (4,), (4,)),
    Case(LeakyReLU, {"negative_slope": 0.3}, (3, 2, 2), (3, 2, 2)),
    Case(Sigmoid, {}, (4,), (4,)),
    Case(Sigmoid, {}, (3, 2, 2), (3, 2, 2)),
    Case(Tanh, {}, (4,), (4,)),
    Case(Tanh, {}, (3, 2, 2), (3, 2, 2)),
    Case(Softmax, {}, (4,), (4,)),
    Case(Softmax, {}, (2, 17), (2, 17)),
    Case(LogSoftmax, {}, (4,), (4,)),
    Case(LogSoftmax, {}, (2, 17), (2, 17)),
    Case(PReLU, {}, (4,), (4,)),
    Case(PReLU, {"alpha_initializer": "ones"}, (3, 2, 17), (3, 2, 17)),
    Case(PReLU, {"shared": True}, (3, 2, 5), (3, 2, 5)),
    Case(ELU, {}, (4,), (4,)),
    Case(ELU, {"alpha": 0.3}, (3, 2, 2), (3, 2, 2)),
    Case(SELU, {}, (4,), (4,)),
    Case(SELU, {}, (3, 2, 2), (3, 2, 2)),
    Case(GELU, {}, (4,), (4,)),
    Case(GELU, {"approximate": False}, (3, 2, 2), (3, 2, 2)),
    Case(SiLU, {}, (4,), (4,)),
    Case(SiLU, {}, (3, 2, 2), (3, 2, 2)),
    Case(Mish, {}, (4,), (4,)),
    Case(Mish, {}, (3, 2, 2), (3, 2, 2)),
    Case(HardSwish, {}, (4,), (4,)),
    Case(HardSwish, {}, (3, 2, 2), (3, 2, 2)),
    Case(Softplus, {}, (4,), (4,)),
    Case(Softplus, {}, (3, 2, 2), (3, 2, 2)),
    # Rescaling
    Case(Rescaling, {"scale": 1 / 255}, (3, 2, 2), (3, 2, 2), complex_step=False),
    Case(Rescaling, {"scale": 0.5, "offset": -1.5}, (4,), (4,), complex_step=False),
    # Residual and Concat; what they hold is written as in a file
    Case(Residual, {"body": [_part(Dense, units=3)]}, (3,), (3,)),
    Case(
        Residual,
        {
            "body": [
                _part(
                    Conv2D,
                    filters=4,
                    kernel_size=3,
                    strides=2,
                    padding=1,
                    use_bias=False,
                ),
                _part(BatchNorm),
                _part(Tanh),
                _part(Conv2D, filters=4, kernel_size=3, padding="same"),
            ],
            "shortcut": [_part(Conv2D, filters=4, kernel_size=1, strides=2)],
        },
        (4, 5, 2),
        (2, 3, 4),
        empty=False,
    ),
    Case(
        Residual,
        {
            "body": [
                _part(Residual, body=[_part(Dense, units=4, activation="sigmoid")]),
                _part(Dense, units=4, use_bias=False),
            ],
            "trainable": False,
        },
        (4,),
        (4,),
    ),
    Case(Residual, {"body": []}, (3, 2), (3, 2)),
    Case(
        Concat,
        {
            "branches": [
                [],
                [_part(Conv2D, filters=3, kernel_size=1, activation="tanh")],
                [
                    _part(Conv2D, filters=2, kernel_size=1),
                    _part(Conv2D, filters=5, kernel_size=3, padding="same"),
                ],
                [
                    _part(AvgPool2D, pool_size=3, strides=1, padding="same"),
                    _part(Conv2D, filters=1, kernel_size=1),
                ],
            ]
        },
        (4, 3, 2),
        (4, 3, 11),
    ),
    Case(Concat, {"branches": [[_part(Dense, units=2)]]}, (3,), (2,)),
    Case(Concat, {"branches": [[], []]}, (3, 2), (3, 4)),
]
