"""Augmentation of a batch of images: percent of the bandwidth of a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import Draw, Shape, Work, kernel_benchmark, shapes

CASES = shapes("images")


def images(shape: Shape, draw: Draw) -> Any:
    return draw(shape.n, shape.h, shape.w, shape.c)


def shuffled(shape: Shape, draw: Draw) -> Any:
    return draw.random.permutation(shape.n)


@kernel_benchmark("image_crop", CASES)
def bench_image_crop(shape: Shape, draw: Draw) -> Work:
    x = images(shape, draw)
    top, left = draw.random.integers(-4, 5, (2, shape.n))
    flip = draw.random.integers(0, 2, shape.n).astype(np.uint8)
    return Work((x, top, left, flip, (shape.h, shape.w)), {"border": "reflect"})


@kernel_benchmark("image_affine", CASES)
def bench_image_affine(shape: Shape, draw: Draw) -> Work:
    x = images(shape, draw)
    matrix = np.eye(2, 3) + 0.05 * draw(shape.n, 2, 3).astype(np.float64)
    return Work((x, matrix, (shape.h, shape.w)), flops=9 * x.size)


@kernel_benchmark("image_paste", CASES)
def bench_image_paste(shape: Shape, draw: Draw) -> Work:
    boxes = draw.random.integers(0, shape.h // 2, (shape.n, 4))
    return Work((images(shape, draw), boxes), {"partner": shuffled(shape, draw)})


@kernel_benchmark("image_noise", CASES)
def bench_image_noise(shape: Shape, draw: Draw) -> Work:
    x = images(shape, draw)
    return Work((x, 0.1), {"seed": 0, "stream": 1}, flops=2 * x.size)


@kernel_benchmark("image_adjust", CASES)
def bench_image_adjust(shape: Shape, draw: Draw) -> Work:
    x = images(shape, draw)
    brightness, contrast = draw.random.uniform(0.8, 1.2, (2, shape.n))
    return Work((x, brightness, contrast), {"low": 0.0, "high": 1.0}, flops=5 * x.size)


@kernel_benchmark("mix_rows", CASES)
def bench_mix_rows(shape: Shape, draw: Draw) -> Work:
    x = images(shape, draw)
    weight = draw.random.uniform(0, 1, shape.n)
    return Work((x, shuffled(shape, draw), weight), flops=3 * x.size)
