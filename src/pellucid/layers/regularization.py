"""Layers that make training harder so that the network generalises."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.registry import register_layer


@register_layer
class Dropout(Layer):
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

    transparent = True

    def __init__(
        self, rate: float, *, name: str | None = None, trainable: bool = True
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.rate = check_number(rate, "rate", at_least=0, at_most=1)

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        if not training:
            return x
        if self.rate == 0:
            self.save(x, None)
            return x
        y, mask = kernels.dropout(
            x,
            self.rate,
            seed=self.random.seed,
            stream=self.random.stream,
            counter=self.random.counter,
            out=(
                self.buffer("y", x.shape),
                self.buffer("mask", ((x.size + 7) // 8,), "uint8"),
            ),
        )
        self.save(y, mask)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (mask,) = self.restore(dy)
        if mask is None or not need_dx:
            return dy if need_dx else None
        out = self.buffer("dx", dy.shape)
        return kernels.dropout_backward(dy, mask, self.rate, out=out)

    def flops(self, input_shape: Shape) -> int:
        return 0

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate} | super().config()
