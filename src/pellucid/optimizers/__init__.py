"""Optimizers: in-place updates of all parameters, with one step counter."""

from __future__ import annotations

from typing import Any

from pellucid.errors import describe, unknown
from pellucid.optimizers.adagrad import Adadelta, Adagrad
from pellucid.optimizers.adam import Adam, AdamW
from pellucid.optimizers.base import Optimizer
from pellucid.optimizers.lion import Lion
from pellucid.optimizers.nadam import NAdam, RAdam
from pellucid.optimizers.rmsprop import RMSprop
from pellucid.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "get_optimizer",
]

OPTIMIZERS: dict[str, type[Any]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "radam": RAdam,
    "lion": Lion,
}
PRESETS: dict[str, dict[str, Any]] = {"momentum": {"kind": "sgd", "momentum": 0.9}}


def get_optimizer(optimizer: object) -> Optimizer:
    """Return the optimizer that a name or an object stands for.

    Names are the class in lower case; "momentum" is SGD with momentum 0.9.

    Raises
    ------
    ValueError
        Unknown name; the message has the list and the closest one.
    TypeError
        Not an Optimizer.

    Example
    -------
    >>> get_optimizer("adam").learning_rate
    0.001
    """
    if isinstance(optimizer, str):
        if optimizer in PRESETS:
            arguments = dict(PRESETS[optimizer])
            optimizer = OPTIMIZERS[arguments.pop("kind")](**arguments)
        elif optimizer in OPTIMIZERS:
            optimizer = OPTIMIZERS[optimizer]()
        else:
            what = f'optimizer "{optimizer}" is not known'
            raise ValueError(unknown(what, optimizer, [*OPTIMIZERS, *PRESETS]))
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            describe(
                f"optimizer is {optimizer!r}",
                "Expected the name of an optimizer or an Optimizer object",
                'Pass optimizer="adam" or optimizer=Adam(1e-3).',
            )
        )
    return optimizer
