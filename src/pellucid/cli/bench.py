"""`pellucid bench`: what this machine, its kernels or a model can do."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pellucid as pl
from pellucid.checks import check_integer
from pellucid.cli.common import (
    RUNS,
    add_thread_option,
    headline,
    output_folder,
    use_threads,
)
from pellucid.cli.profile import loaded
from pellucid.core.inputs import check_number
from pellucid.debug.kernel_bench import line, measure_all, measure_machine
from pellucid.debug.kernel_cases import CASES
from pellucid.debug.model_bench import BATCHES, benchmark
from pellucid.debug.profile_table import duration
from pellucid.kernels.environment import default_threads

if TYPE_CHECKING:
    from pellucid.cli.common import Commands

PICTURES = ("throughput", "memory", "width")


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command and its options."""
    parser = commands.add_parser(
        "bench",
        help="measure this machine and the kernels, or a saved model",
        description="Without a file: the multiply-add peak and the copy bandwidth of "
        "this machine, and the main kernels against them. With one: speed, memory, "
        "width, number type and threads of that model, as JSON, CSV and pictures.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="a .safetensors file")
    parser.add_argument(
        "--batch-sizes",
        type=int,
        nargs="+",
        default=list(BATCHES),
        metavar="N",
        help=f"of the model's report (default: {' '.join(map(str, BATCHES))})",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        default=9,
        help="how often each is timed (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        default=50.0,
        help="for the kernels, without a file (default: %(default)s)",
    )
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        help=f"folder for the results; for a model by default a new one under {RUNS}/",
    )
    add_thread_option(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Measure and show."""
    use_threads(args)
    rounds = check_integer(args.rounds, "--rounds", low=1, hint="Try --rounds 9.")
    for batch in args.batch_sizes:
        check_integer(batch, "--batch-sizes", low=1, hint="Try --batch-sizes 1 64.")
    budget = check_number(args.seconds, "--seconds", above=0)
    print(headline(), flush=True)
    if args.file is None:
        _kernels(args, rounds, budget)
    else:
        _model(args, rounds)


def _kernels(args: argparse.Namespace, rounds: int, budget: float) -> None:
    machine = measure_machine(sorted({1, default_threads()}))
    for row in machine:
        print(
            f"{row['threads']} thread{'s' * (row['threads'] != 1)}: multiply-add peak "
            f"{row['peak_gflops']:.0f} GFLOP/s, copy through memory "
            f"{row['copy_gigabytes_per_second']:.0f} GB/s"
        )
    cases = [case for case in CASES if case.short]
    found = measure_all(
        cases,
        budget=budget,
        rounds=min(rounds, 5),
        report=lambda result: print(line(result), flush=True),
    )
    if len(found) < len(cases):
        left = len(cases) - len(found)
        print(
            f"{left} kernels left out after {budget:.0f} s: --seconds gives more time"
        )
    if args.output_dir is not None:
        with output_folder(args.output_dir, "bench") as folder:
            values = {"machine": machine, "kernels": [vars(row) for row in found]}
            _write_json(folder / "kernels.json", values)
            _write_csv(folder / "kernels.csv", [vars(row) for row in found])
        print(f"wrote {folder / 'kernels.json'}, kernels.csv")


def _model(args: argparse.Namespace, rounds: int) -> None:
    model = loaded(args.file)
    name = Path(args.file).stem
    with output_folder(args.output_dir, f"bench-{name}") as folder:
        report = benchmark(
            model,
            batches=sorted(set(args.batch_sizes)),
            rounds=rounds,
            report=lambda part: print(f"measuring {part} ...", flush=True),
        )
        _write_json(folder / "report.json", report)
        _write_csv(folder / "report.csv", list(_flat(report)))
        text = "\n".join(described(report))
        (folder / "report.txt").write_text(text + "\n", encoding="ascii")
        pictures = _draw(report, folder)
    print(text)
    files = ["report.csv", "report.txt", *pictures]
    print(f"wrote {folder / 'report.json'}, {', '.join(files)}")
    if not pictures:
        print(
            'no pictures: matplotlib is missing; python -m pip install "pellucid[plot]"'
        )


def described(report: Mapping[str, Any]) -> Iterator[str]:
    """The report in lines of text."""
    system = report["system"]
    yield (
        f"\n{system['parameters']:,} parameters in {system['layers']} layers, "
        f"{system['dtype']}; {system['processors']} processors, "
        f"{system['memory_gigabytes']:g} GB, Python {system['python']}, NumPy "
        f"{system['numpy']}"
    )
    for kind in ("forward", "training"):
        yield f"\n{kind:<10} {'time':>9} {'samples/s':>12} {'GFLOP/s':>9}  quartiles"
        for row in report[kind]:
            between = f"{duration(row['low'])} - {duration(row['high'])}"
            yield (
                f"batch {row['batch']:<4} {duration(row['seconds']):>9} "
                f"{row['samples_per_second']:>12,.0f} {row['gflops']:>9.1f}  {between}"
            )
    columns = (
        "parameters",
        "gradients",
        "optimizer",
        "activations",
        "buffers",
        "total",
    )
    yield f"\n{'memory, MB':<10} " + " ".join(f"{word:>11}" for word in columns)
    for row in report["memory"]:
        cells = " ".join(f"{1e-6 * row[word]:>11.2f}" for word in columns)
        yield f"batch {row['batch']:<4} {cells}"
    yield f"\n{'width':<10} {'parameters':>11} {'forward':>9} {'training':>9}"
    for row in report["width"]:
        times = (duration(row[kind]["seconds"]) for kind in ("forward", "training"))
        yield f"x{row['factor']:<9g} {row['parameters']:>11,} " + " ".join(
            f"{text:>9}" for text in times
        )
    yield f"\n{'dtype':<10} {'training':>9} {'speed-up':>9} {'MB':>9} {'variance':>10}"
    for row in report["dtype"]:
        yield (
            f"{row['dtype']:<10} {duration(row['seconds']):>9} {row['speedup']:>9.2f} "
            f"{1e-6 * row['bytes']:>9.2f} {row['output_variance']:>10.3g}"
        )
    yield f"\n{'threads':<10} {'training':>9} {'speed-up':>9}"
    for row in report["threads"]:
        yield (
            f"{row['threads']:<10} {duration(row['seconds']):>9} {row['speedup']:>9.2f}"
        )
    yield ""
    for number, text in enumerate(report["recommendations"], 1):
        yield f"{number}. {text}"


def _flat(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row for each number: part, what it was measured at, quantity, value."""
    keys = {"forward": "batch", "training": "batch", "memory": "batch"}
    keys |= {"width": "factor", "dtype": "dtype", "threads": "threads"}
    for part, key in keys.items():
        for row in report[part]:
            for name, value in row.items():
                values = value if isinstance(value, dict) else {"": value}
                for inner, number in values.items():
                    if name != key:
                        quantity = f"{name} {inner}".strip()
                        yield {
                            "part": part,
                            "at": row[key],
                            "quantity": quantity,
                            "value": number,
                        }


def _write_json(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="ascii")


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", encoding="ascii", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def _draw(report: Mapping[str, Any], folder: Path) -> list[str]:
    """Draw the pictures where matplotlib is installed; return their names."""
    if find_spec("matplotlib") is None:
        return []
    from matplotlib.figure import Figure

    for name in PICTURES:
        figure = Figure(figsize=(6, 4), layout="constrained")
        getattr(pl.viz, f"plot_{name}")(report, ax=figure.subplots())
        figure.savefig(folder / f"{name}.png", dpi=120)
    return [f"{name}.png" for name in PICTURES]
