"""How layers come together: owners, names, what follows what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary, ref

from pellucid.core.layer import Layer, Shape
from pellucid.errors import describe
from pellucid.optimizers import Optimizer

# Which model a layer or an optimizer belongs to, as long as that model lives.
_OWNERS: WeakKeyDictionary[Layer | Optimizer, ref[object]] = WeakKeyDictionary()


def claim(parts: Iterable[Layer | Optimizer], model: object) -> None:
    """Note that these belong to the model."""
    for part in parts:
        _OWNERS[part] = ref(model)


def refuse_owned(parts: Iterable[Layer | Optimizer], model: object) -> None:
    """Raise when one of these belongs to another model that lives."""
    for part in parts:
        owner = _OWNERS.get(part)
        holder = None if owner is None else owner()
        if holder is None or holder is model:
            continue
        name = part.label if isinstance(part, Layer) else f"this {part!r}"
        raise ValueError(
            describe(
                f"{name} belongs to another model",
                "Expected one of its own for every model",
                "Make a new one, or copy the whole model with copy.deepcopy(model).",
            )
        )


def batched(shape: Shape) -> str:
    """A shape with the batch, as messages show it.

    Example
    -------
    >>> batched((28, 28, 1))
    '(n, 28, 28, 1)'
    """
    return "(" + ", ".join(["n", *map(str, shape)]) + ")"


def following_activations(layers: Sequence[Layer]) -> list[str | None]:
    """For each layer the activation after it, past layers that let weights look by.

    Layers that are an activation have it as a class attribute; layers with weights and
    an activation of their own (on the object) end the search.
    """
    found: list[str | None] = []
    following: str | None = None
    for layer in reversed(layers):
        found.append(following)
        if not layer.transparent:
            following = type(layer).activation
    return found[::-1]


def refuse_twice(layers: Sequence[Layer]) -> None:
    for index, layer in enumerate(layers):
        for other in layers[:index]:
            if layer is other:
                what = f"{layer.label} is in the model twice"
                fix = "Make a second layer with the same arguments."
            elif layer.name is not None and layer.name == other.name:
                what = f'two layers are called "{layer.name}"'
                fix = "Pass another name=, or none."
            else:
                continue
            raise ValueError(
                describe(what, "Expected different layers with own names", fix)
            )


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
