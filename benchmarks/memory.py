"""What training allocates, whether its memory is flat, and PyTorch's beside it.

    python -m benchmarks.memory --peer-python PYTHON --output-dir results

Three measurements, each in processes of its own:

- allocations of 4 KiB or more while `fit` trains, after its first epoch: counted by a
  library that is preloaded before malloc (allocations.c; needs a C compiler and glibc);
- the resident memory after 1,000 more training steps, less that before them;
- the most memory held while a network takes training steps, less that after the import
  of the library, for pellucid and for PyTorch.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import pellucid as pl
from benchmarks import report
from benchmarks.contestants import Contestant, interpreter, running
from benchmarks.networks import NETWORKS
from benchmarks.race import IMAGE_MODES, OWN

LEAST = 4096
BYTES_A_STEP = 64
"""Growth that counts as flat: the least that a leak of one object a step would show."""

BATCHES, TAIL, EPOCHS = 8, 5, 3
WARM_UP = 50
AGAINST = "cifar_vgg"
SOURCE = Path(__file__).with_name("allocations.c")


def samples(network: str, count: int) -> tuple[Any, Any]:
    """Made-up images or rows, and labels."""
    random = np.random.default_rng(0)
    shape = (count, *NETWORKS[network].input_shape)
    x = random.standard_normal(shape, dtype=np.float32)
    return x, random.integers(0, 10, count)


class AfterFirstEpoch(pl.Callback):
    """Counts allocations from the end of the first epoch to the end of training."""

    def __init__(self, counter: Any) -> None:
        super().__init__()
        self.counter = counter

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            self.counter.count_allocations(ctypes.c_size_t(LEAST))

    def on_train_end(self, logs: Any = None) -> None:
        self.counter.count_allocations(ctypes.c_size_t(0))


def count_allocations(network: str, batch: int) -> None:
    """Print the sizes that `fit` asked for; runs where the counter is preloaded."""
    counter = ctypes.CDLL(None)
    counter.counted_size.restype = ctypes.c_size_t
    model = NETWORKS[network].model()
    x, y = samples(network, batch * BATCHES + TAIL)
    callbacks = [AfterFirstEpoch(counter)]
    model.fit(x, y, epochs=EPOCHS, batch_size=batch, callbacks=callbacks, verbose=0)
    found = counter.counted_allocations()
    sizes = [counter.counted_size(index) for index in range(min(found, 64))]
    print(json.dumps({"count": found, "sizes": sizes}))


def growth(network: str, batch: int, steps: int) -> None:
    """Print the bytes of resident memory that steps after the first ones added."""
    model = NETWORKS[network].model()
    x, y = samples(network, batch)
    for _ in range(WARM_UP):
        model.train_on_batch(x, y)
    before = resident()
    for _ in range(steps):
        model.train_on_batch(x, y)
    print(json.dumps({"bytes": resident() - before}))


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def inside(call: str, environment: dict[str, str]) -> Any:
    """What a function of this module prints in a process of its own."""
    code = f"from benchmarks import memory; memory.{call}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def built_counter(folder: str) -> str | None:
    """Compile the counter; None where that fails."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if compiler is None:
        return None
    library = str(Path(folder, "allocations.so"))
    command = [compiler, "-O2", "-shared", "-fPIC", str(SOURCE), "-o", library]
    return library if subprocess.run(command, check=False).returncode == 0 else None


def allocations(network: str, batch: int, threads: int, counter: str | None) -> Any:
    """A row: how many allocations of 4 KiB or more."""
    row: dict[str, Any] = {"network": network, "measured": "allocations"}
    if counter is None:
        return {**row, "value": None, "verdict": "unknown: no C compiler"}
    environment = {"LD_PRELOAD": counter, "PELLUCID_NUM_THREADS": str(threads)}
    found = inside(f"count_allocations({network!r}, {batch})", environment)
    met = "met" if found["count"] == 0 else "not met"
    return {**row, "value": found["count"], "sizes": found["sizes"], "verdict": met}


def flat(network: str, batch: int, threads: int, steps: int) -> Any:
    """A row: bytes added by many steps."""
    environment = {"PELLUCID_NUM_THREADS": str(threads)}
    added = inside(f"growth({network!r}, {batch}, {steps})", environment)["bytes"]
    met = "met" if added <= BYTES_A_STEP * steps else "not met"
    row = {"network": network, "measured": "growth", "steps": steps}
    return {**row, "value": added, "verdict": met}


def against_torch(
    network: str, batch: int, threads: int, python: str, processes: int
) -> Any:
    """A row: the most bytes held since the import, pellucid's and PyTorch's.

    PyTorch's differ by a quarter from process to process, so medians are compared.
    """
    task = {"network": network, "task": "train", "batch": batch, "threads": threads}
    every: dict[str, list[float]] = {}
    for _ in range(processes):
        contestants = {OWN: Contestant(sys.executable, OWN, {**task, "mode": ""})}
        for mode in IMAGE_MODES:
            child = Contestant(python, "torch", {**task, "mode": mode})
            contestants[f"torch {mode}"] = child
        with running(contestants) as (ready, missing):
            for name, child in ready.items():
                every.setdefault(name, []).append(child.ask("memory"))
    held = {name: statistics.median(values) for name, values in every.items()}
    row: dict[str, Any] = {"network": network, "measured": "since import"}
    row |= {"held": held, "every": every, "missing": missing, "value": held.get(OWN)}
    others = [value for name, value in held.items() if name != OWN]
    if OWN in missing or not others:
        return {**row, "verdict": "unknown"}
    return {**row, "verdict": "met" if held[OWN] <= min(others) else "not met"}


def words(row: dict[str, Any]) -> list[str]:
    """What was measured, the figure, and what it should be."""
    if row["measured"] == "allocations":
        sizes = sorted(set(row.get("sizes", [])))
        value = "unknown" if row["value"] is None else str(row["value"])
        if sizes:
            value += f" ({', '.join(map(str, sizes[:8]))} bytes)"
        return ["allocations of 4 KiB or more after the first epoch", value, "none"]
    if row["measured"] == "growth":
        value = f"{row['value'] / 1024:.0f} KiB"
        bar = f"{BYTES_A_STEP * row['steps'] / 1024:.0f} KiB"
        return [f"growth over {row['steps']} steps", value, bar]
    held = []
    for name, values in row["every"].items():
        low, high = 1e-6 * min(values), 1e-6 * max(values)
        held.append(
            f"{name} {1e-6 * row['held'][name]:.0f} MB ({low:.0f} - {high:.0f})"
        )
    held += [f"{name}: {reason}" for name, reason in row["missing"].items()]
    return ["most held since the import", ", ".join(held), "PyTorch's"]


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [[row["network"], *words(row), row["verdict"]] for row in rows]
    return report.markdown(["network", "memory", "measured", "at most", ""], lines)


def chart(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw what was held since the import."""
    bars = [
        report.Bar(
            f"{row['network']}, {name}",
            *(1e-6 * value for value in (row["held"][name], min(all_), max(all_))),
        )
        for row in rows
        if row["measured"] == "since import"
        for name, all_ in row["every"].items()
    ]
    report.draw(bars, "MB at most since the import; median and range", path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1000)
    networks = [name for name in NETWORKS if name != "lenet5_sgd"]
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=networks)
    parser.add_argument("--processes", type=int, default=5, help="for each library")
    parser.add_argument("--against", choices=NETWORKS, default=AGAINST)
    parser.add_argument(
        "--peer-python", nargs="+", default=[], help="interpreters that have PyTorch"
    )
    report.add_options(parser)
    arguments = parser.parse_args()
    batch, threads = arguments.batch, arguments.threads
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        counter = built_counter(folder)
        for network in arguments.networks:
            rows.append(allocations(network, batch, threads, counter))
            report.progress(rows[-1])
            rows.append(flat(network, batch, threads, arguments.steps))
            report.progress(rows[-1])
    python = interpreter("torch", [*arguments.peer_python, sys.executable])
    processes = arguments.processes
    rows.append(against_torch(arguments.against, batch, threads, python, processes))
    document = {"conditions": report.conditions([threads]), "rows": rows}
    report.publish(
        *(arguments, "memory", document, table(rows)),
        picture=lambda path: chart(rows, path),
    )


if __name__ == "__main__":
    main()
