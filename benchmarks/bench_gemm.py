"""Matrix product and dense layer: percent of the FMA peak."""

from __future__ import annotations

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes


@kernel_benchmark("gemm", shapes("gemm"))
def bench_gemm(shape: Shape, draw: Draw) -> Work:
    m, n, k = shape.m, shape.n, shape.k
    a = draw(k, m) if shape.trans_a else draw(m, k)
    b = draw(n, k) if shape.trans_b else draw(k, n)
    options = {"trans_a": bool(shape.trans_a), "trans_b": bool(shape.trans_b)}
    return Work((a, b), options, flops=2 * m * n * k)


@kernel_benchmark("dense", shapes("dense"))
def bench_dense(shape: Shape, draw: Draw) -> Work:
    m, n, k = shape.m, shape.n, shape.k
    arrays = draw(m, k), draw(k, n), draw(n)
    return Work(arrays, {"activation": "relu"}, flops=2 * m * n * k + 2 * m * n)


@kernel_benchmark("dense_backward", shapes("dense"))
def bench_dense_backward(shape: Shape, draw: Draw) -> Work:
    m, n, k = shape.m, shape.n, shape.k
    return Work((draw(m, n), draw(m, k), draw(k, n)), flops=4 * m * n * k + m * n)
