"""Whole networks as a user calls them: a training step, predictions."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.harness import ROUNDS, Draw, time_it
from benchmarks.networks import NETWORKS

BATCH = 64

pytestmark = [
    pytest.mark.benchmark(**ROUNDS),
    pytest.mark.parametrize("name", NETWORKS),
]


def bench_training_step(
    benchmark: Any, on_backend: str, name: str, smoke: bool
) -> None:
    model = NETWORKS[name].model()
    draw, batch = Draw(), 2 if smoke else BATCH
    x, y = draw(batch, *NETWORKS[name].input_shape), draw.labels(batch, 10)
    benchmark.group = f"training step {name}, batch {batch}"
    time_it(benchmark, lambda: model.train_on_batch(x, y), nbytes=x.nbytes)


@pytest.mark.parametrize("batch", [1, BATCH])
def bench_predict(
    benchmark: Any, on_backend: str, name: str, batch: int, smoke: bool
) -> None:
    model = NETWORKS[name].model()
    batch = 1 if smoke else batch
    x = Draw()(batch, *NETWORKS[name].input_shape)
    benchmark.group = f"predict {name}, batch {batch}"
    time_it(benchmark, lambda: model.predict(x), nbytes=x.nbytes)
