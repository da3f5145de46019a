"""This machine and its kernels, each measured beside the limit that bounds it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from pellucid import kernels
from pellucid.debug.kernel_cases import Case, Work
from pellucid.debug.yardsticks import copy_bandwidth, fma_peak, repeat, spread, timed

ROUNDS = 5
ROUND_SECONDS = 0.04
MEMORY_BYTES = 1 << 27


@dataclass(frozen=True)
class Measured:
    """A kernel against its limit: medians over rounds, with the quartiles.

    Attributes
    ----------
    group, name, limit, isa : str
    threads : int
    seconds : float
    rate : float
        GFLOP/s, or GB/s where a copy is the limit.
    percent : float or None
        Of the limit measured in the same rounds; None where it is unknown.
    low, high : float or None
        Quartiles of the percent.
    """

    group: str
    name: str
    limit: str
    isa: str
    threads: int
    seconds: float
    rate: float
    percent: float | None
    low: float | None
    high: float | None


def clock(work: Work) -> Callable[[], float]:
    """What runs the work once and returns its seconds, without Python's share."""
    _, plan = kernels.record(work.call)
    if plan is None:
        return timed(work.call)

    def seconds() -> float:
        taken = plan.seconds()
        return float(taken.sum() if work.part is None else taken[work.part])

    return seconds


def measure(
    case: Case,
    *,
    rounds: int = ROUNDS,
    seconds: float = ROUND_SECONDS,
    shrink: int = 1,
) -> Measured:
    """Time a case in rounds, the limit beside it in each: the clock drifts.

    Example
    -------
    >>> from pellucid.debug.kernel_cases import CASES
    >>> measure(CASES[0], rounds=1, seconds=0.001, shrink=32).name
    '512 NN'
    """
    work = case.prepare(shrink)
    run = clock(work)
    run()
    times, percents = [], []
    amount = 1e-9 * (work.flops if case.limit == "peak" else work.nbytes)

    def yardstick() -> float:
        if case.limit == "peak":
            return fma_peak(seconds=seconds / 2)
        return copy_bandwidth(work.nbytes, seconds / 2)

    for _ in range(rounds):
        before = yardstick()
        taken = max(statistics.median(repeat(run, seconds, most=500)), 1e-9)
        limit = max(before, yardstick())
        times.append(taken)
        if limit > 0:
            percents.append(100 * amount / taken / limit)
    middle = statistics.median(times)
    low, high = spread(percents) if percents else (None, None)
    return Measured(
        *(case.group, case.name, case.limit, kernels.active_isa()),
        threads=kernels.get_num_threads(),
        seconds=middle,
        rate=amount / middle,
        percent=statistics.median(percents) if percents else None,
        low=low,
        high=high,
    )


def measure_machine(threads: Sequence[int], rounds: int = 3) -> list[dict[str, Any]]:
    """Multiply-add peak and copy bandwidth for each number of threads.

    The numbers of threads take turns. Empty without the extension, which measures.
    """
    found = []
    if not fma_peak(seconds=0.001):
        return []
    peaks: dict[int, list[float]] = {count: [] for count in threads}
    copies: dict[int, list[float]] = {count: [] for count in threads}
    before = kernels.get_num_threads()
    try:
        for _ in range(rounds):
            for count in threads:
                kernels.set_num_threads(count)
                peaks[count].append(fma_peak(threads=count))
                copies[count].append(copy_bandwidth(MEMORY_BYTES))
    finally:
        kernels.set_num_threads(before)
    for count in threads:
        found.append(
            {
                "threads": count,
                "isa": kernels.active_isa(),
                "peak_gflops": max(peaks[count]),
                "copy_gigabytes_per_second": max(copies[count]),
            }
        )
    return found


def measure_all(
    cases: Iterable[Case],
    *,
    budget: float = 60.0,
    report: Callable[[Measured], object] = lambda found: None,
    **options: Any,
) -> list[Measured]:
    """Measure one case after the other; those beyond the budget are left out.

    Parameters
    ----------
    cases : iterable of Case
    budget : float
        Seconds in all.
    report : callable
        Is given each result as it comes.
    **options
        As for ``measure``.
    """
    begin = perf_counter()
    results = []
    for case in cases:
        if perf_counter() - begin > budget:
            break
        results.append(measure(case, **options))
        report(results[-1])
    return results


def line(found: Measured) -> str:
    """One result as a line of text."""
    unit = "GFLOP/s" if found.limit == "peak" else "GB/s"
    text = f"{found.group:<14} {found.name:<40} {1e6 * found.seconds:>10.1f} us"
    text += f" {found.rate:>8.1f} {unit:<7}"
    if found.percent is None:
        return text.rstrip()
    limit = "the peak" if found.limit == "peak" else "a copy"
    return f"{text} {found.percent:>4.0f} % of {limit}"
