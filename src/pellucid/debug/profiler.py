"""Where the time of a training step goes, layer by layer."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.core.layer import Layer
from pellucid.debug.advice import advise
from pellucid.debug.profile_table import Cost, Machine, Profile, Row
from pellucid.debug.stepper import Laps, Stepper
from pellucid.debug.trace import BACKWARD, FORWARD, Owner
from pellucid.debug.yardsticks import copy_bandwidth, fma_peak, spread
from pellucid.layers.affine import Affine
from pellucid.layers.conv import Conv2D
from pellucid.model.options import check_options
from pellucid.model.prepare import prepare

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

T = TypeVar("T")

LEAST_ROUNDS, MOST_ROUNDS = 7, 300
YARDSTICKS = 3  # how often the machine is measured in between
MEMORY_BYTES = 1 << 27  # beyond the caches
SMALLEST_COPY = 1 << 16

FAMILIES = {
    "dense": "gemm",
    "conv": "conv",
    "pooling": "pool",
    "normalization": "norm",
    "activation": "eltwise",
    "regularization": "random",
    "merge": "eltwise",
    "shape": "eltwise",
}
"""The family of kernels that the layers of a file use, as `explain` knows it."""


def profile(
    model: Sequential,
    x: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    seconds: float = 1.0,
) -> Profile:
    """See ``Sequential.profile``; a copy of the model takes the steps."""
    budget = check_number(seconds, "seconds", above=0)
    with model.training("profile"):
        trial = copy.deepcopy(model)
    options = check_options(
        epochs=1,
        batch_size=0,
        validation_split=0.0,
        shuffle=False,
        callbacks=(),
        verbose=0,
        accumulate_steps=1,
        on_nan="raise",
    )
    data = prepare(
        trial,
        options,
        x,
        y,
        seed=trial.seed,
        validation_data=None,
        class_weight=None,
        sample_weight=sample_weight,
    )
    stepper = Stepper(trial, data.source)
    return _measured(stepper, budget)


def _measured(stepper: Stepper, budget: float) -> Profile:
    dtype = str(stepper.model.dtype)
    whole: list[float] = []
    laps: list[Laps] = []
    peaks: list[float] = []
    copies: list[float] = []
    stepper.whole()
    stepper.watched()
    start = perf_counter()
    stepper.whole()
    once = max(perf_counter() - start, 1e-6)
    rounds = min(max(int(budget / (2 * once)), LEAST_ROUNDS), MOST_ROUNDS)
    for number in range(rounds):
        if number * YARDSTICKS // rounds == len(peaks):
            peaks.append(fma_peak(dtype))
            copies.append(copy_bandwidth(MEMORY_BYTES))
        for part in ("whole", "watched") if number % 2 else ("watched", "whole"):
            if part == "watched":
                laps.append(stepper.watched())
            else:
                start = perf_counter()
                stepper.whole()
                whole.append(perf_counter() - start)
    allocations = stepper.allocations()
    buffers = stepper.step.buffer_sizes()
    machine = Machine(
        peak=max(peaks),
        bandwidth=max(copies),
        isa=kernels.active_isa(),
        threads=kernels.get_num_threads(),
    )
    return _assembled(stepper, machine, whole, laps, buffers, allocations)


def _assembled(
    stepper: Stepper,
    machine: Machine,
    whole: list[float],
    laps: list[Laps],
    buffers: dict[int, int],
    allocations: dict[str, int],
) -> Profile:
    usual = middle_half(laps, lambda lap: lap.seconds)
    outside = {
        name: statistics.fmean(lap.outside[name] for lap in usual)
        for name in laps[0].outside
    }
    layers = stepper.trace.layers
    taken = {
        Owner(name, direction): statistics.fmean(
            lap.layers.get(Owner(name, direction), 0.0) for lap in usual
        )
        for name in layers
        for direction in (FORWARD, BACKWARD)
    }
    total = sum(taken.values()) + sum(outside.values())
    copies = _Copies()
    rows = []
    for name, layer in layers.items():
        costs = _costs(stepper, name, layer, taken)
        forward, backward = costs
        flops = forward.flops + backward.flops
        moved = forward.bytes + backward.bytes
        seconds = forward.seconds + backward.seconds
        copy_rate = copies(max(forward.bytes, backward.bytes))
        rows.append(
            Row(
                name=name,
                kind=type(layer).__name__,
                output=layer.output_shape(layer.input_shape or ()),
                parameters=_own(layer, _size),
                forward=forward,
                backward=backward,
                share=seconds / total,
                bound=_bound(flops, moved, machine.peak, copy_rate, seconds),
                percent_of_peak=_percent(flops, seconds, machine.peak),
                percent_of_copy=_percent(moved, seconds, copy_rate),
                buffers=buffers.get(id(layer), 0),
                allocations=allocations.get(name, 0),
                isa=machine.isa,
            )
        )
    low, high = spread(whole)
    steps = middle_half(whole, lambda seconds: seconds)
    found = Profile(
        step_seconds=statistics.fmean(steps),
        batch=stepper.batch,
        dtype=str(stepper.model.dtype),
        machine=machine,
        rows=rows,
        outside=outside,
        recorded=stepper.recording is not None,
        variation=(high - low) / statistics.median(whole),
    )
    found.advice.extend(advise(found))
    return found


def middle_half(values: list[T], key: Callable[[T], float]) -> list[T]:
    """Without the quarter with the smallest and the quarter with the largest times.

    Its mean is as steady as a median, and is the sum of the means of the parts.

    Example
    -------
    >>> middle_half([3.0, 1.0, 99.0, 2.0], lambda value: value)
    [2.0, 3.0]
    """
    cut = len(values) // 4
    return sorted(values, key=key)[cut : len(values) - cut]


def _size(layer: Layer) -> int:
    return sum(parameter.size for parameter in layer.parameters())


def _flops(layer: Layer) -> int:
    return layer.flops(layer.input_shape or ())


def _own(layer: Layer, count: Callable[[Layer], int]) -> int:
    """What a layer counts without the layers inside it."""
    inner = [part for chain in layer.children().values() for part in chain]
    return count(layer) - sum(map(count, inner))


def _costs(
    stepper: Stepper, name: str, layer: Layer, taken: dict[Owner, float]
) -> tuple[Cost, Cost]:
    """Forward and backward of a layer; nothing where it had no work of its own."""
    moved = stepper.bytes()
    forward, backward = Owner(name, FORWARD), Owner(name, BACKWARD)
    once = stepper.batch * _own(layer, _flops)
    needs_dx = stepper.trace.needs_dx.get(name)
    # A product has two products as gradients; elsewhere one operation an element.
    times = (1 + needs_dx) if isinstance(layer, Affine) and needs_dx is not None else 1
    words = algorithms(layer, stepper.batch)
    costs = []
    for owner, factor in ((forward, 1), (backward, times)):
        works = taken[owner] > 0 and moved.get(owner, 0) > 0
        words_here = words[owner.direction] if works else "-"
        if owner == forward and not works:
            words_here = "in its neighbour" if name in stepper.step.skipped else "-"
        costs.append(
            Cost(
                seconds=taken[owner],
                flops=factor * once if works else 0,
                bytes=moved.get(owner, 0) if works else 0,
                algorithm=words_here,
            )
        )
    return costs[0], costs[1]


def algorithms(layer: Layer, batch: int) -> dict[str, str]:
    """What computes each direction of a built layer, in words of `explain`."""
    own = type(layer).__module__.rpartition(".")
    if not own[0].startswith("pellucid.layers") or own[2] not in FAMILIES:
        return {FORWARD: "own code", BACKWARD: "own code"}
    options = {"dtype": str(layer.dtype)} if kernels.backend() == "compiled" else {}
    if type(layer) is Conv2D and options:
        h, w, c = layer.input_shape or ()
        kh, kw = layer.kernel_size
        lines = kernels.explain(
            "conv",
            n=batch,
            h=h,
            w=w,
            c=c,
            kh=kh,
            kw=kw,
            k=layer.filters,
            strides=layer.strides,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=layer.groups,
            conv_algo=layer.conv_algo,
            **options,
        ).splitlines()
        chosen = dict(
            line.strip().split(": ", 1) for line in lines[1:] if ": not " not in line
        )
        return {FORWARD: chosen["forward"], BACKWARD: chosen["backward-data"]}
    family = FAMILIES[own[2]]
    if family == "conv":  # kernels of several families
        return {FORWARD: family, BACKWARD: family}
    name = kernels.explain(family, **options).split(": ")[1].split(",")[0]
    words = f"{family} {name.removeprefix(kernels.active_isa()).strip()}"
    return {FORWARD: words, BACKWARD: words}


class _Copies:
    """The bandwidth of a copy of about so many bytes, each size measured once."""

    def __init__(self) -> None:
        self._known: dict[int, float] = {}

    def __call__(self, nbytes: int) -> float:
        size = SMALLEST_COPY
        while size < min(nbytes, MEMORY_BYTES):
            size *= 2
        if size not in self._known:
            self._known[size] = copy_bandwidth(size, seconds=0.01)
        return self._known[size]


def _percent(amount: int, seconds: float, limit: float) -> float | None:
    """Percent of a limit in 10^9 a second; None where nothing is known or done."""
    if not amount or seconds <= 0 or limit <= 0:
        return None
    return 100 * 1e-9 * amount / seconds / limit


def _bound(flops: int, moved: int, peak: float, copy: float, seconds: float) -> str:
    """Which limit asks for more time; by 10 FLOP a byte where none is known."""
    if seconds <= 0 or not moved:
        return "-"
    least = flops / moved if moved else 0.0
    ridge = peak / copy if peak > 0 and copy > 0 else 10.0
    return "compute" if least > ridge else "memory"
