"""The kernels that are held against the machine: what each is given and must do.

FLOPs are those of the textbook formula, 2 per multiply-add, also for Winograd. Bytes
are what must be read and written at least once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pellucid import kernels
from pellucid.core.workspace import aligned_empty

BATCH = 64
FEATURES = (BATCH, 28, 28, 32)


@dataclass(frozen=True)
class Work:
    """A call on arrays of its own.

    Attributes
    ----------
    call : callable
    flops, nbytes : int
    part : int or None
        Which of the kernel calls that it makes is meant; None for all.
    """

    call: Callable[[], Any]
    flops: int = 0
    nbytes: int = 0
    part: int | None = None


@dataclass(frozen=True)
class Case:
    """One kernel on one shape.

    Attributes
    ----------
    group, name : str
    prepare : callable
        Makes the work for a batch or size divided by its argument, 1 for the whole.
    limit : {"peak", "copy"}
        What bounds it: multiply-adds, or a copy of as many bytes.
    short : bool
        Part of `pellucid bench` without a file.
    """

    group: str
    name: str
    prepare: Callable[[int], Work]
    limit: str = "peak"
    short: bool = False


def draw(*shape: int) -> Any:
    """Standard normal float32 numbers, the same in every run, aligned as a layer's."""
    x = aligned_empty(shape, np.float32)
    return np.random.default_rng(0).standard_normal(dtype=np.float32, out=x)


def room(*like: Any) -> Any:
    """Memory for results of these shapes and types, aligned as a layer's."""
    arrays = tuple(aligned_empty(array.shape, array.dtype) for array in like)
    return arrays if len(arrays) > 1 else arrays[0]


def gemm(size: int, trans_a: bool, trans_b: bool, shrink: int) -> Work:
    size //= shrink
    a, b, c = draw(size, size), draw(size, size), draw(size, size)
    call = partial(kernels.gemm, a, b, trans_a=trans_a, trans_b=trans_b, out=c)
    return Work(call, 2 * size**3, 3 * a.nbytes)


def dense(inputs: int, outputs: int, direction: str, shrink: int) -> Work:
    n = max(BATCH // shrink, 2)
    x, w, b = draw(n, inputs), draw(inputs, outputs), draw(outputs)
    dy = draw(n, outputs)
    call = {
        "forward": partial(kernels.dense, x, w, b, out=room(dy)),
        "dW": partial(kernels.gemm, x, dy, trans_a=True, out=room(w)),
        "dX": partial(kernels.gemm, dy, w, trans_b=True, out=room(x)),
    }[direction]
    return Work(call, 2 * n * inputs * outputs, x.nbytes + w.nbytes + dy.nbytes)


CONV_PARTS = {"forward": None, "backward-weights": 0, "backward-data": 1}


def conv(
    sizes: tuple[int, int, int, int], options: dict[str, Any], part: str, shrink: int
) -> Work:
    """Sizes are c, h, k and the side of the filter; images and filters are square."""
    c, h, k, side = sizes
    n = max(BATCH // shrink, 1)
    groups = options.get("groups", 1)
    x, w = draw(n, h, h, c), draw(side, side, c // groups, k)
    y = room(kernels.conv2d(x, w, **options))
    flops = 2 * y.size * side * side * (c // groups)
    nbytes = x.nbytes + w.nbytes + y.nbytes
    if part == "forward":
        return Work(partial(kernels.conv2d, x, w, **options, out=y), flops, nbytes)
    call = partial(kernels.conv2d_backward, draw(*y.shape), x, w, **options)
    call = partial(call, need_db=False, out=(*room(x, w), None))
    if part == "backward":
        return Work(call, 2 * flops, 2 * nbytes)
    return Work(call, flops, nbytes, CONV_PARTS[part])


def pool(op: str, backward: bool, shrink: int) -> Work:
    n, *inner = FEATURES
    x = draw(max(n // shrink, 1), *inner)
    forward = getattr(kernels, op)
    result = forward(x, 2)
    outputs = result if isinstance(result, tuple) else (result,)
    if not backward:
        call = partial(forward, x, 2, out=room(*outputs))
    else:
        dy = draw(*outputs[0].shape)
        call = partial(getattr(kernels, op + "_backward"), dy, *outputs[1:], x.shape, 2)
        call = partial(call, out=room(x))
    return Work(call, 4 * outputs[0].size, x.nbytes + sum(y.nbytes for y in outputs))


def batch_norm(op: str, shrink: int) -> Work:
    n, *inner = FEATURES
    x, c = draw(max(n // shrink, 1), *inner), FEATURES[-1]
    gamma, beta, mean, variance = draw(c), draw(c), draw(c), np.exp(draw(c))
    if op == "batch_norm_backward":
        call = partial(kernels.batch_norm_backward, x, x, gamma, mean, variance)
        call = partial(call, out=room(x, gamma, beta))
        return Work(call, 9 * x.size, 3 * x.nbytes)
    call = partial(getattr(kernels, op), x, gamma, beta, mean, variance)
    results = call()
    out = room(*results) if isinstance(results, tuple) else room(results)
    return Work(partial(call, out=out), 3 * x.size, 2 * x.nbytes)


def activation(name: str, backward: bool, shrink: int) -> Work:
    n, *inner = FEATURES
    x = draw(max(n // shrink, 1), *inner)
    out = room(x)
    if not backward:
        call = partial(kernels.activation, x, name, out=out)
        return Work(call, x.size, 2 * x.nbytes)
    y = kernels.activation(x, name)
    call = partial(kernels.activation_backward, x, y, name, out=out)
    return Work(call, x.size, 3 * x.nbytes)


def softmax(rows: int, classes: int, shrink: int) -> Work:
    x = draw(max(rows // shrink, 1), classes)
    call = partial(kernels.softmax, x, out=room(x))
    return Work(call, 5 * x.size, 2 * x.nbytes)


def update(name: str, shrink: int) -> Work:
    size = 669_706 // shrink
    value, grad, first = draw(size), draw(size), draw(size)
    if name == "sgd":
        hyper = np.array([1e-6, 0.9, 0.0, 0.0, 0.0, 0.0])
        call = partial(kernels.sgd_step, value, grad, first, hyper)
        return Work(call, 4 * size, 5 * value.nbytes)
    hyper = np.array([1e-6, 0.9, 0.999, 1e-8, 0.0, 0.0, 0.5, 0.1])
    call = partial(kernels.adam_step, value, grad, first, first * first, hyper)
    return Work(call, 14 * size, 7 * value.nbytes)


def _convolutions() -> Iterator[Case]:
    same = {"padding": "same"}
    for c, h in ((64, 32), (128, 16), (256, 8), (32, 32)):
        for part in CONV_PARTS:
            for group, algo in (("conv direct", "direct"), ("conv winograd", "auto")):
                options = same | {"conv_algo": algo}
                prepare = partial(conv, (c, h, c, 3), options, part)
                name = f"3x3 c{c} k{c} {h}x{h} {part}"
                yield Case(group, name, prepare, short=c == 64)
    others: dict[str, tuple[tuple[int, int, int, int], dict[str, Any]]] = {
        "strided 3x3 c64 k128 32x32": ((64, 32, 128, 3), same | {"strides": 2}),
        "1x1 c64 k128 32x32": ((64, 32, 128, 1), {}),
        "5x5 c64 k64 16x16": ((64, 16, 64, 5), same),
        "first 3x3 c3 k64 32x32": ((3, 32, 64, 3), same),
    }
    for name, (sizes, options) in others.items():
        for part in CONV_PARTS:
            if name.startswith("first") and part == "backward-data":
                continue  # a network's first layer needs none
            prepare = partial(conv, sizes, options, part)
            yield Case("conv other", f"{name} {part}", prepare)
    for name, sizes, options in (
        ("conv1 5x5 c1 k6 28x28", (1, 28, 6, 5), same),
        ("conv2 5x5 c6 k16 14x14", (6, 14, 16, 5), {}),
    ):
        for part in ("forward", "backward"):
            prepare = partial(conv, sizes, options, part)
            yield Case("lenet5", f"{name} {part}", prepare, short=True)
    for part in CONV_PARTS:
        prepare = partial(conv, (192, 28, 192, 3), same | {"groups": 192}, part)
        yield Case("depthwise", f"3x3 c192 28x28 {part}", prepare, "copy")


def _cases() -> Iterator[Case]:
    for size in (512, 1024, 2048):
        for name, a, b in (
            ("NN", False, False),
            ("TN", True, False),
            ("NT", False, True),
        ):
            prepare = partial(gemm, size, a, b)
            yield Case("gemm", f"{size} {name}", prepare, short=size == 1024)
    for i, o in ((784, 128), (784, 512), (512, 512), (128, 128), (1000, 1000)):
        for direction in ("forward", "dW", "dX"):
            prepare = partial(dense, i, o, direction)
            yield Case("dense", f"{i} to {o} {direction}", prepare, short=i == 784)
    yield from _convolutions()
    for op in ("max_pool2d", "avg_pool2d"):
        for backward in (False, True):
            name = f"{op} 2x2{' backward' * backward}"
            yield Case(
                "pooling", name, partial(pool, op, backward), "copy", not backward
            )
    for op in ("batch_norm_training", "batch_norm_backward", "batch_norm_inference"):
        yield Case("batch norm", op, partial(batch_norm, op), "copy", True)
    for word in kernels.ACTIVATIONS:
        for backward in (False, True):
            name = f"{word}{' backward' * backward}"
            prepare = partial(activation, word, backward)
            yield Case("activations", name, prepare, "copy", word == "relu")
    yield Case("softmax", "256 x 1000", partial(softmax, 256, 1000), "copy", True)
    yield Case("softmax", "64 x 10", partial(softmax, 64, 10), "copy")
    for word in ("sgd", "adam"):
        name = f"{word} 670,000 parameters"
        yield Case("optimizers", name, partial(update, word), "copy", True)


CASES = tuple(_cases())
