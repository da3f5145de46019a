"""Arguments of sample_norm.py: layer and group normalization, factors of channels."""

from __future__ import annotations

import math
from typing import Any

from pellucid.errors import describe
from pellucid.shapes import integer

from .arrays import (
    REAL,
    Array,
    DType,
    array,
    number,
    output,
    outputs,
    rank_error,
    shape_error,
    shaped,
)
from .norm import channels, norm_gradients

Out = tuple[Array, Array, Array]


def layer_norm(
    x: Any,
    gamma: Any,
    beta: Any,
    epsilon: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, float, Out]:
    """Return `(x, gamma, beta, epsilon, (y, mean, inv_std))`."""
    epsilon = number(epsilon, "epsilon", 0.0, math.inf, True)
    x, (gamma, beta) = channels(x, dtypes, gamma=gamma, beta=beta)
    return x, gamma, beta, epsilon, _results(x, x.shape[:-1], out, gamma, beta)


def layer_norm_backward(
    dy: Any,
    x: Any,
    gamma: Any,
    mean: Any,
    inv_std: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array, Array, Out]:
    """Return `(dy, x, gamma, mean, inv_std, (dx, dgamma, dbeta))`."""
    x, (gamma,) = channels(x, dtypes, gamma=gamma)
    own = (x.dtype,)
    dy = shaped(dy, "dy", own, x.shape)
    mean = shaped(mean, "mean", own, x.shape[:-1])
    inv_std = shaped(inv_std, "inv_std", own, x.shape[:-1])
    used = (dy, x, gamma, mean, inv_std)
    return (*used, norm_gradients(x, out, *used))


def group_norm(
    x: Any,
    gamma: Any,
    beta: Any,
    groups: Any,
    epsilon: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, tuple[int, int, int, int], float, Out]:
    """Return `(x, gamma, beta, (n, positions, c, groups), epsilon, results)`.

    The results are `(y, mean, inv_std)`.
    """
    epsilon = number(epsilon, "epsilon", 0.0, math.inf, True)
    groups = integer(groups, "groups", 1)
    x, (gamma, beta) = channels(x, dtypes, gamma=gamma, beta=beta)
    sizes = *_samples(x), groups
    if x.shape[-1] % groups:
        what = f"groups={groups} does not divide {x.shape[-1]} channels"
        expected = "Expected groups of equal size"
        raise ValueError(describe(what, expected, "Change groups"))
    results = _results(x, (x.shape[0], groups), out, gamma, beta)
    return x, gamma, beta, sizes, epsilon, results


def group_norm_backward(
    dy: Any,
    x: Any,
    gamma: Any,
    mean: Any,
    inv_std: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array, Array, tuple[int, int, int, int], Out]:
    """Return `(dy, x, gamma, mean, inv_std, (n, positions, c, groups), results)`.

    The results are `(dx, dgamma, dbeta)`.
    """
    x, (gamma,) = channels(x, dtypes, gamma=gamma)
    own = (x.dtype,)
    dy = shaped(dy, "dy", own, x.shape)
    mean = array(mean, "mean", own)
    if mean.ndim != 2 or mean.shape[1] == 0 or x.shape[-1] % mean.shape[1]:
        wanted = (x.shape[0], mean.shape[-1] if mean.ndim else 1)
        raise ValueError(shape_error("mean", mean.shape, wanted))
    groups = mean.shape[1]
    mean = shaped(mean, "mean", own, (x.shape[0], groups))
    inv_std = shaped(inv_std, "inv_std", own, mean.shape)
    used = (dy, x, gamma, mean, inv_std)
    return (*used, (*_samples(x), groups), norm_gradients(x, out, *used))


def scale_channels(
    x: Any, factors: Any, out: Any, dtypes: tuple[DType, ...] = REAL
) -> tuple[Array, Array, tuple[int, int, int], Array]:
    """Return `(x, factors, (n, positions, c), out)`."""
    x, _ = channels(x, dtypes)
    sizes = _samples(x)
    factors = shaped(factors, "factors", (x.dtype,), (x.shape[0], x.shape[-1]))
    return x, factors, sizes, output(out, x.shape, x.dtype, "out", x, factors)


def _samples(x: Array) -> tuple[int, int, int]:
    """Return `(n, positions, c)`; a sample holds something."""
    if 0 in x.shape[1:]:
        expected = "samples that are not empty"
        raise ValueError(rank_error("x", x, expected, "Check the slice that made x"))
    return x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]


def _results(x: Array, shape: tuple[int, ...], out: Any, *used: Array) -> Out:
    y, mean, inv_std = outputs(out, 3, "(y, mean, inv_std)")
    y = output(y, x.shape, x.dtype, "y", x, *used)
    mean = output(mean, shape, x.dtype, "mean", x, *used, y)
    return y, mean, output(inv_std, shape, x.dtype, "inv_std", x, *used, y, mean)
