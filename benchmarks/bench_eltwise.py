"""Activations, softmax, dropout, sums, rows: percent of the bandwidth of a copy."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import Draw, Prepare, Shape, Work, kernel_benchmark, shapes
from pellucid import kernels

FEATURES = shapes("features")
CLASSES = shapes("classes")
VECTORS = shapes("vectors")
FLOPS = {"relu": 1, "leaky_relu": 2, "hard_swish": 4}
"""Of activations that need no polynomial; the others count as 4 too."""
COUNTER = {"seed": 0, "stream": 1}


def feature_map(shape: Shape, draw: Draw) -> Any:
    return draw(shape.n, shape.h, shape.w, shape.c)


def forward(name: str, shape: Shape, draw: Draw) -> Work:
    x = feature_map(shape, draw)
    return Work((x, name), flops=FLOPS.get(name, 4) * x.size)


def backward(name: str, shape: Shape, draw: Draw) -> Work:
    x = feature_map(shape, draw)
    saved = x if kernels.ACTIVATIONS[name].saves == "x" else kernels.activation(x, name)
    return Work((draw(*x.shape), saved, name), flops=2 * x.size)


def named(prepare: Any, direction: str, name: str) -> Prepare:
    """Give the benchmark of one activation a name of its own."""
    bound = partial(prepare, name)
    bound.__name__ = f"bench_{name}{direction}"
    return bound


for _name in kernels.ACTIVATIONS:
    for _prepare, _direction in ((forward, ""), (backward, "_backward")):
        _bench = kernel_benchmark(f"activation{_direction}", FEATURES)(
            named(_prepare, _direction, _name)
        )
        globals()[_bench.__name__] = _bench


@kernel_benchmark("softmax", CLASSES)
def bench_softmax(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.classes)
    return Work((x,), flops=5 * x.size)


@kernel_benchmark("softmax_backward", CLASSES)
def bench_softmax_backward(shape: Shape, draw: Draw) -> Work:
    y = kernels.softmax(draw(shape.n, shape.classes))
    return Work((draw(*y.shape), y), flops=4 * y.size)


@kernel_benchmark("log_softmax", CLASSES)
def bench_log_softmax(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.classes)
    return Work((x,), flops=5 * x.size)


@kernel_benchmark("log_softmax_backward", CLASSES)
def bench_log_softmax_backward(shape: Shape, draw: Draw) -> Work:
    y = kernels.log_softmax(draw(shape.n, shape.classes))
    return Work((draw(*y.shape), y), flops=4 * y.size)


@kernel_benchmark("prelu", FEATURES)
def bench_prelu(shape: Shape, draw: Draw) -> Work:
    x = feature_map(shape, draw)
    return Work((x, draw(shape.c)), flops=2 * x.size)


@kernel_benchmark("prelu_backward", FEATURES)
def bench_prelu_backward(shape: Shape, draw: Draw) -> Work:
    x = feature_map(shape, draw)
    return Work((draw(*x.shape), x, draw(shape.c)), flops=4 * x.size)


@kernel_benchmark("argmax", CLASSES)
def bench_argmax(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.n, shape.classes)
    return Work((x,), flops=x.size)


@kernel_benchmark("dropout", FEATURES)
def bench_dropout(shape: Shape, draw: Draw) -> Work:
    x = feature_map(shape, draw)
    options = COUNTER | {"counter": np.zeros(1, np.uint64)}
    return Work((x, 0.5), options, flops=x.size)


@kernel_benchmark("dropout_backward", FEATURES)
def bench_dropout_backward(shape: Shape, draw: Draw) -> Work:
    x = feature_map(shape, draw)
    counter = np.zeros(1, np.uint64)
    y, mask = kernels.dropout(x, 0.5, **COUNTER, counter=counter)
    return Work((y, mask, 0.5), flops=x.size)


@kernel_benchmark("add", FEATURES)
def bench_add(shape: Shape, draw: Draw) -> Work:
    a, b = feature_map(shape, draw), feature_map(shape, draw)
    return Work((a, b), flops=a.size)


@kernel_benchmark("add_scaled", VECTORS)
def bench_add_scaled(shape: Shape, draw: Draw) -> Work:
    y, x = draw(shape.size), draw(shape.size)
    return Work((y, x, 1e-6), flops=2 * x.size, writes=(y,))


@kernel_benchmark("scale", VECTORS)
def bench_scale(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.size)
    return Work((x, -1.0), flops=x.size, writes=(x,))


@kernel_benchmark("all_finite", VECTORS)
def bench_all_finite(shape: Shape, draw: Draw) -> Work:
    return Work((draw(shape.size),))


@kernel_benchmark("sum_of_squares", VECTORS)
def bench_sum_of_squares(shape: Shape, draw: Draw) -> Work:
    x = draw(shape.size)
    return Work((x,), flops=2 * x.size)


@kernel_benchmark("gather", FEATURES)
def bench_gather_bytes(shape: Shape, draw: Draw) -> Work:
    size = (4 * shape.n, shape.h, shape.w, shape.c)
    images = draw.random.integers(0, 256, size, dtype=np.uint8)
    rows = draw.random.permutation(4 * shape.n)[: shape.n]
    out = np.empty((shape.n, *size[1:]), np.float32)
    return Work((images[: 4 * shape.n], rows), {"scale": 1 / 255}, flops=out.size)
