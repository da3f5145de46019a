"""Maximum and average pooling: percent of the bandwidth of a copy."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes
from pellucid import kernels

CASES = shapes("pool")
FEATURES = shapes("features")


def arguments(shape: Shape, draw: Draw) -> tuple[Any, tuple[int, int], dict[str, int]]:
    """Input, window, stride and padding."""
    x = draw(shape.n, shape.h, shape.w, shape.c)
    window = (shape.kh, shape.kw)
    return x, window, {"strides": shape.stride, "padding": shape.pad}


@kernel_benchmark("max_pool2d", CASES)
def bench_max_pool2d(shape: Shape, draw: Draw) -> Work:
    x, window, options = arguments(shape, draw)
    y, _ = kernels.max_pool2d(x, window, **options)
    return Work((x, window), options, flops=y.size * shape.kh * shape.kw)


@kernel_benchmark("max_pool2d_backward", CASES)
def bench_max_pool2d_backward(shape: Shape, draw: Draw) -> Work:
    x, window, options = arguments(shape, draw)
    y, argmax = kernels.max_pool2d(x, window, **options)
    return Work((draw(*y.shape), argmax, x.shape, window), options, flops=y.size)


@kernel_benchmark("avg_pool2d", CASES)
def bench_avg_pool2d(shape: Shape, draw: Draw) -> Work:
    x, window, options = arguments(shape, draw)
    y = kernels.avg_pool2d(x, window, **options)
    return Work((x, window), options, flops=y.size * (shape.kh * shape.kw + 1))


@kernel_benchmark("avg_pool2d_backward", CASES)
def bench_avg_pool2d_backward(shape: Shape, draw: Draw) -> Work:
    x, window, options = arguments(shape, draw)
    dy = draw(*kernels.avg_pool2d(x, window, **options).shape)
    flops = dy.size * (shape.kh * shape.kw + 1)
    return Work((dy, x.shape, window), options, flops=flops)


@kernel_benchmark("global_avg_pool2d", FEATURES)
def bench_global_avg_pool2d(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.h, shape.w, shape.c)
    return Work((x,), flops=x.size)


@kernel_benchmark("global_avg_pool2d_backward", FEATURES)
def bench_global_avg_pool2d_backward(shape: Shape, draw: Draw) -> Work:
    x_shape = (shape.n, shape.h, shape.w, shape.c)
    return Work((draw(shape.n, shape.c), x_shape), flops=shape.n * shape.c)
