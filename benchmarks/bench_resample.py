"""Up-sampling, adaptive pooling, zero padding: percent of the bandwidth of a copy."""

from __future__ import annotations

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes

CASES = shapes("features")


@kernel_benchmark("upsample2d", CASES)
def bench_upsample2d(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.h, shape.w, shape.c)
    return Work((x, 2), {"interpolation": "bilinear"}, flops=8 * 4 * x.size)


@kernel_benchmark("upsample2d_backward", CASES)
def bench_upsample2d_backward(shape: Shape, draw: Draw) -> Work:
    dy = draw(shape.n, 2 * shape.h, 2 * shape.w, shape.c)
    return Work((dy, 2), {"interpolation": "bilinear"}, flops=8 * dy.size)


@kernel_benchmark("adaptive_avg_pool2d", CASES)
def bench_adaptive_avg_pool2d(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.h, shape.w, shape.c)
    return Work((x, 5), flops=x.size)


@kernel_benchmark("adaptive_avg_pool2d_backward", CASES)
def bench_adaptive_avg_pool2d_backward(shape: Shape, draw: Draw) -> Work:
    x_shape = (shape.n, shape.h, shape.w, shape.c)
    return Work((draw(shape.n, 5, 5, shape.c), x_shape), flops=shape.n * shape.c * 25)


@kernel_benchmark("zero_pad2d", CASES)
def bench_zero_pad2d(shape: Shape, draw: Draw) -> Work:
    return Work((draw(shape.n, shape.h, shape.w, shape.c), 1))


@kernel_benchmark("zero_pad2d_backward", CASES)
def bench_zero_pad2d_backward(shape: Shape, draw: Draw) -> Work:
    return Work((draw(shape.n, shape.h + 2, shape.w + 2, shape.c), 1))
