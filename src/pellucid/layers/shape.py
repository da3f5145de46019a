"""Layers that change the shape or the scale of their input, and learn nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.registry import register_layer


@register_layer
class Flatten(Layer):
    """Lay the numbers of every sample out in one row.

    y[n, (i*w + j)*c + k] = x[n, i, j, k]. The output is a view of a contiguous input.

    Input ``(n, h, w, c)`` or any shape with the batch first, output ``(n, h*w*c)``.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> import numpy as np
    >>> Flatten().forward(np.zeros((8, 4, 4, 3))).shape
    (8, 48)
    """

    transparent = True

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(self.check_shape(input_shape)),)

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        y = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        if training:
            self.save(y, x.shape)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x_shape,) = self.restore(dy)
        return dy.reshape(x_shape) if need_dx else None

    def flops(self, input_shape: Shape) -> int:
        return 0


@register_layer
class Rescaling(Layer):
    """y = scale * x + offset;  dx = scale * dy.

    The only layer that takes uint8 images: ``Rescaling(1 / 255)`` as the first layer
    brings bytes to [0, 1], ``Rescaling(1 / 127.5, -1)`` to [-1, 1].

    Parameters
    ----------
    scale : float
    offset : float, default 0
    name, trainable
        As in :class:`Layer`.

    Input and output: any shape with the batch first.

    Raises
    ------
    ValueError, TypeError
        Scale or offset is not a finite number.

    Example
    -------
    >>> import numpy as np
    >>> Rescaling(1 / 127.5, -1).forward(np.array([[0, 255]], "uint8"))
    array([[-1.,  1.]], dtype=float32)
    """

    accepts_bytes = True

    def __init__(
        self,
        scale: float,
        offset: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.scale = check_number(scale, "scale")
            self.offset = check_number(offset, "offset")

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        y = self._scaled(x, self.buffer("y", x.shape, reuse=training))
        if self.offset:
            ones = np.ones(y.size, y.dtype)
            kernels.add_scaled(y.reshape(-1), ones, self.offset)
        if training:
            self.save(y)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, _ = self.restore(dy)
        return self._scaled(dy, self.buffer("dx", dy.shape)) if need_dx else None

    def _scaled(self, x: Array, out: Array) -> Array:
        """All rows of x, converted and scaled by the kernel that gathers batches."""
        rows = np.arange(x.shape[0], dtype=np.int64)
        return kernels.gather(x, rows, scale=self.scale, out=out)

    def flops(self, input_shape: Shape) -> int:
        return (2 if self.offset else 1) * math.prod(self.check_shape(input_shape))

    def config(self) -> dict[str, Any]:
        return {"scale": self.scale, "offset": self.offset} | super().config()
