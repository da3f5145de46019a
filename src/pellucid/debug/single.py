"""Kernels in float32 held against the same in float64, by a bound."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import numpy as np

from pellucid.core.chain import walk
from pellucid.core.layer import Array, Layer
from pellucid.debug.twin import Twin, convert

ROUNDOFF = 2.0**-24
FACTOR = 8.0
TRIALS = 15
"""An odd number of perturbations, of which the median counts."""
AMOUNT = 1e-10


class Single(NamedTuple):
    """One layer's float32 results against their bound."""

    layer: str
    ratios: dict[str, float]
    """Largest error over bound by result: ``y``, ``x`` (dx), ``weight`` (its grad)."""
    kink: bool
    """float32 rounded an output to the other side of 0: its gradient is another."""

    @property
    def worst(self) -> float:
        """The largest ratio; at most 1 is right."""
        return max(self.ratios.values(), default=0.0)


def compare_singles(twin: Twin) -> list[Single]:
    """Run every layer of a float64 twin in float32, on the input it has there.

    Both computations start from the same rounded numbers. A result may be off by

        8 sqrt(K) u S,  u = 2**-24,  S = sum over i of |dr/da_i| |a_i|

    with K the operations of the layer for each number of the result and a all numbers
    that were rounded: x, dy, parameters, statistics, what is kept for backward. S is
    measured: for relative changes of a drawn from the Cauchy distribution, the size of
    the change of r has the median S.

    Source
    ------
    Higham (2002), Accuracy and stability of numerical algorithms, chapter 3; Indyk
    (2006), Stable distributions, pseudorandom generators, embeddings and data stream
    computation.
    """
    met: dict[str, dict[str, Array]] = {}
    leaves = [
        (path, layer) for path, layer in walk(twin.layers) if not layer.children()
    ]
    for path, layer in leaves:
        _tap(layer, met.setdefault(path, {}))
    try:
        twin.trace()
    finally:
        for _, layer in leaves:
            del layer.forward, layer.backward  # the instance's; the class has its own
    return [
        _compare(path, layer, met[path]["x"], met[path]["dy"]) for path, layer in leaves
    ]


def _tap(layer: Layer, met: dict[str, Array]) -> None:
    """Keep copies of what the layer is given in the next pass."""
    forward, backward = layer.forward, layer.backward

    def tapped_forward(x: Any, training: bool = False) -> Array:
        met["x"] = np.array(x)
        return forward(x, training)

    def tapped_backward(dy: Any, need_dx: bool = True) -> Array | None:
        met["dy"] = np.array(dy)
        return backward(dy) if need_dx else backward(dy, need_dx=False)

    vars(layer).update(forward=tapped_forward, backward=tapped_backward)


def _results(
    layer: Layer, x: Array, dy: Array, random: np.random.Generator | None = None
) -> dict[str, Array]:
    """One step of a layer; with ``random`` what it keeps for backward is moved, too."""
    layer.random.counter[...] = 0
    y = np.array(layer.forward(x, training=True))
    if random is not None and layer.saved is not None:
        layer.saved = tuple(
            _moved(kept, random)
            if isinstance(kept, np.ndarray) and kept.dtype.kind == "f"
            else kept
            for kept in layer.saved
        )
    dx = layer.backward(dy)
    named = {name: p.grad.copy() for name, p in layer.named_parameters().items()}
    return {"y": y, "x": np.array(dx), **named}


def _compare(path: str, layer: Layer, x: Array, dy: Array) -> Single:
    single, wide = copy.deepcopy(layer), copy.deepcopy(layer)
    convert(single, "float32")
    x, dy = x.astype("float32"), dy.astype("float32")
    state = {name: array.copy() for name, array in single.state().items()}
    got = _results(single, x, dy)
    x, dy = x.astype("float64"), dy.astype("float64")
    _fill(wide, state)
    want = _results(wide, x, dy)
    changes: dict[str, list[Array]] = {name: [] for name in want}
    random = np.random.default_rng(0)
    for _ in range(TRIALS):
        _fill(wide, {name: _moved(array, random) for name, array in state.items()})
        moved = _results(wide, _moved(x, random), _moved(dy, random), random)
        for name, array in moved.items():
            changes[name].append(np.abs(array - want[name]))
    work = layer.flops(x.shape[1:]) * len(x)
    ratios = {}
    for name, array in want.items():
        scale = np.median(changes[name], axis=0) / AMOUNT
        terms = 1 + work / max(array.size, 1)
        bound = FACTOR * math.sqrt(terms) * ROUNDOFF * np.maximum(scale, np.abs(array))
        error = np.abs(got[name] - array)
        bound += terms * 2.0**-149
        ratios[name] = float((error / bound).max(initial=0.0))
    kink = bool((np.signbit(got["y"]) != np.signbit(want["y"])).any())
    return Single(path, ratios, kink)


def _fill(layer: Layer, state: dict[str, Array]) -> None:
    for name, array in layer.state().items():
        array[...] = state[name]


def _moved(array: Array, random: np.random.Generator) -> Array:
    wide = array.astype("float64")
    return wide * (1 + AMOUNT * random.standard_cauchy(wide.shape))
