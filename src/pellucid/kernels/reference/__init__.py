"""Every kernel in NumPy: the definition, written to be read.

| file | what it computes |
|---|---|
| gemm.py | matrix product, dense layer |
| conv.py | convolution, im2col, col2im |
| transposed.py | transposed convolution |
| pool.py | maximum and average pooling |
| activations.py | activations of single elements |
| eltwise.py | softmax, dropout, sums, rows of an array |
| resample.py | up-sampling, adaptive average pooling, zero padding |
| noise.py | dropout that keeps mean and variance, normal noise |
| norm.py | batch normalization |
| sample_norm.py | layer and group normalization, factors of channels |
| loss.py | losses with their gradients |
| optim.py | optimizer steps |
| image.py | augmentation: windows, affine maps, boxes, noise, light, mixing |
| random.py | Philox, distributions, permutations |

The compiled twin, `pellucid.kernels._core`, has the same names and signatures. These
functions also take complex128, for derivatives by the complex step.
"""

from .activations import activation, activation_backward, prelu, prelu_backward
from .conv import col2im, conv2d, conv2d_backward, im2col
from .eltwise import (
    add,
    add_scaled,
    all_finite,
    argmax,
    dropout,
    dropout_backward,
    gather,
    log_softmax,
    log_softmax_backward,
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
from .loss import (
    binary_cross_entropy,
    categorical_cross_entropy,
    hinge,
    huber,
    kl_divergence,
    mean_absolute_error,
    mean_squared_error,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
)
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
from .random import permutation, philox, random_normal, random_uniform
from .resample import (
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
from .transposed import conv_transpose2d, conv_transpose2d_backward

__all__ = [
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
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "col2im",
    "concat",
    "conv2d",
    "conv2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "dense",
    "dense_backward",
    "dropout",
    "dropout_backward",
    "fold_batch_norm",
    "gather",
    "gaussian_noise",
    "gemm",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "group_norm",
    "group_norm_backward",
    "hinge",
    "huber",
    "im2col",
    "image_adjust",
    "image_affine",
    "image_crop",
    "image_noise",
    "image_paste",
    "kl_divergence",
    "layer_norm",
    "layer_norm_backward",
    "lion_step",
    "log_softmax",
    "log_softmax_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_absolute_error",
    "mean_squared_error",
    "mix_rows",
    "nadam_step",
    "permutation",
    "philox",
    "prelu",
    "prelu_backward",
    "random_normal",
    "random_uniform",
    "rmsprop_step",
    "scale",
    "scale_channels",
    "sgd_step",
    "sigmoid_binary_cross_entropy",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "split",
    "sum_of_squares",
    "upsample2d",
    "upsample2d_backward",
    "zero_pad2d",
    "zero_pad2d_backward",
]
