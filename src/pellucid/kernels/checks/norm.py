"""Arguments of norm.py: batch normalization."""

from __future__ import annotations

import math
from typing import Any

from pellucid.errors import check_choice, describe
from pellucid.shapes import Geometry, pool_geometry

from .arrays import (
    REAL,
    U8,
    Array,
    DType,
    array,
    fused,
    inplace,
    number,
    output,
    outputs,
    rank_error,
    shaped,
    vector,
)
from .pool import NO_PLACE


def batch_norm_training(
    x: Any,
    gamma: Any,
    beta: Any,
    running_mean: Any,
    running_variance: Any,
    momentum: Any,
    epsilon: Any,
    activation: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array, Array, float, float, Array, Array, Array]:
    """Return x, gamma, beta, both running arrays, momentum, epsilon, y, mean, inv_std.

    The running arrays are written in place; x has more than one value per channel.
    """
    fused(activation)
    momentum, epsilon = _constants(momentum, epsilon)
    used = _batch(x, gamma, beta, running_mean, running_variance, dtypes)
    x, c = used[0], used[1].shape
    y, mean, inv_std = outputs(out, 3, "(y, mean, inv_std)")
    y = output(y, x.shape, x.dtype, "y", *used)
    mean = output(mean, c, x.dtype, "mean", *used, y)
    inv_std = output(inv_std, c, x.dtype, "inv_std", *used, y, mean)
    return (*used, momentum, epsilon, y, mean, inv_std)


def _constants(momentum: Any, epsilon: Any) -> tuple[float, float]:
    return (
        number(momentum, "momentum", 0.0, 1.0, False),
        number(epsilon, "epsilon", 0.0, math.inf, True),
    )


def _batch(
    x: Any,
    gamma: Any,
    beta: Any,
    running_mean: Any,
    running_variance: Any,
    dtypes: tuple[DType, ...],
) -> tuple[Array, Array, Array, Array, Array]:
    x, (gamma, beta) = channels(x, dtypes, gamma=gamma, beta=beta)
    c, own = x.shape[-1], (x.dtype,)
    if x.size <= c:
        what = f"batch_norm_training got shape {x.shape}: {x.size // c} per channel"
        expected = "Expected more than one value per channel"
        repair = "Use a larger batch, or batch_norm_inference"
        raise ValueError(describe(what, expected, repair))
    r_mean = inplace(running_mean, "running_mean", own, c, x, gamma, beta)
    r_var = inplace(
        running_variance, "running_variance", own, c, x, gamma, beta, r_mean
    )
    return x, gamma, beta, r_mean, r_var


def batch_norm_max_pool2d(
    x: Any,
    gamma: Any,
    beta: Any,
    running_mean: Any,
    running_variance: Any,
    pool_size: Any,
    momentum: Any,
    epsilon: Any,
    activation: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[
    Array, Array, Array, Array, Array, float, float,
    Geometry, Array, Array, Array, Array,
]:  # fmt: skip
    """Return x, gamma, beta, both running arrays, momentum, epsilon, the geometry, y,
    argmax, mean, inv_std."""
    if activation is not None:
        check_choice(activation, "activation", ("relu",))
    momentum, epsilon = _constants(momentum, epsilon)
    used = _batch(x, gamma, beta, running_mean, running_variance, dtypes)
    x, c = used[0], used[1].shape
    g = _tiling(x, pool_size)
    pooled = (g.n, g.oh, g.ow, g.c)
    y, argmax, mean, inv_std = outputs(out, 4, "(y, argmax, mean, inv_std)")
    y = output(y, pooled, x.dtype, "y", *used)
    argmax = output(argmax, pooled, U8, "argmax", *used, y)
    mean = output(mean, c, x.dtype, "mean", *used, y, argmax)
    inv_std = output(inv_std, c, x.dtype, "inv_std", *used, y, argmax, mean)
    return *used, momentum, epsilon, g, y, argmax, mean, inv_std


def batch_norm_max_pool2d_backward(
    dy: Any,
    argmax: Any,
    x: Any,
    gamma: Any,
    mean: Any,
    inv_std: Any,
    pool_size: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[
    Array, Array, Array, Array, Array, Array, Geometry, Array, Array, Array
]:  # fmt: skip
    """Return the six arrays, the geometry, dx, dgamma, dbeta."""
    x, (gamma, mean, inv_std) = channels(
        x, dtypes, gamma=gamma, mean=mean, inv_std=inv_std
    )
    g = _tiling(x, pool_size)
    pooled = (g.n, g.oh, g.ow, g.c)
    dy = shaped(dy, "dy", (x.dtype,), pooled)
    argmax = shaped(argmax, "argmax", (U8,), pooled)
    used = (dy, argmax, x, gamma, mean, inv_std)
    return *used, g, *norm_gradients(x, out, *used)


def _tiling(x: Array, pool_size: Any) -> Geometry:
    """The geometry of windows that tile the images of x, or raise."""
    g = pool_geometry(x.shape, pool_size, name="batch_norm_max_pool2d")
    if g.h % g.kh or g.w % g.kw or g.kh * g.kw >= NO_PLACE:
        raise ValueError(
            describe(
                f"pool_size ({g.kh}, {g.kw}) does not tile images of {g.h} x {g.w}",
                f"Expected windows of less than {NO_PLACE} pixels, without a rest",
                "Call batch_norm_training and max_pool2d one after the other.",
            )
        )
    return g


def batch_norm_inference(
    x: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    variance: Any,
    epsilon: Any,
    activation: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array, Array, float, Array]:
    """Return `(x, gamma, beta, mean, variance, epsilon, out)`."""
    fused(activation)
    epsilon = number(epsilon, "epsilon", 0.0, math.inf, True)
    x, (gamma, beta, mean, variance) = channels(
        x, dtypes, gamma=gamma, beta=beta, mean=mean, variance=variance
    )
    out = output(out, x.shape, x.dtype, "out", x, gamma, beta, mean, variance)
    return x, gamma, beta, mean, variance, epsilon, out


def fold_batch_norm(
    gamma: Any,
    beta: Any,
    mean: Any,
    variance: Any,
    b: Any,
    epsilon: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array, Array | None, float, Array, Array]:
    """Return `(gamma, beta, mean, variance, b, epsilon, scale, shift)`."""
    epsilon = number(epsilon, "epsilon", 0.0, math.inf, True)
    gamma = array(gamma, "gamma", dtypes)
    c, own = gamma.size, (gamma.dtype,)
    gamma = vector(gamma, "gamma", own, c)
    beta, mean = vector(beta, "beta", own, c), vector(mean, "mean", own, c)
    variance = vector(variance, "variance", own, c)
    if b is not None:
        b = vector(b, "b", own, c)
    used = (gamma, beta, mean, variance, b)
    scale, shift = outputs(out, 2, "(scale, shift)")
    scale = output(scale, (c,), gamma.dtype, "scale", *used)
    shift = output(shift, (c,), gamma.dtype, "shift", *used, scale)
    return gamma, beta, mean, variance, b, epsilon, scale, shift


def batch_norm_backward(
    dy: Any,
    x: Any,
    gamma: Any,
    mean: Any,
    inv_std: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array, Array, Array, Array, Array]:
    """Return `(dy, x, gamma, mean, inv_std, dx, dgamma, dbeta)`."""
    x, (gamma, mean, inv_std) = channels(
        x, dtypes, gamma=gamma, mean=mean, inv_std=inv_std
    )
    dy = shaped(dy, "dy", (x.dtype,), x.shape)
    used = (dy, x, gamma, mean, inv_std)
    return (*used, *norm_gradients(x, out, *used))


def batch_norm_inference_backward(
    dy: Any,
    x: Any,
    gamma: Any,
    mean: Any,
    variance: Any,
    epsilon: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, Array, Array, Array, float, Array, Array, Array]:
    """Return `(dy, x, gamma, mean, variance, epsilon, dx, dgamma, dbeta)`."""
    epsilon = number(epsilon, "epsilon", 0.0, math.inf, True)
    x, (gamma, mean, variance) = channels(
        x, dtypes, gamma=gamma, mean=mean, variance=variance
    )
    dy = shaped(dy, "dy", (x.dtype,), x.shape)
    used = (dy, x, gamma, mean, variance)
    return (*used, epsilon, *norm_gradients(x, out, *used))


def channels(
    x: Any, dtypes: tuple[DType, ...], **vectors: Any
) -> tuple[Array, list[Array]]:
    """Return x, channels last, and vectors of one number for each channel."""
    x = array(x, "x", dtypes)
    if x.ndim < 2 or x.shape[-1] == 0:
        expected = "2 dimensions or more, the channels last"
        raise ValueError(rank_error("x", x, expected, "Reshape x to (n, c)"))
    c, own = x.shape[-1], (x.dtype,)
    return x, [vector(value, name, own, c) for name, value in vectors.items()]


def norm_gradients(x: Array, out: Any, *used: Array) -> tuple[Array, Array, Array]:
    """Return `(dx, dgamma, dbeta)`; dx may be x itself."""
    dx, dgamma, dbeta = outputs(out, 3, "(dx, dgamma, dbeta)")
    c = x.shape[-1:]
    others = [array for array in used if array is not x] if dx is x else used
    dx = output(dx, x.shape, x.dtype, "dx", *others)
    dgamma = output(dgamma, c, x.dtype, "dgamma", *used, dx)
    return dx, dgamma, output(dbeta, c, x.dtype, "dbeta", *used, dx, dgamma)
