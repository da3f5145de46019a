"""Convolution of every channel by itself; with a 1 x 1 convolution after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.initializers import GlorotUniform, Initializer
from pellucid.core.layer import Array, Shape
from pellucid.core.parameter import Parameter
from pellucid.core.registry import register_layer
from pellucid.core.regularizers import Regularizer
from pellucid.layers.conv import Convolution
from pellucid.shapes import Padding, check_padding, integer, pair


class Depthwise(Convolution):
    """Base of layers that give every channel filters of its own."""

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Padding = "valid",
        *,
        depth_multiplier: int = 1,
        dilation: int | Sequence[int] = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer | dict[str, Any] | None = None,
        bias_initializer: str | Initializer | dict[str, Any] = "zeros",
        kernel_regularizer: str | Regularizer | dict[str, Any] | None = None,
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
            self.kernel_size = pair(kernel_size, "kernel_size", 1)
            self.strides = pair(strides, "strides", 1)
            self.padding = check_padding(padding)
            self.depth_multiplier = integer(depth_multiplier, "depth_multiplier", 1)
            self.dilation = pair(dilation, "dilation", 1)

    def _kernel(self, c: int) -> tuple[tuple[int, int], int, int]:
        return self.kernel_size, c * self.depth_multiplier, c

    def config(self) -> dict[str, Any]:
        return {
            "kernel_size": self.kernel_size,
            "depth_multiplier": self.depth_multiplier,
        } | (self._window() | super().config())


@register_layer
class DepthwiseConv2D(Depthwise):
    """Filters that see one channel each: no sum over channels.

    With stride s, dilation d and p rows of padding above (q columns on the left), for
    channel c and its filter t < m:

    y[n, i, j, c*m + t] = activation(bias[c*m + t] + sum over u, v of
        x[n, s*i + d*u - p, s*j + d*v - q, c] * weight[u, v, c, t])

    where x is 0 outside the image. With dz the gradient of the sum,

    dweight[u, v, c, t] = sum over n, i, j of
        x[n, s*i + d*u - p, s*j + d*v - q, c] * dz[n, i, j, c*m + t]

    It is Conv2D with as many groups as channels.

    Parameters
    ----------
    kernel_size : int or (kh, kw)
    strides : int or (stride_h, stride_w), default 1
    padding : "valid", "same", int, (ph, pw) or ((top, bottom), (left, right))
        Default "valid": no padding. "same" pads so that oh = ceil(h / stride), an odd
        row below, an odd column on the right.
    depth_multiplier : int, default 1
        Number of filters of every channel, m.
    dilation : int or (dilation_h, dilation_w), default 1
        Distance of the elements of a filter on the image.
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
    name, trainable
        As in :class:`Layer`.

    Input ``(n, h, w, c)``, output ``(n, oh, ow, c * m)``, weight ``(kh, kw, c, m)``,
    bias ``(c * m,)``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; the input does not fit, or
        is smaller than a filter.

    Example
    -------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> DepthwiseConv2D(2, kernel_initializer="ones").forward(x)
    array([[[[12., 16.]]]])
    >>> DepthwiseConv2D(3, 2, "same", depth_multiplier=4).output_shape((28, 28, 8))
    (14, 14, 32)

    Source
    ------
    Howard et al. (2017), MobileNets: efficient convolutional neural networks for mobile
    vision applications.
    """

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        (kh, kw), c, m = self.kernel_size, int(input_shape[2]), self.depth_multiplier
        self.add_weights((kh, kw, c, m), kh * kw, kh * kw * m, outputs=c * m)


@register_layer
class SeparableConv2D(Depthwise):
    """A depthwise convolution, then a 1 x 1 convolution that mixes the channels.

    With stride s, dilation d and p rows of padding above (q columns on the left), for
    channel c and its filter t < m:

    z[n, i, j, c*m + t] = sum over u, v of
        x[n, s*i + d*u - p, s*j + d*v - q, c] * depthwise_weight[u, v, c, t]

    y[n, i, j, k] = activation(bias[k] + sum over l of
        z[n, i, j, l] * pointwise_weight[0, 0, l, k])

    where x is 0 outside the image.

    Parameters
    ----------
    filters : int
        Number of output channels, k.
    kernel_size : int or (kh, kw)
    strides : int or (stride_h, stride_w), default 1
    padding : "valid", "same", int, (ph, pw) or ((top, bottom), (left, right))
        Default "valid": no padding. "same" pads so that oh = ceil(h / stride), an odd
        row below, an odd column on the right.
    depth_multiplier : int, default 1
        Number of filters of every channel, m.
    dilation : int or (dilation_h, dilation_w), default 1
        Distance of the elements of a filter on the image.
    activation : str, optional
        "relu", "leaky_relu", "elu", "selu", "gelu", "silu" ("swish"), "mish",
        "hard_swish", "softplus", "sigmoid", "tanh", "softmax" or "log_softmax"; None
        is linear.
    use_bias : bool, default True
    kernel_initializer : str or Initializer, optional
        Of both weights. Default: GlorotUniform for ``depthwise_weight``, which no
        activation follows; for ``pointwise_weight`` HeNormal before the ReLU family,
        LeCunNormal before a SELU, else GlorotUniform.
    bias_initializer : str or Initializer, default "zeros"
    kernel_regularizer : str or Regularizer, optional
        Penalty on both weights, such as ``L2(1e-4)``.
    name, trainable
        As in :class:`Layer`.

    Input ``(n, h, w, c)``, output ``(n, oh, ow, k)``, ``depthwise_weight``
    ``(kh, kw, c, m)``, ``pointwise_weight`` ``(1, 1, c * m, k)``, bias ``(k,)``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; the input does not fit, or
        is smaller than a filter.

    Example
    -------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> SeparableConv2D(3, 2, kernel_initializer="ones").forward(x)
    array([[[[28., 28., 28.]]]])
    >>> SeparableConv2D(32, 3, 2, "same").output_shape((28, 28, 8))
    (14, 14, 32)

    Source
    ------
    Chollet (2017), Xception: deep learning with depthwise separable convolutions.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Padding = "valid",
        *,
        depth_multiplier: int = 1,
        dilation: int | Sequence[int] = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer | dict[str, Any] | None = None,
        bias_initializer: str | Initializer | dict[str, Any] = "zeros",
        kernel_regularizer: str | Regularizer | dict[str, Any] | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            depth_multiplier=depth_multiplier,
            dilation=dilation,
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
        self.depthwise_weight: Parameter

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*super().output_shape(input_shape)[:2], self.filters)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        (kh, kw), c, m = self.kernel_size, int(input_shape[2]), self.depth_multiplier
        self.depthwise_weight = self.add_parameter(
            "depthwise_weight",
            (kh, kw, c, m),
            self.kernel_initializer or GlorotUniform(),
            fan_in=kh * kw,
            fan_out=kh * kw * m,
            regularizer=self.kernel_regularizer,
        )
        self.add_weights(
            (1, 1, c * m, self.filters), c * m, self.filters, name="pointwise_weight"
        )

    def compute(self, x: Array, training: bool, **epilogue: Any) -> tuple[Array, ...]:
        g = self._geometry(x.shape)
        z = kernels.conv2d(
            x,
            self.depthwise_weight.value.reshape(g.kh, g.kw, 1, g.k),
            **self._options(g),
            out=self.buffer("z", (g.n, g.oh, g.ow, g.k), reuse=training),
        )
        y = self.buffer("y", (g.n, g.oh, g.ow, self.filters), reuse=training)
        return kernels.conv2d(z, self.weight.value, **epilogue, out=y), x, z

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (y, x, z) = self.restore(dy)
        g = self._geometry(x.shape)
        w = g.kh, g.kw, 1, g.k
        dz = self.buffer("dz_depthwise", z.shape)
        kernels.conv2d_backward(
            self.start(dy, y),
            z,
            self.weight.value,
            need_db=self.use_bias,
            out=(dz, self.weight.grad, self.bias_gradient),
        )
        dx, _, _ = kernels.conv2d_backward(
            dz,
            x,
            self.depthwise_weight.value.reshape(w),
            **self._options(g),
            need_dx=need_dx,
            need_db=False,
            out=(
                self.buffer("dx", x.shape) if need_dx else None,
                self.depthwise_weight.grad.reshape(w),
                None,
            ),
        )
        return dx

    def flops(self, input_shape: Shape) -> int:
        oh, ow, k = self.output_shape(input_shape)
        mixed = int(input_shape[2]) * self.depth_multiplier
        return super().flops(input_shape) + 2 * oh * ow * mixed * k

    def config(self) -> dict[str, Any]:
        return {"filters": self.filters} | super().config()
