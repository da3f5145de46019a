"""What every benchmark shares: shapes, the work to time, and its yardsticks.

A kernel benchmark is a function that turns a shape into `Work`; the decorator
`kernel_benchmark` times it on the compiled kernels and on their NumPy twin:

    @kernel_benchmark("gemm", shapes("gemm"))
    def bench_gemm(shape, draw):
        a, b = draw(shape.m, shape.k), draw(shape.k, shape.n)
        return Work((a, b), flops=2 * shape.m * shape.n * shape.k)

FLOPs are the operations of the textbook formula; exp, log, sqrt and a division count as
one each. Bytes are what must be read and written at least once.
"""

from __future__ import annotations

import csv
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pellucid import kernels
from pellucid.debug.yardsticks import (
    contest,
    copy_bandwidth,
    fma_peak,
    median_ratio,
    timed,
)

FOLDER = Path(__file__).resolve().parent
SMALL = {"n": 2, "m": 64, "size": 4096}
"""Largest batch, rows of a matrix product and length of a vector in a smoke run."""

ROUNDS = {
    "min_rounds": 5,
    "max_time": 0.3,
    "warmup": "on",
    "warmup_iterations": 2,
    "disable_gc": True,
}

BENCHMARKED: set[str] = set()
"""The ops that some benchmark times."""


class Shape(SimpleNamespace):
    """One line of shapes/*.csv: its sizes by the names in the header."""

    def __str__(self) -> str:
        return f"{self.suite}-{self.name}"

    def small(self) -> Shape:
        """The same work on fewer samples."""
        sizes = vars(self)
        least = {key: min(sizes[key], SMALL[key]) for key in SMALL.keys() & sizes}
        return Shape(**{**sizes, **least})


def shapes(table: str, *suites: str) -> list[Shape]:
    """Read shapes/<table>.csv: all lines, or those of some suites."""
    with open(FOLDER / "shapes" / f"{table}.csv", encoding="ascii", newline="") as file:
        rows = [
            {key: int(text) if text.isdecimal() else text for key, text in row.items()}
            for row in csv.DictReader(file)
        ]
    return [Shape(**row) for row in rows if not suites or row["suite"] in suites]


class Draw:
    """Standard normal float32 arrays, the same in every run."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)

    def __call__(self, *shape: int) -> Any:
        return self.random.standard_normal(shape, dtype=np.float32)

    def labels(self, count: int, classes: int) -> Any:
        return self.random.integers(0, classes, count)


@dataclass(frozen=True)
class Work:
    """One call: arguments, options, and what it has to do at least.

    `writes` are arrays among the arguments that the call changes.
    """

    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    flops: float = 0
    writes: tuple[Any, ...] = ()

    def bound(self, op: str) -> tuple[Callable[[], Any], int]:
        """Return the call on the present backend, into fixed outputs, and its bytes."""
        function = getattr(kernels, op)
        call = partial(function, *self.args, **self.options)
        result = call()
        if "out" in inspect.signature(function).parameters:
            call = partial(call, out=result)
        return call, total_bytes((self.args, self.writes, result))


def total_bytes(value: Any) -> int:
    """Bytes of an array, or of the arrays in nested tuples and lists."""
    if isinstance(value, tuple | list):
        return sum(map(total_bytes, value))
    return value.nbytes if isinstance(value, np.ndarray) else 0


Prepare = Callable[[Shape, Draw], Work]


def kernel_benchmark(
    op: str, cases: Sequence[Shape]
) -> Callable[[Prepare], Callable[..., None]]:
    """Time an op of `pellucid.kernels` on some shapes, on every backend."""
    BENCHMARKED.add(op)

    def decorate(prepare: Prepare) -> Callable[..., None]:
        @pytest.mark.benchmark(**ROUNDS)
        @pytest.mark.parametrize("shape", cases, ids=str)
        def bench(benchmark: Any, on_backend: str, shape: Shape, smoke: bool) -> None:
            work = prepare(shape.small() if smoke else shape, Draw())
            call, nbytes = work.bound(op)
            benchmark.group = f"{prepare.__name__.removeprefix('bench_')} {shape}"
            time_it(benchmark, call, flops=work.flops, nbytes=nbytes)
            if benchmark.enabled and on_backend != "reference":
                with kernels.use("reference"):
                    twin, _ = work.bound(op)
                rounds = 3 if work.flops > 1e9 else 15
                times = contest({"twin": timed(twin), "kernel": timed(call)}, rounds)
                ratio = median_ratio(times, "twin", "kernel")
                benchmark.extra_info["times_faster_than_reference"] = ratio

        bench.__name__ = prepare.__name__
        bench.__doc__ = prepare.__doc__
        return bench

    return decorate


def time_it(
    benchmark: Any, call: Callable[[], Any], *, flops: float = 0, nbytes: int = 0
) -> None:
    """Time a call and put what it did, against what the machine can do, beside it.

    The clock of a shared machine drifts, so its peak is measured before and after.
    """
    if not benchmark.enabled:  # --smoke, --benchmark-disable
        benchmark(call)
        return
    peak = fma_peak()
    benchmark(call)
    peak = max(peak, fma_peak())
    copy = copy_bandwidth(nbytes)
    seconds = benchmark.stats.stats.median
    gflops, gigabytes = 1e-9 * flops / seconds, 1e-9 * nbytes / seconds
    benchmark.extra_info.update(
        backend=kernels.backend(),
        isa=kernels.active_isa(),
        threads=kernels.get_num_threads(),
        flops=flops,
        gflops=gflops,
        peak_gflops=peak,
        percent_of_peak=100 * gflops / peak if peak else None,
        bytes=nbytes,
        gigabytes_per_second=gigabytes,
        copy_gigabytes_per_second=copy,
        percent_of_copy=100 * gigabytes / copy if copy else None,
    )


def missing_ops() -> list[str]:
    """Public ops without a benchmark, once all bench files were imported."""
    return sorted(set(kernels.reference.__all__) - BENCHMARKED)
