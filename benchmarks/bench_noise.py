"""Alpha dropout and normal noise: percent of the bandwidth of a copy."""

from __future__ import annotations

import numpy as np

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes
from pellucid import kernels

CASES = shapes("features")


def counted() -> dict[str, object]:
    return {"seed": 1, "stream": 3, "counter": np.zeros(1, np.uint64)}


@kernel_benchmark("alpha_dropout", CASES)
def bench_alpha_dropout(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.h, shape.w, shape.c)
    return Work((x, 0.5), counted(), flops=2 * x.size)


@kernel_benchmark("alpha_dropout_backward", CASES)
def bench_alpha_dropout_backward(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.h, shape.w, shape.c)
    _, mask = kernels.alpha_dropout(x, 0.5, **counted())
    return Work((x, mask, 0.5), flops=x.size)


@kernel_benchmark("gaussian_noise", CASES)
def bench_gaussian_noise(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.h, shape.w, shape.c)
    return Work((x, 0.1), counted(), flops=2 * x.size)
