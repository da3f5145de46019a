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


def states(shape: Shape, draw: Draw, count: int) -> list[np.ndarray]:
    """Return value, gradient and states; the states are positive."""
    made = [draw(shape.size) for _ in range(2 + count)]
    return made[:2] + [np.abs(state) for state in made[2:]]


@kernel_benchmark("rmsprop_step", CASES)
def bench_rmsprop_step(shape: Shape, draw: Draw) -> Work:
    value, grad, square = states(shape, draw, 1)
    hyper = np.array([1e-6, 0.0, 0.99, 1e-8, 0.0])
    flops, writes = 10 * value.size, (value, square)
    return Work((value, grad, square, None, None, hyper), flops=flops, writes=writes)


@kernel_benchmark("adagrad_step", CASES)
def bench_adagrad_step(shape: Shape, draw: Draw) -> Work:
    value, grad, square = states(shape, draw, 1)
    hyper = np.array([1e-6, 0.0, 1e-10, 1.0])
    flops, writes = 9 * value.size, (value, square)
    return Work((value, grad, square, hyper), flops=flops, writes=writes)


@kernel_benchmark("adadelta_step", CASES)
def bench_adadelta_step(shape: Shape, draw: Draw) -> Work:
    value, grad, square, moved = states(shape, draw, 2)
    hyper = np.array([1e-6, 0.0, 0.9, 1e-6])
    flops, writes = 16 * value.size, (value, square, moved)
    return Work((value, grad, square, moved, hyper), flops=flops, writes=writes)


@kernel_benchmark("nadam_step", CASES)
def bench_nadam_step(shape: Shape, draw: Draw) -> Work:
    value, grad, m, v = states(shape, draw, 2)
    hyper = np.array([1e-6, 0.0, 0.0, 0.9, 0.999, 1e-8, 0.5, 0.5, 0.1])
    flops, writes = 17 * value.size, (value, m, v)
    return Work((value, grad, m, v, hyper), flops=flops, writes=writes)


@kernel_benchmark("lion_step", CASES)
def bench_lion_step(shape: Shape, draw: Draw) -> Work:
    value, grad, m = states(shape, draw, 1)
    hyper = np.array([1e-6, 0.0, 0.9, 0.99])
    flops, writes = 8 * value.size, (value, m)
    return Work((value, grad, m, hyper), flops=flops, writes=writes)
