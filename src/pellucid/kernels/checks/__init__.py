"""Argument checks, once for both twins.

Every op has one function here, named after it. It takes the op's arguments in the order
of the signature and returns what a kernel needs: C-contiguous, aligned, native-endian
arrays of one dtype, the geometry, and `out`, fresh or validated. Whatever raises raises
here, before a kernel writes, so after a refused call nothing has changed.

An array that is already good is passed on as it is; any other is copied. `dtypes` is
`REAL` for the compiled twin; the reference passes `ANY`, which also lets complex128 in.
"""

from .arrays import ACTIVATIONS, ANY, CONV_ALGOS, REAL, REDUCTIONS, Array
from .conv import col2im, conv2d, conv2d_backward, im2col
from .eltwise import (
    activation,
    activation_backward,
    add,
    add_scaled,
    all_finite,
    argmax,
    dropout,
    dropout_backward,
    gather,
    prelu,
    prelu_backward,
    scale,
    softmax,
    softmax_backward,
    sum_of_squares,
)
from .gemm import dense, dense_backward, gemm
from .image import (
    image_adjust,
    image_affine,
    image_crop,
    image_noise,
    image_paste,
    mix_rows,
)
from .loss import class_loss, delta, element_loss
from .merge import concat, split
from .noise import (
    alpha_dropout,
    alpha_dropout_backward,
    gaussian_noise,
)
from .norm import (
    batch_norm_backward,
    batch_norm_inference,
    batch_norm_inference_backward,
    batch_norm_max_pool2d,
    batch_norm_max_pool2d_backward,
    batch_norm_training,
    fold_batch_norm,
)
from .optim import (
    adadelta_step,
    adagrad_step,
    adam_step,
    lion_step,
    nadam_step,
    rmsprop_step,
    sgd_step,
)
from .pool import (
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from .random import permutation, philox, random_array
from .resample import (
    Sizes,
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    upsample2d,
    upsample2d_backward,
    zero_pad2d,
    zero_pad2d_backward,
)
from .sample_norm import (
    group_norm,
    group_norm_backward,
    layer_norm,
    layer_norm_backward,
    scale_channels,
)
from .transposed import (
    conv_transpose2d,
    conv_transpose2d_backward,
    transposed_geometry,
)

__all__ = [
    "ACTIVATIONS",
    "ANY",
    "CONV_ALGOS",
    "REAL",
    "REDUCTIONS",
    "Array",
    "Sizes",
    "activation",
    "activation_backward",
    "adadelta_step",
    "adagrad_step",
    "adam_step",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_backward",
    "add",
    "add_scaled",
    "all_finite",
    "alpha_dropout",
    "alpha_dropout_backward",
    "argmax",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm_backward",
    "batch_norm_inference",
    "batch_norm_inference_backward",
    "batch_norm_max_pool2d",
    "batch_norm_max_pool2d_backward",
    "batch_norm_training",
    "class_loss",
    "col2im",
    "concat",
    "conv2d",
    "conv2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "delta",
    "dense",
    "dense_backward",
    "dropout",
    "dropout_backward",
    "element_loss",
    "fold_batch_norm",
    "gather",
    "gaussian_noise",
    "gemm",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "group_norm",
    "group_norm_backward",
    "im2col",
    "image_adjust",
    "image_affine",
    "image_crop",
    "image_noise",
    "image_paste",
    "layer_norm",
    "layer_norm_backward",
    "lion_step",
    "max_pool2d",
    "max_pool2d_backward",
    "mix_rows",
    "nadam_step",
    "permutation",
    "philox",
    "prelu",
    "prelu_backward",
    "random_array",
    "rmsprop_step",
    "scale",
    "scale_channels",
    "sgd_step",
    "softmax",
    "softmax_backward",
    "split",
    "sum_of_squares",
    "transposed_geometry",
    "upsample2d",
    "upsample2d_backward",
    "zero_pad2d",
    "zero_pad2d_backward",
]
