"""Losses with their gradients: percent of the bandwidth of a copy."""

from __future__ import annotations

import numpy as np

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes
from pellucid import kernels

CASES = shapes("classes")


@kernel_benchmark("softmax_cross_entropy", CASES)
def bench_softmax_cross_entropy(shape: Shape, draw: Draw) -> Work:
    logits = draw(shape.n, shape.classes)
    return Work((logits, draw.labels(shape.n, shape.classes)), flops=6 * logits.size)


@kernel_benchmark("categorical_cross_entropy", CASES)
def bench_categorical_cross_entropy(shape: Shape, draw: Draw) -> Work:
    probabilities = kernels.softmax(draw(shape.n, shape.classes))
    labels = draw.labels(shape.n, shape.classes)
    return Work((probabilities, labels), flops=4 * shape.n)


@kernel_benchmark("binary_cross_entropy", CASES)
def bench_binary_cross_entropy(shape: Shape, draw: Draw) -> Work:
    probabilities = kernels.softmax(draw(shape.n, shape.classes))
    targets = (draw(shape.n, shape.classes) > 0).astype(np.float32)
    return Work((probabilities, targets), flops=10 * targets.size)


@kernel_benchmark("sigmoid_binary_cross_entropy", CASES)
def bench_sigmoid_binary_cross_entropy(shape: Shape, draw: Draw) -> Work:
    logits = draw(shape.n, shape.classes)
    targets = (draw(shape.n, shape.classes) > 0).astype(np.float32)
    return Work((logits, targets), flops=10 * targets.size)


@kernel_benchmark("mean_squared_error", CASES)
def bench_mean_squared_error(shape: Shape, draw: Draw) -> Work:
    prediction, targets = draw(shape.n, shape.classes), draw(shape.n, shape.classes)
    return Work((prediction, targets), flops=4 * targets.size)


@kernel_benchmark("mean_absolute_error", CASES)
def bench_mean_absolute_error(shape: Shape, draw: Draw) -> Work:
    prediction, targets = draw(shape.n, shape.classes), draw(shape.n, shape.classes)
    return Work((prediction, targets), flops=4 * targets.size)


@kernel_benchmark("huber", CASES)
def bench_huber(shape: Shape, draw: Draw) -> Work:
    prediction, targets = draw(shape.n, shape.classes), draw(shape.n, shape.classes)
    return Work((prediction, targets), flops=6 * targets.size)


@kernel_benchmark("hinge", CASES)
def bench_hinge(shape: Shape, draw: Draw) -> Work:
    scores = draw(shape.n, shape.classes)
    targets = np.sign(draw(shape.n, shape.classes))
    return Work((scores, targets), flops=4 * targets.size)


@kernel_benchmark("kl_divergence", CASES)
def bench_kl_divergence(shape: Shape, draw: Draw) -> Work:
    probabilities = kernels.softmax(draw(shape.n, shape.classes))
    targets = kernels.softmax(draw(shape.n, shape.classes))
    return Work((probabilities, targets), flops=20 * targets.size)
