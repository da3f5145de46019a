"""What the rows of the parity tables draw their configurations with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.parity.compare import torch

functional = torch.nn.functional
Random = np.random.Generator

ACTIVATIONS: dict[str | None, Callable[[Any], Any]] = {
    None: lambda y: y,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "swish": functional.silu,
    "mish": functional.mish,
    "hard_swish": functional.hardswish,
    "softplus": functional.softplus,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda y: torch.softmax(y, -1),
    "log_softmax": lambda y: torch.log_softmax(y, -1),
}


class Rows(dict[str, Callable[..., Any]]):
    """A table; as a decorator it adds a row under the name of the function.

    A row's function is named like the class that it draws.
    """

    def __call__(self, draw: Callable[..., Any]) -> Callable[..., Any]:
        self[draw.__name__] = draw
        return draw


def pick(random: Random, *choices: Any) -> Any:
    """One of some things."""
    return choices[int(random.integers(len(choices)))]


def some(random: Random, low: int, high: int) -> int:
    """A whole number from low to high."""
    return int(random.integers(low, high, endpoint=True))


def image(random: Random, least: int = 1) -> tuple[int, int, int]:
    """The shape of a small image."""
    return some(random, least, 11), some(random, least, 11), some(random, 1, 19)


def any_shape(random: Random) -> tuple[int, ...]:
    """A shape of one to three axes."""
    return tuple(some(random, 1, 8) for _ in range(some(random, 1, 3)))


def first(x: Any) -> Any:
    """Channels first."""
    return x.movedim(-1, 1)


def last(x: Any) -> Any:
    """Channels last."""
    return x.movedim(1, -1)


def same_padding(
    sizes: tuple[int, ...], window: tuple[int, ...], strides: tuple[int, ...]
) -> list[int]:
    """The padding of "same", in PyTorch's order: left, right, top, bottom."""
    pads: list[int] = []
    for size, taps, stride in zip(sizes, window, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + taps - size, 0)
        pads = [total // 2, total - total // 2, *pads]
    return pads


def draw_padding(
    random: Random, sizes: tuple[int, int], window: tuple[int, int], strides: Any
) -> tuple[Any, list[int]]:
    """Padding as pellucid takes it and as functional.pad takes it."""
    kind = pick(random, "valid", "same", "number", "pairs")
    if kind == "valid":
        return kind, [0, 0, 0, 0]
    if kind == "same":
        return kind, same_padding(sizes, window, strides)
    if kind == "number":
        pad = some(random, 0, min(window) // 2)
        return pad, [pad] * 4
    (top, bottom), (left, right) = pairs = tuple(
        (some(random, 0, taps - 1), some(random, 0, taps - 1)) for taps in window
    )
    return pairs, [left, right, top, bottom]
