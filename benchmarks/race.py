"""Training steps and predictions against other libraries.

    python -m benchmarks.race --task train --threads 1 2 --compile --peer-python PYTHON
    python -m benchmarks.race --task predict --batch 64 1 --compile --peer-python PYTHON

Every contestant is a process of its own with the same number of threads; they run in
turn, so that a slow minute of the machine hits all. The table gives, for each network,
the median time of pellucid and of the peer that was fastest, and the ratio: the median
over the rounds of best peer / pellucid, with the quartiles. A peer that is missing or
fails is named, not passed over. `--peer-python` names interpreters that have peers, so
that they need not share an environment with pellucid.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.contestants import Contestant, interpreter, running
from benchmarks.networks import NETWORKS
from pellucid.debug.yardsticks import contest, ratios, spread

OWN = "pellucid"
IMAGE_MODES = ("eager", "channels_last")
ONE_SAMPLE = "mlp_100"
"""Timed in predictions only; apart from the mean, as Python is most of it."""

DEFAULT = {
    "train": [name for name in NETWORKS if name != ONE_SAMPLE],
    "predict": [name for name in NETWORKS if name != "lenet5_sgd"],
}
STEPS = {
    "mlp_128_64": 2.8,
    "mlp_512_512": 2.2,
    "lenet5_sgd": 4.5,
    "lenet5_adam": 4.5,
    "mnist_cnn": 2.6,
    "cifar_vgg": 2.3,
}
"""Ratios to reach in a training step on 64 samples."""

MEANS = {("train", 64): 3.0, ("predict", 64): 2.0, ("predict", 1): 2.0}
"""Geometric means to reach; predictions have no bar for each network."""

MICROSECONDS, OVER_TORCH = 6.0, 3.0
"""One sample through 64-100-10: at most so long, or so many times PyTorch's speed."""


def modes(network: str, with_compile: bool) -> list[str]:
    """The ways in which PyTorch may run this network."""
    plain = IMAGE_MODES if len(NETWORKS[network].input_shape) == 3 else IMAGE_MODES[:1]
    compiled = ["compile" if m == "eager" else f"compile_{m}" for m in plain]
    return [*plain, *(compiled if with_compile else [])]


def peers(network: str, task: str, with_compile: bool) -> list[tuple[str, str]]:
    """Libraries that can do the task, and the modes of each."""
    found = [("torch", mode) for mode in modes(network, with_compile)]
    if task == "predict":
        found.append(("onnxruntime", ""))
    if network.startswith("mlp"):
        found.append(("sklearn", ""))
    return found


def race(
    arguments: argparse.Namespace, pythons: dict[str, str], task: dict[str, Any]
) -> dict[str, Any]:
    """One row of the table."""
    contestants = {OWN: Contestant(sys.executable, OWN, task)}
    for peer, mode in peers(task["network"], task["task"], arguments.compile):
        child = Contestant(pythons[peer], peer, {**task, "mode": mode})
        contestants[f"{peer} {mode}".strip()] = child
    with running(contestants) as (ready, missing):
        if OWN in missing:
            raise SystemExit(missing[OWN])
        for contestant in ready.values():
            contestant()  # its turn after the others have started
        times = contest(ready, arguments.rounds)
        versions = sorted({contestant.version for contestant in ready.values()})
    return {**task, "missing": missing, "versions": versions, **compared(times)}


def compared(times: dict[str, list[float]]) -> dict[str, Any]:
    """Medians, and pellucid against every peer and the best of them."""
    gains = {name: ratios(of, times[OWN]) for name, of in times.items() if name != OWN}
    row: dict[str, Any] = {
        "milliseconds": {n: 1e3 * statistics.median(t) for n, t in times.items()},
        "ratios": {name: statistics.median(gain) for name, gain in gains.items()},
        "best_peer": None,
    }
    if gains:
        best = min(gains, key=lambda name: statistics.median(times[name]))
        low, high = spread(gains[best])
        row |= {"best_peer": best, "ratio": row["ratios"][best]}
        row |= {"low": low, "high": high}
    return row


def bar_of(row: dict[str, Any]) -> float | None:
    """The ratio that a row must reach, where there is one for it alone."""
    if row["task"] == "train" and row["batch"] == 64:
        return STEPS.get(row["network"])
    if row["network"] == ONE_SAMPLE and row["batch"] == 1:
        return OVER_TORCH
    return None


def verdict(row: dict[str, Any]) -> str:
    """Whether a row reaches its bar."""
    if row["network"] == ONE_SAMPLE and bar_of(row) is not None:
        if 1e3 * row["milliseconds"][OWN] <= MICROSECONDS:
            return "met"
        over = [r for name, r in row["ratios"].items() if name.startswith("torch")]
        return report.verdict(min(over, default=None), OVER_TORCH)
    return report.verdict(row.get("ratio"), bar_of(row))


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The geometric mean of the ratios for each batch and number of threads."""
    groups: dict[tuple[str, int, int], list[float]] = {}
    for row in rows:
        if "ratio" in row and row["network"] != ONE_SAMPLE:
            key = (row["task"], row["batch"], row["threads"])
            groups.setdefault(key, []).append(row["ratio"])
    return [
        {
            "task": task,
            "batch": batch,
            "threads": threads,
            "mean": math.exp(statistics.fmean(map(math.log, found))),
            "of": len(found),
        }
        for (task, batch, threads), found in groups.items()
    ]


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown, and who did not take part."""
    lines = []
    for row in rows:
        times, peer, bar = row["milliseconds"], row["best_peer"], bar_of(row)
        ran = [row["network"], row["batch"], row["threads"], f"{times[OWN]:.4g} ms"]
        if peer:
            ran += [f"{times[peer]:.4g} ms ({peer})", f"{row['ratio']:.2f}"]
            ran += [f"{row['low']:.2f} - {row['high']:.2f}"]
        else:
            ran += ["none", "", ""]
        lines.append([*ran, report.number(bar), verdict(row)])
    for mean in means(rows):
        name = f"geometric mean of {mean['of']}"
        cells = [name, mean["batch"], mean["threads"], "", "", f"{mean['mean']:.2f}"]
        bar = MEANS.get((mean["task"], mean["batch"]))
        end = [report.number(bar), report.verdict(mean["mean"], bar)]
        lines.append([*cells, "", *end])
    columns = ["network", "batch", "threads", OWN, "best peer", "ratio"]
    text = report.markdown([*columns, "quartiles", "at least", ""], lines)
    versions = sorted({version for row in rows for version in row["versions"]})
    text += f"\n\nRan: {', '.join(versions)}."
    absent: dict[str, list[str]] = {}
    for row in rows:
        for name, reason in row["missing"].items():
            absent.setdefault(f"{name} ({reason})", []).append(row["network"])
    for name, networks in absent.items():
        text += f"\n\nDid not run: {name}: {', '.join(dict.fromkeys(networks))}."
    return text


def chart(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the ratios."""
    bars = [
        report.Bar(
            f"{row['network']}, batch {row['batch']}, threads {row['threads']}",
            *(row["ratio"], row["low"], row["high"]),
            bar_of(row),
        )
        for row in rows
        if "ratio" in row
    ]
    report.draw(bars, "times as fast as the best peer", path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=tuple(DEFAULT), default="train")
    parser.add_argument("--batch", type=int, nargs="+", default=[64])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compile", action="store_true", help="also torch.compile")
    parser.add_argument(
        "--peer-python", nargs="+", default=[], help="interpreters that have peers"
    )
    report.add_options(parser)
    arguments = parser.parse_args()
    pythons = [*arguments.peer_python, sys.executable]
    where = {peer: interpreter(peer, pythons) for peer in ("torch", "onnxruntime")}
    where["sklearn"] = interpreter("sklearn", pythons)
    found = report.conditions(arguments.threads)
    rows = []
    for batch in arguments.batch:
        for threads in arguments.threads:
            for network in arguments.networks or DEFAULT[arguments.task]:
                task = {"network": network, "task": arguments.task, "batch": batch}
                task |= {"threads": threads, "mode": ""}
                rows.append(race(arguments, where, task))
                report.progress(rows[-1])
    document = {"conditions": found, "rows": rows, "means": means(rows)}
    name = f"race-{arguments.task}"
    report.publish(
        arguments, name, document, table(rows), lambda path: chart(rows, path)
    )


if __name__ == "__main__":
    main()
