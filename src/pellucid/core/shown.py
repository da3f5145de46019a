"""How objects show themselves, as the call that makes them; and quantities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def shown_call(thing: object, arguments: Mapping[str, Any]) -> str:
    """The text ``Class(name=value, ...)``.

    Example
    -------
    >>> shown_call(1.5, {"factor": 2, "by": "epoch"})
    "float(factor=2, by='epoch')"
    """
    inside = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{type(thing).__name__}({inside})"


def changed_arguments(thing: object, config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments in a ``config()`` that differ from the constructor's defaults.

    What a config holds as a dictionary, for a file, is taken from the object.
    """
    import inspect  # costs milliseconds at import: only showing pays them

    parameters = inspect.signature(type(thing)).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    return {
        name: getattr(thing, name, value) if isinstance(value, dict) else value
        for name, value in config.items()
        if value is not None
        and value != defaults.get(name)
        and value != {"kind": defaults.get(name)}
    }


def own_arguments(thing: object) -> dict[str, Any]:
    """The arguments of the constructor that the object keeps under their names.

    Example
    -------
    >>> class Point:
    ...     def __init__(self, x, y):
    ...         self.x, self.height = x, y
    >>> own_arguments(Point(1, 2))
    {'x': 1}
    """
    import inspect

    names = inspect.signature(type(thing)).parameters
    return {name: vars(thing)[name] for name in names if name in vars(thing)}


def quantity(number: float, unit: str) -> str:
    """1,234,567 as 1.23 M.

    Example
    -------
    >>> quantity(1234567, "FLOP"), quantity(12, "B")
    ('1.23 MFLOP', '12 B')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}{unit}"
    return f"{number:.3g} {unit}"
