"""Which model a layer or an optimizer belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary, ref

from pellucid.core.layer import Layer
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
