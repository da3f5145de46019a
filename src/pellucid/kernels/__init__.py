"""The only door to compute: every op, computed by the compiled or the reference twin.

The functions below are those of `kernels.reference` for readers and type checkers; at
import, and by `use()`, the names are bound to the twin that computes. Call them as
`kernels.conv2d(...)`, so that the name is looked up at the time of the call.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import reference
    from .reference import (
        activation,
        activation_backward,
        adam_step,
        add,
        add_scaled,
        all_finite,
        argmax,
        avg_pool2d,
        avg_pool2d_backward,
        batch_norm_backward,
        batch_norm_inference,
        batch_norm_inference_backward,
        batch_norm_training,
        binary_cross_entropy,
        categorical_cross_entropy,
        col2im,
        concat,
        conv2d,
        conv2d_backward,
        dropout,
        dropout_backward,
        gather,
        global_avg_pool2d,
        global_avg_pool2d_backward,
        im2col,
        image_adjust,
        image_affine,
        image_crop,
        image_noise,
        image_paste,
        log_softmax,
        log_softmax_backward,
        max_pool2d,
        max_pool2d_backward,
        mean_squared_error,
        mix_rows,
        permutation,
        philox,
        prelu,
        prelu_backward,
        random_normal,
        random_uniform,
        scale,
        sgd_step,
        sigmoid_binary_cross_entropy,
        softmax,
        softmax_backward,
        softmax_cross_entropy,
        split,
        sum_of_squares,
    )
    from .reference.gemm import dense, dense_backward, gemm

from .checks import ACTIVATIONS
from .dispatch import (
    active_isa,
    backend,
    explain,
    get_num_threads,
    isas,
    plan,
    record,
    set_num_threads,
    use,
    use_default,
    use_isa,
    variants,
)

__all__ = [
    "ACTIVATIONS",
    "activation",
    "activation_backward",
    "active_isa",
    "adam_step",
    "add",
    "add_scaled",
    "all_finite",
    "argmax",
    "avg_pool2d",
    "avg_pool2d_backward",
    "backend",
    "batch_norm_backward",
    "batch_norm_inference",
    "batch_norm_inference_backward",
    "batch_norm_training",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "col2im",
    "concat",
    "conv2d",
    "conv2d_backward",
    "dense",
    "dense_backward",
    "dropout",
    "dropout_backward",
    "explain",
    "gather",
    "gemm",
    "get_num_threads",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "im2col",
    "image_adjust",
    "image_affine",
    "image_crop",
    "image_noise",
    "image_paste",
    "isas",
    "log_softmax",
    "log_softmax_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_squared_error",
    "mix_rows",
    "permutation",
    "philox",
    "plan",
    "prelu",
    "prelu_backward",
    "random_normal",
    "random_uniform",
    "record",
    "reference",
    "scale",
    "set_num_threads",
    "sgd_step",
    "sigmoid_binary_cross_entropy",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "split",
    "sum_of_squares",
    "use",
    "use_isa",
    "variants",
]


def __getattr__(name: str) -> ModuleType:
    """Import the reference twins when somebody asks for them."""
    if name == "reference":
        return import_module(f"{__name__}.reference")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


use_default()
