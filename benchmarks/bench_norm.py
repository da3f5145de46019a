"""Normalization and factors of channels: percent of the bandwidth of a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes
from pellucid import kernels

CASES = shapes("features")


def arrays(shape: Shape, draw: Draw) -> tuple[Any, tuple[Any, Any], tuple[Any, Any]]:
    """Input, (gamma, beta), (mean, variance)."""
    c = shape.c
    statistics = draw(c), np.exp(draw(c))
    return draw(shape.n, shape.h, shape.w, c), (draw(c), draw(c)), statistics


@kernel_benchmark("batch_norm_training", CASES)
def bench_batch_norm_training(shape: Shape, draw: Draw) -> Work:
    x, affine, running = arrays(shape, draw)
    options = {"activation": "relu"}
    return Work((x, *affine, *running), options, flops=9 * x.size, writes=running)


@kernel_benchmark("batch_norm_inference", CASES)
def bench_batch_norm_inference(shape: Shape, draw: Draw) -> Work:
    x, affine, running = arrays(shape, draw)
    return Work((x, *affine, *running), {"activation": "relu"}, flops=3 * x.size)


@kernel_benchmark("batch_norm_backward", CASES)
def bench_batch_norm_backward(shape: Shape, draw: Draw) -> Work:
    x, (gamma, _), batch = arrays(shape, draw)
    return Work((draw(*x.shape), x, gamma, *batch), flops=9 * x.size)


def _pooled(shape: Shape, draw: Draw) -> tuple[Any, Any, Any]:
    """`arrays`, of even height and width."""
    even = {"h": shape.h // 2 * 2, "w": shape.w // 2 * 2}
    return arrays(Shape(**(vars(shape) | even)), draw)


@kernel_benchmark("batch_norm_max_pool2d", CASES)
def bench_batch_norm_max_pool2d(shape: Shape, draw: Draw) -> Work:
    x, affine, running = _pooled(shape, draw)
    options = {"activation": "relu"}
    given = (x, *affine, *running, 2)
    return Work(given, options, flops=10 * x.size, writes=running)


@kernel_benchmark("batch_norm_max_pool2d_backward", CASES)
def bench_batch_norm_max_pool2d_backward(shape: Shape, draw: Draw) -> Work:
    x, (gamma, beta), running = _pooled(shape, draw)
    y, argmax, *batch = kernels.batch_norm_max_pool2d(x, gamma, beta, *running, 2)
    return Work((draw(*y.shape), argmax, x, gamma, *batch, 2), flops=9 * x.size)


@kernel_benchmark("batch_norm_inference_backward", CASES)
def bench_batch_norm_inference_backward(shape: Shape, draw: Draw) -> Work:
    x, (gamma, _), running = arrays(shape, draw)
    return Work((draw(*x.shape), x, gamma, *running), flops=6 * x.size)


@kernel_benchmark("layer_norm", CASES)
def bench_layer_norm(shape: Shape, draw: Draw) -> Work:
    x, affine, _ = arrays(shape, draw)
    return Work((x, *affine), flops=8 * x.size)


@kernel_benchmark("layer_norm_backward", CASES)
def bench_layer_norm_backward(shape: Shape, draw: Draw) -> Work:
    x, (gamma, beta), _ = arrays(shape, draw)
    _, *statistics = kernels.layer_norm(x, gamma, beta)
    return Work((draw(*x.shape), x, gamma, *statistics), flops=14 * x.size)


@kernel_benchmark("group_norm", CASES)
def bench_group_norm(shape: Shape, draw: Draw) -> Work:
    x, affine, _ = arrays(shape, draw)
    return Work((x, *affine, 2), flops=8 * x.size)


@kernel_benchmark("group_norm_backward", CASES)
def bench_group_norm_backward(shape: Shape, draw: Draw) -> Work:
    x, (gamma, beta), _ = arrays(shape, draw)
    _, *statistics = kernels.group_norm(x, gamma, beta, 2)
    return Work((draw(*x.shape), x, gamma, *statistics), flops=9 * x.size)


@kernel_benchmark("scale_channels", CASES)
def bench_scale_channels(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.h, shape.w, shape.c)
    return Work((x, draw(shape.n, shape.c)), flops=x.size)


@kernel_benchmark("fold_batch_norm", CASES)
def bench_fold_batch_norm(shape: Shape, draw: Draw) -> Work:
    _, affine, running = arrays(shape, draw)
    return Work((*affine, *running, draw(shape.c)), {}, flops=5 * shape.c)
