"""Random numbers and permutations: percent of the bandwidth of a copy."""

from __future__ import annotations

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes

CASES = shapes("vectors")
KEY = {"seed": 0, "stream": 1}


@kernel_benchmark("philox", CASES)
def bench_philox(shape: Shape, draw: Draw) -> Work:
    return Work((shape.size,), KEY)


@kernel_benchmark("random_uniform", CASES)
def bench_random_uniform(shape: Shape, draw: Draw) -> Work:
    return Work((shape.size,), KEY)


@kernel_benchmark("random_normal", CASES)
def bench_random_normal(shape: Shape, draw: Draw) -> Work:
    return Work((shape.size,), KEY)


@kernel_benchmark("permutation", shapes("samples"))
def bench_permutation(shape: Shape, draw: Draw) -> Work:
    return Work((shape.size,), KEY)
