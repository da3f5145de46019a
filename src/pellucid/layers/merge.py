"""Layers side by side whose results are added or joined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.chain import batched
from pellucid.core.layer import Array, Shape
from pellucid.core.registry import register_layer
from pellucid.errors import describe
from pellucid.layers.container import Chain, Container


@register_layer
class Residual(Container):
    """Add what a body of layers computes to its input: y = body(x) + shortcut(x).

    dx is the sum of the gradients through body and shortcut.

    Parameters
    ----------
    body : Layer or sequence of Layer
    shortcut : Layer or sequence of Layer, optional
        Brings x to the shape of the body's result, such as ``Conv2D(64, 1, 2)``; by
        default x itself is added.
    name, trainable
        As in :class:`Layer`; ``trainable=False`` freezes every layer inside.

    Input: what body and shortcut take. Output: their common shape. State:
    ``body.conv2d_1.weight``, ``shortcut.conv2d_1.weight``, ...

    Raises
    ------
    ValueError
        Body and shortcut give different shapes.
    TypeError
        Something that is not a Layer.

    Example
    -------
    >>> from pellucid.layers import Dense
    >>> block = Residual([Dense(2, kernel_initializer="ones")])
    >>> block.forward([[1.0, 2.0]], training=True)
    array([[4., 5.]], dtype=float32)
    >>> block.backward([[1.0, 0.0]])
    array([[2., 1.]], dtype=float32)
    >>> list(block.state())
    ['body.dense_1.weight', 'body.dense_1.bias']

    Source
    ------
    He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition.
    """

    def __init__(
        self,
        body: Chain,
        shortcut: Chain | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            {"body": body, "shortcut": [] if shortcut is None else shortcut},
            name=name,
            trainable=trainable,
        )

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes = self.output_shapes(input_shape)
        if shapes["body"] != shapes["shortcut"]:
            raise ValueError(
                describe(
                    f"{self.label}: the body gives shape {batched(shapes['body'])}, "
                    f"the shortcut {batched(shapes['shortcut'])}",
                    "Expected one shape, so that they can be added",
                    "Pass a shortcut with the same strides and filters, such as "
                    "shortcut=Conv2D(filters, 1, strides).",
                )
            )
        return shapes["body"]

    def merge(self, parts: list[Array], training: bool) -> Array:
        body, shortcut = parts
        y = kernels.add(
            body, shortcut, out=self.buffer("y", body.shape, reuse=training)
        )
        if training:
            self.save(y)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, _ = self.restore(dy)
        return self.sum_back([dy, dy], need_dx)

    def merge_flops(self, input_shape: Shape) -> int:
        return math.prod(self.output_shape(input_shape))

    def config(self) -> dict[str, Any]:
        own = {"body": self._config_of("body"), "shortcut": self._config_of("shortcut")}
        return own | super().config()


@register_layer
class Concat(Container):
    """Join the results of branches along the last axis, the channels.

    y = [branch_1(x), branch_2(x), ...];  dx is the sum over the branches.

    Parameters
    ----------
    branches : sequence
        Each a Layer or a sequence of Layer; an empty one hands x on, as in a DenseNet.
    name, trainable
        As in :class:`Layer`; ``trainable=False`` freezes every layer inside.

    Input: what every branch takes. Output: the branches' common shape, the channels
    added up. State: ``branch_1.conv2d_1.weight``, ``branch_2.conv2d_1.weight``, ...

    Raises
    ------
    ValueError
        No branches; results that differ in more than the last axis.
    TypeError
        Something that is not a Layer.

    Example
    -------
    >>> from pellucid.layers import Dense
    >>> block = Concat([[], [Dense(1, kernel_initializer="ones")]])
    >>> block.forward([[1.0, 2.0]], training=True)
    array([[1., 2., 3.]], dtype=float32)
    >>> block.backward([[0.0, 1.0, 1.0]])
    array([[1., 2.]], dtype=float32)

    Source
    ------
    Szegedy et al. (2015), Going deeper with convolutions; Huang, Liu, van der Maaten,
    Weinberger (2017), Densely connected convolutional networks.
    """

    def __init__(
        self,
        branches: Sequence[Chain],
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        if not isinstance(branches, list | tuple) or not branches:
            raise (ValueError if branches in ([], ()) else TypeError)(
                describe(
                    f"{name or 'Concat'}: branches is {branches!r}",
                    "Expected a list of branches, each a layer or a list of layers",
                    "Write Concat([[Conv2D(8, 1)], [Conv2D(8, 3, padding='same')]]).",
                )
            )
        chains = {f"branch_{i}": branch for i, branch in enumerate(branches, 1)}
        super().__init__(chains, name=name, trainable=trainable)

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes = list(self.output_shapes(input_shape).values())
        if len({shape[:-1] for shape in shapes}) > 1:
            shown = ", ".join(map(batched, shapes))
            raise ValueError(
                describe(
                    f"{self.label}: the branches give the shapes {shown}",
                    "Expected shapes that differ in the last axis only",
                    'Give every branch the same strides, and padding="same".',
                )
            )
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def merge(self, parts: list[Array], training: bool) -> Array:
        shape = (*parts[0].shape[:-1], sum(part.shape[-1] for part in parts))
        y = kernels.concat(parts, out=self.buffer("y", shape, reuse=training))
        if training:
            self.save(y, [part.shape for part in parts])
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (shapes,) = self.restore(dy)
        outs = [self.buffer(f"dy_{i}", shape) for i, shape in enumerate(shapes)]
        parts = kernels.split(dy, [shape[-1] for shape in shapes], out=tuple(outs))
        return self.sum_back(parts, need_dx)

    def config(self) -> dict[str, Any]:
        own = {"branches": [self._config_of(word) for word in self._chains]}
        return own | super().config()
