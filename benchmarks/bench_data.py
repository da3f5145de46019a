"""What `Prefetch` costs on a set in memory, and gains on one that is slow to make.

python -m benchmarks.bench_data prints the ratios, and fails where an epoch over arrays
takes 5 % more than a bare loop.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from benchmarks.networks import NETWORKS
from pellucid.data import Batches, Compose, Prefetch, RandomAffine, RandomNoise
from pellucid.debug.yardsticks import contest, median_ratio, timed

SAMPLES, BATCH, BUDGET = 3200, 64, 1.05
READING_SECONDS = 0.002

AUGMENT = Compose([RandomAffine(15, 0.1, 0.1), RandomNoise(0.05)])


class FromDisk:
    """The same batches, each after a wait: a slow disk."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        for batch in self.batches:
            time.sleep(READING_SECONDS)
            yield batch


def sources(samples: int) -> dict[str, Iterable[Any]]:
    """Return the data by name: in memory, augmented, from a slow disk."""
    random = np.random.default_rng(0)
    x = random.random((samples, 28, 28, 1), dtype=np.float32)
    y = random.integers(0, 10, samples)
    plain = Batches(x, y, batch_size=BATCH, shuffle=True)
    augmented = Batches(x, y, batch_size=BATCH, shuffle=True, transform=AUGMENT)
    return {"memory": plain, "augmented": augmented, "disk": FromDisk(plain)}


def epoch(model: Any, batches: Iterable[Any]) -> Callable[[], None]:
    """Return a training epoch as a bare loop over some batches."""

    def run() -> None:
        for x, y in batches:
            model.train_on_batch(x, y)

    return run


def ratio(name: str, network: str, samples: int, rounds: int) -> float:
    """How many times longer an epoch takes with `Prefetch` than without."""
    source = sources(samples)[name]
    model = NETWORKS[network].model()
    contestants = {
        "bare": timed(epoch(model, source)),
        "prefetch": timed(epoch(model, Prefetch(source))),
    }
    for contestant in contestants.values():
        contestant()
    return median_ratio(contest(contestants, rounds), "prefetch", "bare")


def bench_prefetch(benchmark: Any, smoke: bool) -> None:
    samples, rounds = (4 * BATCH, 1) if smoke else (SAMPLES, 11)
    arguments = ("memory", "lenet5_sgd", samples, rounds)
    benchmark.group = "epoch in memory, Prefetch against a bare loop"
    found = benchmark.pedantic(ratio, arguments, rounds=1)
    benchmark.extra_info.update(ratio=found, budget=BUDGET)


if __name__ == "__main__":
    worst = 0.0
    for network in ("lenet5_sgd", "mnist_cnn"):
        for name in ("memory", "augmented", "disk"):
            found = ratio(name, network, SAMPLES, 11)
            print(f"{network}, {name}: {found:.3f} of the time of a bare loop")
            if name == "memory":
                worst = max(worst, found)
    sys.exit(worst > BUDGET)
