"""Optimizer steps over all parameters of a network: percent of a copy's bandwidth."""

from __future__ import annotations

import numpy as np

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes

CASES = shapes("vectors")


@kernel_benchmark("sgd_step", CASES)
def bench_sgd_step(shape: Shape, draw: Draw) -> Work:
    value, grad, velocity = (draw(shape.size) for _ in range(3))
    hyper = np.array([1e-6, 0.9, 0.0, 0.0, 0.0, 0.0])
    writes = (value, velocity)
    return Work((value, grad, velocity, hyper), flops=4 * value.size, writes=writes)


@kernel_benchmark("adam_step", CASES)
def bench_adam_step(shape: Shape, draw: Draw) -> Work:
    value, grad, m = (draw(shape.size) for _ in range(3))
    v = m * m
    hyper = np.array([1e-6, 0.9, 0.999, 1e-8, 0.0, 0.0, 0.5, 0.1])
    writes = (value, m, v)
    return Work((value, grad, m, v, hyper), flops=14 * value.size, writes=writes)
