"""One row for each convolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pellucid as pl
from tests.parity.draws import (
    ACTIVATIONS,
    Random,
    Rows,
    draw_padding,
    first,
    functional,
    last,
    pick,
    same_padding,
    some,
)
from tests.parity.layers import Drawn

row = Rows()


def affine(random: Random) -> dict[str, Any]:
    """Arguments of every layer with a weight."""
    return {
        "activation": pick(random, *ACTIVATIONS),
        "use_bias": bool(pick(random, True, True, False)),
    }


def spans(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """What a dilated filter reaches over."""
    return tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))


def window(random: Random) -> tuple[dict[str, Any], tuple[int, int], list[int]]:
    """Arguments of a window, an image that it fits, the padding in PyTorch."""
    kernel = pick(random, (1, 1), (3, 3), (3, 3), (5, 5), (2, 3), (4, 1))
    strides = pick(random, (1, 1), (1, 1), (2, 2), (1, 3))
    dilation = pick(random, (1, 1), (1, 1), (2, 2), (1, 2))
    reach = spans(kernel, dilation)
    h, w = (some(random, taps, taps + 8) for taps in reach)
    padding, pads = draw_padding(random, (h, w), reach, strides)
    words = {"kernel_size": kernel, "strides": strides, "padding": padding}
    return words | {"dilation": dilation}, (h, w), pads


def depthwise(x: Any, weight: Any, words: Mapping[str, Any], pads: list[int]) -> Any:
    """Filters (kh, kw, c, m) that see one channel each; channels first."""
    kh, kw, c, m = weight.shape
    return functional.conv2d(
        functional.pad(first(x), pads),
        weight.permute(2, 3, 0, 1).reshape(c * m, 1, kh, kw),
        stride=words["strides"],
        dilation=words["dilation"],
        groups=c,
    )


@row
def Conv2D(random: Random) -> Drawn:
    words, (h, w), pads = window(random)
    groups = pick(random, 1, 1, 2, 3)
    algorithms = ["auto", "direct", "im2col"]
    if (words["kernel_size"], words["strides"], words["dilation"], groups) == (
        *((3, 3), (1, 1), (1, 1)),
        1,
    ):
        algorithms = ["auto", "winograd"]
    rest = affine(random)
    layer = pl.Conv2D(
        groups * some(random, 1, 17),
        **words,
        **rest,
        groups=groups,
        conv_algo=pick(random, *algorithms),
    )

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        y = functional.conv2d(
            functional.pad(first(x), pads),
            p["weight"].permute(3, 2, 0, 1).contiguous(),
            p.get("bias"),
            stride=words["strides"],
            dilation=words["dilation"],
            groups=groups,
        )
        return ACTIVATIONS[rest["activation"]](last(y))

    return Drawn(layer, (h, w, groups * some(random, 1, 17)), same)


@row
def Conv1D(random: Random) -> Drawn:
    size, stride = some(random, 1, 5), some(random, 1, 3)
    dilation, groups = some(random, 1, 2), pick(random, 1, 1, 2, 3)
    reach = (size - 1) * dilation + 1
    length = some(random, reach, reach + 20)
    before, after = some(random, 0, reach - 1), some(random, 0, reach - 1)
    padding, pads = pick(
        random,
        ("valid", [0, 0]),
        ("same", same_padding((length,), (reach,), (stride,))),
        ("causal", [reach - 1, 0]),
        (before, [before, before]),
        ((before, after), [before, after]),
    )
    rest = affine(random)
    layer = pl.Conv1D(
        groups * some(random, 1, 17),
        size,
        stride,
        padding,
        dilation=dilation,
        groups=groups,
        **rest,
    )

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        y = functional.conv1d(
            functional.pad(first(x), pads),
            p["weight"].permute(2, 1, 0).contiguous(),
            p.get("bias"),
            stride=stride,
            dilation=dilation,
            groups=groups,
        )
        return ACTIVATIONS[rest["activation"]](last(y))

    return Drawn(layer, (length, groups * some(random, 1, 17)), same)


@row
def DepthwiseConv2D(random: Random) -> Drawn:
    words, (h, w), pads = window(random)
    rest = affine(random)
    layer = pl.DepthwiseConv2D(**words, depth_multiplier=some(random, 1, 3), **rest)

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        y = last(depthwise(x, p["weight"], words, pads)) + p.get("bias", 0)
        return ACTIVATIONS[rest["activation"]](y)

    return Drawn(layer, (h, w, some(random, 1, 35)), same)


@row
def SeparableConv2D(random: Random) -> Drawn:
    words, (h, w), pads = window(random)
    rest = affine(random)
    layer = pl.SeparableConv2D(
        some(random, 1, 20), **words, depth_multiplier=some(random, 1, 3), **rest
    )

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        z = last(depthwise(x, p["depthwise_weight"], words, pads))
        y = z @ p["pointwise_weight"][0, 0] + p.get("bias", 0)
        return ACTIVATIONS[rest["activation"]](y)

    return Drawn(layer, (h, w, some(random, 1, 20)), same)


@row
def ConvTranspose2D(random: Random) -> Drawn:
    kernel = pick(random, (1, 1), (3, 3), (4, 4), (2, 2), (2, 3), (4, 1))
    strides = pick(random, (1, 1), (2, 2), (2, 2), (1, 3))
    dilation = pick(random, (1, 1), (1, 1), (2, 2), (1, 2))
    groups = pick(random, 1, 1, 2, 3)
    sizes = list(zip(spans(kernel, dilation), strides, strict=True))
    more: tuple[int, ...] | None = tuple(max(s - reach, 0) for reach, s in sizes)
    kind = pick(random, "valid", "same", "number", "pairs")
    padding: Any = kind
    if kind == "same":  # cut so that the output is the input times the stride
        cut = tuple(max(reach - s, 0) for reach, s in sizes)
        sides = tuple((size // 2, size - size // 2) for size in cut)
    else:
        sides = tuple(
            (some(random, 0, reach // 2), some(random, 0, reach // 2))
            for reach, _ in sizes
        )
        if kind == "valid":
            sides = ((0, 0), (0, 0))
        elif kind == "number":
            padding = tuple(before for before, _ in sides)
            sides = tuple((before, before) for before, _ in sides)
        else:
            padding = sides
    given = None
    if kind != "same" and random.integers(2):
        given = more = tuple(some(random, 0, s - 1) for s in strides)
    rest = affine(random)
    layer = pl.ConvTranspose2D(
        groups * some(random, 1, 17),
        kernel,
        strides,
        padding,
        output_padding=given,
        dilation=dilation,
        groups=groups,
        **rest,
    )
    # PyTorch cuts the same off both sides; so cut nothing there, and both here.
    (top, bottom), (left, right) = sides
    ends = [-left, more[1] - right, -top, more[0] - bottom]

    def same(x: Any, p: Mapping[str, Any]) -> Any:
        weight = p["weight"].permute(3, 2, 0, 1).contiguous()
        options: dict[str, Any] = {"stride": strides, "groups": groups}
        options["dilation"] = dilation
        if kind in ("valid", "number"):
            y = functional.conv_transpose2d(
                first(x),
                weight,
                p.get("bias"),
                padding=(top, left),
                output_padding=more,
                **options,
            )
            return ACTIVATIONS[rest["activation"]](last(y))
        y = functional.conv_transpose2d(first(x), weight, **options)
        y = last(functional.pad(y, ends)) + p.get("bias", 0)
        return ACTIVATIONS[rest["activation"]](y)

    h, w = some(random, 2, 8), some(random, 2, 8)
    return Drawn(layer, (h, w, groups * some(random, 1, 17)), same)
