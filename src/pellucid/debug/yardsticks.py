"""What this machine can do, and how to compare times on a machine that is shared."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

from pellucid import kernels

YARDSTICK_SECONDS = 0.03


def compiled() -> Any:
    """Return the extension module; None where it was not built or may not be used."""
    return vars(kernels).get("_core")


def fma_peak(
    dtype: str = "float32",
    threads: int | None = None,
    seconds: float = YARDSTICK_SECONDS,
) -> float:
    """GFLOP/s of multiply-adds in registers, with the instruction set in use.

    Parameters
    ----------
    dtype : {"float32", "float64"}
    threads : int, optional
        By default as many as kernels use.
    seconds : float
        How long to measure.

    Returns
    -------
    float
        0.0 where the extension was not built.

    Example
    -------
    >>> fma_peak(seconds=0.001) >= 0.0
    True
    """
    core = compiled()
    return float(core.fma_peak(dtype, threads, seconds)) if core else 0.0


def copy_bandwidth(nbytes: int, seconds: float = YARDSTICK_SECONDS) -> float:
    """GB/s of a copy that reads and writes ``nbytes`` together; 0.0 if unknown.

    Few bytes stay in a cache, and their copy is faster than that of many.

    Example
    -------
    >>> copy_bandwidth(1 << 16, seconds=0.001) >= 0.0
    True
    """
    core = compiled()
    half = max(nbytes // 2, 4096)
    return float(core.copy_bandwidth(half, seconds)) if core else 0.0


def timed(call: Callable[[], Any]) -> Callable[[], float]:
    """Turn a call into one that returns the seconds it took."""

    def seconds() -> float:
        start = perf_counter()
        call()
        return perf_counter() - start

    return seconds


def contest(
    contestants: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Let contestants run in turn, so that a slow minute of the machine hits all.

    Parameters
    ----------
    contestants : dict
        Callables that do their work once and return the seconds: a timed function, or
        a child process that is told to go.
    rounds : int
        Each round starts with another contestant.

    Example
    -------
    >>> contest({"a": lambda: 1.0, "b": lambda: 2.0}, 2)
    {'a': [1.0, 1.0], 'b': [2.0, 2.0]}
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for start in range(rounds):
        for index in range(len(names)):
            name = names[(start + index) % len(names)]
            times[name].append(contestants[name]())
    return times


def median_ratio(times: Mapping[str, Sequence[float]], of: str, to: str) -> float:
    """How many times longer one contestant takes than another, round by round.

    Example
    -------
    >>> median_ratio({"a": [1.0, 1.0], "b": [4.0, 2.0]}, "b", "a")
    3.0
    """
    return statistics.median(ratios(times[of], times[to]))


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """One ratio for each round."""
    return [one / other for one, other in zip(of, to, strict=True) if other > 0]


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The lower and the upper quartile; of one value itself, of none 0.

    Example
    -------
    >>> spread([3.0]), spread([1.0, 2.0, 3.0])
    ((3.0, 3.0), (1.0, 3.0))
    """
    if len(values) < 2:
        return (values[0], values[0]) if values else (0.0, 0.0)
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def repeat(
    call: Callable[[], float], seconds: float, least: int = 5, most: int = 200
) -> list[float]:
    """What a timed call returns, as often as fits into ``seconds``."""
    taken = [call()]
    rounds = int(seconds / max(taken[0], 1e-7))
    return taken + [call() for _ in range(min(max(rounds, least), most) - 1)]
