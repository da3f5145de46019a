"""Threads against one thread, held against what a bare multiply-add loop gains.

    python -m benchmarks.scaling --threads 2 --output-dir results

Two virtual processors may share a core: then even a loop that needs no memory gains
less than 2. In every round, for each case, one thread and more take turns with that
loop; the table gives the median gains and their quotient. MLPs of widths 1 to 1024 show
whether threads ever cost time: no gain may lie below 0.97.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import pellucid as pl
from benchmarks import report
from benchmarks.networks import NETWORKS, Network, mlp
from pellucid.debug.yardsticks import contest, fma_peak, ratios, repeat, spread, timed

WIDTHS = tuple(2**power for power in range(11))
DEEP = ("cifar_vgg", "mnist_cnn")
OF_LOOP, NEVER_SLOWER = 0.92, 0.97


def cases(
    widths: Sequence[int], networks: Sequence[str]
) -> Iterator[tuple[str, pl.Sequential]]:
    """Name and compiled model."""
    for width in widths:
        layers = partial(mlp, width, width)
        yield f"mlp {width}-{width}-{width}-10", Network((width,), layers).model()
    for name in networks:
        yield name, NETWORKS[name].model()


def stepping(
    model: pl.Sequential, batch: int, seconds: float
) -> Callable[[int], Callable[[], float]]:
    """What gives, for a number of threads, a callable that times a training step."""
    random = np.random.default_rng(0)
    x = random.standard_normal((batch, *(model.input_shape or ())), dtype=np.float32)
    y = random.integers(0, 10, batch)
    step = timed(lambda: model.train_on_batch(x, y))

    def with_threads(count: int) -> Callable[[], float]:
        def median() -> float:
            pl.set_num_threads(count)
            return statistics.median(repeat(step, seconds, least=3, most=1000))

        return median

    return with_threads


def loop(count: int, seconds: float) -> Callable[[], float]:
    """Seconds that as many multiply-adds take, done by so many threads."""
    return lambda: 1.0 / fma_peak(threads=count, seconds=seconds)


def compare(
    name: str, model: pl.Sequential, threads: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    """One row of the table."""
    step = stepping(model, arguments.batch, arguments.seconds)
    step(threads)()  # warms up
    times = contest(
        {
            "step 1": step(1),
            "step n": step(threads),
            "loop 1": loop(1, arguments.seconds),
            "loop n": loop(threads, arguments.seconds),
        },
        arguments.rounds,
    )
    gains = ratios(times["step 1"], times["step n"])
    of_loop = statistics.median(ratios(times["loop 1"], times["loop n"]))
    low, high = spread(gains)
    return {
        "case": name,
        "threads": threads,
        "milliseconds": 1e3 * statistics.median(times["step 1"]),
        "gain": statistics.median(gains),
        "low": low,
        "high": high,
        "loop": of_loop,
        "bar": OF_LOOP * of_loop if name in DEEP else NEVER_SLOWER,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    columns = ["training step", "threads", "one thread", "gain", "quartiles"]
    columns += ["gain of a bare loop", "part of it", "at least", ""]
    lines = [
        [
            *(row["case"], row["threads"], f"{row['milliseconds']:.4g} ms"),
            *(f"{row['gain']:.2f}", f"{row['low']:.2f} - {row['high']:.2f}"),
            *(f"{row['loop']:.2f}", f"{row['gain'] / row['loop']:.0%}"),
            *(f"{row['bar']:.2f}", report.verdict(row["gain"], row["bar"])),
        ]
        for row in rows
    ]
    return report.markdown(columns, lines)


def chart(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the gains."""
    bars = [
        report.Bar(
            f"{row['case']}, {row['threads']} threads",
            *(row["gain"], row["low"], row["high"], row["bar"]),
        )
        for row in rows
    ]
    report.draw(bars, "times as fast as one thread", path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[2])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.1, help="of a turn")
    parser.add_argument("--widths", type=int, nargs="*", default=list(WIDTHS))
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=list(DEEP))
    report.add_options(parser)
    arguments = parser.parse_args()
    found = report.conditions(arguments.threads)
    if not found["machine"]:
        raise SystemExit("The compiled kernels are not here: they measure the loop.")
    rows = []
    for name, model in cases(arguments.widths, arguments.networks):
        for threads in arguments.threads:
            rows.append(compare(name, model, threads, arguments))
            report.progress(rows[-1])
    document = {"conditions": found, "rows": rows}
    report.publish(
        *(arguments, "scaling", document, table(rows)),
        picture=lambda path: chart(rows, path),
    )


if __name__ == "__main__":
    main()
