"""What `import pellucid` costs beyond `import numpy`, each in a process of its own.

python -m benchmarks.bench_import prints it, and fails above the budget.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Any

from benchmarks.harness import contest

BUDGET = 0.010
"""Seconds."""

_SCRIPT = """
from time import perf_counter
start = perf_counter()
import {module}
print(perf_counter() - start)
"""


def import_seconds(module: str) -> float:
    """Import a module in a new process; the seconds that the import took there."""
    script = [sys.executable, "-c", _SCRIPT.format(module=module)]
    return float(subprocess.run(script, capture_output=True, check=True).stdout)


def import_cost(rounds: int = 9) -> float:
    """Seconds that pellucid takes longer than numpy: median over pairs of processes."""
    import_seconds("pellucid")  # writes the bytecode
    times = contest(
        {
            name: lambda name=name: import_seconds(name)
            for name in ("numpy", "pellucid")
        },
        rounds,
    )
    pairs = zip(times["pellucid"], times["numpy"], strict=True)
    return statistics.median(one - other for one, other in pairs)


def bench_import(benchmark: Any, smoke: bool) -> None:
    benchmark.group = "import"
    benchmark.pedantic(import_seconds, ("pellucid",), rounds=1 if smoke else 9)
    benchmark.extra_info["seconds_over_numpy"] = import_cost(1 if smoke else 9)
    benchmark.extra_info["budget_seconds"] = BUDGET


if __name__ == "__main__":
    # A busy machine may disturb all pairs of one attempt.
    cost = min(import_cost() for _ in range(3))
    print(f"import pellucid: {1e3 * cost:.1f} ms over numpy, budget {1e3 * BUDGET:.0f}")
    sys.exit(cost > BUDGET)
