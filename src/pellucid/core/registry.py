"""The closed table of layer kinds: what a file may name."""

from __future__ import annotations

from typing import TypeVar

from pellucid.core.layer import Layer
from pellucid.errors import FormatError, closest, describe

LayerType = TypeVar("LayerType", bound=type[Layer])

LAYERS: dict[str, type[Layer]] = {}
"""Layer kinds by class name."""


def register_layer(cls: LayerType) -> LayerType:
    """Class decorator that lets ``load_model`` make layers of this class.

    Parameters
    ----------
    cls : subclass of Layer
        ``cls(**layer.config())`` must make an equal layer.

    Raises
    ------
    TypeError
        It is not a subclass of Layer.
    ValueError
        Another class has the name already.

    Example
    -------
    >>> @register_layer
    ... class Half(Layer):
    ...     pass
    >>> make_layer("Half", {"name": "half_1"})
    Half(name='half_1')
    >>> del LAYERS["Half"]
    """
    if not (isinstance(cls, type) and issubclass(cls, Layer)):
        raise TypeError(
            describe(
                f"register_layer got {cls!r}",
                "Expected a subclass of Layer",
                "Write @register_layer above the class.",
            )
        )
    known = LAYERS.get(cls.__name__)
    # The same class defined again (a notebook cell run twice) replaces the old one.
    if known is not None and (known.__module__, known.__qualname__) != (
        cls.__module__,
        cls.__qualname__,
    ):
        raise ValueError(
            describe(
                f"a layer kind {cls.__name__!r} exists already, in {known.__module__}",
                "Expected a name that no other layer has",
                "Rename the class.",
            )
        )
    LAYERS[cls.__name__] = cls
    return cls


def make_layer(kind: object, config: object) -> Layer:
    """Make a layer from what a file says.

    Raises
    ------
    FormatError
        Unknown kind, unknown or missing arguments, values that the layer refuses.
    """
    if not isinstance(kind, str) or kind not in LAYERS:
        near = closest(str(kind), LAYERS)
        raise FormatError(
            describe(
                f"layer kind {kind!r} is unknown",
                f"Expected one of {', '.join(sorted(LAYERS))}",
                f"Did you mean {near!r}?"
                if near
                else "Put @register_layer above an own layer, and import its module "
                "before loading",
            )
        )
    if not isinstance(config, dict) or not all(isinstance(key, str) for key in config):
        raise FormatError(
            describe(
                f"the arguments of layer kind {kind!r} are {type(config).__name__}",
                "Expected a dictionary with names as keys",
                "The file was not written by save(): save the model again.",
            )
        )
    try:
        return LAYERS[kind](**config)
    except (TypeError, ValueError) as error:
        raise FormatError(
            describe(
                f"layer kind {kind!r} refuses its arguments: {error}",
                "Expected what the layer's config() returned",
                "The file was not written by save(): save the model again.",
            )
        ) from error


def ours(*parts: object) -> bool:
    """True when these objects are of pellucid's own classes, whose code is known."""
    return all(type(part).__module__.startswith("pellucid.") for part in parts)
