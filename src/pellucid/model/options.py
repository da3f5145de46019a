"""The arguments of ``fit`` that are not data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pellucid.callbacks.base import Callback
from pellucid.callbacks.progress import ProgressBar
from pellucid.checks import check_fraction, check_integer
from pellucid.errors import check_choice, describe


class Options(NamedTuple):
    """The checked arguments of ``fit`` that are not data."""

    epochs: int
    batch_size: int
    validation_split: float
    shuffle: bool
    callbacks: list[Callback]
    accumulate_steps: int
    on_nan: str


def check_options(
    *,
    epochs: object,
    batch_size: object,
    validation_split: object,
    shuffle: object,
    callbacks: object,
    verbose: object,
    accumulate_steps: object,
    on_nan: object,
) -> Options:
    """Check everything that can be checked without looking at data."""
    number = check_integer(epochs, "epochs", low=0, hint="Pass epochs=10.")
    size = check_integer(
        batch_size,
        "batch_size",
        low=0,
        hint="Pass batch_size=32, or batch_size=0 for all samples at once.",
    )
    steps = check_integer(
        accumulate_steps, "accumulate_steps", low=1, hint="Pass accumulate_steps=1."
    )
    split = check_fraction(validation_split, "validation_split")
    check_choice(on_nan, "on_nan", ("raise", "stop", "ignore"))
    if isinstance(verbose, bool):
        verbose = int(verbose)
    if verbose not in (0, 1, "auto"):
        raise ValueError(
            describe(
                f"verbose is {verbose!r}",
                'Expected 0 (silent), 1 (progress bar) or "auto"',
                "Leave verbose out.",
            )
        )
    if not isinstance(shuffle, bool | np.bool_):
        raise TypeError(
            describe(
                f"shuffle is {shuffle!r}",
                "Expected True or False",
                "Leave shuffle out to draw a new order in every epoch.",
            )
        )
    found = _callback_list(callbacks)
    if verbose != 0 and not any(isinstance(c, ProgressBar) for c in found):
        found.append(ProgressBar(bar=True if verbose == 1 else None))
    if on_nan == "raise" and any(getattr(c, "on_nan", None) for c in found):
        on_nan = "stop"
    return Options(number, size, split, bool(shuffle), found, steps, str(on_nan))


def _callback_list(callbacks: object) -> list[Callback]:
    if isinstance(callbacks, Callback):
        return [callbacks]
    given = callbacks if isinstance(callbacks, Sequence) else [callbacks]
    found: list[Callback] = []
    for callback in given:
        if not isinstance(callback, Callback):
            raise TypeError(
                describe(
                    f"callbacks has {callback!r}",
                    "Expected objects of class Callback",
                    "Pass callbacks=[EarlyStopping(patience=3)]; make the object by "
                    "calling its class.",
                )
            )
        found.append(callback)
    return found
