"""What every check is made of: arrays, outputs, numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from pellucid.errors import check_choice, describe

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
DType: TypeAlias = np.dtype[Any]
Shape: TypeAlias = tuple[int, ...]

F32, F64, C128 = np.dtype("float32"), np.dtype("float64"), np.dtype("complex128")
U8, I32, I64 = np.dtype("uint8"), np.dtype("int32"), np.dtype("int64")
U64 = np.dtype("uint64")
REAL: tuple[DType, ...] = (F32, F64)
ANY: tuple[DType, ...] = (F32, F64, C128)


class Activation(NamedTuple):
    """What is known of an activation.

    ``fused``: other ops apply it to their results. ``saves``: what its gradient follows
    from, the result "y" or the input "x". ``alpha``: the default of its parameter.
    """

    fused: bool = False
    saves: str = "y"
    alpha: float = 0.0


ACTIVATIONS = {
    "relu": Activation(fused=True),
    "leaky_relu": Activation(fused=True, alpha=0.01),
    "sigmoid": Activation(fused=True),
    "tanh": Activation(fused=True),
    "elu": Activation(alpha=1.0),
    "selu": Activation(),
    "softplus": Activation(),
    "gelu": Activation(saves="x"),
    "silu": Activation(saves="x"),
    "mish": Activation(saves="x"),
    "hard_swish": Activation(saves="x"),
}
FUSED = tuple(name for name, known in ACTIVATIONS.items() if known.fused)
CONV_ALGOS = ("auto", "direct", "winograd", "im2col")
REDUCTIONS = ("mean", "sum")
LARGEST_BYTES = 2**62


def array(value: Any, name: str, dtypes: tuple[DType, ...]) -> Array:
    """Return `value` as a contiguous array whose dtype is one of `dtypes`."""
    if type(value) is np.ndarray and value.dtype in dtypes:
        flags = value.flags
        if flags.c_contiguous and flags.aligned and value.dtype.isnative:
            return value
    return _convert(value, name, dtypes)


def matrix(value: Any, name: str, dtypes: tuple[DType, ...]) -> Array:
    """Return `value` as an array of two dimensions."""
    x = array(value, name, dtypes)
    if x.ndim != 2:
        raise ValueError(
            rank_error(name, x, "2 dimensions", f"Reshape {name} to a matrix")
        )
    return x


def vector(value: Any, name: str, dtypes: tuple[DType, ...], size: int) -> Array:
    """Return `value` as an array of shape `(size,)`."""
    x = array(value, name, dtypes)
    if x.shape != (size,):
        raise ValueError(shape_error(name, x.shape, (size,)))
    return x


def epilogue(
    b: Any, scale: Any, dtype: DType, size: int
) -> tuple[Array | None, Array | None]:
    """Return the vectors of y = act(scale * sum + b); scale comes only with b."""
    if b is not None:
        b = vector(b, "b", (dtype,), size)
    if scale is None:
        return b, None
    if b is None:
        what, expected = "scale is given, b is not", "Expected both or b alone"
        raise ValueError(describe(what, expected, "Pass b, zeros if need be"))
    return b, vector(scale, "scale", (dtype,), size)


def shaped(value: Any, name: str, dtypes: tuple[DType, ...], shape: Shape) -> Array:
    """Return `value` as an array of exactly this shape."""
    x = array(value, name, dtypes)
    if x.shape != shape:
        raise ValueError(shape_error(name, x.shape, shape))
    return x


def inplace(
    value: Any,
    name: str,
    dtypes: tuple[DType, ...],
    size: int | None,
    *others: Array,
) -> Array:
    """Return `value`, a vector that a kernel will overwrite: it is never copied."""
    if not isinstance(value, np.ndarray) or value.dtype not in dtypes:
        array(value, name, dtypes)
        kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        expected = "Expected a NumPy array, in native byte order, to write into"
        repair = f"Pass {name} as such an array"
        raise TypeError(describe(f"{name} is {kind}", expected, repair))
    if value.ndim != 1:
        repair = f"Pass {name}.reshape(-1) of a contiguous array"
        raise ValueError(rank_error(name, value, "1 dimension", repair))
    shape = value.shape if size is None else (size,)
    return output(value, shape, value.dtype, name, *others)


def output(
    out: Array | None, shape: Shape, dtype: DType, name: str, *inputs: Array | None
) -> Array:
    """Return `out` when a kernel may write the result into it; None allocates."""
    if out is None:
        return empty(shape, dtype)
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        what = f"{name} is a {type(out).__name__}"
        repair = f"Without {name}, the result is a new array"
        raise TypeError(describe(what, "Expected a NumPy array or None", repair))
    if out.shape != shape:
        raise ValueError(shape_error(name, out.shape, shape))
    if out.dtype != dtype or not out.flags.carray:
        raise ValueError(_refused(out, dtype, name))
    for other in inputs:
        if other is not None and np.may_share_memory(out, other):
            what = f"{name} shares memory with another argument of the call"
            repair = f"Pass another array as {name}, or none"
            raise ValueError(describe(what, "Expected memory of its own", repair))
    return out


def outputs(out: Any, count: int, names: str) -> Sequence[Any]:
    """Return `out` of an op with several results as a tuple of `count` items."""
    if out is None:
        return (None,) * count
    if not isinstance(out, tuple):
        what = f"out is a {type(out).__name__}"
        expected = f"Expected a tuple {names}, None for what is to be allocated"
        raise TypeError(describe(what, expected, f"Pass out={names}"))
    if len(out) != count:
        what = f"out has {len(out)} items"
        expected = f"Expected {count}: {names}"
        raise ValueError(describe(what, expected, f"Pass out={names}"))
    return out


def number(value: Any, name: str, low: float, high: float, open_low: bool) -> float:
    """Return `value` as a finite float in [low, high], or in (low, high]."""
    if type(value) is not float:
        real = isinstance(value, (int, float, np.integer, np.floating))
        if not real or isinstance(value, bool):
            what = f"{name} is {value!r}, of type {type(value).__name__}"
            repair = f"Pass {name} as a float"
            raise TypeError(describe(what, "Expected a number", repair))
        value = float(value)
    inside = low < value <= high if open_low else low <= value <= high
    if not inside or math.isinf(value):
        what = f"{name} is {value}"
        left, right = "(" if open_low else "[", ")" if math.isinf(high) else "]"
        expected = f"Expected a finite number in {left}{low:g}, {high:g}{right}"
        raise ValueError(describe(what, expected, f"Change {name}"))
    return float(value)


def scalar(value: Any) -> float:
    """Return a factor, any finite number."""
    return number(value, "the factor", -math.inf, math.inf, False)


def flag(value: Any, name: str) -> bool:
    """Return `value` when it is True or False."""
    if value is True or value is False:
        return bool(value)
    what = f"{name} is {value!r}, of type {type(value).__name__}"
    raise TypeError(describe(what, "Expected True or False", f"Pass {name} as a bool"))


def fused(activation: Any) -> str | None:
    """Return the name of an activation that a kernel applies to its result."""
    if activation is None:
        return None
    return check_choice(activation, "activation", FUSED)


def bounds(indices: Array, count: int, what: str, things: str) -> None:
    """Refuse an int64 array with values outside 0 .. count - 1."""
    # Read as uint64 a negative number is huge: one pass finds both kinds.
    if indices.size and int(indices.view(U64).max()) >= count:
        bad = int(np.argmax((indices < 0) | (indices >= count)))
        found = f"{what} {indices.reshape(-1)[bad]} at index {bad} is out of range"
        expected = f"Expected 0 .. {count - 1}: there are {count} {things}"
        raise ValueError(describe(found, expected, f"Check how the {what} was made"))


def _convert(value: Any, name: str, dtypes: tuple[DType, ...]) -> Array:
    if isinstance(value, np.ma.MaskedArray):
        what = f"{name} is a masked array"
        expected = "Expected an array in which every element counts"
        raise TypeError(describe(what, expected, f"Fill it first: {name}.filled(0)"))
    try:
        x = np.asarray(value)
    except ValueError as error:
        what = f"{name} does not form an array: {error}"
        expected = "Expected rows of equal length"
        raise ValueError(describe(what, expected, "Pass a NumPy array")) from error
    native = x.dtype.newbyteorder("=")
    if native not in dtypes:
        words = " or ".join(dtype.name for dtype in dtypes)
        what = f"{name} is an array of {x.dtype}"
        repair = f'Pass {name}.astype("{dtypes[0].name}")'
        raise TypeError(describe(what, f"Expected {words}", repair))
    return np.require(x, native, ["C", "A", "E"])


def empty(shape: Shape, dtype: DType) -> Array:
    """Return new memory, or say how much it would be."""
    needed = math.prod(shape) * dtype.itemsize
    if needed > LARGEST_BYTES:
        what = f"an array of shape {shape} needs {needed:.2g} bytes"
        repair = "Check the sizes, strides and padding"
        raise ValueError(describe(what, "Expected a result that fits memory", repair))
    return np.empty(shape, dtype)


def _refused(out: Array, dtype: DType, name: str) -> str:
    expected = f"Expected a C-contiguous, aligned, writeable array of {dtype}"
    flags = out.flags
    if out.dtype != dtype or not out.dtype.isnative:
        what = f"{name} is an array of {out.dtype}"
    elif 0 in out.strides and out.size > 1:
        what = f"{name} overlaps itself (a broadcast view)"
    elif not flags.writeable:
        what = f"{name} is read-only"
    elif not flags.aligned:
        what = f"{name} is misaligned"
    else:
        what = f"{name} is not C-contiguous: strides {out.strides}"
    return describe(what, expected, f"Pass numpy.empty({out.shape}, {dtype.name!r})")


def rank_error(name: str, x: Array, expected: str, repair: str) -> str:
    """Return the message for a wrong number of dimensions."""
    what = f"{name} has shape {x.shape}, {x.ndim} dimensions"
    return describe(what, f"Expected {expected}", repair)


def shape_error(name: str, got: Shape, wanted: Shape) -> str:
    """Return the message for a wrong shape."""
    what = f"{name} has shape {got}"
    repair = f"Pass {name} with the shape {wanted}"
    return describe(what, f"Expected {wanted}", repair)
