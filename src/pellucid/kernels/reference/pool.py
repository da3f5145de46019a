"""Pooling: the maximum or the mean of every window, padding left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from pellucid.shapes import Geometry, IntPair, Padding

from .. import checks
from ..checks import ANY, Array
from ..checks.pool import NO_PLACE
from .conv import pad, taps


def max_pool2d(
    x: ArrayLike,
    pool_size: IntPair,
    *,
    strides: IntPair | None = None,
    padding: Padding = "valid",
    ceil_mode: bool = False,
    rectified: bool = False,
    out: tuple[Array | None, Array | None] | None = None,
) -> tuple[Array, Array]:
    """Take the maximum of every window.

    y[n, i, j, c] = max over u, v of
        x[n, i * stride_h - pad_top + u, j * stride_w - pad_left + v, c]

    The taps are visited row by row; a tap wins when it is larger than all before it or
    NaN, so the first of equal maxima counts. Padding never wins.

    Parameters
    ----------
    x : array (n, h, w, c)
        float32 or float64.
    pool_size : int or (int, int)
        The window (kh, kw).
    strides : int or (int, int), optional
        Steps of the window, default `pool_size`.
    padding : {"valid", "same"}, int, (ph, pw) or ((top, bottom), (left, right))
        Less than the window on every side.
    ceil_mode : bool, default False
        Keep a last window that only partly fits.
    rectified : bool, default False
        x is what a ReLU gave: where the maximum is not above 0 the window has no place,
        argmax is 255, and the gradient of both together goes nowhere.
    out : tuple (y, argmax), optional
        Where to write.

    Returns
    -------
    y : array (n, oh, ow, c)
    argmax : uint8 array (n, oh, ow, c)
        The tap that won, u * kw + v; int32 where kh * kw > 256.

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together; 255 taps and more with `rectified`.

    Example
    -------
    >>> y, argmax = max_pool2d(np.arange(4.0).reshape(1, 2, 2, 1), 2)
    >>> y.item(), argmax.item()
    (3.0, 3)
    """
    x, y, argmax, g = checks.max_pool2d(
        x, pool_size, strides, padding, ceil_mode, rectified, out, ANY
    )
    best, winner = np.zeros(y.shape, x.dtype), np.full(y.shape, -1)
    inside = taps(_inside(g), g)
    for (u, v, seen), (_, _, valid) in zip(taps(pad(x, g), g), inside, strict=True):
        better = (winner < 0) | (seen.real > best.real) | np.isnan(seen)
        better &= valid
        best = np.where(better, seen, best)
        winner[better] = u * g.kw + v
    if rectified:
        winner[best.real <= 0] = NO_PLACE
    y[...], argmax[...] = best, winner
    return y, argmax


def max_pool2d_backward(
    dy: ArrayLike,
    argmax: Array,
    x_shape: Sequence[int],
    pool_size: IntPair,
    *,
    strides: IntPair | None = None,
    padding: Padding = "valid",
    ceil_mode: bool = False,
    out: Array | None = None,
) -> Array:
    """Compute the gradient of max pooling: each dy goes to the tap that won.

    dx[n, y, x, c] = sum of dy[n, i, j, c] over the windows (i, j) won by pixel (y, x)

    Windows that overlap add up in the order of the taps, then of the windows. A number
    in `argmax` that is no tap inside the image adds nothing.

    Parameters
    ----------
    dy : array (n, oh, ow, c)
        Gradient with respect to y.
    argmax : array (n, oh, ow, c)
        What `max_pool2d` returned.
    x_shape : (n, h, w, c)
        Shape of x.
    pool_size, strides, padding, ceil_mode
        As in `max_pool2d`.
    out : array (n, h, w, c), optional
        Where to write dx.

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together.

    Example
    -------
    >>> winner = np.full((1, 1, 1, 1), 3, np.uint8)
    >>> max_pool2d_backward(np.ones((1, 1, 1, 1)), winner, (1, 2, 2, 1), 2)[0, :, :, 0]
    array([[0., 0.],
           [0., 1.]])
    """
    dy, argmax, dx, g = checks.max_pool2d_backward(
        dy, argmax, x_shape, pool_size, strides, padding, ceil_mode, out, ANY
    )
    padded = _empty_images(g, dy)
    for u, v, seen in taps(padded, g):
        seen += np.where(argmax == u * g.kw + v, dy, 0)
    dx[...] = _crop(padded, g)
    return dx


def avg_pool2d(
    x: ArrayLike,
    pool_size: IntPair,
    *,
    strides: IntPair | None = None,
    padding: Padding = "valid",
    ceil_mode: bool = False,
    out: Array | None = None,
) -> Array:
    """Take the mean of every window.

    y[n, i, j, c] = (sum over the taps inside the image of x) / (their number)

    Parameters
    ----------
    x : array (n, h, w, c)
        float32 or float64.
    pool_size, strides, padding, ceil_mode
        As in `max_pool2d`.
    out : array (n, oh, ow, c), optional
        Where to write.

    Returns
    -------
    array (n, oh, ow, c)

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together.

    Example
    -------
    >>> avg_pool2d(np.arange(4.0).reshape(1, 2, 2, 1), 2).item()
    1.5
    """
    x, y, g = checks.avg_pool2d(x, pool_size, strides, padding, ceil_mode, out, ANY)
    y[...] = 0
    for _, _, seen in taps(pad(x, g), g):
        y += seen
    y /= _count(g, y)
    return y


def avg_pool2d_backward(
    dy: ArrayLike,
    x_shape: Sequence[int],
    pool_size: IntPair,
    *,
    strides: IntPair | None = None,
    padding: Padding = "valid",
    ceil_mode: bool = False,
    out: Array | None = None,
) -> Array:
    """Compute the gradient of average pooling.

    dx[n, y, x, c] = sum of dy[n, i, j, c] / count[i, j] over the windows that see it

    Parameters
    ----------
    dy : array (n, oh, ow, c)
        Gradient with respect to y.
    x_shape : (n, h, w, c)
        Shape of x.
    pool_size, strides, padding, ceil_mode
        As in `max_pool2d`.
    out : array (n, h, w, c), optional
        Where to write dx.

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together.

    Example
    -------
    >>> avg_pool2d_backward(np.ones((1, 1, 1, 1)), (1, 2, 2, 1), 2)[0, :, :, 0]
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    dy, dx, g = checks.avg_pool2d_backward(
        dy, x_shape, pool_size, strides, padding, ceil_mode, out, ANY
    )
    padded, share = _empty_images(g, dy), dy / _count(g, dy)
    for _, _, seen in taps(padded, g):
        seen += share
    dx[...] = _crop(padded, g)
    return dx


def global_avg_pool2d(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Take the mean of every channel over the image.

    y[n, c] = (sum over i, j of x[n, i, j, c]) / (h * w)

    Parameters
    ----------
    x : array (n, h, w, c)
        float32 or float64.
    out : array (n, c), optional
        Where to write.

    Returns
    -------
    array (n, c)

    Raises
    ------
    TypeError, ValueError
        Wrong dtype or rank; an `out` that does not fit.

    Example
    -------
    >>> global_avg_pool2d(np.arange(4.0).reshape(1, 2, 2, 1))
    array([[1.5]])
    """
    x, y = checks.global_avg_pool2d(x, out, ANY)
    np.sum(x, axis=(1, 2), out=y)
    y /= x.shape[1] * x.shape[2]
    return y


def global_avg_pool2d_backward(
    dy: ArrayLike, x_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """Compute the gradient of global average pooling.

    dx[n, i, j, c] = dy[n, c] / (h * w)

    Parameters
    ----------
    dy : array (n, c)
        Gradient with respect to y.
    x_shape : (n, h, w, c)
        Shape of x.
    out : array (n, h, w, c), optional
        Where to write dx.

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together.

    Example
    -------
    >>> global_avg_pool2d_backward([[4.0]], (1, 2, 2, 1))[0, :, :, 0]
    array([[1., 1.],
           [1., 1.]])
    """
    dy, dx = checks.global_avg_pool2d_backward(dy, x_shape, out, ANY)
    dx[...] = (dy / (dx.shape[1] * dx.shape[2]))[:, None, None, :]
    return dx


def _inside(g: Geometry) -> Array:
    """Return a padded mask (1, H, W, 1): True on the image, False on the padding."""
    return pad(np.ones((1, g.h, g.w, 1), bool), g)


def _count(g: Geometry, like: Array) -> Array:
    """Return how many taps of each window lie inside the image, (1, oh, ow, 1)."""
    total = sum(seen.astype(np.int64) for _, _, seen in taps(_inside(g), g))
    return np.asarray(total).astype(like.dtype)


def _empty_images(g: Geometry, like: Array) -> Array:
    height, width = g.pad_top + g.h + g.pad_bottom, g.pad_left + g.w + g.pad_right
    return np.zeros((g.n, height, width, g.c), like.dtype)


def _crop(padded: Array, g: Geometry) -> Array:
    rows = slice(g.pad_top, g.pad_top + g.h)
    return padded[:, rows, g.pad_left : g.pad_left + g.w]
