"""A layer in words and numbers: formula, shapes, cost of a step."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from textwrap import wrap
from typing import Any

from pellucid import kernels
from pellucid.checks import check_integer
from pellucid.core.layer import Layer, Shape
from pellucid.core.shown import quantity
from pellucid.errors import describe


def formula(layer: Layer | type[Layer]) -> str:
    """What a layer computes, from its docstring: the one place where that is written.

    Everything before the parameters, without a first line that has no equation.

    Example
    -------
    >>> from pellucid.layers import Tanh
    >>> formula(Tanh)
    'y = tanh(x);  dx = dy * (1 - y**2).'
    """
    kind = layer if isinstance(layer, type) else type(layer)
    text = inspect.cleandoc(kind.__doc__ or "")
    for heading in ("Parameters\n---", "Example\n---", "Input"):
        text = text.split(f"\n\n{heading}", 1)[0]
    first, _, rest = text.partition("\n\n")
    return text if "=" in first else rest


def explain_layer(layer: Layer, batch_size: int = 32) -> str:
    """See ``Layer.explain``."""
    n = check_integer(batch_size, "batch_size", low=1, hint="Leave it out for 32.")
    if layer.input_shape is None or layer.dtype is None:
        raise RuntimeError(
            describe(
                f"explain was asked of {layer.label}, which is not built: its shapes "
                "are not known",
                "Expected a layer of a built model",
                "Call model.build() first, or model.build(shape) where the model has "
                "no input_shape.",
            )
        )
    parts = [layer.label, formula(layer), "", *_shapes(layer), "", *_cost(layer, n)]
    kernel = KERNELS.get(type(layer).__name__)
    if kernel is not None:
        op, sizes = kernel(layer, n)
        said = kernels.explain(op, **sizes)
        parts += ["", *(f"  {line}" for line in said.splitlines())]
    return "\n".join(parts)


def _shapes(layer: Layer) -> list[str]:
    shape = layer.input_shape or ()
    output = tuple(layer.output_shape(shape))
    rows = [("x", _batched(shape)), ("y", _batched(output))]
    rows += [(name, str(p.shape)) for name, p in layer.named_parameters().items()]
    settings = {
        key: value
        for key, value in layer.config().items()
        if isinstance(value, bool | int | float | str | tuple)
        and key not in ("name", "trainable")
    }
    width = max(len(name) for name, _ in rows)
    lines = ["shapes", *(f"  {name:<{width}}  {text}" for name, text in rows)]
    if settings:
        shown = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        lines += [
            "settings",
            *wrap(shown, 90, initial_indent="  ", subsequent_indent="  "),
        ]
    return lines


def _batched(shape: Shape) -> str:
    return f"(n, {', '.join(map(str, shape))})"


def _cost(layer: Layer, n: int) -> list[str]:
    """Operations, memory and parameters of a training step on n samples."""
    shape = layer.input_shape or ()
    inputs, outputs = math.prod(shape), math.prod(layer.output_shape(shape))
    parameters = sum(p.size for p in layer.parameters())
    item = layer.dtype.itemsize if layer.dtype else 4
    forward = layer.flops(shape)
    # dx and dw take as many multiply-adds as y does; without weights there is dx only.
    has_weights = any(p.name.endswith("weight") for p in layer.parameters())
    backward = forward * (2 if has_weights else 1)
    read = (n * inputs + parameters) * item
    forward_bytes = read + n * outputs * item
    backward_bytes = 2 * read + n * outputs * item
    each = f", {forward / outputs:,.5g} for each of {outputs:,} numbers of y"
    flops, moved = (forward + backward) * n, forward_bytes + backward_bytes
    counted = "dx and dw" if has_weights else "dx"
    lines = [
        f"cost of a step, n = {n}, {layer.dtype}",
        f"  forward     {quantity(forward * n, 'FLOP')} ({forward:,} a sample"
        f"{each if forward else ''}), {quantity(forward_bytes, 'B')}",
        f"  backward    {quantity(backward * n, 'FLOP')} ({counted}), "
        f"{quantity(backward_bytes, 'B')}",
        f"  intensity   {flops / max(moved, 1):.3g} FLOP a byte",
        f"  parameters  {parameters:,}, {quantity(parameters * item, 'B')}",
    ]
    if not parameters:
        lines[-1] = "  parameters  none"
    return lines


def _dense(layer: Any, n: int) -> tuple[str, dict[str, Any]]:
    return "gemm", {"dtype": str(layer.dtype)}


def _conv2d(layer: Any, n: int) -> tuple[str, dict[str, Any]]:
    return _conv(layer, n, layer.filters, layer.groups)


def _depthwise(layer: Any, n: int) -> tuple[str, dict[str, Any]]:
    c = layer.input_shape[2]
    return _conv(layer, n, c * layer.depth_multiplier, c)


def _conv(layer: Any, n: int, k: int, groups: int) -> tuple[str, dict[str, Any]]:
    h, w, c = layer.input_shape
    kh, kw = layer.kernel_size
    sizes = {"n": n, "h": h, "w": w, "c": c, "kh": kh, "kw": kw, "k": k}
    options = ("strides", "padding", "dilation", "conv_algo")
    own = {name: getattr(layer, name) for name in options} | {"groups": groups}
    return "conv", {"dtype": str(layer.dtype), **sizes, **own}


KERNELS: dict[str, Callable[[Any, int], tuple[str, dict[str, Any]]]] = {
    "Conv2D": _conv2d,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise,
}
"""By class name: the arguments of ``kernels.explain`` for a layer."""
