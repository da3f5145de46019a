"""Every layer class: forward and backward, with the arguments of its first test row."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.harness import ROUNDS, Draw, time_it
from tests.layers.cases import CASES, Case

FIRST = {case.layer: case for case in reversed(CASES)}
SIZES = {1: (512,), 3: (28, 28, 32)}
"""Input shape by number of axes; rows with another number keep their own."""


@pytest.mark.benchmark(**ROUNDS)
@pytest.mark.parametrize("case", FIRST.values(), ids=lambda case: case.layer.__name__)
def bench_layer(benchmark: Any, on_backend: str, case: Case, smoke: bool) -> None:
    layer, draw = case.make(), Draw()
    shape = case.input_shape if smoke else SIZES.get(len(case.input_shape))
    x = draw(2 if smoke else 64, *(shape or case.input_shape))
    dy = draw(*layer.forward(x, training=True).shape)

    def there_and_back() -> None:
        layer.forward(x, training=True)
        layer.backward(dy)

    benchmark.group = f"layer {case.layer.__name__} {x.shape}"
    time_it(benchmark, there_and_back, nbytes=2 * (x.nbytes + dy.nbytes))
