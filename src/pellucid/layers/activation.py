"""Activations as layers of their own."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.core.layer import Array, Layer
from pellucid.core.registry import register_layer


class Elementwise(Layer):
    """Base of activations that treat every number alone.

    Their gradient follows from y, so x need not be kept.
    """

    activation: str

    def _options(self) -> dict[str, Any]:
        return {}

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        if training and self.skip_activation:
            self.save(x, None)
            return x
        out = self.buffer("y", x.shape, reuse=training)
        y = kernels.activation(x, self.activation, **self._options(), out=out)
        if training:
            self.save(y, y)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (y,) = self.restore(dy)
        if y is None or not need_dx:
            return dy if need_dx else None
        out = self.buffer("dx", dy.shape)
        return kernels.activation_backward(
            dy, y, self.activation, **self._options(), out=out
        )


@register_layer
class ReLU(Elementwise):
    """y = max(x, 0);  dx = dy where y > 0, else 0 (also at x = 0).

    Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> ReLU().forward([[-1.0, 0.0, 2.0]])
    array([[0., 0., 2.]], dtype=float32)

    Source
    ------
    Glorot, Bordes, Bengio (2011), Deep sparse rectifier neural networks.
    """

    activation = "relu"


@register_layer
class LeakyReLU(Elementwise):
    """y = x where x > 0, else negative_slope * x.

    dx = dy where y > 0, else negative_slope * dy. Input and output: any shape with the
    batch first.

    Parameters
    ----------
    negative_slope : float, default 0.01
        At least 0.
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> LeakyReLU(0.5).forward([[-1.0, 0.0, 2.0]])
    array([[-0.5,  0. ,  2. ]], dtype=float32)

    Source
    ------
    Maas, Hannun, Ng (2013), Rectifier nonlinearities improve neural network acoustic
    models.
    """

    activation = "leaky_relu"

    def __init__(
        self,
        negative_slope: float = 0.01,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            # A negative slope would make y positive on both sides of 0, and the
            # gradient could not be told from y.
            self.negative_slope = check_number(
                negative_slope, "negative_slope", at_least=0
            )

    def _options(self) -> dict[str, Any]:
        return {"alpha": self.negative_slope}

    def config(self) -> dict[str, Any]:
        return {"negative_slope": self.negative_slope} | super().config()


@register_layer
class Sigmoid(Elementwise):
    """y = 1 / (1 + exp(-x));  dx = dy * y * (1 - y).

    Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> Sigmoid().forward([[0.0, 1000.0]])
    array([[0.5, 1. ]], dtype=float32)

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.3.2.
    """

    activation = "sigmoid"


@register_layer
class Tanh(Elementwise):
    """y = tanh(x);  dx = dy * (1 - y**2).

    Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> Tanh().forward([[0.0, 1000.0]])
    array([[0., 1.]], dtype=float32)

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.3.2.
    """

    activation = "tanh"


@register_layer
class Softmax(Layer):
    """Turn the numbers of the last axis into probabilities.

    y[..., j] = exp(x[..., j]) / sum over k of exp(x[..., k])

    dx = y * (dy - sum over k of dy[..., k] * y[..., k]). The largest x is subtracted
    first, so nothing overflows. Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> Softmax().forward([[0.0, 0.0], [1000.0, 0.0]])
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.2.2.3.
    """

    activation = "softmax"

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        if training and self.skip_activation:
            self.save(x, None)
            return x
        y = kernels.softmax(x, out=self.buffer("y", x.shape, reuse=training))
        if training:
            self.save(y, y)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (y,) = self.restore(dy)
        if y is None or not need_dx:
            return dy if need_dx else None
        return kernels.softmax_backward(dy, y, out=self.buffer("dx", dy.shape))
