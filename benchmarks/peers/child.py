"""A contestant: prepares one task, then measures each time it is told to.

    python child.py PEER TASK       TASK is JSON: network, task, batch, threads, mode

It answers "ready" and the library's version, "missing: reason" or "failed: reason".
For a line "time" on stdin it prints the seconds of one call, the mean of as many calls
as take about 50 ms; for "memory" the most bytes that the process held since the import
of the library, less those that it held right after it.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 0.05
WARM_UP = 5
THREADS = ("OMP", "MKL", "OPENBLAS", "PELLUCID")


def status(name: str) -> int:
    """Bytes by their name in /proc/self/status; 0 where that does not exist."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next(
        1024 * int(line.split()[1]) for line in text.splitlines() if name in line
    )


def forget_peak() -> None:
    """Let the kernel's record of the most bytes begin anew, where that is allowed."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def timed(call: Callable[[], object], calls: int) -> float:
    """Seconds of so many calls."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - start


def fill(call: Callable[[], object]) -> int:
    """How many calls take about 50 ms."""
    calls = 1
    while (taken := timed(call, calls)) < SECONDS / 2:
        calls = math.ceil(calls * min(10.0, SECONDS / taken))
    return calls


def serve(call: Callable[[], object], calls: int, imported: int) -> None:
    """Answer each line on stdin."""
    for line in sys.stdin:
        if line.strip() == "memory":
            print(status("VmHWM") - imported, flush=True)
        else:
            print(timed(call, calls) / calls, flush=True)


def main() -> None:
    peer, task = sys.argv[1], json.loads(sys.argv[2])
    for library in THREADS:
        os.environ[f"{library}_NUM_THREADS"] = str(task["threads"])
    try:
        module = importlib.import_module(f"{peer}_peer")
        forget_peak()
        imported = status("VmRSS")
        call = module.prepare(**task)
        for _ in range(WARM_UP):
            call()
        calls = fill(call)
    except ImportError as error:
        print(f"missing: {error}".splitlines()[0], flush=True)
        return
    except Exception as error:
        text = str(error).splitlines() or [""]
        print(f"failed: {type(error).__name__}: {text[0]}", flush=True)
        return
    print("ready", module.VERSION, flush=True)
    serve(call, calls, imported)


if __name__ == "__main__":
    main()
