"""Calls of batch normalization into poisoned memory, and data for them."""

import numpy as np

from pellucid import kernels
from tests.support.data import generator, integers


def train(x, gamma, beta, *, running=None, **options):
    """batch_norm_training into poisoned memory; the running values come last."""
    c, dtype = x.shape[-1], x.dtype.newbyteorder("=")
    if running is None:
        running = np.zeros(c, dtype), np.ones(c, dtype)
    out = tuple(np.full(shape, np.nan, dtype) for shape in (x.shape, c, c))
    result = kernels.batch_norm_training(x, gamma, beta, *running, out=out, **options)
    assert all(a is b for a, b in zip(result, out, strict=True))
    return (*out, *running)


def backward(function, dy, x, *vectors, **options):
    """One of the two gradients into poisoned memory."""
    c = x.shape[-1]
    out = tuple(np.full(shape, np.nan, x.dtype) for shape in (x.shape, c, c))
    result = function(dy, x, *vectors, out=out, **options)
    assert all(a is b for a, b in zip(result, out, strict=True))
    return out


def vectors(c, dtype, count=2):
    """Whole numbers for gamma, beta, mean: one vector each."""
    return [integers((c,), seed, dtype=dtype) for seed in range(10, 10 + count)]


def noise(shape, seed, dtype):
    return generator(shape, seed, "noise").normal(size=shape).astype(dtype)
