"""What `import pellucid` costs beyond `import numpy`.

python -m benchmarks.bench_import prints it, and fails above the budget.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

BUDGET = 0.010
"""Seconds."""

# Processor seconds of this thread: as by the clock where nothing else runs, and steady
# elsewhere; the threads that NumPy starts spin for a while and do not count.
_SCRIPT = """
import numpy
from time import thread_time
start = thread_time()
import pellucid
print(thread_time() - start)
"""


def import_cost(processes: int = 9) -> float:
    """Seconds that importing pellucid takes after numpy: median over new processes.

    The bytecode is compiled and kept first, as installing does.
    """
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        environment["PYTHONPYCACHEPREFIX"] = folder
        found = [
            float(
                subprocess.run(
                    [sys.executable, "-c", _SCRIPT],
                    env=environment,
                    capture_output=True,
                    check=True,
                ).stdout
            )
            for _ in range(processes + 1)
        ]
    return statistics.median(found[1:])


def bench_import(benchmark: Any, smoke: bool) -> None:
    processes = 1 if smoke else 9
    benchmark.group = f"import, {processes} processes"
    cost = benchmark.pedantic(import_cost, (processes,), rounds=1)
    benchmark.extra_info["seconds_over_numpy"] = cost
    benchmark.extra_info["budget_seconds"] = BUDGET


if __name__ == "__main__":
    cost = import_cost()
    print(f"import pellucid: {1e3 * cost:.1f} ms over numpy, budget {1e3 * BUDGET:.0f}")
    sys.exit(cost > BUDGET)
