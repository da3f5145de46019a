"""Checks of arguments that losses, optimizers, metrics and models share."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.core.inputs import check_number
from pellucid.errors import argument, describe

Array = NDArray[Any]


def check_fraction(value: object, name: str) -> float:
    """Return ``value`` as a float, 0 <= value < 1, or raise.

    Example
    -------
    >>> check_fraction(0.9, "momentum")
    0.9
    """
    number = check_number(value, name, at_least=0, at_most=1)
    if number == 1:
        raise ValueError(
            describe(
                f"{name} is 1",
                "Expected a number of at least 0 and below 1",
                f"Lower {argument(name)}.",
            )
        )
    return number


def check_integer(value: object, name: str, *, low: int, hint: str) -> int:
    """Return ``value`` as an int of at least ``low``, or raise.

    Example
    -------
    >>> check_integer(3, "epochs", low=0, hint="Pass epochs=10.")
    3
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(
            describe(
                f"{name} is {value!r} ({type(value).__name__})",
                f"Expected a whole number of at least {low}",
                hint,
            )
        )
    if value < low:
        raise ValueError(
            describe(f"{name} is {value}", f"Expected a number of at least {low}", hint)
        )
    return int(value)


def real_array(values: object, name: str) -> Array:
    """Return targets or weights as an array of real numbers; booleans become 0 and 1.

    Example
    -------
    >>> real_array([True, False], "y")
    array([1, 0], dtype=uint8)
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            describe(
                f"{name} is a masked array",
                "Expected an array in which every element counts",
                f"Fill the gaps first: {name}.filled(0).",
            )
        )
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            describe(
                f"{name} does not form an array: {error}",
                "Expected rows of equal length",
                "Pad or cut the rows, or pass an array.",
            )
        ) from error
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    if array.dtype.kind not in "fiu":
        words = array.dtype.kind in "USOT"
        raise TypeError(
            describe(
                f"{name} is an array of dtype {array.dtype}",
                "Expected real numbers",
                f"Number the classes: _, {name} = np.unique({name}, "
                "return_inverse=True)."
                if words
                else f"Convert {name} to numbers first.",
            )
        )
    return array


def first_bad(bad: Array) -> tuple[int, ...]:
    """The index of the first true element.

    Example
    -------
    >>> first_bad(np.array([False, True]))
    (1,)
    """
    return tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))


def position(index: tuple[int, ...]) -> str:
    """An index as messages show it.

    Example
    -------
    >>> position((17,)), position((2, 3))
    ('17', '(2, 3)')
    """
    return str(index[0]) if len(index) == 1 else str(index)


def class_labels(values: Array, name: str) -> NDArray[np.int64]:
    """Return whole numbers of any real dtype as int64 class labels, or raise.

    Raises
    ------
    ValueError
        NaN, or a number that is not whole, with its index.

    Example
    -------
    >>> class_labels(np.array([0.0, 2.0]), "y")
    array([0, 2])
    """
    if values.dtype.kind == "f":
        bad = values != np.floor(values)  # NaN differs from itself; inf does not
        bad |= ~np.isfinite(values)
        if bad.any():
            index = first_bad(bad)
            raise ValueError(
                describe(
                    f"{name}: label {values[index]:g} at index {position(index)} "
                    "is not a class number",
                    "Expected whole numbers from 0",
                    "Round or remove such labels; for measured values use "
                    'loss="mean_squared_error".',
                )
            )
    return np.ascontiguousarray(values, np.int64)


def sample_weights(weights: object, samples: int, dtype: DTypeLike) -> Array:
    """Return one weight per sample as a contiguous array, or raise.

    Raises
    ------
    ValueError
        Wrong length; negative, NaN or infinite weights; all zero.

    Example
    -------
    >>> sample_weights([1, 0.5], 2, "float32")
    array([1. , 0.5], dtype=float32)
    """
    array = real_array(weights, "sample_weight")
    if array.shape == (samples, 1):
        array = array.reshape(samples)
    if array.shape != (samples,):
        raise ValueError(
            describe(
                f"sample_weight has shape {array.shape}",
                f"Expected ({samples},): one weight for each of the {samples} samples",
                "Pass one number per sample, in the order of x.",
            )
        )
    bad = ~np.isfinite(array) | (array < 0)
    if bad.any():
        index = first_bad(bad)
        raise ValueError(
            describe(
                f"sample_weight[{position(index)}] is {array[index]:g}",
                "Expected finite weights of at least 0",
                "Use 0 to leave a sample out.",
            )
        )
    if samples and not array.any():
        raise ValueError(
            describe(
                "sample_weight is 0 for every sample",
                "Expected at least one weight above 0",
                "Leave sample_weight out to count all samples alike.",
            )
        )
    return np.ascontiguousarray(array, dtype)
