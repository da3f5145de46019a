"""Pooling: one number for each window of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.registry import register_layer
from pellucid.shapes import Geometry, Padding, check_padding, pair, pool_geometry


class Pool2D(Layer):
    """Base of layers that reduce every window of an image, channel by channel."""

    input_axes = "n, h, w, c"
    transparent = True
    keeps_range = True

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        *,
        ceil_mode: bool = False,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.pool_size = pair(pool_size, "pool_size", 1)
            self.strides = (
                self.pool_size if strides is None else pair(strides, "strides", 1)
            )
            self.padding = check_padding(padding)
        self.ceil_mode = bool(ceil_mode)

    def _geometry(self, n: int, h: int, w: int, c: int) -> Geometry:
        return pool_geometry((n, h, w, c), name=self.label, **self._window())

    def _window(self) -> dict[str, Any]:
        return {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "ceil_mode": self.ceil_mode,
        }

    def output_shape(self, input_shape: Shape) -> Shape:
        h, w, c = self.check_shape(input_shape)
        geometry = self._geometry(1, h, w, c)
        return geometry.oh, geometry.ow, c

    def flops(self, input_shape: Shape) -> int:
        return math.prod(self.output_shape(input_shape)) * math.prod(self.pool_size)

    def config(self) -> dict[str, Any]:
        return self._window() | super().config()


@register_layer
class MaxPool2D(Pool2D):
    """The largest number of every window.

    y[n, i, j, c] = max over u < kh, v < kw of x[n, s*i + u - p, s*j + v - q, c]

    Padding never wins. dx receives dy at the place of the first maximum; NaN counts as
    larger than every number.

    Parameters
    ----------
    pool_size : int or (kh, kw), default 2
    strides : int or (stride_h, stride_w), optional
        s; default: the pool size.
    padding : "valid", "same", int, (ph, pw) or ((top, bottom), (left, right))
        p above, q on the left; default "valid": none. Smaller than the pool size.
    ceil_mode : bool, default False
        Keep a last window that sticks out of the image, instead of dropping it.
    name, trainable
        As in :class:`Layer`.

    Input ``(n, h, w, c)``, output ``(n, oh, ow, c)``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; no window fits.

    Example
    -------
    >>> import numpy as np
    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> layer = MaxPool2D(2)
    >>> layer.forward(x, training=True)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    >>> layer.backward(np.ones((1, 2, 2, 1)))[0, :, :, 0]
    array([[0., 0., 0., 0.],
           [0., 1., 0., 1.],
           [0., 0., 0., 0.],
           [0., 1., 0., 1.]])

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, section 9.3.
    """

    masks_gradient: bool = False
    """Set by a model while it trains: the layer before ends in a ReLU, whose gradient
    this one applies: a window of zeros has no place (see fusion.py)."""

    pooled_before: bool = False
    """Set by a model: the layer before has done the pooling."""

    @property
    def can_mask(self) -> bool:
        """Whether the numbers of the taps leave one for a window without a place."""
        return math.prod(self.pool_size) < 255

    def tiles(self, input_shape: Shape) -> bool:
        """Whether the windows cover an image without padding, overlap or rest."""
        (h, w, _), (kh, kw) = input_shape, self.pool_size
        apart = self.padding == ((0, 0), (0, 0)) and self.strides == (kh, kw)
        return apart and h % kh == w % kw == 0 and self.can_mask

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        if training and self.pooled_before:
            y = np.asarray(x)
            self.save(y, None, None)
            return y
        x = self.check_input(x)
        g = self._geometry(*x.shape)
        shape = (g.n, g.oh, g.ow, g.c)
        places = "uint8" if g.kh * g.kw <= 256 else "int32"
        y, argmax = kernels.max_pool2d(
            x,
            **self._window(),
            rectified=training and self.masks_gradient,
            out=(
                self.buffer("y", shape, reuse=training),
                self.buffer("argmax", shape, places, reuse=training),
            ),
        )
        if training:
            self.save(y, argmax, x.shape)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (argmax, x_shape) = self.restore(dy)
        if not need_dx:
            return None
        if argmax is None:
            return dy
        return kernels.max_pool2d_backward(
            dy, argmax, x_shape, **self._window(), out=self.buffer("dx", x_shape)
        )


@register_layer
class AvgPool2D(Pool2D):
    """The mean of every window; padding is not counted.

    y[n, i, j, c] = mean over u < kh, v < kw of x[n, s*i + u - p, s*j + v - q, c]

    dx receives, at every element of a window, dy / (elements inside the image).

    Parameters
    ----------
    pool_size : int or (kh, kw), default 2
    strides : int or (stride_h, stride_w), optional
        s; default: the pool size.
    padding : "valid", "same", int, (ph, pw) or ((top, bottom), (left, right))
        p above, q on the left; default "valid": none. Smaller than the pool size.
    ceil_mode : bool, default False
        Keep a last window that sticks out of the image, instead of dropping it.
    name, trainable
        As in :class:`Layer`.

    Input ``(n, h, w, c)``, output ``(n, oh, ow, c)``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; no window fits.

    Example
    -------
    >>> import numpy as np
    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> AvgPool2D(2).forward(x)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])

    Source
    ------
    LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document
    recognition.
    """

    linear = True

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        g = self._geometry(*x.shape)
        out = self.buffer("y", (g.n, g.oh, g.ow, g.c), reuse=training)
        y = kernels.avg_pool2d(x, **self._window(), out=out)
        if training:
            self.save(y, x.shape)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x_shape,) = self.restore(dy)
        if not need_dx:
            return None
        return kernels.avg_pool2d_backward(
            dy, x_shape, **self._window(), out=self.buffer("dx", x_shape)
        )


@register_layer
class GlobalAvgPool2D(Layer):
    """The mean of every channel over the whole image.

    y[n, c] = sum over i, j of x[n, i, j, c] / (h * w)

    dx[n, i, j, c] = dy[n, c] / (h * w).

    Input ``(n, h, w, c)``, output ``(n, c)``.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> import numpy as np
    >>> GlobalAvgPool2D().forward(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 4.]])

    Source
    ------
    Lin, Chen, Yan (2013), Network in network.
    """

    input_axes = "n, h, w, c"
    transparent = True
    linear = True
    keeps_range = True

    def output_shape(self, input_shape: Shape) -> Shape:
        return self.check_shape(input_shape)[2:]

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        out = self.buffer("y", (x.shape[0], x.shape[3]), reuse=training)
        y = kernels.global_avg_pool2d(x, out=out)
        if training:
            self.save(y, x.shape)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x_shape,) = self.restore(dy)
        if not need_dx:
            return None
        return kernels.global_avg_pool2d_backward(
            dy, x_shape, out=self.buffer("dx", x_shape)
        )

    def flops(self, input_shape: Shape) -> int:
        return math.prod(self.check_shape(input_shape))


@register_layer
class GlobalMaxPool2D(Layer):
    """The largest number of every channel over the whole image.

    y[n, c] = max over i, j of x[n, i, j, c]

    dx receives dy at the place of the first maximum, in the order of rows, and is 0
    elsewhere; NaN counts as larger than every number.

    Input ``(n, h, w, c)``, output ``(n, c)``.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> import numpy as np
    >>> layer = GlobalMaxPool2D()
    >>> layer.forward(np.arange(8.0).reshape(1, 2, 2, 2), training=True)
    array([[6., 7.]])
    >>> layer.backward(np.array([[2.0, 3.0]]))[0, 1]
    array([[0., 0.],
           [2., 3.]])

    Source
    ------
    Oquab, Bottou, Laptev, Sivic (2015), Is object localization for free? Weakly
    supervised learning with convolutional neural networks.
    """

    input_axes = "n, h, w, c"
    transparent = True
    keeps_range = True

    def output_shape(self, input_shape: Shape) -> Shape:
        return self.check_shape(input_shape)[2:]

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        n, h, w, c = x.shape
        places = "uint8" if h * w <= 256 else "int32"
        y = self.buffer("y", (n, c), reuse=training)
        _, argmax = kernels.max_pool2d(
            x,
            (h, w),
            out=(
                y.reshape(n, 1, 1, c),
                self.buffer("argmax", (n, 1, 1, c), places, reuse=training),
            ),
        )
        if training:
            self.save(y, argmax, x.shape)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (argmax, x_shape) = self.restore(dy)
        if not need_dx:
            return None
        return kernels.max_pool2d_backward(
            dy.reshape(argmax.shape),
            argmax,
            x_shape,
            x_shape[1:3],
            out=self.buffer("dx", x_shape),
        )

    def flops(self, input_shape: Shape) -> int:
        return math.prod(self.check_shape(input_shape))


@register_layer
class AdaptiveAvgPool2D(Layer):
    """The mean of windows that are laid out for an output of a given size.

    y[n, i, j, c] = mean of x[n, floor(i*h/oh) : ceil((i+1)*h/oh),
    floor(j*w/ow) : ceil((j+1)*w/ow), c]

    dx receives, at every element of a window, dy / (elements of the window).

    Parameters
    ----------
    output_size : int or (oh, ow)
    name, trainable
        As in :class:`Layer`.

    Input ``(n, h, w, c)``, output ``(n, oh, ow, c)``.

    Raises
    ------
    ValueError, TypeError
        The size is not a whole number from 1 on, or two of them.

    Example
    -------
    >>> import numpy as np
    >>> x = np.arange(5.0).reshape(1, 1, 5, 1)
    >>> AdaptiveAvgPool2D((1, 2)).forward(x).ravel()
    array([1., 3.])

    Source
    ------
    He, Zhang, Ren, Sun (2014), Spatial pyramid pooling in deep convolutional networks
    for visual recognition.
    """

    input_axes = "n, h, w, c"
    transparent = True
    linear = True
    keeps_range = True

    def __init__(
        self,
        output_size: int | Sequence[int],
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.output_size = pair(output_size, "output_size", 1)

    def output_shape(self, input_shape: Shape) -> Shape:
        return *self.output_size, self.check_shape(input_shape)[2]

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        out = self.buffer(
            "y", (x.shape[0], *self.output_size, x.shape[3]), reuse=training
        )
        y = kernels.adaptive_avg_pool2d(x, self.output_size, out=out)
        if training:
            self.save(y, x.shape)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x_shape,) = self.restore(dy)
        if not need_dx:
            return None
        out = self.buffer("dx", x_shape)
        return kernels.adaptive_avg_pool2d_backward(dy, x_shape, out=out)

    def flops(self, input_shape: Shape) -> int:
        *sizes, c = self.check_shape(input_shape)
        for size, outputs in zip(sizes, self.output_size, strict=True):
            spans = (
                -(-(i + 1) * size // outputs) - i * size // outputs
                for i in range(outputs)
            )
            c *= sum(spans)
        return c

    def config(self) -> dict[str, Any]:
        return {"output_size": self.output_size} | super().config()
