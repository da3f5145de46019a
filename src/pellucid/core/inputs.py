"""What may be passed as an array, decided in one place for layers and models."""

from __future__ import annotations

import math
import warnings
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.errors import describe

_REAL_KINDS = "fiu"
_KIND_NAMES = {
    "b": "a boolean array",
    "c": "a complex array",
    "O": "an object array",
    "S": "an array of byte strings",
    "U": "an array of strings",
    "T": "an array of strings",
    "M": "an array of dates",
    "m": "an array of time differences",
    "V": "a structured array",
}


def check_number(
    value: object,
    name: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
) -> float:
    """Return ``value`` as a finite float within the bounds, or raise.

    Example
    -------
    >>> check_number(0, "rate", at_least=0, at_most=1)
    0.0
    """
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (
            ("at least", at_least),
            ("above", above),
            ("at most", at_most),
        )
        if bound is not None
    ]
    expected = f"Expected a finite number {' and '.join(bounds)}".rstrip()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(
            describe(
                f"{name} is {value!r}",
                expected,
                f"Pass a number, not {type(value).__name__}.",
            )
        )
    try:
        number = float(value)
    except OverflowError:  # an int beyond the largest float
        number = math.inf
    if (
        not math.isfinite(number)
        or (at_least is not None and number < at_least)
        or (above is not None and number <= above)
        or (at_most is not None and number > at_most)
    ):
        raise ValueError(
            describe(f"{name} is {number:g}", expected, "Pass a number in that range")
        )
    return number


def as_float_input(
    x: object, dtype: DTypeLike, name: str, *, keep_bytes: bool = False
) -> NDArray[Any]:
    """Return ``x`` as a plain array of ``dtype``, or raise.

    Floats of any width and integers are converted silently, lists and other things
    that ``np.asarray`` turns into numbers likewise; integers too large for ``dtype``
    raise a warning. An array of the right dtype is returned as it is, in whatever
    memory order.

    Parameters
    ----------
    x : array_like
        The input, any shape.
    dtype : dtype
        float32 or float64.
    name : str
        What the error message calls the input, such as ``"conv2d_1 (Conv2D): x"``.
    keep_bytes : bool, default False
        Return uint8 arrays unchanged. Without it, 4-D ones (images) are refused.

    Raises
    ------
    TypeError
        Booleans, complex numbers, objects, strings, dates, structures, masked arrays.
    ValueError
        Ragged lists; 4-D uint8 arrays.

    Example
    -------
    >>> as_float_input([[1, 2], [3, 4]], "float32", "x").dtype
    dtype('float32')
    """
    dtype = np.dtype(dtype)
    if type(x) is np.ndarray and x.dtype == dtype:
        return x
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            describe(
                f"{name} is a masked array",
                "Expected an array in which every element counts",
                "Fill the gaps first: x.filled(0).",
            )
        )
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            describe(
                f"{name} does not form an array: {error}",
                "Expected rows of equal length",
                "Pad or cut the rows, or pass an array.",
            )
        ) from error
    if array.dtype.kind not in _REAL_KINDS:
        raise TypeError(
            describe(
                f"{name} is {_KIND_NAMES[array.dtype.kind]} ({array.dtype})",
                f"Expected real numbers: {array.dtype} is not supported",
                f'If the values are numbers, pass x.astype("{dtype}").',
            )
        )
    if array.dtype == np.uint8:
        if keep_bytes:
            return array
        if array.ndim == 4:
            raise ValueError(
                describe(
                    f"{name} is an array of uint8 images, shape {array.shape}",
                    "Expected scaled numbers: layers start out expecting about "
                    "mean 0 and deviation 1",
                    f'Scale first (x.astype("{dtype}") / 255), or make '
                    "Rescaling(1 / 255) the first layer.",
                )
            )
    if array.dtype.kind in "iu":
        _warn_if_inexact(array, dtype, name)
    return array.astype(dtype)


def _warn_if_inexact(array: NDArray[Any], dtype: np.dtype[Any], name: str) -> None:
    """Say so when whole numbers do not survive the conversion to ``dtype``."""
    exact = 2 ** (np.finfo(dtype).nmant + 1)  # 2**24 for float32, 2**53 for float64
    if np.iinfo(array.dtype).max <= exact or array.size == 0:
        return
    largest = max(int(array.max()), -int(array.min()))
    if largest > exact:
        warnings.warn(
            describe(
                f"{name} holds integers up to {largest} in size, "
                f"not exactly representable as {dtype}",
                f"Expected at most {exact}",
                "Scale the column, or use identifiers as categories.",
            ),
            UserWarning,
            stacklevel=4,
        )


def check_axes(
    sizes: tuple[int, ...],
    label: str,
    *,
    axes: str | None = None,
    channels: int | None = None,
    batch: int | None = None,
) -> None:
    """Raise unless an array of shape ``(n, *sizes)`` fits the axes of a layer.

    Parameters
    ----------
    sizes : tuple of int
        The shape without the batch axis.
    label : str
        What the message calls the layer.
    axes : str, optional
        The letters of all axes, such as ``"n, h, w, c"``; None takes any rank >= 2.
    channels : int, optional
        What the last axis must have.
    batch : int, optional
        The size of the batch axis, where it is known.

    Raises
    ------
    ValueError
        Wrong number of axes, wrong size of the last axis, a size of 0.
    """
    rank = len(sizes) + 1
    right_rank = rank >= 2 if axes is None else rank == axes.count(",") + 1
    if right_rank and min(sizes) >= 1 and channels in (None, sizes[-1]):
        return
    letters = ["n", "..."] if axes is None else axes.split(", ")
    known = letters if channels is None else [*letters[:-1], str(channels)]
    expected = f"Expected ({', '.join(known)})"
    shown = ", ".join(["n" if batch is None else str(batch), *map(str, sizes)])
    what = f"{label} got an array of shape ({shown}{'' if sizes else ','})"
    if not right_rank:
        what += f": {rank} dimension{'s' if rank > 1 else ''}"
        repair = _rank_hint(rank, letters)
    elif min(sizes) < 1:
        kind = "spatial size" if rank == 4 and sizes[-1] > 0 else "size"
        what += f": {kind} {min(sizes)}"
        expected += " with every size but the batch at least 1"
        repair = "Check the step before, which made the array empty"
    else:
        word = "features" if rank == 2 else "channels"
        what += f": {sizes[-1]} {word} in the last dimension, {channels} were expected"
        repair = _channels_hint(sizes, channels, word)
    raise ValueError(describe(what, expected, repair))


def _rank_hint(rank: int, letters: list[str]) -> str:
    if len(letters) == 2:
        if rank > 2:
            return "Put Flatten() before this layer"
        return "If this is one sample, add the batch axis: x[None]"
    if rank == 3:
        return "Add a batch axis with x[None], or a channel axis with x[..., None]"
    return f"Reshape the array to ({', '.join(letters)})"


def _channels_hint(sizes: tuple[int, ...], channels: int | None, word: str) -> str:
    if len(sizes) == 3 and sizes[0] == channels:
        return (
            "This looks like channels-first data: pass x.transpose(0, 2, 3, 1),\n"
            'or build the model with Sequential(..., data_format="channels_first")'
        )
    return (
        f"Pass {channels} {word}, or build a new layer for {sizes[-1]}: "
        "the weights were made for the first input"
    )
