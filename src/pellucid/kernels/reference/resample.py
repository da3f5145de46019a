"""Images of another size: up-sampling, adaptive average pooling, zero padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from pellucid.shapes import IntPair, pair

from .. import checks
from ..checks import ANY, Array


def upsample2d(
    x: ArrayLike,
    size: IntPair,
    *,
    interpolation: str = "nearest",
    out: Array | None = None,
) -> Array:
    """Enlarge images by whole factors.

    nearest:   y[n, i, j, c] = x[n, floor(i / s), floor(j / t), c]
    bilinear:  y[n, i, j, c] = (1 - v) * above + v * below, where
               above = (1 - u) * x[n, a, b, c] + u * x[n, a, b + 1, c]
               below = (1 - u) * x[n, a + 1, b, c] + u * x[n, a + 1, b + 1, c]
               a + v = max((i + 1/2) / s - 1/2, 0),  b + u = max((j + 1/2) / t - 1/2, 0)

    Pixels are areas with their value in the centre; beyond the last row and column the
    edge is repeated.

    Parameters
    ----------
    x : array (n, h, w, c)
        float32 or float64.
    size : int or (s, t)
        The factors.
    interpolation : {"nearest", "bilinear"}
    out : array (n, s * h, t * w, c), optional
        Where to write.

    Returns
    -------
    array (n, s * h, t * w, c)

    Raises
    ------
    TypeError, ValueError
        An unknown interpolation; a size below 1; an `out` that does not fit.

    Example
    -------
    >>> x = np.array([[0.0, 4.0]]).reshape(1, 1, 2, 1)
    >>> upsample2d(x, (1, 2)).ravel()
    array([0., 0., 4., 4.])
    >>> upsample2d(x, (1, 2), interpolation="bilinear").ravel()
    array([0., 1., 3., 4.])
    """
    x, sizes, y = checks.upsample2d(x, size, interpolation, out, ANY)
    if interpolation == "nearest":
        rows, columns = pair(size, "size", 1)
        y[...] = x.repeat(rows, axis=1).repeat(columns, axis=2)
        return y
    (above, below, v), (left, right, u) = _neighbours(sizes, x.dtype)
    v, u = v[:, None, None], u[:, None]
    upper = (1 - u) * x[:, above][:, :, left] + u * x[:, above][:, :, right]
    lower = (1 - u) * x[:, below][:, :, left] + u * x[:, below][:, :, right]
    y[...] = (1 - v) * upper + v * lower
    return y


def upsample2d_backward(
    dy: ArrayLike,
    size: IntPair,
    *,
    interpolation: str = "nearest",
    out: Array | None = None,
) -> Array:
    """Compute the gradient of `upsample2d`.

    dx = sum over the outputs that use an input, times its weight in them.

    Parameters
    ----------
    dy : array (n, s * h, t * w, c)
        Gradient with respect to y.
    size, interpolation
        As in `upsample2d`.
    out : array (n, h, w, c), optional
        Where to write.

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    TypeError, ValueError
        Sizes that are no multiple; an `out` that does not fit.

    Example
    -------
    >>> dy = np.arange(4.0).reshape(1, 1, 4, 1)
    >>> upsample2d_backward(dy, (1, 2)).ravel()
    array([1., 5.])
    """
    dy, sizes, dx = checks.upsample2d_backward(dy, size, interpolation, out, ANY)
    n, h, w, c, oh, ow = sizes
    if interpolation == "nearest":
        blocks = dy.reshape(n, h, oh // h, w, ow // w, c)
        np.sum(blocks, axis=(2, 4), out=dx)
        return dx
    (above, below, v), (left, right, u) = _neighbours(sizes, dy.dtype)
    wide = np.zeros((n, h, ow, c), dy.dtype)
    for i in range(oh):
        wide[:, above[i]] += (1 - v[i]) * dy[:, i]
        wide[:, below[i]] += v[i] * dy[:, i]
    dx[...] = 0
    for j in range(ow):
        dx[:, :, left[j]] += (1 - u[j]) * wide[:, :, j]
        dx[:, :, right[j]] += u[j] * wide[:, :, j]
    return dx


def _neighbours(
    sizes: checks.Sizes, dtype: np.dtype
) -> tuple[tuple[Array, Array, Array], ...]:
    """For both axes: first and second source of each output, weight of the second."""
    _, h, w, _, oh, ow = sizes
    axes = []
    for size, outputs in ((h, oh), (w, ow)):
        # 2 * factor times the place, in whole numbers.
        factor = outputs // size
        place = np.maximum(2 * np.arange(outputs) + 1 - factor, 0)
        first, rest = np.divmod(place, 2 * factor)
        share = (rest / (2 * factor)).astype(dtype)
        axes.append((first, np.minimum(first + 1, size - 1), share))
    return tuple(axes)


def adaptive_avg_pool2d(
    x: ArrayLike, output_size: IntPair, *, out: Array | None = None
) -> Array:
    """Average windows that are laid out evenly, so that the output has a given size.

    y[n, i, j, c] = mean of x[n, floor(i*h/oh) : ceil((i+1)*h/oh),
                              floor(j*w/ow) : ceil((j+1)*w/ow), c]

    Parameters
    ----------
    x : array (n, h, w, c)
        float32 or float64.
    output_size : int or (oh, ow)
    out : array (n, oh, ow, c), optional
        Where to write.

    Returns
    -------
    array (n, oh, ow, c)

    Raises
    ------
    TypeError, ValueError
        A size below 1; an `out` that does not fit.

    Example
    -------
    >>> adaptive_avg_pool2d(np.arange(5.0).reshape(1, 1, 5, 1), (1, 2)).ravel()
    array([1., 3.])
    """
    x, sizes, y = checks.adaptive_avg_pool2d(x, output_size, out, ANY)
    for i, j, rows, columns in _windows(sizes):
        np.mean(x[:, rows, columns], axis=(1, 2), out=y[:, i, j])
    return y


def adaptive_avg_pool2d_backward(
    dy: ArrayLike, x_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """Compute the gradient of `adaptive_avg_pool2d`.

    dx = sum over the windows that an input lies in: dy / (elements of the window)

    Parameters
    ----------
    dy : array (n, oh, ow, c)
        Gradient with respect to y.
    x_shape : (n, h, w, c)
        Shape of the input.
    out : array of `x_shape`, optional
        Where to write.

    Returns
    -------
    array of `x_shape`

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit.

    Example
    -------
    >>> dy = np.array([3.0, 6.0]).reshape(1, 1, 2, 1)
    >>> adaptive_avg_pool2d_backward(dy, (1, 1, 5, 1)).ravel()
    array([1., 1., 3., 2., 2.])
    """
    dy, sizes, dx = checks.adaptive_avg_pool2d_backward(dy, x_shape, out, ANY)
    dx[...] = 0
    for i, j, rows, columns in _windows(sizes):
        window = dx[:, rows, columns]
        taps = window.shape[1] * window.shape[2]
        window += (dy[:, i, j] / taps)[:, None, None]
    return dx


def _windows(sizes: checks.Sizes) -> list[tuple[int, int, slice, slice]]:
    """(i, j, rows, columns) of every window."""
    _, h, w, _, oh, ow = sizes
    rows = [slice(i * h // oh, -(-(i + 1) * h // oh)) for i in range(oh)]
    columns = [slice(j * w // ow, -(-(j + 1) * w // ow)) for j in range(ow)]
    return [(i, j, r, c) for i, r in enumerate(rows) for j, c in enumerate(columns)]


def zero_pad2d(
    x: ArrayLike,
    padding: int | Sequence[int] | Sequence[Sequence[int]],
    *,
    out: Array | None = None,
) -> Array:
    """Put zeros around images.

    y[n, top + i, left + j, c] = x[n, i, j, c], the rest is 0

    Parameters
    ----------
    x : array (n, h, w, c)
        float32 or float64.
    padding : int, (ph, pw) or ((top, bottom), (left, right))
        Rows and columns of zeros; two numbers hold for both sides.
    out : array (n, top + h + bottom, left + w + right, c), optional
        Where to write.

    Returns
    -------
    array (n, top + h + bottom, left + w + right, c)

    Raises
    ------
    TypeError, ValueError
        A negative padding; an `out` that does not fit.

    Example
    -------
    >>> zero_pad2d(np.ones((1, 1, 2, 1)), ((0, 1), (1, 0)))[0, :, :, 0]
    array([[0., 1., 1.],
           [0., 0., 0.]])
    """
    x, sizes, y = checks.zero_pad2d(x, padding, out, ANY)
    _, h, w, _, _, _, top, left = sizes
    y[...] = 0
    y[:, top : top + h, left : left + w] = x
    return y


def zero_pad2d_backward(
    dy: ArrayLike,
    padding: int | Sequence[int] | Sequence[Sequence[int]],
    *,
    out: Array | None = None,
) -> Array:
    """Compute the gradient of `zero_pad2d`: cut the padding off.

    dx[n, i, j, c] = dy[n, top + i, left + j, c]

    Parameters
    ----------
    dy : array (n, top + h + bottom, left + w + right, c)
        Gradient with respect to y.
    padding
        As in `zero_pad2d`.
    out : array (n, h, w, c), optional
        Where to write.

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    TypeError, ValueError
        An array that is not larger than the padding; an `out` that does not fit.

    Example
    -------
    >>> zero_pad2d_backward(np.arange(9.0).reshape(1, 3, 3, 1), 1).ravel()
    array([4.])
    """
    dy, sizes, dx = checks.zero_pad2d_backward(dy, padding, out, ANY)
    _, h, w, _, _, _, top, left = sizes
    dx[...] = dy[:, top : top + h, left : left + w]
    return dx
