"""Checks of `concat` and `split`."""

from __future__ import annotations

from typing import Any

from pellucid.errors import describe
from pellucid.shapes import integer

from .arrays import REAL, Array, DType, array, output, outputs, shape_error


def concat(
    arrays: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[list[Array], Array]:
    """Return `(arrays, out)`: one dtype, shapes that differ in the last axis only."""
    if not isinstance(arrays, list | tuple) or not arrays:
        what = f"arrays is {type(arrays).__name__} {arrays!r}"
        if isinstance(arrays, list | tuple):
            raise ValueError(describe(what, "Expected at least one array", "Pass one"))
        raise TypeError(describe(what, "Expected a list of arrays", "Pass a list"))
    first = array(arrays[0], "arrays[0]", dtypes)
    found = [first]
    for index, value in enumerate(arrays[1:], 1):
        found.append(array(value, f"arrays[{index}]", (first.dtype,)))
    for index, x in enumerate(found):
        if x.ndim == 0 or x.shape[:-1] != first.shape[:-1] or x.ndim != first.ndim:
            wanted = (*first.shape[:-1], x.shape[-1] if x.ndim else 1)
            raise ValueError(shape_error(f"arrays[{index}]", x.shape, wanted))
    shape = (*first.shape[:-1], sum(x.shape[-1] for x in found))
    return found, output(out, shape, first.dtype, "out", *found)


def split(
    x: Any, sizes: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, tuple[Array, ...]]:
    """Return `(x, out)`: one array for each of the sizes, which add up to the axis."""
    x = array(x, "x", dtypes)
    if not isinstance(sizes, list | tuple):
        what = f"sizes is {sizes!r}"
        raise TypeError(describe(what, "Expected a list of whole numbers", "Pass one"))
    widths = [integer(size, "sizes", 0) for size in sizes]
    if x.ndim == 0 or sum(widths) != x.shape[-1] or not widths:
        what = f"sizes is {list(sizes)} for x of shape {x.shape}"
        expected = "Expected sizes that add up to the last axis"
        raise ValueError(describe(what, expected, "Pass the sizes of the parts"))
    names = ", ".join(f"y{i}" for i in range(len(widths)))
    given = outputs(out, len(widths), f"({names})")
    parts = tuple(
        output(part, (*x.shape[:-1], width), x.dtype, f"out[{i}]", x)
        for i, (part, width) in enumerate(zip(given, widths, strict=True))
    )
    return x, parts
