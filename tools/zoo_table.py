"""The doctor's zoo as a table: how often the cause is found, how often it is wrong.

python tools/zoo_table.py [--seeds 5] [--only NAME ...] [--write]

`--write` puts the table into docs/doctor.md.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.debug.zoo.tables import HEALTHY, SICK

PAGE = Path(__file__).resolve().parents[1] / "docs" / "doctor.md"
SECTION = re.compile(r"(<!-- zoo -->\n).*(<!-- end of zoo -->)", re.DOTALL)


def rows_of_the_sick(seeds: int, names: set[str]) -> Iterator[tuple[Any, ...]]:
    """Case, cause, how often it was named, and what was said in its place."""
    for name, entry in SICK.items():
        if names and name not in names:
            continue
        right, others = 0, set()
        for seed in range(seeds):
            found = [f.rule for f in entry.make(seed).diagnose().findings]
            hit = bool(set(found[:2]) & set(entry.causes))
            right += hit
            if not hit:
                others.add(",".join(found[:2]) or "nothing")
        yield name, " or ".join(entry.causes), right, " ".join(sorted(others))


def rows_of_the_healthy(seeds: int, names: set[str]) -> Iterator[tuple[str, int, str]]:
    """Case, in how many runs something above a note was found, and what."""
    for name, make in HEALTHY.items():
        if names and name not in names:
            continue
        wrong, said = 0, set()
        for seed in range(seeds):
            report = make(seed).diagnose()
            wrong += not report.healthy
            said |= {f.rule for f in report.findings if f.level != "note"}
        yield name, wrong, " ".join(sorted(said))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    parser.add_argument("--only", nargs="*", default=(), metavar="NAME")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    args = parser.parse_args()
    names = set(args.only)
    lines = ["| sick | cause | named | said in its place |", "|---|---|---|---|"]
    named = pairs = alarms = well = 0
    for name, cause, right, others in rows_of_the_sick(args.seeds, names):
        lines.append(f"| {name} | {cause} | {right} of {args.seeds} | {others} |")
        named, pairs = named + right, pairs + args.seeds
    lines += ["", "| healthy | false alarms | which |", "|---|---|---|"]
    for name, wrong, said in rows_of_the_healthy(args.seeds, names):
        lines.append(f"| {name} | {wrong} of {args.seeds} | {said} |")
        alarms, well = alarms + wrong, well + args.seeds
    totals = [
        f"{count} of {size} ({100 * count / max(size, 1):.1f} %)"
        for count, size in ((named, pairs), (alarms, well))
    ]
    head = (
        f"Cause among the first two findings: {totals[0]}; false alarms: {totals[1]}."
    )
    text = "\n".join([head, "", *lines]).replace("  |", " |")
    print(text)
    if args.write:
        page = PAGE.read_text(encoding="utf-8")
        page = SECTION.sub(lambda m: f"{m[1]}{text}\n{m[2]}", page)
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
