"""Transposed convolution of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.initializers import Initializer
from pellucid.core.layer import Array, Shape
from pellucid.core.registry import register_layer
from pellucid.core.regularizers import Regularizer
from pellucid.errors import check_choice
from pellucid.kernels.checks import CONV_ALGOS, transposed_geometry
from pellucid.layers.affine import Affine
from pellucid.shapes import (
    Geometry,
    Padding,
    check_groups,
    check_padding,
    integer,
    pair,
)


@register_layer
class ConvTranspose2D(Affine):
    """Every pixel writes a filter's window into a larger image: learned up-sampling.

    With stride s, dilation d and p rows cut off above (q columns on the left):

    y[n, a, b, k] = activation(bias[k] + sum over c and all i, u, j, v with
        s*i + d*u - p = a, s*j + d*v - q = b of x[n, i, j, c] * weight[u, v, k, c])

    Along the height, oh = (h - 1)*s + d*(kh - 1) + 1 - padding + output_padding, and ow
    in the same way. It is the gradient dx of Conv2D as a layer, so with dz the gradient
    of the sum, dx is a convolution of dz,

    dx[n, i, j, c] = sum over u, v, k of
        dz[n, s*i + d*u - p, s*j + d*v - q, k] * weight[u, v, k, c]

    dweight[u, v, k, c] = sum over n, i, j of
        dz[n, s*i + d*u - p, s*j + d*v - q, k] * x[n, i, j, c]

    Parameters
    ----------
    filters : int
        Number of output channels, k.
    kernel_size : int or (kh, kw)
    strides : int or (stride_h, stride_w), default 1
    padding : "valid", "same", int, (ph, pw) or ((top, bottom), (left, right))
        What is cut off the output, default "valid": nothing. "same" gives
        oh = h * stride.
    output_padding : int or (int, int), optional
        Rows and columns more, below and on the right, less than the stride. Default: 0,
        for filters smaller than the stride what they lack. Not with "same".
    dilation : int or (dilation_h, dilation_w), default 1
    groups : int, default 1
        Divides both the input channels and ``filters``.
    activation : str, optional
        "relu", "leaky_relu", "elu", "selu", "gelu", "silu" ("swish"), "mish",
        "hard_swish", "softplus", "sigmoid", "tanh", "softmax" or "log_softmax"; None
        is linear.
    use_bias : bool, default True
    kernel_initializer : str or Initializer, optional
        Default: HeNormal before the ReLU family, LeCunNormal before a SELU, else
        GlorotUniform.
    bias_initializer : str or Initializer, default "zeros"
    kernel_regularizer : str or Regularizer, optional
        Penalty on ``weight``, such as ``L2(1e-4)``.
    conv_algo : "auto", "direct" or "im2col", default "auto"
        As in :class:`Conv2D`.
    name, trainable
        As in :class:`Layer`.

    Input ``(n, h, w, c)``, output ``(n, oh, ow, k)``, weight
    ``(kh, kw, k / groups, c)``, bias ``(k,)``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; the input does not fit; the
        padding leaves nothing.

    Example
    -------
    >>> import numpy as np
    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> ConvTranspose2D(1, 2, kernel_initializer="ones").forward(x)[0, :, :, 0]
    array([[0., 1., 1.],
           [2., 6., 4.],
           [2., 5., 3.]])
    >>> ConvTranspose2D(16, 3, 2, "same").output_shape((14, 14, 32))
    (28, 28, 16)

    Source
    ------
    Dumoulin, Visin (2016), A guide to convolution arithmetic for deep learning.
    """

    input_axes = "n, h, w, c"
    output_axis = -2

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Padding = "valid",
        *,
        output_padding: int | Sequence[int] | None = None,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer | dict[str, Any] | None = None,
        bias_initializer: str | Initializer | dict[str, Any] = "zeros",
        kernel_regularizer: str | Regularizer | dict[str, Any] | None = None,
        conv_algo: str = "auto",
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            name=name,
            trainable=trainable,
        )
        with self.named_errors():
            self.filters = integer(filters, "filters", 1)
            self.kernel_size = pair(kernel_size, "kernel_size", 1)
            self.strides = pair(strides, "strides", 1)
            self.padding = check_padding(padding)
            self.output_padding = (
                None
                if output_padding is None
                else pair(output_padding, "output_padding", 0)
            )
            self.dilation = pair(dilation, "dilation", 1)
            self.groups = integer(groups, "groups", 1)
            self.conv_algo = check_choice(conv_algo, "conv_algo", CONV_ALGOS)

    def _window(self) -> dict[str, Any]:
        return {
            "strides": self.strides,
            "padding": self.padding,
            "output_padding": self.output_padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def _geometry(self, shape: Shape) -> Geometry:
        check_groups(self.groups, shape[3], self.filters, self.label)
        w = (*self.kernel_size, self.filters // self.groups, shape[3])
        return transposed_geometry(shape, w, **self._window(), name=self.label)

    def output_shape(self, input_shape: Shape) -> Shape:
        g = self._geometry((1, *self.check_shape(input_shape)))
        return g.h, g.w, self.filters

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        (kh, kw), c = self.kernel_size, int(input_shape[2])
        outputs = self.filters // self.groups
        self.add_weights(
            (kh, kw, outputs, c),
            kh * kw * (c // self.groups),
            kh * kw * outputs,
            outputs=self.filters,
        )

    def compute(self, x: Array, training: bool, **epilogue: Any) -> tuple[Array, ...]:
        g = self._geometry(x.shape)
        y = kernels.conv_transpose2d(
            x,
            self.weight.value,
            **self._window(),
            **epilogue,
            conv_algo=self.conv_algo,
            out=self.buffer("y", (g.n, g.h, g.w, g.c), reuse=training),
        )
        return y, x

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (y, x) = self.restore(dy)
        dx, _, _ = kernels.conv_transpose2d_backward(
            self.start(dy, y),
            x,
            self.weight.value,
            **self._window(),
            conv_algo=self.conv_algo,
            need_dx=need_dx,
            need_db=self.use_bias,
            out=(
                self.buffer("dx", x.shape) if need_dx else None,
                self.weight.grad,
                self.bias_gradient,
            ),
        )
        return dx

    def flops(self, input_shape: Shape) -> int:
        g = self._geometry((1, *self.check_shape(input_shape)))
        return 2 * g.oh * g.ow * g.k * g.kh * g.kw * (g.c // g.groups)

    def config(self) -> dict[str, Any]:
        return {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "conv_algo": self.conv_algo,
        } | (self._window() | super().config())
