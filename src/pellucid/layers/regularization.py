"""Layers that make training harder so that the network generalises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.registry import register_layer
from pellucid.errors import describe


class _Noise(Layer):
    """Base of layers that draw random numbers in training and are x in inference."""

    transparent = True
    linear = True
    keeps_range = True

    def draw(self) -> dict[str, Any]:
        """The next draw of this layer, as kernels take it."""
        stream = self.random
        return {
            "seed": stream.seed,
            "stream": stream.stream,
            "counter": stream.counter,
        }

    def flops(self, input_shape: Shape) -> int:
        return 0


class RandomDrop(_Noise, ABC):
    """Base of layers that drop a share of what reaches them in training."""

    def __init__(
        self, rate: float, *, name: str | None = None, trainable: bool = True
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.rate = check_number(rate, "rate", at_least=0, at_most=1)

    @abstractmethod
    def drop(self, x: Array) -> tuple[Array, Array]:
        """y, and what says which numbers were kept."""

    @abstractmethod
    def drop_backward(self, dy: Array, kept: Array) -> Array:
        """dx, from dy and what ``drop`` said."""

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        if not training:
            return x
        y, kept = (x, None) if self.rate == 0 else self.drop(x)
        self.save(y, kept)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (kept,) = self.restore(dy)
        if kept is None or not need_dx:
            return dy if need_dx else None
        return self.drop_backward(dy, kept)

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate} | super().config()


class _ElementDrop(RandomDrop):
    """Base of layers that drop every number by itself; a mask keeps one bit of each."""

    _kernel_name: ClassVar[str]
    """Name of the kernel of the forward pass."""

    def drop(self, x: Array) -> tuple[Array, Array]:
        mask = self.buffer("mask", ((x.size + 7) // 8,), "uint8")
        dropped: tuple[Array, Array] = getattr(kernels, self._kernel_name)(
            x, self.rate, **self.draw(), out=(self.buffer("y", x.shape), mask)
        )
        return dropped

    def drop_backward(self, dy: Array, kept: Array) -> Array:
        kernel = getattr(kernels, f"{self._kernel_name}_backward")
        dx: Array = kernel(dy, kept, self.rate, out=self.buffer("dx", dy.shape))
        return dx


@register_layer
class Dropout(_ElementDrop):
    """Set numbers to 0 at random in training; do nothing in inference.

    y = x * mask / (1 - rate), where mask is 1 with probability 1 - rate, else 0
    (inverted dropout: the mean of y is x, so inference needs no scaling).
    dx = dy * mask / (1 - rate). Masks depend on the seed and the number of the step,
    not on the number of threads.

    Parameters
    ----------
    rate : float
        The share of numbers set to 0, in [0, 1]; 1 gives zeros.
    name, trainable
        As in :class:`Layer`.

    Input and output: any shape with the batch first.

    Raises
    ------
    ValueError, TypeError
        The rate is out of range, or not a number.

    Example
    -------
    >>> import numpy as np
    >>> layer = Dropout(0.5)
    >>> y = layer.forward(np.ones((100, 100)), training=True)
    >>> sorted(set(y.ravel().tolist())), bool(abs(y.mean() - 1) < 0.05)
    ([0.0, 2.0], True)
    >>> layer.forward(np.ones((1, 3)))
    array([[1., 1., 1.]])

    Source
    ------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), Dropout: a simple
    way to prevent neural networks from overfitting.
    """

    _kernel_name = "dropout"


@register_layer
class SpatialDropout2D(RandomDrop):
    """Set whole channels of an image to 0 at random in training.

    y[n, i, j, c] = x[n, i, j, c] * mask[n, c] / (1 - rate), where mask is 1 with
    probability 1 - rate, else 0. dx = dy * mask / (1 - rate). Neighbouring pixels of a
    channel are alike, so dropping single ones would teach little. Masks depend on the
    seed and the number of the step, not on the number of threads.

    Parameters
    ----------
    rate : float
        The share of channels set to 0, in [0, 1].
    name, trainable
        As in :class:`Layer`.

    Input and output ``(n, h, w, c)``.

    Raises
    ------
    ValueError, TypeError
        The rate is out of range, or not a number.

    Example
    -------
    >>> import numpy as np
    >>> y = SpatialDropout2D(0.5).forward(np.ones((2, 3, 3, 50)), training=True)
    >>> bool((y == y[:, :1, :1]).all()), sorted(set(y.ravel().tolist()))
    (True, [0.0, 2.0])

    Source
    ------
    Tompson, Goroshin, Jain, LeCun, Bregler (2015), Efficient object localization using
    convolutional networks.
    """

    input_axes = "n, h, w, c"

    def drop(self, x: Array) -> tuple[Array, Array]:
        shape = (x.shape[0], x.shape[3])
        ones = self.buffer("ones", shape)
        ones.fill(1)
        mask = self.buffer("mask", ((ones.size + 7) // 8,), "uint8")
        out = (self.buffer("factors", shape), mask)
        factors, _ = kernels.dropout(ones, self.rate, **self.draw(), out=out)
        y = kernels.scale_channels(x, factors, out=self.buffer("y", x.shape))
        return y, factors

    def drop_backward(self, dy: Array, kept: Array) -> Array:
        return kernels.scale_channels(dy, kept, out=self.buffer("dx", dy.shape))


@register_layer
class AlphaDropout(_ElementDrop):
    """Dropout for networks of SELU: mean 0 and variance 1 stay as they are.

    y = a * x + b where kept, a * s + b elsewhere, in training; s is the value that SELU
    saturates at, -1.7580993408473766, a = 1 / sqrt((1 - rate) * (1 + rate * s**2)) and
    b = -a * rate * s. dx = a * dy where kept, else 0.

    Parameters
    ----------
    rate : float
        The share of numbers that saturate, from 0 to below 1.
    name, trainable
        As in :class:`Layer`.

    Input and output: any shape with the batch first.

    Raises
    ------
    ValueError, TypeError
        The rate is out of range, or not a number.

    Example
    -------
    >>> import numpy as np
    >>> x = np.resize([-1.0, 1.0], (100, 100))
    >>> y = AlphaDropout(0.2).forward(x, training=True)
    >>> bool(abs(y.mean()) < 0.05), bool(abs(y.std() - 1) < 0.05)
    (True, True)

    Source
    ------
    Klambauer, Unterthiner, Mayr, Hochreiter (2017), Self-normalizing neural networks.
    """

    _kernel_name = "alpha_dropout"

    def __init__(
        self, rate: float, *, name: str | None = None, trainable: bool = True
    ) -> None:
        super().__init__(rate, name=name, trainable=trainable)
        with self.named_errors():
            if self.rate == 1:
                what = "rate is 1"
                expected = "Expected a number from 0 to below 1"
                raise ValueError(describe(what, expected, "Pass rate=0.1 or so"))


@register_layer
class GaussianNoise(_Noise):
    """Add normal noise of mean 0 in training; do nothing in inference.

    y = x + stddev * z, z from the standard normal distribution; dx = dy. The noise
    depends on the seed and the number of the step, not on the number of threads.

    Parameters
    ----------
    stddev : float
        The standard deviation of the noise, at least 0.
    name, trainable
        As in :class:`Layer`.

    Input and output: any shape with the batch first.

    Raises
    ------
    ValueError, TypeError
        The deviation is negative, or not a number.

    Example
    -------
    >>> import numpy as np
    >>> y = GaussianNoise(0.1).forward(np.ones((100, 100)), training=True)
    >>> bool(abs(y.mean() - 1) < 0.01), bool(abs(y.std() - 0.1) < 0.01)
    (True, True)

    Source
    ------
    Bishop (1995), Training with noise is equivalent to Tikhonov regularization.
    """

    def __init__(
        self, stddev: float, *, name: str | None = None, trainable: bool = True
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.stddev = check_number(stddev, "stddev", at_least=0)

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        if not training:
            return x
        y = kernels.gaussian_noise(
            x, self.stddev, **self.draw(), out=self.buffer("y", x.shape)
        )
        self.save(y)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, _ = self.restore(dy)
        return dy if need_dx else None

    def config(self) -> dict[str, Any]:
        return {"stddev": self.stddev} | super().config()
