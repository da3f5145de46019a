"""Two commits side by side: kernels and whole networks.

    python -m benchmarks.compare main HEAD --cases "gemm: 1024 *" "train: lenet5_adam"

Each commit is unpacked and built in a folder of its own; `.` is the working tree, built
as it is. Processes of the two builds take turns. The table gives the ratio of the first
build's time to the second's: the median over the rounds and the quartiles. A difference
is called one when the quartiles lie on the same side of 1 and the median is 2 % away.

Cases are "GROUP: NAME" of `pellucid.debug.kernel_cases`, "train: NETWORK" and
"predict: NETWORK"; * and ? stand for any characters. The benchmarks are those of the
working tree, so a case that one of the commits does not know is named as missing.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.contestants import Contestant, running
from benchmarks.networks import NETWORKS
from benchmarks.race import OWN
from pellucid.debug.kernel_cases import CASES
from pellucid.debug.yardsticks import contest, ratios, spread

ROOT = Path(__file__).resolve().parents[1]
HERE = "."
SAME = 0.02
"""Medians closer to 1 are no difference."""

TASKS = ("train", "predict")
NAMES = [f"{case.group}: {case.name}" for case in CASES]
NAMES += [f"{task}: {network}" for task in TASKS for network in NETWORKS]


def built(commit: str, folder: Path) -> Path:
    """Unpack and build a commit; give the folder of its package."""
    if commit == HERE:
        return ROOT / "src"
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tree:
        tree.extractall(folder, filter="data")
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr)
    return folder / "src"


def task_of(name: str, batch: int, threads: int) -> dict[str, Any]:
    """What a child process is given for a case."""
    group, inner = name.split(": ", 1)
    if group in TASKS:
        task = {"network": inner, "task": group}
    else:
        task = {"network": name, "task": "kernel"}
    return {**task, "batch": batch, "threads": threads, "mode": ""}


def compare(
    name: str, packages: Sequence[Path], arguments: argparse.Namespace
) -> dict[str, Any]:
    """One row of the table."""
    task = task_of(name, arguments.batch, arguments.threads)
    contestants = {}
    for label, package in zip(("first", "second"), packages, strict=True):
        rest = os.environ.get("PYTHONPATH", "")
        path = os.pathsep.join(filter(None, [str(package), rest]))
        contestants[label] = Contestant(sys.executable, OWN, task, {"PYTHONPATH": path})
    with running(contestants) as (ready, missing):
        row: dict[str, Any] = {"case": name, "missing": missing}
        if missing:
            return row
        times = contest(ready, arguments.rounds)
    gains = ratios(times["first"], times["second"])
    low, high = spread(gains)
    row |= {"first": statistics.median(times["first"])}
    row |= {"second": statistics.median(times["second"])}
    return row | {"ratio": statistics.median(gains), "low": low, "high": high}


def verdict(row: dict[str, Any]) -> str:
    """Whether the second build is faster."""
    if row["missing"]:
        return "; ".join(f"{name} {why}" for name, why in row["missing"].items())
    if row["low"] > 1 and row["ratio"] >= 1 + SAME:
        return "faster"
    if row["high"] < 1 and row["ratio"] <= 1 - SAME:
        return "slower"
    return "no difference"


def table(rows: Sequence[dict[str, Any]], first: str, second: str) -> str:
    """Markdown."""
    lines = []
    for row in rows:
        cells = ["", "", "", ""]
        if not row["missing"]:
            cells = [f"{1e3 * row[build]:.4g} ms" for build in ("first", "second")]
            cells += [f"{row['ratio']:.3f}", f"{row['low']:.3f} - {row['high']:.3f}"]
        lines.append([row["case"], *cells, verdict(row)])
    columns = ["case", first, second, "ratio", "quartiles", f"{second} is"]
    return report.markdown(columns, lines)


def chart(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the ratios."""
    bars = [
        report.Bar(row["case"], row["ratio"], row["low"], row["high"], 1 - SAME)
        for row in rows
        if not row["missing"]
    ]
    report.draw(bars, "time of the first build / time of the second", path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", help="a commit, or . for the working tree")
    parser.add_argument("second", nargs="?", default=HERE)
    parser.add_argument("--cases", nargs="+", default=["train: *", "predict: *"])
    parser.add_argument("--batch", type=int, default=64, help="of the networks")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=21)
    report.add_options(parser)
    arguments = parser.parse_args()
    names = [n for n in NAMES if any(fnmatch(n, p) for p in arguments.cases)]
    if not names:
        parser.error(f"no case fits {arguments.cases}; there are: {', '.join(NAMES)}")
    found = report.conditions([arguments.threads])
    with tempfile.TemporaryDirectory() as folder:
        packages = [
            built(commit, Path(folder, str(number)))
            for number, commit in enumerate((arguments.first, arguments.second))
        ]
        rows = []
        for name in names:
            rows.append(compare(name, packages, arguments))
            report.progress(rows[-1])
    document = {"conditions": found, "rows": rows}
    text = table(rows, arguments.first, arguments.second)
    report.publish(
        *(arguments, "compare", document, text), picture=lambda path: chart(rows, path)
    )


if __name__ == "__main__":
    main()
