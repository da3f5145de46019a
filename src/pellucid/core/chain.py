"""Layers in a row: their names, their shapes, what comes after what.

What models and the containers of ``layers/container.py`` share.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Literal, overload

from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.registry import ours
from pellucid.errors import describe


def walk(layers: Sequence[Layer], prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Every layer with its full name, a container before what it contains.

    Example
    -------
    >>> [name for name, _ in walk([Layer(name="a"), Layer(name="b")])]
    ['a', 'b']
    """
    for layer in layers:
        path = f"{prefix}{layer.name}"
        yield path, layer
        for chain, inner in layer.children().items():
            yield from walk(inner, f"{path}.{chain}.")


def refuse_twice(layers: Sequence[Layer]) -> None:
    """Raise when a layer, at any depth, or a name in this chain comes twice."""
    refuse_shared(layers)
    names: set[str] = set()
    for layer in layers:
        if layer.name in names:
            _refuse(
                f'two layers are called "{layer.name}"', "Pass another name=, or none."
            )
        if layer.name is not None:
            names.add(layer.name)


def refuse_shared(layers: Sequence[Layer]) -> None:
    """Raise when a layer comes twice, at any depth."""
    seen: set[int] = set()
    for _, layer in walk(layers):
        if id(layer) in seen:
            _refuse(
                f"{layer.label} is in the model twice",
                "Make a second layer with the same arguments.",
            )
        seen.add(id(layer))


def _refuse(what: str, repair: str) -> None:
    raise ValueError(describe(what, "Expected different layers with own names", repair))


def give_names(layers: Sequence[Layer]) -> list[str]:
    """The layers' names; the class and a number from 1 where there is none."""
    taken = {layer.name for layer in layers}
    counts: dict[str, int] = {}
    names = []
    for layer in layers:
        name = layer.name
        while name is None:
            kind = layer.default_name()
            counts[kind] = counts.get(kind, 0) + 1
            candidate = f"{kind}_{counts[kind]}"
            name = candidate if candidate not in taken else None
        names.append(name)
    return names


def following_activations(
    layers: Sequence[Layer], following: str | None = None
) -> list[str | None]:
    """For each layer the activation after it, past layers that let weights look by.

    Parameters
    ----------
    layers : sequence of Layer
    following : str, optional
        The activation after the last layer.
    """
    found: list[str | None] = []
    for layer in reversed(layers):
        found.append(following)
        following = layer.leading_activation(following)
    return found[::-1]


def batched(shape: Shape) -> str:
    """A shape with the batch, as messages show it.

    Example
    -------
    >>> batched((28, 28, 1))
    '(n, 28, 28, 1)'
    """
    return "(" + ", ".join(["n", *map(str, shape)]) + ")"


def infer_shapes(layers: Sequence[Layer], input_shape: Shape) -> list[Shape]:
    """Output shape of every layer; names both layers where two do not fit."""
    shapes: list[Shape] = []
    shape = input_shape
    previous: Layer | None = None
    for layer in layers:
        try:
            if layer.built and layer.input_shape != shape:
                raise ValueError(
                    describe(
                        f"{layer.label} gets an input of shape {batched(shape)}",
                        f"Expected {batched(layer.input_shape or ())}, for "
                        "which it was built",
                        "Use a new layer.",
                    )
                )
            shape = tuple(layer.output_shape(shape))
        except ValueError as error:
            if previous is None:
                raise
            raise ValueError(
                f"{error}\nThe layer before it, {previous.label}, gives shape "
                f"{batched(shape)}."
            ) from error
        shapes.append(shape)
        previous = layer
    return shapes


def build_chain(
    layers: Sequence[Layer],
    input_shape: Shape,
    shapes: Sequence[Shape],
    following: str | None = None,
) -> None:
    """Build every layer that is not built, each knowing the activation after it."""
    inputs = [input_shape, *shapes]
    after = following_activations(layers, following)
    for layer, before, activation in zip(layers, inputs, after, strict=False):
        layer.following_activation = activation
        if not layer.built:
            layer.build(before)


def infer_chain(layers: Sequence[Layer], x: Array) -> Array:
    """The result of inference; layers of pellucid's own work together on the way.

    An own layer, which may differ from the class that it extends, is gone through by
    its ``forward``.
    """
    index = 0
    while index < len(layers):
        layer = layers[index]
        index += 1
        if not ours(layer):
            x = layer.forward(x)
            continue
        after = layers[index : index + 2]
        together = layer.takes([*takewhile(ours, after)])
        x = layer.infer(x, after[:together])
        index += together
    return x


def first_trainable(layers: Sequence[Layer]) -> int:
    """Index of the first layer that learns; the number of layers when none does."""
    for index, layer in enumerate(layers):
        if any(parameter.trainable for parameter in layer.parameters()):
            return index
    return len(layers)


def takes_need_dx(layer: Layer) -> bool:
    """Whether an own layer's ``backward`` has the argument ``need_dx``."""
    return "need_dx" in inspect.signature(layer.backward).parameters


@overload
def backward_chain(
    layers: Sequence[Layer], dy: Array, need_dx: Literal[True] = True
) -> Array: ...


@overload
def backward_chain(
    layers: Sequence[Layer], dy: Array, need_dx: bool
) -> Array | None: ...


def backward_chain(
    layers: Sequence[Layer], dy: Array, need_dx: bool = True
) -> Array | None:
    """Go back through the layers; without dx, as far as the first that learns."""
    first = 0 if need_dx else first_trainable(layers)
    for index in range(len(layers) - 1, first - 1, -1):
        layer = layers[index]
        if index == first and not need_dx:
            layer.backward(dy, **({"need_dx": False} if takes_need_dx(layer) else {}))
            break
        dx = layer.backward(dy)
        if dx is None:
            raise TypeError(
                describe(
                    f"{layer.label}: backward returned None",
                    "Expected dx, an array of the shape of the input",
                    "End backward with return dx.",
                )
            )
        dy = dx
    return dy if need_dx else None
