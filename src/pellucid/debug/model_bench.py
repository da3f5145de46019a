"""The performance of one model: speed, memory, width, number type, threads."""

from __future__ import annotations

import copy
import math
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import kernels
from pellucid.about import VERSION
from pellucid.debug.kernel_bench import measure_machine
from pellucid.debug.recommendations import recommend
from pellucid.debug.samples import drawn_samples
from pellucid.debug.stepper import Stepper
from pellucid.debug.yardsticks import contest, ratios, spread, timed
from pellucid.kernels.environment import default_threads
from pellucid.model.door import Samples
from pellucid.model.sources import ArraySource

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

BATCHES = (1, 8, 32, 64, 128)
WIDTHS = (0.5, 1.0, 2.0)
BATCH = 32  # for width, number type and threads
WIDTH_KEYS = ("units", "filters")
SHORTEST = 0.002  # seconds: shorter calls are repeated until they take as long


def benchmark(
    model: Sequential,
    *,
    batches: Sequence[int] = BATCHES,
    widths: Sequence[float] = WIDTHS,
    rounds: int = 9,
    report: Callable[[str], object] = lambda part: None,
) -> dict[str, Any]:
    """Measure a model; what is compared takes turns, and medians have quartiles.

    Parameters
    ----------
    model : Sequential
        Compiled, with an input shape. Copies of it are measured.
    batches : sequence of int
        Numbers of samples for the speed and the memory.
    widths : sequence of float
        Factors for the units and filters of all layers but the last.
    rounds : int
        How often each is timed.
    report : callable
        Is told the name of each part before it is measured.

    Returns
    -------
    dict
        Fit for JSON: "system", "machine", "forward", "training", "memory", "width",
        "dtype", "threads", "recommendations".
    """
    model.require_built("bench")
    found: dict[str, Any] = {"system": system(model)}
    count = default_threads()
    report("the machine")
    found["machine"] = measure_machine(sorted({1, count}))
    report("forward and training speed")
    found |= _speed(model, batches, rounds)
    report("width")
    found["width"] = _width(model, widths, rounds)
    report("float32 and float64")
    found["dtype"] = _dtype(model, rounds)
    report("threads")
    found["threads"] = _threads(model, sorted({1, count}), rounds)
    found["recommendations"] = recommend(found)
    return found


def system(model: Sequential) -> dict[str, Any]:
    """The machine, the versions and the model."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "processors": os.cpu_count(),
        "memory_gigabytes": round(1e-9 * pages * size, 2),
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pellucid": VERSION,
        "backend": kernels.backend(),
        "isa": kernels.active_isa(),
        "threads": kernels.get_num_threads(),
        "layers": len(model.walk()),
        "parameters": sum(p.size for p in model.parameters()),
        "dtype": str(model.dtype),
    }


def _long_enough(call: Callable[[], Any]) -> Callable[[], float]:
    """Seconds of one call, the mean of as many as take a while."""
    call()
    once = timed(call)()
    count = max(1, min(math.ceil(SHORTEST / max(once, 1e-7)), 1000))

    def many() -> None:
        for _ in range(count):
            call()

    run = timed(many)
    return lambda: run() / count


def stepper(model: Sequential, batch: int) -> Stepper:
    """A copy of the model that takes training steps on made-up samples."""
    trial = copy.deepcopy(model)
    x, y = drawn_samples(trial, batch)
    samples = trial.door(x).samples(x, y, trial.loss)
    data = Samples(samples.x, samples.y, None)
    return Stepper(
        trial, ArraySource(data, np.arange(batch), batch, trial.dtype, False)
    )


def _row(times: Sequence[float], samples: int, flops: float) -> dict[str, float]:
    seconds = statistics.median(times)
    low, high = spread(times)
    return {
        "seconds": seconds,
        "low": low,
        "high": high,
        "samples_per_second": samples / seconds,
        "gflops": 1e-9 * flops * samples / seconds,
    }


def flops(model: Sequential) -> int:
    """FLOPs of a forward pass for one sample."""
    return sum(layer.flops(layer.input_shape or ()) for layer in model.layers)


def _speed(
    model: Sequential, batches: Sequence[int], rounds: int
) -> dict[str, list[Any]]:
    steppers = {batch: stepper(model, batch) for batch in batches}
    runs: dict[str, Callable[[], float]] = {}
    for batch, one in steppers.items():
        x, _ = drawn_samples(model, batch)
        predict = one.model.predict
        runs[f"forward {batch}"] = _long_enough(partial(predict, x))
        runs[f"training {batch}"] = _long_enough(one.whole)
    times = contest(runs, rounds)
    once = flops(model)
    forward = [{"batch": b} | _row(times[f"forward {b}"], b, once) for b in batches]
    training = [
        {"batch": b} | _row(times[f"training {b}"], b, 3 * once) for b in batches
    ]
    sizes = [memory(one, b) for b, one in steppers.items()]
    return {"forward": forward, "training": training, "memory": sizes}


def memory(one: Stepper, batch: int) -> dict[str, int | float]:
    """Bytes that a training step of this batch needs, by its own accounting."""
    model = one.model
    size = model.dtype.itemsize
    parameters = model.store.values.nbytes
    state = sum(array.nbytes for array in model.optimizer.state().values())
    activations = batch * size * sum(math.prod(shape) for shape in model.inner_shapes)
    buffers = sum(one.step.buffer_sizes().values())
    data = batch * size * math.prod(model.input_shape or ())
    total = 2 * parameters + state + buffers + data
    return {
        "batch": batch,
        "parameters": parameters,
        "gradients": parameters,
        "optimizer": state,
        "activations": activations,
        "buffers": buffers,
        "data": data,
        "total": total,
        "per_sample": (buffers + data) / batch,
    }


def scaled(model: Sequential, factor: float) -> Sequential:
    """A new model of the same kind whose layers, all but the last, are wider.

    Example
    -------
    >>> import pellucid as pl
    >>> model = pl.mlp([4, 8, 8, 3], seed=0)
    >>> model.compile("sgd", "softmax_cross_entropy")
    >>> [layer.units for layer in scaled(model, 0.5).layers]
    [4, 4, 3]
    """
    config = copy.deepcopy(model.config())
    wide = list(_widths(config["layers"]))
    for part, key in wide[:-1]:
        groups = part.get("groups") or 1
        part[key] = groups * max(round(part[key] * factor / groups), 1)
    new = type(model).from_config(config)
    new.compile(copy.deepcopy(model.optimizer), copy.deepcopy(model.loss))
    return new


def _widths(value: Any) -> Any:
    """Every dict in a configuration that has units or filters, with the key."""
    if isinstance(value, dict):
        for key in WIDTH_KEYS:
            if isinstance(value.get(key), int):
                yield value, key
        for inner in value.values():
            yield from _widths(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _widths(inner)


def _width(
    model: Sequential, widths: Sequence[float], rounds: int
) -> list[dict[str, Any]]:
    models: dict[float, Sequential] = {}
    for factor in widths:
        try:
            models[factor] = model if factor == 1 else scaled(model, factor)
        except ValueError:  # the shapes chain for the given widths only
            continue
    runs = {}
    for factor, one in models.items():
        x, _ = drawn_samples(one, BATCH)
        runs[f"forward {factor}"] = _long_enough(partial(one.predict, x))
        runs[f"training {factor}"] = _long_enough(stepper(one, BATCH).whole)
    times = contest(runs, rounds)
    return [
        {
            "factor": factor,
            "parameters": sum(p.size for p in one.parameters()),
            "forward": _row(times[f"forward {factor}"], BATCH, flops(one)),
            "training": _row(times[f"training {factor}"], BATCH, 3 * flops(one)),
        }
        for factor, one in models.items()
    ]


def _dtype(model: Sequential, rounds: int) -> list[dict[str, Any]]:
    config = model.config()
    models, runs = {}, {}
    for dtype in ("float32", "float64"):
        one = type(model).from_config({**config, "dtype": dtype})
        one.compile(copy.deepcopy(model.optimizer), copy.deepcopy(model.loss))
        models[dtype] = one
        runs[dtype] = _long_enough(stepper(one, BATCH).whole)
    times = contest(runs, rounds)
    rows = []
    for dtype, one in models.items():
        y = one.predict(drawn_samples(model, BATCH)[0])
        low, high = spread(ratios(times["float64"], times[dtype]))
        rows.append(
            {
                "dtype": dtype,
                **_row(times[dtype], BATCH, 3 * flops(one)),
                "speedup": _median(ratios(times["float64"], times[dtype])),
                "speedup_low": low,
                "speedup_high": high,
                "bytes": one.store.values.nbytes,
                "output_range": float(y.max() - y.min()),
                "output_variance": float(y.var()),
            }
        )
    return rows


def _threads(
    model: Sequential, counts: Sequence[int], rounds: int
) -> list[dict[str, Any]]:
    one = stepper(model, BATCH)
    before = kernels.get_num_threads()

    def with_threads(count: int) -> Callable[[], float]:
        run = _long_enough(one.whole)

        def seconds() -> float:
            kernels.set_num_threads(count)
            return run()

        return seconds

    try:
        times = contest({str(c): with_threads(c) for c in counts}, rounds)
    finally:
        kernels.set_num_threads(before)
    rows = []
    for count in counts:
        gains = ratios(times["1"], times[str(count)])
        low, high = spread(gains)
        row = _row(times[str(count)], BATCH, 3 * flops(model))
        gain = {"speedup": _median(gains), "speedup_low": low, "speedup_high": high}
        rows.append({"threads": count, **row, **gain})
    return rows


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0
