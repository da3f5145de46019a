"""Layers that change the shape or the scale of their input, and learn nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.registry import register_layer
from pellucid.errors import check_choice, describe
from pellucid.shapes import check_pads, integer, pair


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
    linear = True
    keeps_range = True

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
class Reshape(Layer):
    """Give every sample another shape; the numbers stay in their order.

    y[n].reshape(-1) = x[n].reshape(-1). The output is a view of a contiguous input.

    Parameters
    ----------
    target_shape : tuple of int
        The shape of a sample afterwards, without the batch. One of the sizes may be -1:
        what is left over.
    name, trainable
        As in :class:`Layer`.

    Input: any shape with the batch first, output ``(n, *target_shape)``.

    Raises
    ------
    ValueError, TypeError
        Sizes that are not whole numbers from 1 on; an input of another size.

    Example
    -------
    >>> import numpy as np
    >>> Reshape((4, -1)).forward(np.zeros((8, 12))).shape
    (8, 4, 3)
    """

    transparent = True
    linear = True
    keeps_range = True

    def __init__(
        self,
        target_shape: Sequence[int],
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            if not isinstance(target_shape, Sequence) or isinstance(target_shape, str):
                what = f"target_shape is {target_shape!r}"
                expected = "Expected a tuple of whole numbers"
                raise TypeError(
                    describe(what, expected, "Pass a tuple, such as (7, 7)")
                )
            sizes = tuple(integer(size, "target_shape", -1) for size in target_shape)
            if not sizes or 0 in sizes or sizes.count(-1) > 1:
                what = f"target_shape is {sizes}"
                expected = "Expected sizes of at least 1, at most one of them -1"
                raise ValueError(describe(what, expected, "Pass the shape of a sample"))
        self.target_shape = sizes

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = self.check_shape(input_shape)
        total, known = math.prod(shape), abs(math.prod(self.target_shape))
        free = -1 in self.target_shape
        if total % known if free else total != known:
            raise ValueError(
                describe(
                    f"{self.label} got samples of shape {shape}: {total} numbers",
                    f"Expected {'a multiple of ' if free else ''}{known} numbers, for "
                    f"target_shape {self.target_shape}",
                    "Change target_shape, or the layer before",
                )
            )
        return tuple(total // known if n == -1 else n for n in self.target_shape)

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        y = x.reshape(x.shape[0], *self.output_shape(x.shape[1:]))
        if training:
            self.save(y, x.shape)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x_shape,) = self.restore(dy)
        return dy.reshape(x_shape) if need_dx else None

    def flops(self, input_shape: Shape) -> int:
        return 0

    def config(self) -> dict[str, Any]:
        return {"target_shape": self.target_shape} | super().config()


@register_layer
class ZeroPad2D(Layer):
    """Put rows and columns of zeros around an image.

    y[n, top + i, left + j, c] = x[n, i, j, c], the rest is 0.
    dx[n, i, j, c] = dy[n, top + i, left + j, c].

    Parameters
    ----------
    padding : int, (ph, pw) or ((top, bottom), (left, right)), default 1
        How many; two numbers hold for both sides.
    name, trainable
        As in :class:`Layer`.

    Input ``(n, h, w, c)``, output ``(n, top + h + bottom, left + w + right, c)``.

    Raises
    ------
    ValueError, TypeError
        The padding is negative, or not a number of pixels.

    Example
    -------
    >>> import numpy as np
    >>> ZeroPad2D(((0, 1), (1, 0))).forward(np.ones((1, 1, 2, 1)))[0, :, :, 0]
    array([[0., 1., 1.],
           [0., 0., 0.]])
    """

    input_axes = "n, h, w, c"
    transparent = True
    linear = True

    def __init__(
        self,
        padding: int | Sequence[int] | Sequence[Sequence[int]] = 1,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.padding = check_pads(padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        h, w, c = self.check_shape(input_shape)
        (top, bottom), (left, right) = self.padding
        return top + h + bottom, left + w + right, c

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        shape = (x.shape[0], *self.output_shape(x.shape[1:]))
        out = self.buffer("y", shape, reuse=training)
        y = kernels.zero_pad2d(x, self.padding, out=out)
        if training:
            self.save(y, x.shape)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x_shape,) = self.restore(dy)
        if not need_dx:
            return None
        out = self.buffer("dx", x_shape)
        return kernels.zero_pad2d_backward(dy, self.padding, out=out)

    def flops(self, input_shape: Shape) -> int:
        return 0

    def config(self) -> dict[str, Any]:
        return {"padding": self.padding} | super().config()


@register_layer
class UpSample2D(Layer):
    """Enlarge an image by whole factors (s, t).

    "nearest" repeats pixels: y[n, i, j, c] = x[n, floor(i / s), floor(j / t), c].
    "bilinear" blends the four pixels around the point (max((i + 1/2) / s - 1/2, 0),
    max((j + 1/2) / t - 1/2, 0)) by their distance, row by row and column by column;
    beyond the last row and column the edge is repeated.
    dx is the sum of dy over the outputs that use a pixel, times its weight in them.

    Parameters
    ----------
    size : int or (s, t), default 2
        The factors.
    interpolation : "nearest" or "bilinear", default "nearest"
        "bilinear" is what Keras computes, and PyTorch with ``align_corners=False``.
    name, trainable
        As in :class:`Layer`.

    Input ``(n, h, w, c)``, output ``(n, s * h, t * w, c)``.

    Raises
    ------
    ValueError, TypeError
        A size below 1; an unknown interpolation.

    Example
    -------
    >>> import numpy as np
    >>> x = np.array([[0.0, 4.0]]).reshape(1, 1, 2, 1)
    >>> UpSample2D((1, 2)).forward(x).ravel()
    array([0., 0., 4., 4.])
    >>> UpSample2D((1, 2), "bilinear").forward(x).ravel()
    array([0., 1., 3., 4.])
    """

    input_axes = "n, h, w, c"
    transparent = True
    linear = True
    keeps_range = True

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        interpolation: str = "nearest",
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.size = pair(size, "size", 1)
            self.interpolation = check_choice(
                interpolation, "interpolation", ("nearest", "bilinear")
            )

    def output_shape(self, input_shape: Shape) -> Shape:
        h, w, c = self.check_shape(input_shape)
        return self.size[0] * h, self.size[1] * w, c

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        shape = (x.shape[0], *self.output_shape(x.shape[1:]))
        out = self.buffer("y", shape, reuse=training)
        kind = self.interpolation
        y = kernels.upsample2d(x, self.size, interpolation=kind, out=out)
        if training:
            self.save(y, x.shape)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x_shape,) = self.restore(dy)
        if not need_dx:
            return None
        kind, out = self.interpolation, self.buffer("dx", x_shape)
        return kernels.upsample2d_backward(dy, self.size, interpolation=kind, out=out)

    def flops(self, input_shape: Shape) -> int:
        taps = 4 if self.interpolation == "bilinear" else 0
        return 2 * taps * math.prod(self.output_shape(input_shape))

    def config(self) -> dict[str, Any]:
        own = {"size": self.size, "interpolation": self.interpolation}
        return own | super().config()


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

    linear = True
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
