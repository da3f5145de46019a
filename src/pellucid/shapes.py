"""Output sizes, padding and the geometry of sliding windows (standard library only).

For one axis of size `in`, a kernel of `k` taps that lie `d` apart covers
`d * (k - 1) + 1` positions. Moved by `stride` over `before + in + after` positions it
fits `out = floor((before + in + after - d * (k - 1) - 1) / stride) + 1` times.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import index
from typing import Any, NamedTuple, TypeAlias, TypeGuard

from pellucid.errors import check_choice, describe

IntPair: TypeAlias = int | Sequence[int]
Padding: TypeAlias = str | int | Sequence[int] | Sequence[Sequence[int]]
Pads: TypeAlias = tuple[tuple[int, int], tuple[int, int]]

LARGEST = 2**31 - 1  # sizes, strides and pads: products of two fit 64 bits


class Geometry(NamedTuple):
    """Everything a sliding-window kernel must know: input, window, output.

    Input `(n, h, w, c)`, window `(kh, kw)`, output `(n, oh, ow, k)`. Output row `i`
    and tap `u` read input row `i * stride_h - pad_top + u * dilation_h`.
    """

    n: int
    h: int
    w: int
    c: int
    kh: int
    kw: int
    oh: int
    ow: int
    k: int
    stride_h: int
    stride_w: int
    pad_top: int
    pad_bottom: int
    pad_left: int
    pad_right: int
    dilation_h: int
    dilation_w: int
    groups: int


def integer(value: object, name: str, minimum: int, maximum: int = LARGEST) -> int:
    """Return `value` as an int between `minimum` and `maximum`.

    Python and NumPy integers are accepted.

    Raises: TypeError for anything else, bool included; ValueError out of range.

    Example
    -------
    >>> integer(3, "groups", 1)
    3
    """
    if type(value) is not int:
        value = _as_int(value, name)
    if minimum <= value <= maximum:
        return value
    what = f"{name} is {value}"
    if value < minimum:
        expected = f"Expected an integer >= {minimum}"
        repair = f"Use {minimum} or more"
    else:
        expected = f"Expected an integer <= {maximum}"
        repair = "Use a smaller number"
    raise ValueError(describe(what, expected, repair))


def pair(value: object, name: str, minimum: int) -> tuple[int, int]:
    """Return one integer for both axes, or two, as `(height, width)`.

    Raises: TypeError for float, bool, str; ValueError for a wrong count or a value
    below `minimum`.

    Example
    -------
    >>> pair(3, "kernel_size", 1), pair((1, 2), "strides", 1)
    ((3, 3), (1, 2))
    """
    if not _is_sequence(value):
        one = integer(value, name, minimum)
        return one, one
    return _two(value, name, minimum)


def check_padding(padding: object) -> str | Pads:
    """Return padding in one of its two normal forms.

    Parameters: `padding` is "valid" (none), "same", an integer for all four sides,
    `(ph, pw)` for above and below, left and right, or `((top, bottom), (left, right))`.

    Returns: the word "same", or `((top, bottom), (left, right))`.

    Raises: TypeError for other kinds; ValueError for unknown words, wrong counts and
    negative numbers.

    Example
    -------
    >>> check_padding("valid"), check_padding((1, 2))
    (((0, 0), (0, 0)), ((1, 1), (2, 2)))
    """
    if isinstance(padding, str):
        word = check_choice(padding, "padding", ("valid", "same"))
        return word if word == "same" else ((0, 0), (0, 0))
    if not _is_sequence(padding):
        p = integer(padding, "padding", 0)
        return (p, p), (p, p)
    if len(padding) == 2 and all(_is_sequence(side) for side in padding):
        return _two(padding[0], "padding", 0), _two(padding[1], "padding", 0)
    ph, pw = _two(padding, "padding", 0)
    return (ph, ph), (pw, pw)


def check_pads(padding: object) -> Pads:
    """Return padding given in numbers as `((top, bottom), (left, right))`.

    Raises: TypeError for words and other kinds; ValueError for wrong counts and
    negative numbers.

    Example
    -------
    >>> check_pads(1), check_pads(((0, 1), (2, 3)))
    (((1, 1), (1, 1)), ((0, 1), (2, 3)))
    """
    sides = None if isinstance(padding, str) else check_padding(padding)
    if sides is None or isinstance(sides, str):
        what = f"padding is {padding!r}"
        expected = "Expected an integer, (ph, pw) or ((top, bottom), (left, right))"
        raise TypeError(describe(what, expected, "Pass numbers of pixels"))
    return sides


def pads(
    padding: str | int | Sequence[int],
    in_size: int,
    kernel: int,
    stride: int = 1,
    dilation: int = 1,
) -> tuple[int, int]:
    """Return the rows of padding before and after one axis.

    For "same", `out = ceil(in / stride)` and the rows needed for it,
    `max((out - 1) * stride + dilation * (kernel - 1) + 1 - in, 0)`, are halved, the odd
    one after (below, right), as in Keras.

    Parameters: `padding` is "valid", "same", an integer, or `(before, after)`.

    Example
    -------
    >>> pads("same", in_size=8, kernel=3, stride=2)
    (0, 1)
    """
    if padding == "same":
        out = -(-in_size // stride)
        covered = dilation * (kernel - 1) + 1
        needed = max((out - 1) * stride + covered - in_size, 0)
        return needed // 2, needed - needed // 2
    if padding == "valid":
        return 0, 0
    return pair(padding, "padding", 0)


def output_size(
    in_size: int,
    kernel: int,
    stride: int = 1,
    before: int = 0,
    after: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Return how often the window fits on one axis; below 1 when it does not.

    `out = floor((before + in + after - dilation * (kernel - 1) - 1) / stride) + 1`.
    With `ceil_mode` it is rounded up, but a last window that would start in the padding
    after the input is left out.

    Example
    -------
    >>> output_size(5, 2, stride=2), output_size(5, 2, stride=2, ceil_mode=True)
    (2, 3)
    """
    room = before + in_size + after - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    out = -(-room // stride) + 1
    return out - 1 if (out - 1) * stride >= before + in_size else out


def conv_geometry(
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    *,
    strides: object = 1,
    padding: object = "valid",
    dilation: object = 1,
    groups: object = 1,
    name: str = "conv2d",
) -> Geometry:
    """Return the geometry of a convolution, or say why there is none.

    Parameters: `x_shape` `(n, h, w, c)`; `w_shape` `(kh, kw, c / groups, k)`; `name`
    of the operation or layer, for messages.

    Raises: TypeError, ValueError.

    Example
    -------
    >>> g = conv_geometry((8, 28, 28, 1), (3, 3, 1, 32), padding="same")
    >>> g.oh, g.ow, g.k
    (28, 28, 32)
    """
    if len(x_shape) != 4:
        raise ValueError(_image_rank(name, x_shape))
    if len(w_shape) != 4:
        what = f"{name} got a filter of shape {tuple(w_shape)}"
        expected = "Expected 4 dimensions (kh, kw, c / groups, k)"
        raise ValueError(describe(what, expected, "Reshape the filter"))
    stride_h, stride_w = pair(strides, "strides", 1)
    dilation_h, dilation_w = pair(dilation, "dilation", 1)
    groups = integer(groups, "groups", 1)
    return _conv_geometry(
        tuple(x_shape), tuple(w_shape), stride_h, stride_w, check_padding(padding),
        dilation_h, dilation_w, groups, name,
    )  # fmt: skip


def check_groups(groups: int, c: int, k: int, name: str) -> None:
    """Raise ValueError unless `groups` divides c input and k output channels.

    Example
    -------
    >>> check_groups(2, 4, 6, "conv2d")
    """
    if c % groups or k % groups:
        what = f"{name}: groups={groups} does not divide {c} input and {k} output"
        expected = "Expected groups to divide both channel counts"
        raise ValueError(describe(f"{what} channels", expected, _common(c, k)))


@lru_cache(maxsize=1024)
def _conv_geometry(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    stride_h: int,
    stride_w: int,
    padding: str | Pads,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    name: str,
) -> Geometry:
    c, (kh, kw, group_c, k) = x_shape[3], w_shape
    if min(w_shape) < 1:
        what = f"{name} has a filter of shape {w_shape}"
        expected = "Expected sizes of at least 1 in (kh, kw, c / groups, k)"
        raise ValueError(describe(what, expected, "Give every size a number >= 1"))
    check_groups(groups, c, k, name)
    if group_c * groups != c:
        raise ValueError(_channels(name, x_shape, group_c * groups, groups))
    return _windows(
        x_shape, (kh, kw), k, (stride_h, stride_w), padding,
        (dilation_h, dilation_w), groups, False, name,
    )  # fmt: skip


def pool_geometry(
    x_shape: Sequence[int],
    pool_size: object,
    *,
    strides: object = None,
    padding: object = "valid",
    ceil_mode: bool = False,
    name: str = "pool2d",
) -> Geometry:
    """Return the geometry of a pooling; `strides=None` means the pool size.

    `k` is `c`, `groups` and the dilations are 1. With `ceil_mode` the padding below and
    right grows to the end of the last window, so that every window lies inside.

    Parameters: `x_shape` `(n, h, w, c)`; `name` of the operation or layer.

    Raises: TypeError, ValueError (also when a window could hold padding alone).

    Example
    -------
    >>> g = pool_geometry((8, 5, 5, 3), 2, ceil_mode=True)
    >>> g.oh, g.pad_bottom
    (3, 1)
    """
    if len(x_shape) != 4:
        raise ValueError(_image_rank(name, x_shape))
    kh, kw = pair(pool_size, "pool_size", 1)
    step = (kh, kw) if strides is None else pair(strides, "strides", 1)
    if not isinstance(ceil_mode, bool):
        what = f"ceil_mode is {ceil_mode!r}"
        raise TypeError(describe(what, "Expected True or False", "Pass a bool"))
    return _pool_geometry(
        tuple(x_shape), (kh, kw), step, check_padding(padding), ceil_mode, name
    )


@lru_cache(maxsize=1024)
def _pool_geometry(
    x_shape: tuple[int, ...],
    pool: tuple[int, int],
    step: tuple[int, int],
    padding: str | Pads,
    ceil_mode: bool,
    name: str,
) -> Geometry:
    if not isinstance(padding, str):
        for sides, size in zip(padding, pool, strict=True):
            if max(sides) >= size:
                what = f"{name}: padding {max(sides)} reaches over the window of {size}"
                expected = (
                    "Expected padding below pool_size, else a window holds no element"
                )
                repair = f"Pass padding={size - 1} or less"
                raise ValueError(describe(what, expected, repair))
    ceil_mode = ceil_mode and not isinstance(padding, str)
    return _windows(
        x_shape, pool, x_shape[3], step, padding, (1, 1), 1, ceil_mode, name
    )


def window_geometry(
    x_shape: Sequence[int],
    kernel_size: object,
    *,
    strides: object = 1,
    padding: object = "valid",
    dilation: object = 1,
    name: str = "im2col",
) -> Geometry:
    """Return the geometry of windows taken out of `x`: `k` is `kh * kw * c`.

    Example
    -------
    >>> window_geometry((1, 4, 4, 2), 3).k
    18
    """
    if len(x_shape) != 4:
        raise ValueError(_image_rank(name, x_shape))
    kh, kw = pair(kernel_size, "kernel_size", 1)
    return _windows(
        tuple(x_shape), (kh, kw), kh * kw * x_shape[3], pair(strides, "strides", 1),
        check_padding(padding), pair(dilation, "dilation", 1), 1, False, name,
    )  # fmt: skip


def _windows(
    x_shape: tuple[int, ...],
    kernel: tuple[int, int],
    k: int,
    stride: tuple[int, int],
    padding: str | Pads,
    dilation: tuple[int, int],
    groups: int,
    ceil_mode: bool,
    name: str,
) -> Geometry:
    n, h, w, c = x_shape
    if h < 1 or w < 1 or c < 1:
        what = f"{name} got an array of shape {x_shape}: spatial size 0"
        if c < 1:
            what = f"{name} got an array of shape {x_shape}: no channels"
        repair = "Check the step before, which made the array empty"
        raise ValueError(describe(what, "Expected at least 1 in h, w and c", repair))
    sides, outs = [], []
    for axis, size in enumerate((h, w)):
        rule = padding if isinstance(padding, str) else padding[axis]
        before, after = pads(rule, size, kernel[axis], stride[axis], dilation[axis])
        out = output_size(
            size, kernel[axis], stride[axis], before, after, dilation[axis], ceil_mode
        )
        if ceil_mode:
            after = max(after, (out - 1) * stride[axis] + kernel[axis] - size - before)
        sides.append((before, after))
        outs.append(out)
    if min(outs) < 1:
        what = (
            f"{name}: the output would be {outs[0]} x {outs[1]}: kernel "
            f"{kernel[0]} x {kernel[1]}, dilation {dilation[0]} x {dilation[1]}, input "
            f"{h} x {w}, padding {sides[0]} and {sides[1]}"
        )
        expected = "Expected a kernel that fits into the padded input"
        repair = 'Use a smaller kernel, padding="same", or a larger input'
        raise ValueError(describe(what, expected, repair))
    (oh, ow), ((top, bottom), (left, right)) = outs, sides
    return Geometry(
        n, h, w, c, kernel[0], kernel[1], oh, ow, k, stride[0], stride[1],
        top, bottom, left, right, dilation[0], dilation[1], groups,
    )  # fmt: skip


def _is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, (tuple, list))


def _as_int(value: Any, name: str) -> int:
    if not isinstance(value, (bool, float, str)) and getattr(value, "ndim", 0) == 0:
        try:
            number = index(value)
        except TypeError:
            pass
        else:
            if type(value).__name__ not in ("bool_", "bool"):
                return number
    what = f"{name} is {value!r}, of type {type(value).__name__}"
    raise TypeError(describe(what, "Expected an integer", f"Pass {name} as an int"))


def _two(values: Sequence[Any], name: str, minimum: int) -> tuple[int, int]:
    if len(values) != 2:
        what = f"{name} is {values!r}: {len(values)} numbers"
        expected = "Expected one integer, or two: (height, width)"
        raise ValueError(describe(what, expected, f"Pass {name} as one or two ints"))
    return integer(values[0], name, minimum), integer(values[1], name, minimum)


def _common(c: int, k: int) -> str:
    from math import gcd

    return f"Use a divisor of {gcd(c, k)}" if c and k else "Give both >= 1 channel"


def _image_rank(name: str, shape: Sequence[int]) -> str:
    what = f"{name} got an array of shape {tuple(shape)}, {len(shape)} dimensions"
    repair = "Reshape it to images"
    if len(shape) == 3:
        repair = "Add a batch axis with x[None], or a channel axis with x[..., None]"
    return describe(what, "Expected 4 dimensions (n, h, w, c)", repair)


def _channels(name: str, shape: tuple[int, ...], wanted: int, groups: int) -> str:
    what = (
        f"{name} got an array of shape {shape}: {shape[3]} channels in the last "
        f"dimension, {wanted} were expected"
    )
    repair = "Give the filter the shape (kh, kw, c / groups, k) with the c of x"
    if shape[1] == wanted:
        repair = (
            "This looks like channels-first data: pass x.transpose(0, 2, 3, 1),\n"
            'or build the model with Sequential(..., data_format="channels_first")'
        )
    return describe(what, f"Expected (n, h, w, {wanted})", repair)
