"""A copy of a network on which gradients are computed, and differenced."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from pellucid.core.chain import backward_chain, walk
from pellucid.core.layer import Array, Layer
from pellucid.core.parameter import Parameter
from pellucid.layers.fusion import fused

Objective = Callable[[Array], tuple[Any, Array]]
"""From the output: a number, and its gradient with respect to the output."""


class Spot(NamedTuple):
    """An array that can be moved: a parameter, or the input."""

    layer: str
    name: str
    value: Array
    start: int
    """The first layer that must be computed again after a move."""


class Trace(NamedTuple):
    """One pass through a network and back."""

    value: float
    output: Array
    output_gradient: Array
    inputs: list[Array]
    """Of every layer in the row, and of the objective."""
    gradients: list[Array]
    """Of every spot, in the order of ``spots``."""


class Twin:
    """The layers of a network in another number type, with an objective L(output).

    Every pass draws the same random numbers (dropout masks stay), and runs as a
    training step does: neighbours fused, the last activation left to the loss.

    Parameters
    ----------
    layers : sequence of Layer
        Built; they are copied.
    x : array (n, ...)
        The input, channels last.
    objective : callable
    skip_last : bool
        The objective contains the activation of the last layer.
    dtype : dtype
        float64, float32; complex128 with the reference kernels.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        x: Array,
        objective: Objective,
        *,
        skip_last: bool = False,
        dtype: DTypeLike = "float64",
    ) -> None:
        self.layers = copy.deepcopy(list(layers))
        for _, layer in walk(self.layers):
            convert(layer, dtype)
        self.x = x.astype(dtype)
        self.objective = objective
        self.skip_last = skip_last
        self._counters = [
            (layer.random.counter, layer.random.counter.copy())
            for _, layer in walk(self.layers)
        ]
        self.penalized = [
            p for layer in self.layers for p in layer.parameters() if p.regularizer
        ]
        self.spots = self._spots()

    def _spots(self) -> list[Spot]:
        found = []
        for start, layer in enumerate(self.layers):
            for path, parameter in layer.named_parameters().items():
                where, _, name = f"{layer.name}.{path}".rpartition(".")
                found.append(Spot(where, name, parameter.value, start))
        return [*found, Spot("input", "x", self.x, 0)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """What a training step arranges between neighbours."""
        if self.skip_last:
            self.layers[-1].skip_activation = True
        with (
            fused(self.layers, share=False),
            np.errstate(over="ignore", invalid="ignore"),
        ):
            yield

    def rewind(self) -> None:
        """Set the random counters so that the next pass draws what every pass draws."""
        for counter, kept in self._counters:
            np.copyto(counter, kept)

    def forward(self, start: int, x: Array) -> Array:
        """The output, from the input of layer ``start`` on."""
        self.rewind()
        for layer in self.layers[start:]:
            x = layer.forward(x, training=True)
        return x

    def value(self, start: int, x: Array) -> float:
        """The objective and the penalties of the parameters."""
        return float(self.objective(self.forward(start, x))[0]) + self._penalty()

    def trace(self) -> Trace:
        """Go through the network and back, and copy what came out."""
        inputs = []
        self.rewind()
        y = self.x
        for layer in self.layers:
            inputs.append(y)
            y = layer.forward(y, training=True)
        inputs.append(y)
        value, output_gradient = self.objective(y)
        dx = backward_chain(self.layers, output_gradient)
        found = []
        for layer in self.layers:
            for parameter in layer.parameters():
                found.append(_with_penalty(parameter))
        return Trace(
            float(value) + self._penalty(),
            y,
            output_gradient,
            inputs,
            [*found, np.array(dx)],
        )

    def _penalty(self) -> float:
        return sum(
            p.regularizer.value(p.value) for p in self.penalized if p.regularizer
        )


def _with_penalty(parameter: Parameter) -> Array:
    gradient = parameter.grad.copy()
    if parameter.regularizer:
        parameter.regularizer.add_gradient(parameter.value, gradient)
    return gradient


def convert(layer: Layer, dtype: DTypeLike) -> None:
    """Move the arrays of one layer to another number type."""
    layer.dtype = np.dtype(dtype)
    if layer.children():
        return
    for parameter in layer.parameters():
        parameter.rebind(
            np.array(parameter.value, dtype), np.zeros(parameter.shape, dtype)
        )
    values = {id(p.value) for p in layer.parameters()}
    for name, array in layer.state().items():
        if id(array) in values:
            continue
        moved = array.astype(dtype)
        for key, held in list(vars(layer).items()):
            if held is array:
                setattr(layer, key, moved)
        layer.add_state(name, moved)
