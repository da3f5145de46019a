"""Convolution of images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.initializers import Initializer
from pellucid.core.layer import Array, Shape
from pellucid.core.registry import register_layer
from pellucid.core.regularizers import Regularizer
from pellucid.errors import check_choice
from pellucid.kernels.checks import CONV_ALGOS
from pellucid.layers.affine import Affine
from pellucid.shapes import (
    Geometry,
    Padding,
    check_padding,
    conv_geometry,
    integer,
    pair,
)


class Convolution(Affine):
    """Base of layers whose filters slide over images, or over rows as images of one.

    A subclass gives the window in two dimensions, and how the channels are grouped.
    """

    strides: Any
    padding: Any
    dilation: Any
    conv_algo = "auto"

    @abstractmethod
    def _kernel(self, c: int) -> tuple[tuple[int, int], int, int]:
        """The size of a filter, the number of filters, the groups of `c` channels."""

    def _window(self) -> dict[str, Any]:
        return {
            "strides": self.strides,
            "padding": self.padding,
            "dilation": self.dilation,
        }

    def _images(self, shape: Shape) -> Shape:
        """The shape `(n, h, w, c)` of an input."""
        return shape

    def _outside(self, g: Geometry) -> Shape:
        """The shape of the output."""
        return g.n, g.oh, g.ow, g.k

    def _geometry(self, shape: Shape) -> Geometry:
        images = self._images(shape)
        (kh, kw), filters, groups = self._kernel(images[3])
        return conv_geometry(
            images,
            (kh, kw, max(images[3] // groups, 1), filters),
            **self._window(),
            groups=groups,
            name=self.label,
        )

    def _options(self, g: Geometry) -> dict[str, Any]:
        return self._window() | {"groups": g.groups, "conv_algo": self.conv_algo}

    def output_shape(self, input_shape: Shape) -> Shape:
        return self._outside(self._geometry((1, *self.check_shape(input_shape))))[1:]

    def compute(self, x: Array, training: bool, **epilogue: Any) -> tuple[Array, ...]:
        g = self._geometry(x.shape)
        y = self.buffer("y", self._outside(g), reuse=training)
        kernels.conv2d(
            x.reshape(self._images(x.shape)),
            self.weight.value.reshape(g.kh, g.kw, -1, g.k),
            **self._options(g),
            **epilogue,
            out=y.reshape(g.n, g.oh, g.ow, g.k),
        )
        return y, x

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (y, x) = self.restore(dy)
        g = self._geometry(x.shape)
        dx = self.buffer("dx", x.shape) if need_dx else None
        w, images = (g.kh, g.kw, -1, g.k), self._images(x.shape)
        kernels.conv2d_backward(
            self.start(dy, y).reshape(g.n, g.oh, g.ow, g.k),
            x.reshape(images),
            self.weight.value.reshape(w),
            **self._options(g),
            need_dx=need_dx,
            need_db=self.use_bias,
            out=(
                None if dx is None else dx.reshape(images),
                self.weight.grad.reshape(w),
                self.bias_gradient,
            ),
        )
        return dx

    def flops(self, input_shape: Shape) -> int:
        g = self._geometry((1, *self.check_shape(input_shape)))
        return 2 * g.oh * g.ow * g.k * g.kh * g.kw * (g.c // g.groups)


@register_layer
class Conv2D(Convolution):
    """Filters that slide over an image: one output channel for each filter.

    With stride s, dilation d and p rows of padding above (q columns on the left):

    y[n, i, j, k] = activation(bias[k] + sum over u, v, c of
        x[n, s*i + d*u - p, s*j + d*v - q, c] * weight[u, v, c, k])

    where x is 0 outside the image. Along the height,
    oh = floor((h + padding - d*(kh - 1) - 1) / s) + 1, and ow in the same way. With dz
    the gradient of the sum,

    dweight[u, v, c, k] = sum over n, i, j of
        x[n, s*i + d*u - p, s*j + d*v - q, c] * dz[n, i, j, k]

    dbias[k] is the sum of dz[n, i, j, k] over n, i, j, and dx gathers, for every
    element of x, weight * dz of the windows that it was part of.

    With groups g, the filters fall into g equal parts; part t sees only the input
    channels from t*c/g up to (t + 1)*c/g.

    Parameters
    ----------
    filters : int
        Number of output channels, k.
    kernel_size : int or (kh, kw)
    strides : int or (stride_h, stride_w), default 1
    padding : "valid", "same", int, (ph, pw) or ((top, bottom), (left, right))
        Default "valid": no padding. "same" pads so that oh = ceil(h / stride), an odd
        row below, an odd column on the right.
    dilation : int or (dilation_h, dilation_w), default 1
        Distance of the elements of a filter on the image.
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
        Which family of kernels computes it; see ``pellucid.kernels.explain``.
    name, trainable
        As in :class:`Layer`.

    Input ``(n, h, w, c)``, output ``(n, oh, ow, k)``, weight
    ``(kh, kw, c / groups, k)``, bias ``(k,)``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; the input does not fit, or
        is smaller than a filter.

    Example
    -------
    >>> import numpy as np
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> layer = Conv2D(1, 2, kernel_initializer="ones")
    >>> layer.forward(x, training=True)[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    >>> layer.backward(np.ones((1, 2, 2, 1)))[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    >>> layer.weight.grad[:, :, 0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    >>> Conv2D(32, 3, strides=2, padding="same").output_shape((28, 28, 1))
    (14, 14, 32)

    Source
    ------
    LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document
    recognition; Dumoulin, Visin (2016), A guide to convolution arithmetic for deep
    learning.
    """

    input_axes = "n, h, w, c"

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Padding = "valid",
        *,
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
            self.dilation = pair(dilation, "dilation", 1)
            self.groups = integer(groups, "groups", 1)
            self.conv_algo = check_choice(conv_algo, "conv_algo", CONV_ALGOS)

    def _kernel(self, c: int) -> tuple[tuple[int, int], int, int]:
        return self.kernel_size, self.filters, self.groups

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        kh, kw = self.kernel_size
        inputs = int(input_shape[2]) // self.groups  # that reach one filter
        outputs = self.filters // self.groups  # that one input channel reaches
        self.add_weights(
            (kh, kw, inputs, self.filters), kh * kw * inputs, kh * kw * outputs
        )

    def config(self) -> dict[str, Any]:
        return {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "groups": self.groups,
            "conv_algo": self.conv_algo,
        } | (self._window() | super().config())
