"""Models from a list of sizes, or of dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.builders.options import make_model
from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.core.layer import Layer
from pellucid.core.registry import LAYERS
from pellucid.errors import check_choice, closest, describe
from pellucid.layers import AvgPool2D, BatchNorm, Conv2D, Dense, Dropout, MaxPool2D
from pellucid.layers.activation import ALIASES
from pellucid.model import Sequential


def mlp(
    sizes: Sequence[int],
    *,
    activation: str = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
    output_activation: str | None = None,
    **options: Any,
) -> Sequential:
    """A multilayer perceptron from the sizes of its layers.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden units, outputs: at least two numbers.
    activation : str, default "relu"
        After every hidden layer.
    dropout : float, default 0
        Rate of the dropout after every hidden layer.
    batch_norm : bool, default False
        Normalize every hidden layer before its activation.
    output_activation : str, optional
        None gives logits, which the softmax and sigmoid losses take.
    **options
        ``seed`` and ``dtype``, as in :class:`Sequential`.

    Returns
    -------
    Sequential

    Example
    -------
    >>> model = mlp([784, 128, 64, 10], activation="relu", dropout=0.2, seed=0)
    >>> [layer.name for layer in model.layers]
    ['dense_1', 'dropout_1', 'dense_2', 'dropout_2', 'dense_3']
    """
    hint = "Pass sizes such as [784, 128, 10]."
    if isinstance(sizes, str) or not isinstance(sizes, Sequence) or len(sizes) < 2:
        raise (TypeError if not isinstance(sizes, list | tuple) else ValueError)(
            describe(f"sizes is {sizes!r}", "Expected at least two whole numbers", hint)
        )
    inputs, *hidden, outputs = (
        check_integer(size, "a size", low=1, hint=hint) for size in sizes
    )
    rate = check_number(dropout, "dropout", at_least=0, at_most=1)
    layers: list[Layer] = []
    for units in hidden:
        if batch_norm:
            layers += [Dense(units, use_bias=False), BatchNorm()]
            layers.append(_activation(activation))
        else:
            layers.append(Dense(units, activation=activation))
        if rate:
            layers.append(Dropout(rate))
    layers.append(Dense(outputs, activation=output_activation))
    return make_model(layers, (inputs,), options)


# Words of a description that are not the names of layers and arguments.
_ALIASES = {
    "conv": "conv2d",
    "batchnorm": "batch_norm",
    "global_pool": "global_avg_pool2d",
    **ALIASES,
}
_POOLS: dict[str, type[Layer]] = {
    "max": MaxPool2D,
    "average": AvgPool2D,
    "avg": AvgPool2D,
}


def from_spec(
    spec: Sequence[Mapping[str, Any]],
    *,
    input_shape: Sequence[int],
    num_classes: int | None = None,
    **options: Any,
) -> Sequential:
    """A model from a list of dictionaries; the shapes follow from the input's.

    Parameters
    ----------
    spec : sequence of dict
        Each has a ``type`` and the arguments of that layer: "conv" (``filters``,
        ``kernel_size``, ``stride`` 1, ``padding`` 0, ``activation`` "relu"), "pool"
        (``pool_size`` 2, ``stride``, ``mode`` "max" or "average"), "flatten", "dense"
        (``units``, ``activation`` "relu"), or any other layer by its name, such as
        "batch_norm" or "dropout".
    input_shape : tuple of int
        Of one sample, in the layout of ``data_format``.
    num_classes : int, optional
        Add a last dense layer with softmax for so many classes.
    **options
        ``data_format``, ``seed`` and ``dtype``, as in :class:`Sequential`.

    Returns
    -------
    Sequential

    Raises
    ------
    ValueError, TypeError
        An unknown type or argument, with the place in the list.

    Example
    -------
    >>> spec = [
    ...     {"type": "conv", "filters": 8, "kernel_size": 3, "padding": 1},
    ...     {"type": "pool", "pool_size": 2},
    ...     {"type": "flatten"},
    ...     {"type": "dense", "units": 16},
    ... ]
    >>> model = from_spec(
    ...     spec, input_shape=(1, 28, 28), num_classes=10, data_format="channels_first"
    ... )
    >>> model.output_shape
    (10,)
    """
    if not isinstance(spec, Sequence) or isinstance(spec, str) or not spec:
        raise (ValueError if spec == [] else TypeError)(
            describe(
                f"spec is {spec!r}",
                "Expected a list of dictionaries",
                'Write [{"type": "dense", "units": 16}].',
            )
        )
    layers = [_layer_of(part, index) for index, part in enumerate(spec)]
    if num_classes is not None:
        hint = "Pass num_classes=10."
        classes = check_integer(num_classes, "num_classes", low=2, hint=hint)
        layers.append(Dense(classes, activation="softmax"))
    return make_model(layers, input_shape, options)


def _layer_of(part: object, index: int) -> Layer:
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        raise TypeError(
            describe(
                f"spec[{index}] is {part!r}",
                'Expected a dictionary with a "type"',
                'Write {"type": "dense", "units": 16}.',
            )
        )
    arguments = {str(key): value for key, value in part.items()}
    if "stride" in arguments:
        arguments["strides"] = arguments.pop("stride")
    word = arguments.pop("type")
    known = {cls.default_name(): cls for cls in LAYERS.values()}
    name = _ALIASES.get(word, word)
    if word == "pool":
        mode = arguments.pop("mode", "max")
        kind = _POOLS[check_choice(mode, f"spec[{index}]: mode", _POOLS)]
    elif name in known or name in LAYERS:
        kind = known[name] if name in known else LAYERS[name]
    else:
        near = closest(word, [*known, *_ALIASES, "pool"])
        raise ValueError(
            describe(
                f"spec[{index}] has the type {word!r}",
                "Expected conv, pool, flatten, dense or another layer's name",
                f"Did you mean {near!r}?" if near else "Choose one of those.",
            )
        )
    if kind in (Conv2D, Dense):
        arguments.setdefault("activation", "relu")
    if word == "conv":
        arguments.setdefault("padding", 0)
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise type(error)(f"spec[{index}]: {error}") from error


def _activation(word: str) -> Layer:
    """The layer that is this activation."""
    kinds = {cls.activation: cls for cls in LAYERS.values() if cls.activation}
    word = ALIASES.get(word, word) if isinstance(word, str) else word
    return kinds[check_choice(word, "activation", [str(kind) for kind in kinds])]()
