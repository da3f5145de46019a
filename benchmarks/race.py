"""Training steps and predictions against other libraries.

    python -m benchmarks.race --task train --threads 1 2 --peer-python PYTHON

Every contestant is a process of its own with the same number of threads; they run in
turn, so that a slow minute of the machine hits all. The table gives, for each network,
the median time of pellucid and of the peer's best mode, and the ratio: the median over
the rounds of best peer / pellucid, with the quartiles. A peer that is not installed is
named, not passed over. `--peer-python` names an interpreter that has the peers, so that
they need not share an environment with pellucid.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.networks import NETWORKS
from pellucid.debug.yardsticks import contest

PEERS = Path(__file__).resolve().parent / "peers"
IMAGE_MODES = ("eager", "channels_last")


class Contestant:
    """A child process that times its task when told to."""

    def __init__(self, python: str, peer: str, task: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [python, str(PEERS / "child.py"), peer, json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.answer = self.process.stdout.readline().strip()

    def __call__(self) -> float:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write("go\n")
        stdin.flush()
        return float(stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def modes(network: str, with_compile: bool) -> list[str]:
    """The ways in which PyTorch may run this network."""
    plain = IMAGE_MODES if len(NETWORKS[network].input_shape) == 3 else IMAGE_MODES[:1]
    compiled = ["compile" if m == "eager" else f"compile_{m}" for m in plain]
    return [*plain, *(compiled if with_compile else [])]


def race(arguments: argparse.Namespace, network: str, threads: int) -> dict[str, Any]:
    """One row of the table."""
    task = {
        "network": network,
        "task": arguments.task,
        "batch": arguments.batch,
        "threads": threads,
        "mode": "eager",
    }
    contestants = {"pellucid": Contestant(sys.executable, "pellucid", task)}
    for mode in modes(network, arguments.compile):
        name = f"torch {mode}"
        contestants[name] = Contestant(
            arguments.peer_python, "torch", {**task, "mode": mode}
        )
    missing = {n: c.answer for n, c in contestants.items() if c.answer != "ready"}
    running = {n: c for n, c in contestants.items() if n not in missing}
    try:
        for contestant in running.values():
            contestant()  # the first turn finds how many calls fill a round
        times = contest(running, arguments.rounds)
    finally:
        for contestant in contestants.values():
            contestant.close()
    row: dict[str, Any] = {"network": network, "threads": threads, "missing": missing}
    row["milliseconds"] = {n: 1e3 * statistics.median(t) for n, t in times.items()}
    peers = {name: t for name, t in times.items() if name != "pellucid"}
    if peers:
        best = min(peers, key=lambda name: statistics.median(peers[name]))
        ratios = [b / a for a, b in zip(times["pellucid"], peers[best], strict=True)]
        row |= {"best_peer": best, "ratio": statistics.median(ratios)}
        row["quartiles"] = statistics.quantiles(ratios, n=4)[::2]
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| network | threads | pellucid | best peer | ratio | quartiles |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = row["milliseconds"]
        peer = row.get("best_peer")
        line = f"| {row['network']} | {row['threads']} | {times['pellucid']:.3f} ms |"
        if peer:
            low, high = row["quartiles"]
            line += f" {times[peer]:.3f} ms ({peer}) | {row['ratio']:.2f} |"
            line += f" {low:.2f} - {high:.2f} |"
        else:
            line += f" {row['missing']} | | |"
        lines.append(line)
    ratios = [row["ratio"] for row in rows if "ratio" in row]
    if ratios:
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        lines.append(f"\ngeometric mean of the ratios: {mean:.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=("train", "predict"), default="train")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compile", action="store_true", help="also torch.compile")
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--json", type=Path, help="write the rows here")
    arguments = parser.parse_args()
    rows = []
    for threads in arguments.threads:
        for network in arguments.networks:
            rows.append(race(arguments, network, threads))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    print(f"{platform.processor() or platform.machine()}, batch {arguments.batch}\n")
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
