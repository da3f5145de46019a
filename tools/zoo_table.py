"""The doctor's zoo as a table: how often the cause is found, how often it is wrong.

python tools/zoo_table.py [--seeds 5] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.debug.zoo import (  # noqa: F401  (they fill the tables)
    healthy,
    healthy_kinds,
    sick,
    sick_kinds,
)
from tests.debug.zoo.cases import HEALTHY, SICK


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    parser.add_argument("--only", nargs="*", metavar="NAME")
    args = parser.parse_args()
    named = alarms = pairs = well = 0
    print(f"{'sick':<40} {'cause among the first two':>26}  other first findings")
    for name, entry in SICK.items():
        if args.only and name not in args.only:
            continue
        right, others = 0, set()
        for seed in range(args.seeds):
            found = [f.rule for f in entry.make(seed).diagnose().findings]
            hit = bool(set(found[:2]) & set(entry.causes))
            right += hit
            if not hit:
                others.add(",".join(found[:2]) or "nothing")
        pairs, named = pairs + args.seeds, named + right
        print(f"{name:<40} {right:>20} of {args.seeds}  {' '.join(sorted(others))}")
    print(f"\n{'healthy':<40} {'false alarms':>26}")
    for name, make in HEALTHY.items():
        if args.only and name not in args.only:
            continue
        wrong, said = 0, set()
        for seed in range(args.seeds):
            report = make(seed).diagnose()
            wrong += not report.healthy
            said |= {f.rule for f in report.findings if f.level != "note"}
        well, alarms = well + args.seeds, alarms + wrong
        print(f"{name:<40} {wrong:>20} of {args.seeds}  {' '.join(sorted(said))}")
    if pairs:
        print(f"\ncause named: {named} of {pairs} ({100 * named / pairs:.1f} %)")
    if well:
        print(f"false alarms: {alarms} of {well} ({100 * alarms / well:.1f} %)")


if __name__ == "__main__":
    main()
