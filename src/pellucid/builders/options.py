"""What builders pass on to ``Sequential``, and what they check for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.checks import check_integer
from pellucid.core.layer import Layer
from pellucid.errors import closest, describe
from pellucid.layers import Dense
from pellucid.model import Sequential

Images = Sequence[int]
OPTIONS = ("data_format", "dtype", "seed")


def make_model(
    layers: Sequence[Layer], input_shape: Sequence[int], options: Mapping[str, Any]
) -> Sequential:
    """A model of these layers; options are what a builder leaves to its caller.

    Raises
    ------
    TypeError
        Another option.
    """
    for name in options:
        if name not in OPTIONS:
            near = closest(name, OPTIONS)
            raise TypeError(
                describe(
                    f"the builder of the model got the argument {name}",
                    f"Expected its own arguments and {', '.join(OPTIONS)}",
                    f"Did you mean {near}?"
                    if near
                    else f"Leave {name} out: the other arguments decide it.",
                )
            )
    return Sequential(layers, input_shape=input_shape, **options)


def make_classifier(
    layers: Sequence[Layer],
    input_shape: Images,
    classes: int,
    options: Mapping[str, Any],
) -> Sequential:
    """A model of images, whose last layer has a logit for each class."""
    image_size(input_shape)
    last = Dense(check_integer(classes, "classes", low=1, hint="Pass classes=10."))
    return make_model([*layers, last], input_shape, options)


def image_size(input_shape: object) -> int:
    """The longer side of an image of this shape, in either layout, or raise.

    Example
    -------
    >>> image_size((28, 28, 1)), image_size((3, 32, 48))
    (28, 48)
    """
    hint = "Pass input_shape=(28, 28, 1)."
    if isinstance(input_shape, str) or not isinstance(input_shape, Sequence):
        sizes: Sequence[Any] = ()
    else:
        sizes = input_shape
    if len(sizes) != 3:
        raise (ValueError if sizes else TypeError)(
            describe(
                f"input_shape is {input_shape!r}",
                "Expected the height, the width and the channels of one image",
                hint,
            )
        )
    return max(check_integer(size, "input_shape", low=1, hint=hint) for size in sizes)
