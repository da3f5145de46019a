"""Convolution forward and backward, and the im2col pair: percent of the FMA peak."""

from __future__ import annotations

from typing import Any, NamedTuple

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes
from pellucid.kernels.checks import transposed_geometry
from pellucid.shapes import conv_geometry

CASES = shapes("conv")
PLAIN = [shape for shape in CASES if shape.groups == 1 and shape.c * shape.k < 2**14]
"""Those whose im2col matrix fits the memory of a small machine."""


class Problem(NamedTuple):
    """Input, filters, output gradient, options of the call, multiply-adds."""

    x: Any
    w: Any
    dy: Any
    options: dict[str, int]
    multiply_adds: int


def problem(shape: Shape, draw: Draw) -> Problem:
    x = draw(shape.n, shape.h, shape.w, shape.c)
    w = draw(shape.kh, shape.kw, shape.c // shape.groups, shape.k)
    options = {"strides": shape.stride, "padding": shape.pad}
    g = conv_geometry(x.shape, w.shape, **options, groups=shape.groups)
    dy = draw(g.n, g.oh, g.ow, g.k)
    return Problem(x, w, dy, options, g.n * g.oh * g.ow * w.size)


@kernel_benchmark("conv2d", CASES)
def bench_conv2d(shape: Shape, draw: Draw) -> Work:
    p = problem(shape, draw)
    options = p.options | {"groups": shape.groups}
    return Work((p.x, p.w), options, flops=2 * p.multiply_adds)


@kernel_benchmark("conv2d", PLAIN)
def bench_conv2d_by_im2col(shape: Shape, draw: Draw) -> Work:
    p = problem(shape, draw)
    options = p.options | {"conv_algo": "im2col"}
    return Work((p.x, p.w), options, flops=2 * p.multiply_adds)


@kernel_benchmark("conv2d_backward", CASES)
def bench_conv2d_backward(shape: Shape, draw: Draw) -> Work:
    p = problem(shape, draw)
    options = p.options | {"groups": shape.groups}
    return Work((p.dy, p.x, p.w), options, flops=4 * p.multiply_adds)


@kernel_benchmark("conv2d_backward", CASES)
def bench_conv2d_backward_weights(shape: Shape, draw: Draw) -> Work:
    p = problem(shape, draw)
    options = p.options | {"groups": shape.groups, "need_dx": False}
    return Work((p.dy, p.x, p.w), options, flops=2 * p.multiply_adds)


@kernel_benchmark("conv_transpose2d", CASES)
def bench_conv_transpose2d(shape: Shape, draw: Draw) -> Work:
    p = problem(shape, draw)
    options = p.options | {"groups": shape.groups}
    return Work((p.dy, p.w), options, flops=2 * p.multiply_adds)


@kernel_benchmark("conv_transpose2d_backward", CASES)
def bench_conv_transpose2d_backward(shape: Shape, draw: Draw) -> Work:
    p = problem(shape, draw)
    options = p.options | {"groups": shape.groups}
    g = transposed_geometry(p.dy.shape, p.w.shape, **options)
    dy = draw(g.n, g.h, g.w, g.c)
    return Work((dy, p.dy, p.w), options, flops=4 * p.multiply_adds)


@kernel_benchmark("im2col", PLAIN)
def bench_im2col(shape: Shape, draw: Draw) -> Work:
    p = problem(shape, draw)
    return Work((p.x, p.w.shape[:2]), p.options)


@kernel_benchmark("col2im", PLAIN)
def bench_col2im(shape: Shape, draw: Draw) -> Work:
    p = problem(shape, draw)
    columns = draw(*p.dy.shape[:3], p.w.size // shape.k)
    args = (columns, p.x.shape, p.w.shape[:2])
    return Work(args, p.options, flops=columns.size)
