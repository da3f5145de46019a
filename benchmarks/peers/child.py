"""A contestant: prepares one task, then times a few calls each time it is told to go.

    python child.py PEER TASK       TASK is JSON: network, task, batch, threads, mode

It answers "ready", or "missing: reason"; for every line on stdin it prints the seconds
of one call, the mean of as many calls as take about 50 ms.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time

SECONDS = 0.05


def main() -> None:
    peer, task = sys.argv[1], json.loads(sys.argv[2])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "PELLUCID_NUM_THREADS"):
        os.environ[name] = str(task["threads"])
    try:
        call = importlib.import_module(f"{peer}_peer").prepare(**task)
    except ImportError as error:
        print(f"missing: {error}", flush=True)
        return
    for _ in range(5):
        call()
    print("ready", flush=True)
    calls = 1
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        taken = time.perf_counter() - start
        print(taken / calls, flush=True)
        calls = max(1, round(calls * min(10.0, SECONDS / taken)))


if __name__ == "__main__":
    main()
