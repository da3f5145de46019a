"""The kernels against the machine and against their NumPy twins, with the bars.

    python -m benchmarks.percent --isa avx512 avx2 --output-dir results

One thread. The share of the multiply-add peak, or of the bandwidth of a copy of as many
bytes, is the median over rounds, each with its yardstick measured before and after; the
quartiles stand beside it. A bar is met when the median reaches it. The cases are those
of `pellucid.debug.kernel_cases`; `pellucid bench` runs the short ones.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import report
from pellucid import kernels
from pellucid.debug.kernel_bench import Measured, measure
from pellucid.debug.kernel_cases import CASES, Work, conv, dense, pool, update
from pellucid.debug.yardsticks import contest, ratios, spread, timed

BARS = (
    ("gemm", "* NN", 92),
    ("gemm", "* TN", 90),
    ("gemm", "* NT", 85),
    ("dense", "* forward", 92),
    ("dense", "* dW", 90),
    ("dense", "* dX", 88),
    ("conv direct", "3x3 c32 * forward", 88),
    ("conv direct", "3x3 c32 * backward-*", 80),
    ("conv direct", "* forward", 92),
    ("conv direct", "* backward-data", 92),
    ("conv direct", "* backward-weights", 88),
    ("conv winograd", "3x3 c32 *", 130),
    ("conv winograd", "3x3 c64 * forward", 205),
    ("conv winograd", "3x3 c64 * backward-data", 200),
    ("conv winograd", "3x3 c64 * backward-weights", 190),
    ("conv winograd", "* forward", 250),
    ("conv winograd", "* backward-data", 245),
    ("conv winograd", "* backward-weights", 235),
    ("conv other", "*", 80),
    ("lenet5", "*", 65),
    ("*", "*", 75),
)
"""Group, name and the least percent; the first line that fits counts."""

SAME = {"padding": "same"}
TWINS: tuple[tuple[str, Callable[[int], Work], float], ...] = (
    ("conv 3x3 c32 k64 28x28", partial(conv, (32, 28, 64, 3), SAME, "forward"), 10),
    ("max pooling 2x2", partial(pool, "max_pool2d", False), 10),
    ("dense 784 to 512", partial(dense, 784, 512, "forward"), 1.7),
    ("Adam step", partial(update, "adam"), 4),
)
"""Against the NumPy twin: name, work, times faster at least."""

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


def bar_of(group: str, name: str) -> float:
    """The least percent of a case."""
    return next(
        float(bar)
        for pattern, names, bar in BARS
        if fnmatch(group, pattern) and fnmatch(name, names)
    )


def against_twin(work: Callable[[int], Work], rounds: int, shrink: int) -> list[float]:
    """How many times faster the kernels are than NumPy, round by round."""
    with kernels.use("reference"):
        twin = work(shrink).call
    times = contest({"twin": timed(twin), "kernel": timed(work(shrink).call)}, rounds)
    return ratios(times["twin"][1:], times["kernel"][1:])  # the first warms up


def table(rows: Sequence[dict[str, Any]], twins: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = []
    for row in rows:
        reached = between = "unknown"
        if row["percent"] is not None:
            of = "of the peak" if row["limit"] == "peak" else "of a copy"
            reached = f"{row['percent']:.1f} % {of}"
            between = f"{row['low']:.1f} - {row['high']:.1f}"
        cells = [row["group"], row["name"], row["isa"], reached, between]
        lines.append([*cells, f"{row['bar']:.0f} %", row["verdict"]])
    for row in twins:
        between = f"{row['low']:.1f} - {row['high']:.1f}"
        cells = ["NumPy twin", row["name"], row["isa"], f"{row['ratio']:.1f} times"]
        lines.append([*cells, between, f"{row['bar']:g} times", row["verdict"]])
    columns = ["kernel", "case", "isa", "reached", "quartiles", "at least", ""]
    return report.markdown(columns, lines)


def chart(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw what was reached, a picture for each instruction set."""
    for isa in dict.fromkeys(row["isa"] for row in rows):
        bars = [
            report.Bar(
                f"{row['group']}: {row['name']}",
                *(row["percent"], row["low"], row["high"], row["bar"]),
            )
            for row in rows
            if row["isa"] == isa and row["percent"] is not None
        ]
        label = f"{isa}: percent of the peak or of a copy"
        report.draw(bars, label, path.with_stem(f"{path.stem}-{isa}"))


def run(arguments: argparse.Namespace) -> tuple[list[Any], list[Any]]:
    """Measure all; prints each result as it comes."""
    rows: list[dict[str, Any]] = []
    twins: list[dict[str, Any]] = []
    options = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    chosen = [
        case
        for case in CASES
        if any(fnmatch(case.group, pattern) for pattern in arguments.groups)
    ]
    for isa in arguments.isa or [kernels.active_isa()]:
        with kernels.use_isa(isa):
            for case in chosen:
                found: Measured = measure(case, shrink=arguments.shrink, **options)
                bar = bar_of(case.group, case.name)
                row = {"bar": bar, "verdict": report.verdict(found.percent, bar, 1)}
                rows.append(asdict(found) | row)
                report.progress(rows[-1])
    for name, work, bar in TWINS if arguments.twins else ():
        gains = against_twin(work, arguments.rounds + 1, arguments.shrink)
        low, high = spread(gains)
        ratio = sorted(gains)[len(gains) // 2]
        row = {"name": name, "isa": kernels.active_isa(), "ratio": ratio, "low": low}
        row |= {"high": high, "bar": bar, "verdict": report.verdict(ratio, bar)}
        twins.append(row)
        report.progress(row)
    return rows, twins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--isa", nargs="+", help="instruction sets (default: the best)")
    parser.add_argument("--groups", nargs="+", default=["*"], help="such as gemm conv*")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.1, help="of a round")
    parser.add_argument("--shrink", type=int, default=1, help="divides the sizes")
    parser.add_argument("--no-twins", dest="twins", action="store_false")
    report.add_options(parser)
    arguments = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in ONE_THREAD):
        # NumPy reads them when it is loaded, which it is by now.
        command = [sys.executable, "-m", "benchmarks.percent", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | ONE_THREAD)
    kernels.set_num_threads(1)
    found = report.conditions([1])
    rows, twins = run(arguments)
    document = {"conditions": found, "kernels": rows, "twins": twins}
    report.publish(
        *(arguments, "percent", document, table(rows, twins)),
        picture=lambda path: chart(rows, path),
    )


if __name__ == "__main__":
    main()
