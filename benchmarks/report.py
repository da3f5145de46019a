"""What the tables share: the machine's name, JSON, Markdown, a chart.

    python -m benchmarks.report results docs/benchmarks.md README.md

puts the tables in `results` into texts, between `<!-- benchmark NAME -->` and
`<!-- end -->`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import pellucid as pl
from pellucid import kernels
from pellucid.debug.kernel_bench import measure_machine

MET, NOT_MET = "#0072B2", "#D55E00"
"""Colours that colour-blind people tell apart."""

LEGEND = "line: quartiles, mark: at least, orange: not reached"


@dataclass(frozen=True)
class Bar:
    """A line of a chart; the bar that it should reach may be unknown."""

    name: str
    value: float
    low: float
    high: float
    at_least: float | None = None


def processor() -> str:
    """The processor's name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def conditions(threads: Iterable[int]) -> dict[str, Any]:
    """Measure the machine, and say what ran on it how."""
    return {
        "processor": processor(),
        "processors": os.cpu_count(),
        "backend": kernels.backend(),
        "isa": kernels.active_isa(),
        "machine": measure_machine(sorted({1, *threads})),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pellucid": pl.__version__,
        "command": shlex.join(["python", *map(without_folder, sys.orig_argv[1:])]),
    }


def without_folder(argument: str) -> str:
    """An absolute path's last name: folders of one machine tell others nothing."""
    return Path(argument).name if os.path.isabs(argument) else argument


def heading(found: dict[str, Any]) -> str:
    """The conditions in words."""
    limits = "; ".join(
        f"{row['threads']} thread{'s' * (row['threads'] != 1)} "
        f"{row['peak_gflops']:.0f} GFLOP/s, {row['copy_gigabytes_per_second']:.0f} GB/s"
        for row in found["machine"]
    )
    return (
        f"`{found['command']}`\n\n{found['processor']}, {found['processors']} "
        f"processors, {found['isa']} ({limits}); Python {found['python']}, NumPy "
        f"{found['numpy']}, pellucid {found['pellucid']}."
    )


def number(value: float | None) -> str:
    """A bar in a table; "" for none."""
    return "" if value is None else f"{value:g}"


def verdict(value: float | None, bar: float | None, digits: int = 2) -> str:
    """Whether the bar is met, or how much is missing; "" without a bar."""
    if bar is None:
        return ""
    if value is None:
        return "unknown"
    return "met" if value >= bar else f"short by {bar - value:.{digits}f}"


def markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def draw(bars: Sequence[Bar], label: str, path: Path) -> None:
    """Draw values, their quartiles and the marks to reach; needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1 + 0.24 * len(bars)), layout="constrained")
    ax = figure.subplots()
    for place, bar in enumerate(bars):
        met = bar.at_least is None or bar.value >= bar.at_least
        ax.barh(place, bar.value, color=MET if met else NOT_MET, height=0.7)
        ax.plot([bar.low, bar.high], [place, place], c="black", linewidth=1)
        if bar.at_least is not None:
            ax.plot(bar.at_least, place, "|", c="black", markersize=11)
    ax.set_yticks(range(len(bars)), [bar.name for bar in bars], fontsize="small")
    ax.set_ylim(len(bars) - 0.4, -0.6)
    ax.set_xlim(left=0)
    marked = any(bar.at_least is not None for bar in bars)
    figure.supxlabel(f"{label}; {LEGEND}" if marked else label, fontsize="small")
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every table."""
    parser.add_argument(
        "--output-dir", type=Path, help="folder for NAME.json, NAME.md and NAME.png"
    )
    parser.add_argument("--name", help="of these files (default: what is measured)")


def progress(row: object) -> None:
    """Show a result as it comes."""
    print(json.dumps(row), file=sys.stderr, flush=True)


def publish(
    arguments: argparse.Namespace,
    name: str,
    document: dict[str, Any],
    table: str,
    picture: Callable[[Path], None] | None = None,
) -> None:
    """Print a table; write it with its figures and its chart where that was asked."""
    text = f"{heading(document['conditions'])}\n\n{table}"
    print(text)
    folder, name = arguments.output_dir, arguments.name or name
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text + "\n", encoding="ascii")
    figures = json.dumps(document, indent=1)
    (folder / f"{name}.json").write_text(figures + "\n", encoding="ascii")
    if picture is not None and find_spec("matplotlib"):
        picture(folder / f"{name}.png")
    elif picture is not None:
        print("\nno chart: matplotlib is missing (extra `bench`)")


def paste(text: str, tables: dict[str, str]) -> str:
    """Put each table between the comments with its name; other text stays."""
    for name, table in tables.items():
        begin = f"<!-- benchmark {name} -->\n"
        pattern = f"({re.escape(begin)}).*?(<!-- end -->)"
        text = re.sub(
            pattern,
            lambda found, table=table: f"{found[1]}{table.strip()}\n{found[2]}",
            text,
            flags=re.DOTALL,
        )
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description="Put tables into texts.")
    parser.add_argument("folder", type=Path, help="with NAME.md")
    parser.add_argument("texts", type=Path, nargs="+")
    arguments = parser.parse_args()
    files = sorted(arguments.folder.glob("*.md"))
    tables = {path.stem: path.read_text(encoding="ascii") for path in files}
    for path in arguments.texts:
        text = path.read_text(encoding="ascii")
        path.write_text(paste(text, tables), encoding="ascii")


if __name__ == "__main__":
    main()
