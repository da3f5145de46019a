"""Normalization of every sample by itself: of the last axis, of groups of channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import ANY, Array
from .norm import Out3


def layer_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    *,
    epsilon: float = 1e-5,
    out: Out3 = None,
) -> tuple[Array, Array, Array]:
    """Normalize every row along the last axis by its own mean and variance.

    mean = sum(x) / c,  variance = sum((x - mean) ** 2) / c  (over the last axis)
    inv_std = 1 / sqrt(variance + epsilon)
    y = (x - mean) * inv_std * gamma + beta

    Parameters
    ----------
    x : array (..., c)
        float32 or float64.
    gamma, beta : array (c,)
        Scale and shift.
    epsilon : float, default 1e-5
        More than 0.
    out : tuple (y, mean, inv_std), optional
        Where to write.

    Returns
    -------
    y : array (..., c)
    mean, inv_std : array (...)
        What `layer_norm_backward` needs.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit; an epsilon that is not above 0.

    Example
    -------
    >>> y, mean, inv_std = layer_norm([[1.0, 3.0]], [1.0, 2.0], [0.0, 5.0],
    ...                               epsilon=1e-12)
    >>> y, mean
    (array([[-1.,  7.]]), array([2.]))

    Source
    ------
    Ba, Kiros and Hinton (2016), Layer normalization.
    """
    x, gamma, beta, epsilon, out = checks.layer_norm(x, gamma, beta, epsilon, out, ANY)
    y, mean, inv_std = out
    center = x - x.mean(axis=-1, keepdims=True)
    variance = (center * center).mean(axis=-1)
    mean[...] = x.mean(axis=-1)
    inv_std[...] = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    y[...] = center * inv_std[..., None] * gamma + beta
    return out


def layer_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    inv_std: ArrayLike,
    *,
    out: Out3 = None,
) -> tuple[Array, Array, Array]:
    """Compute the gradients of `layer_norm`, statistics included.

    z = (x - mean) * inv_std,  g = dy * gamma
    dx = inv_std * (g - mean(g) - z * mean(g * z))  (means over the last axis)
    dgamma = sum(dy * z),  dbeta = sum(dy)  (over all other axes)

    Parameters
    ----------
    dy : array (..., c)
        Gradient with respect to y.
    x : array (..., c)
        What the forward pass was given.
    gamma : array (c,)
        Scale.
    mean, inv_std : array (...)
        What the forward pass returned.
    out : tuple (dx, dgamma, dbeta), optional
        Where to write.

    Returns
    -------
    dx : array (..., c)
    dgamma, dbeta : array (c,)

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> dx, dgamma, dbeta = layer_norm_backward(
    ...     [[1.0, 0.0]], [[1.0, 3.0]], [1.0, 1.0], [2.0], [1.0])
    >>> dx, dgamma, dbeta
    (array([[0., 0.]]), array([-1.,  0.]), array([1., 0.]))
    """
    dy, x, gamma, mean, inv_std, out = checks.layer_norm_backward(
        dy, x, gamma, mean, inv_std, out, ANY
    )
    dx, dgamma, dbeta = out
    z, g = (x - mean[..., None]) * inv_std[..., None], dy * gamma
    shared = g.mean(-1, keepdims=True) + z * (g * z).mean(-1, keepdims=True)
    dx[...] = inv_std[..., None] * (g - shared)
    axes = tuple(range(x.ndim - 1))
    np.sum(dy * z, axis=axes, out=dgamma)
    np.sum(dy, axis=axes, out=dbeta)
    return out


def group_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    groups: int,
    *,
    epsilon: float = 1e-5,
    out: Out3 = None,
) -> tuple[Array, Array, Array]:
    """Normalize every sample in groups of neighbouring channels.

    mean = sum(x) / m,  variance = sum((x - mean) ** 2) / m
    inv_std = 1 / sqrt(variance + epsilon)
    y = (x - mean) * inv_std * gamma + beta

    The sums are over the m values of one sample in c / groups channels, at all
    positions.

    Parameters
    ----------
    x : array (n, ..., c)
        float32 or float64.
    gamma, beta : array (c,)
        Scale and shift of each channel.
    groups : int
        How many; divides c.
    epsilon : float, default 1e-5
        More than 0.
    out : tuple (y, mean, inv_std), optional
        Where to write.

    Returns
    -------
    y : array (n, ..., c)
    mean, inv_std : array (n, groups)
        What `group_norm_backward` needs.

    Raises
    ------
    TypeError, ValueError
        Groups that do not divide the channels; arrays that do not fit.

    Example
    -------
    >>> x = [[1.0, 3.0, 10.0, 30.0]]
    >>> y, mean, inv_std = group_norm(x, np.ones(4), np.zeros(4), 2, epsilon=1e-12)
    >>> y, mean
    (array([[-1.,  1., -1.,  1.]]), array([[ 2., 20.]]))

    Source
    ------
    Wu and He (2018), Group normalization.
    """
    x, gamma, beta, sizes, epsilon, out = checks.group_norm(
        x, gamma, beta, groups, epsilon, out, ANY
    )
    y, mean, inv_std = out
    parts = _grouped(x, sizes)
    mean[...] = parts.mean(axis=(1, 3))
    center = parts - mean[:, None, :, None]
    variance = (center * center).mean(axis=(1, 3))
    inv_std[...] = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    z = center * inv_std[:, None, :, None]
    y[...] = z.reshape(x.shape) * gamma + beta
    return out


def group_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    inv_std: ArrayLike,
    *,
    out: Out3 = None,
) -> tuple[Array, Array, Array]:
    """Compute the gradients of `group_norm`, statistics included.

    z = (x - mean) * inv_std,  g = dy * gamma
    dx = inv_std * (g - mean(g) - z * mean(g * z))  (means over a sample's group)
    dgamma = sum(dy * z),  dbeta = sum(dy)  (over all axes but the last)

    Parameters
    ----------
    dy : array (n, ..., c)
        Gradient with respect to y.
    x : array (n, ..., c)
        What the forward pass was given.
    gamma : array (c,)
        Scale.
    mean, inv_std : array (n, groups)
        What the forward pass returned.
    out : tuple (dx, dgamma, dbeta), optional
        Where to write.

    Returns
    -------
    dx : array (n, ..., c)
    dgamma, dbeta : array (c,)

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> dx, dgamma, dbeta = group_norm_backward(
    ...     [[1.0, 0.0]], [[1.0, 3.0]], [1.0, 1.0], [[2.0]], [[1.0]])
    >>> dx, dgamma, dbeta
    (array([[0., 0.]]), array([-1.,  0.]), array([1., 0.]))
    """
    dy, x, gamma, mean, inv_std, sizes, out = checks.group_norm_backward(
        dy, x, gamma, mean, inv_std, out, ANY
    )
    dx, dgamma, dbeta = out
    scale = inv_std[:, None, :, None]
    z = (_grouped(x, sizes) - mean[:, None, :, None]) * scale
    g = _grouped(dy * gamma, sizes)
    shared = g.mean((1, 3), keepdims=True) + z * (g * z).mean((1, 3), keepdims=True)
    dx[...] = (scale * (g - shared)).reshape(x.shape)
    axes = tuple(range(x.ndim - 1))
    np.sum(dy * z.reshape(x.shape), axis=axes, out=dgamma)
    np.sum(dy, axis=axes, out=dbeta)
    return out


def _grouped(x: Array, sizes: tuple[int, int, int, int]) -> Array:
    n, positions, c, groups = sizes
    return x.reshape(n, positions, groups, c // groups)


def scale_channels(
    x: ArrayLike, factors: ArrayLike, *, out: Array | None = None
) -> Array:
    """Multiply every channel of every sample by a factor.

    y[n, ..., c] = x[n, ..., c] * factors[n, c]

    Parameters
    ----------
    x : array (n, ..., c)
        float32 or float64.
    factors : array (n, c)
    out : array like x, optional
        Where to write.

    Returns
    -------
    array (n, ..., c)

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> scale_channels([[[1.0, 2.0], [3.0, 4.0]]], [[10.0, 0.5]])
    array([[[10.,  1.],
            [30.,  2.]]])
    """
    x, factors, (n, positions, c), y = checks.scale_channels(x, factors, out, ANY)
    product = x.reshape(n, positions, c) * factors[:, None]
    y[...] = product.reshape(x.shape)
    return y
