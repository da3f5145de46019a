"""pellucid as a contestant: its networks, or one of the kernel cases."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[2]))

import pellucid as pl
from benchmarks.networks import NETWORKS

VERSION = f"pellucid {pl.__version__}"


def prepare(
    network: str, task: str, batch: int, threads: int, mode: str
) -> Callable[[], object]:
    pl.set_num_threads(threads)
    if task == "kernel":
        return kernel(network)
    chosen = NETWORKS[network]
    model = chosen.model()
    random = np.random.default_rng(0)
    x = random.standard_normal((batch, *chosen.input_shape), dtype=np.float32)
    y = random.integers(0, 10, batch)
    if task == "train":
        return lambda: model.train_on_batch(x, y)
    return lambda: model.predict(x)


def kernel(name: str) -> Callable[[], object]:
    """The case that is called "GROUP: NAME"."""
    from pellucid.debug.kernel_cases import CASES

    cases = {f"{case.group}: {case.name}": case for case in CASES}
    return cases[name].prepare(1).call
