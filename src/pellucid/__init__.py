"""Pellucid: convolutional networks and MLPs on the CPU, so clear that you see through.

>>> import pellucid as pl
>>> model = pl.Sequential([pl.Dense(8, activation="relu"), pl.Dense(2)], seed=0)
>>> model.compile(pl.Adam(1e-2), "softmax_cross_entropy", ["accuracy"])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pellucid import kernels
from pellucid.about import VERSION as __version__
from pellucid.about import show_config
from pellucid.errors import FormatError, NumericsError
from pellucid.kernels import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from pellucid import (
        callbacks,
        data,
        debug,
        io,
        layers,
        losses,
        metrics,
        optimizers,
        schedules,
        viz,
    )
    from pellucid.builders import (
        from_spec,
        lenet5,
        mlp,
        mnist_cnn,
        mobilenet_small,
        resnet8,
        resnet18,
        vgg_small,
    )
    from pellucid.callbacks import (
        Callback,
        CSVLogger,
        EarlyStopping,
        LambdaCallback,
        LearningRateLogger,
        ModelCheckpoint,
        ProgressBar,
        ReduceLROnPlateau,
        TerminateOnNaN,
    )
    from pellucid.core.initializers import (
        Constant,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        LeCunNormal,
        LeCunUniform,
        Ones,
        Orthogonal,
        RandomNormal,
        RandomUniform,
        Zeros,
    )
    from pellucid.core.layer import Layer
    from pellucid.core.parameter import Parameter
    from pellucid.core.registry import register_layer
    from pellucid.core.regularizers import L1, L1L2, L2
    from pellucid.debug import Doctor
    from pellucid.io import load_model
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
        Swish,
        Tanh,
        UpSample2D,
        ZeroPad2D,
    )
    from pellucid.losses import (
        BinaryCrossEntropy,
        CategoricalCrossEntropy,
        Hinge,
        Huber,
        KLDivergence,
        MeanAbsoluteError,
        MeanSquaredError,
        SigmoidBinaryCrossEntropy,
        SoftmaxCrossEntropy,
    )
    from pellucid.metrics import (
        F1,
        R2,
        Accuracy,
        CalibrationError,
        LogLoss,
        Precision,
        Recall,
        RocAuc,
        TopKAccuracy,
    )
    from pellucid.model import History, Sequential
    from pellucid.optimizers import (
        SGD,
        Adadelta,
        Adagrad,
        Adam,
        AdamW,
        Lion,
        NAdam,
        RAdam,
        RMSprop,
    )
    from pellucid.schedules import (
        CosineAnnealing,
        CosineWarmRestarts,
        ExponentialDecay,
        MultiStepDecay,
        OneCycle,
        PolynomialDecay,
        StepDecay,
        Warmup,
    )

__all__ = [
    "ELU",
    "F1",
    "GELU",
    "L1",
    "L1L2",
    "L2",
    "R2",
    "SELU",
    "SGD",
    "Accuracy",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdaptiveAvgPool2D",
    "AlphaDropout",
    "AvgPool2D",
    "BatchNorm",
    "BinaryCrossEntropy",
    "CSVLogger",
    "CalibrationError",
    "Callback",
    "CategoricalCrossEntropy",
    "Concat",
    "Constant",
    "Conv1D",
    "Conv2D",
    "ConvTranspose2D",
    "CosineAnnealing",
    "CosineWarmRestarts",
    "Dense",
    "DepthwiseConv2D",
    "Doctor",
    "Dropout",
    "EarlyStopping",
    "ExponentialDecay",
    "Flatten",
    "FormatError",
    "GaussianNoise",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlorotNormal",
    "GlorotUniform",
    "GroupNorm",
    "HardSwish",
    "HeNormal",
    "HeUniform",
    "Hinge",
    "History",
    "Huber",
    "KLDivergence",
    "LambdaCallback",
    "Layer",
    "LayerNorm",
    "LeCunNormal",
    "LeCunUniform",
    "LeakyReLU",
    "LearningRateLogger",
    "Lion",
    "LogLoss",
    "LogSoftmax",
    "MaxPool2D",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Mish",
    "ModelCheckpoint",
    "MultiStepDecay",
    "NAdam",
    "NumericsError",
    "OneCycle",
    "Ones",
    "Orthogonal",
    "PReLU",
    "Parameter",
    "PolynomialDecay",
    "Precision",
    "ProgressBar",
    "RAdam",
    "RMSprop",
    "RandomNormal",
    "RandomUniform",
    "ReLU",
    "Recall",
    "ReduceLROnPlateau",
    "Rescaling",
    "Reshape",
    "Residual",
    "RocAuc",
    "SeparableConv2D",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SigmoidBinaryCrossEntropy",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "SpatialDropout2D",
    "StepDecay",
    "Swish",
    "Tanh",
    "TerminateOnNaN",
    "TopKAccuracy",
    "UpSample2D",
    "Warmup",
    "ZeroPad2D",
    "Zeros",
    "__version__",
    "callbacks",
    "data",
    "debug",
    "from_spec",
    "get_num_threads",
    "io",
    "kernels",
    "layers",
    "lenet5",
    "load_model",
    "losses",
    "metrics",
    "mlp",
    "mnist_cnn",
    "mobilenet_small",
    "optimizers",
    "register_layer",
    "resnet8",
    "resnet18",
    "schedules",
    "set_num_threads",
    "show_config",
    "vgg_small",
    "viz",
]

_MODULES = (
    *("callbacks", "data", "debug", "io", "layers", "losses", "metrics"),
    *("optimizers", "schedules", "viz"),
)
_SOURCES = (
    *("layers", "losses", "optimizers", "metrics", "callbacks", "model", "core"),
    *("core.initializers", "core.regularizers", "schedules", "builders", "io", "debug"),
)
"""Where the names of __all__ are defined, for `__getattr__`."""


def __getattr__(name: str) -> Any:
    """Import what is first asked for; `import pellucid` alone loads the kernels."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in __all__:
        for source in _SOURCES:
            module = import_module(f"{__name__}.{source}")
            if hasattr(module, name):
                value = globals()[name] = getattr(module, name)
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
