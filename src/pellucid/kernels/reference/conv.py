"""Two-dimensional convolution by im2col: windows become rows of a matrix.

`cols = im2col(x)` holds, for each output pixel, the `kh * kw * c` inputs that it sees.
Then convolution is a matrix product, and so are its gradients:

    y = cols @ w + b,   dw = cols.T @ dy,   dx = col2im(dy @ w.T)

where `col2im`, the adjoint of `im2col`, adds every window back to where it came from.
(As everywhere in neural networks this is a cross-correlation: the filter is not
flipped.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from pellucid.shapes import Geometry, IntPair, Padding

from .. import checks
from ..checks import ANY, Array
from .activations import activate, scaled


def conv2d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    strides: IntPair = 1,
    padding: Padding = "valid",
    dilation: IntPair = 1,
    groups: int = 1,
    scale: ArrayLike | None = None,
    activation: str | None = None,
    conv_algo: str = "auto",
    out: Array | None = None,
) -> Array:
    """Convolve images with filters.

    y[n, i, j, k] = activation(b[k] + scale[k] * sum over u, v, c of
        x[n, i * stride_h - pad_top + u * dilation_h,
             j * stride_w - pad_left + v * dilation_w, c] * w[u, v, c, k])

    Parameters
    ----------
    x : array (n, h, w, c)
        Images, channels last, float32 or float64.
    w : array (kh, kw, c / groups, k)
        Filters.
    b : array (k,), optional
        Bias.
    strides, dilation : int or (int, int), default 1
        Steps of the window; distance between its taps.
    padding : {"valid", "same"}, int, (ph, pw) or ((top, bottom), (left, right))
        Zeros around the image; "same" gives oh = ceil(h / stride_h).
    groups : int, default 1
        Channels are cut into so many groups, each with its own k / groups filters.
    scale : array (k,), optional
        A factor for every filter, such as that of a batch normalization; only with b.
    activation : {"relu", "leaky_relu", "sigmoid", "tanh"}, optional
        Applied to the result.
    conv_algo : {"auto", "direct", "winograd", "im2col"}
        How the compiled twin computes; this one always uses im2col.
    out : array (n, oh, ow, k), optional
        Where to write y.

    Returns
    -------
    array (n, oh, ow, k)

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together; a kernel larger than the padded image.

    Example
    -------
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> conv2d(x, np.ones((2, 2, 1, 1)))[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, chapter 9.
    """
    x, w, b, scale, y, g = checks.conv2d(
        x, w, b, strides, padding, dilation, groups, scale, activation, conv_algo, out,
        ANY,
    )  # fmt: skip
    cols, rows = _columns(x, g), y.reshape(g.n * g.oh * g.ow, g.k)
    size = g.kh * g.kw * w.shape[2]
    for ins, outs in _groups(g):
        seen = cols[..., ins].reshape(len(rows), size)
        rows[:, outs] = seen @ w[..., outs].reshape(size, -1)
    return activate(scaled(y, scale, b), activation)


def conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    strides: IntPair = 1,
    padding: Padding = "valid",
    dilation: IntPair = 1,
    groups: int = 1,
    conv_algo: str = "auto",
    need_dx: bool = True,
    need_db: bool = True,
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array | None, Array, Array | None]:
    """Compute the gradients of a convolution.

    dw = cols.T @ dy,  dx = col2im(dy @ w.T),  db = sum of dy over n, oh, ow

    Parameters
    ----------
    dy : array (n, oh, ow, k)
        Gradient with respect to y before the activation.
    x, w : array (n, h, w, c) and (kh, kw, c / groups, k)
        What the forward pass was given.
    strides, padding, dilation, groups, conv_algo
        As in `conv2d`.
    need_dx, need_db : bool, default True
        False skips that gradient; None stands in its place.
    out : tuple (dx, dw, db), optional
        Where to write; None items are allocated.

    Returns
    -------
    dx : array (n, h, w, c) or None
    dw : array (kh, kw, c / groups, k)
    db : array (k,) or None

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together.

    Example
    -------
    >>> x, w = np.arange(4.0).reshape(1, 2, 2, 1), np.ones((2, 2, 1, 1))
    >>> dx, dw, db = conv2d_backward(np.full((1, 1, 1, 1), 3.0), x, w)
    >>> dw[:, :, 0, 0], db
    (array([[0., 3.],
           [6., 9.]]), array([3.]))
    """
    dy, x, w, dx, dw, db, g = checks.conv2d_backward(
        dy, x, w, strides, padding, dilation, groups, conv_algo,
        need_dx, need_db, out, ANY,
    )  # fmt: skip
    cols, rows = _columns(x, g), dy.reshape(g.n * g.oh * g.ow, g.k)
    size = g.kh * g.kw * w.shape[2]
    for ins, outs in _groups(g):
        seen, dy_group = cols[..., ins].reshape(len(rows), size), rows[:, outs]
        dw[..., outs] = (seen.T @ dy_group).reshape(dw[..., outs].shape)
    if dx is not None:
        spread(dy, w, dx, g)
    if db is not None:
        np.sum(rows, axis=0, out=db)
    return dx, dw, db


def im2col(
    x: ArrayLike,
    kernel_size: IntPair,
    *,
    strides: IntPair = 1,
    padding: Padding = "valid",
    dilation: IntPair = 1,
    out: Array | None = None,
) -> Array:
    """Copy every window of the images into one row.

    cols[n, i, j, (u * kw + v) * c + l] =
        x[n, i * stride_h - pad_top + u * dilation_h,
             j * stride_w - pad_left + v * dilation_w, l], 0 in the padding

    Parameters
    ----------
    x : array (n, h, w, c)
        Images, float32 or float64.
    kernel_size : int or (kh, kw)
        The window.
    strides, padding, dilation
        As in `conv2d`.
    out : array (n, oh, ow, kh * kw * c), optional
        Where to write.

    Returns
    -------
    array (n, oh, ow, kh * kw * c)

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together.

    Example
    -------
    >>> im2col(np.arange(9.0).reshape(1, 3, 3, 1), 2)[0, 0]
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.]])
    """
    x, cols, g = checks.im2col(x, kernel_size, strides, padding, dilation, out, ANY)
    cols.reshape(_window_shape(g))[...] = _columns(x, g)
    return cols


def col2im(
    cols: ArrayLike,
    x_shape: Sequence[int],
    kernel_size: IntPair,
    *,
    strides: IntPair = 1,
    padding: Padding = "valid",
    dilation: IntPair = 1,
    out: Array | None = None,
) -> Array:
    """Add every row back to the window it came from: the adjoint of `im2col`.

    sum(cols * im2col(x)) == sum(col2im(cols) * x) for all x and cols

    Parameters
    ----------
    cols : array (n, oh, ow, kh * kw * c)
        One row per window, float32 or float64.
    x_shape : (n, h, w, c)
        Shape of the images.
    kernel_size, strides, padding, dilation
        As in `im2col`.
    out : array (n, h, w, c), optional
        Where to write; what it held before does not matter.

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together.

    Example
    -------
    >>> col2im(np.ones((1, 2, 2, 4)), (1, 3, 3, 1), 2)[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    cols, x, g = checks.col2im(
        cols, x_shape, kernel_size, strides, padding, dilation, out, ANY
    )
    _add_windows(cols.reshape(_window_shape(g)), x, g)
    return x


def spread(dy: Array, w: Array, x: Array, g: Geometry) -> None:
    """Write into x the sum of all windows dy @ w.T: the adjoint of `conv2d`."""
    rows = dy.reshape(g.n * g.oh * g.ow, g.k)
    cols = np.empty(_window_shape(g), x.dtype)
    for ins, outs in _groups(g):
        seen = rows[:, outs] @ w[..., outs].reshape(g.kh * g.kw * w.shape[2], -1).T
        cols[..., ins] = seen.reshape(cols[..., ins].shape)
    _add_windows(cols, x, g)


def pad(x: Array, g: Geometry, value: float = 0.0) -> Array:
    """Put `value` around the images as the geometry says."""
    if not (g.pad_top or g.pad_bottom or g.pad_left or g.pad_right):
        return x
    rows, columns = (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right)
    return np.pad(x, ((0, 0), rows, columns, (0, 0)), constant_values=value)


def taps(padded: Array, g: Geometry) -> Iterator[tuple[int, int, Array]]:
    """Yield, for each tap (u, v), the view `(n, oh, ow, c)` of what it sees."""
    for u in range(g.kh):
        top = u * g.dilation_h
        rows = slice(top, top + (g.oh - 1) * g.stride_h + 1, g.stride_h)
        for v in range(g.kw):
            left = v * g.dilation_w
            columns = slice(left, left + (g.ow - 1) * g.stride_w + 1, g.stride_w)
            yield u, v, padded[:, rows, columns]


def _window_shape(g: Geometry) -> tuple[int, ...]:
    return g.n, g.oh, g.ow, g.kh, g.kw, g.c


def _columns(x: Array, g: Geometry) -> Array:
    """Return a view (n, oh, ow, kh, kw, c) of all windows of the padded images."""
    covered = (g.kh - 1) * g.dilation_h + 1, (g.kw - 1) * g.dilation_w + 1
    windows = sliding_window_view(pad(x, g), covered, axis=(1, 2))  # n . . c . .
    windows = windows[
        :, :: g.stride_h, :: g.stride_w, :, :: g.dilation_h, :: g.dilation_w
    ]
    return windows.transpose(0, 1, 2, 4, 5, 3)


def _add_windows(cols: Array, x: Array, g: Geometry) -> None:
    """Write into x the sum of all windows (n, oh, ow, kh, kw, c), padding cut off."""
    height = g.pad_top + g.h + g.pad_bottom
    padded = np.zeros((g.n, height, g.pad_left + g.w + g.pad_right, g.c), x.dtype)
    for u, v, seen in taps(padded, g):
        seen += cols[:, :, :, u, v]
    x[...] = padded[:, g.pad_top : g.pad_top + g.h, g.pad_left : g.pad_left + g.w]


def _groups(g: Geometry) -> Iterator[tuple[slice, slice]]:
    """Yield, for each group, where its channels lie in c and in k."""
    c, k = g.c // g.groups, g.k // g.groups
    for i in range(g.groups):
        yield slice(i * c, (i + 1) * c), slice(i * k, (i + 1) * k)
