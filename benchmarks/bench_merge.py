"""Joining channels and taking them apart: percent of the bandwidth of a copy."""

from __future__ import annotations

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes

CASES = shapes("features")


@kernel_benchmark("concat", CASES)
def bench_concat(shape: Shape, draw: Draw) -> Work:
    axes = shape.n, shape.h, shape.w
    return Work(([draw(*axes, shape.c), draw(*axes, 2 * shape.c)],))


@kernel_benchmark("split", CASES)
def bench_split(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.h, shape.w, 3 * shape.c)
    return Work((x, [shape.c, 2 * shape.c]))
