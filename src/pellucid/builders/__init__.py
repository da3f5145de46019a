"""Ready-made models, and models from short descriptions; not compiled yet."""

from pellucid.builders.images import (
    lenet5,
    mnist_cnn,
    mobilenet_small,
    resnet8,
    resnet18,
    vgg_small,
)
from pellucid.builders.short import from_spec, mlp

__all__ = [
    "from_spec",
    "lenet5",
    "mlp",
    "mnist_cnn",
    "mobilenet_small",
    "resnet8",
    "resnet18",
    "vgg_small",
]
