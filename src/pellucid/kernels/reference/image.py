"""Augmentation of image batches: windows, affine maps, boxes, noise, light, mixing.

Whatever is random about an augmentation (angles, places, weights) comes in as an array
with one entry for each image; only `image_noise` draws, by the counted numbers of
`random.py`. Every operation is rounded once, in the order that is written, without
fused multiply-add, so the compiled twin gives the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import Array
from .random import random_normal

Size = SupportsIndex | Sequence[int]


def image_crop(
    x: ArrayLike,
    top: ArrayLike,
    left: ArrayLike,
    flip: ArrayLike,
    size: Size,
    *,
    border: str = "constant",
    fill: float = 0.0,
    out: Array | None = None,
) -> Array:
    """Cut a window out of each image, flipped or not: whole-pixel shifts, crops, flips.

    y[i, r, q] = x[i, top[i] + r', left[i] + q']
    r' = oh - 1 - r if flip[i] has bit 2, else r;  q' = ow - 1 - q if it has bit 1

    Parameters
    ----------
    x : array (n, h, w, c)
        float32 or float64.
    top, left : int64 array (n,)
        The window's first row and column; it may reach beyond the image.
    flip : uint8 array (n,)
        0 nothing, 1 left and right, 2 top and bottom, 3 both.
    size : int or (oh, ow)
        The window's size.
    border : {"constant", "edge", "reflect"}
        What lies beyond the image: `fill`, the pixels of its edge, or its mirror image,
        which does not repeat the edge.
    fill : float, default 0.0
        The constant.
    out : array (n, oh, ow, c), optional
        Where to write.

    Returns
    -------
    array (n, oh, ow, c)

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> x = np.arange(4.0).reshape(1, 1, 4, 1)
    >>> zero = np.zeros(1, np.int64)
    >>> mirrored = np.array([1], np.uint8)
    >>> image_crop(x, zero, zero, mirrored, (1, 4))[0, 0, :, 0]
    array([3., 2., 1., 0.])
    >>> image_crop(x, zero, zero - 2, mirrored, (1, 4), fill=9.0)[0, 0, :, 0]
    array([1., 0., 9., 9.])
    """
    x, top, left, flip, sizes, fill, y = checks.image_crop(
        x, top, left, flip, size, border, fill, out
    )
    _, h, w, _, oh, ow = sizes
    for i, image in enumerate(x):
        rows, columns = top[i] + np.arange(oh), left[i] + np.arange(ow)
        rows = _source(rows[::-1] if flip[i] & 2 else rows, h, border)
        columns = _source(columns[::-1] if flip[i] & 1 else columns, w, border)
        inside = (rows >= 0)[:, None] & (columns >= 0)
        y[i] = np.where(
            inside[..., None], image[rows[:, None], columns], x.dtype.type(fill)
        )
    return y


def image_affine(
    x: ArrayLike,
    matrix: ArrayLike,
    size: Size,
    *,
    border: str = "constant",
    fill: float = 0.0,
    out: Array | None = None,
) -> Array:
    """Rotate, shift, zoom, shear: read each image at points that a matrix gives.

    (s, t) = matrix[i] @ (r, q, 1), pixels lie at whole numbers
    y[i, r, q] = (1 - v) * ((1 - u) * x[j, k] + u * x[j, k + 1])
               + v * ((1 - u) * x[j + 1, k] + u * x[j + 1, k + 1])
    j = floor(s), v = s - j, k = floor(t), u = t - k

    Points are computed in float64 and first brought to the image and its border:
    clipped to [-1, h] ("constant") or [0, h - 1] ("edge"), or folded at 0 and h - 1.

    Parameters
    ----------
    x : array (n, h, w, c)
        float32 or float64.
    matrix : float64 array (n, 2, 3)
        From (row, column, 1) of the result to (row, column) of the image.
    size : int or (oh, ow)
        Size of the result.
    border, fill, out
        As in `image_crop`.

    Returns
    -------
    array (n, oh, ow, c)

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit; a matrix that is not finite.

    Example
    -------
    >>> x = np.arange(4.0).reshape(1, 1, 4, 1)
    >>> half_a_pixel = np.array([[[1, 0, 0], [0, 1, 0.5]]])
    >>> image_affine(x, half_a_pixel, (1, 4), border="edge")[0, 0, :, 0]
    array([0.5, 1.5, 2.5, 3. ])
    """
    x, matrix, sizes, fill, y = checks.image_affine(x, matrix, size, border, fill, out)
    _, h, w, _, oh, ow = sizes
    r, q = np.arange(oh, dtype=np.float64)[:, None], np.arange(ow, dtype=np.float64)
    around = ((1, 2), (1, 2), (0, 0))
    for i, m in enumerate(matrix):
        rows = _bring_in((m[0, 2] + r * m[0, 0]) + q * m[0, 1], h, border)
        columns = _bring_in((m[1, 2] + r * m[1, 0]) + q * m[1, 1], w, border)
        j, k = np.floor(rows), np.floor(columns)
        v, u = (
            (rows - j).astype(x.dtype)[..., None],
            (columns - k).astype(x.dtype)[..., None],
        )
        j, k = j.astype(np.int64) + 1, k.astype(np.int64) + 1  # in the framed image
        framed = np.pad(x[i], around, constant_values=fill)
        above = framed[j, k] + u * (framed[j, k + 1] - framed[j, k])
        below = framed[j + 1, k] + u * (framed[j + 1, k + 1] - framed[j + 1, k])
        y[i] = above + v * (below - above)
    return y


def image_paste(
    x: ArrayLike,
    boxes: ArrayLike,
    *,
    partner: ArrayLike | None = None,
    fill: float = 0.0,
    out: Array | None = None,
) -> Array:
    """Fill a box of each image (cutout), or paste the partner's pixels (CutMix).

    y[i] = x[i], but inside the box `fill`, or x[partner[i]] where partners are given

    Parameters
    ----------
    x : array (n, h, w, c)
        float32 or float64.
    boxes : int64 array (n, 4)
        (top, left, height, width); what lies beyond the image does not count.
    partner : int64 array (n,), optional
        For each image the number of another.
    fill : float, default 0.0
        The constant.
    out : array (n, h, w, c), optional
        Where to write.

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit; a partner out of range.

    Example
    -------
    >>> x = np.ones((1, 2, 3, 1))
    >>> image_paste(x, np.array([[0, 1, 1, 9]]))[0, :, :, 0]
    array([[1., 0., 0.],
           [1., 1., 1.]])

    Source
    ------
    DeVries and Taylor (2017), arXiv:1708.04552; Yun et al. (2019), arXiv:1905.04899.
    """
    x, boxes, partner, fill, y = checks.image_paste(x, boxes, partner, fill, out)
    y[...] = x
    for i, (top, left, height, width) in enumerate(boxes.tolist()):
        box = (
            slice(max(top, 0), max(top + height, 0)),
            slice(max(left, 0), max(left + width, 0)),
        )
        y[i][box] = fill if partner is None else x[partner[i]][box]
    return y


def image_noise(
    x: ArrayLike,
    std: float,
    *,
    seed: int,
    stream: int,
    step: int = 0,
    low: float | None = None,
    high: float | None = None,
    out: Array | None = None,
) -> Array:
    """Add normal noise and clip.

    y[i] = min(max(x[i] + std * z[i], low), high),  z as in `random_normal`

    Parameters
    ----------
    x : array (...)
        float32 or float64; elements are counted in memory order.
    std : float
        Standard deviation of the noise, added in float64.
    seed, stream, step
        As in `philox`.
    low, high : float, optional
        Bounds of the result.
    out : array like x, optional
        Where to write; may be x.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError, ValueError
        Arguments out of range.

    Example
    -------
    >>> y = image_noise(np.zeros(1000), 0.5, seed=0, stream=0, low=-1, high=1)
    >>> bool(abs(y.std() - 0.5) < 0.05), float(y.max())
    (True, 1.0)
    """
    x, std, (low, high), key, y = checks.image_noise(
        x, std, seed, stream, step, low, high, out
    )
    noise = random_normal(
        x.shape, std=std, seed=key[1], stream=key[2], step=key[3], dtype="float64"
    )
    y[...] = _clip((x + noise).astype(x.dtype), low, high)
    return y


def image_adjust(
    x: ArrayLike,
    brightness: ArrayLike,
    contrast: ArrayLike,
    *,
    low: float | None = None,
    high: float | None = None,
    out: Array | None = None,
) -> Array:
    """Change the light of each image: its contrast about its mean, its brightness.

    y[i] = clip(x[i] * contrast[i] + (mean(x[i]) * (1 - contrast[i]) + brightness[i]))

    The mean, over all pixels and channels, and the second term are float64; the mean's
    sum has sixteen parts (element e goes to part e % 16), added by halves.

    Parameters
    ----------
    x : array (n, h, w, c)
        float32 or float64.
    brightness, contrast : float64 array (n,)
        0 and 1 change nothing.
    low, high : float, optional
        Bounds of the result.
    out : array like x, optional
        Where to write; may be x.

    Returns
    -------
    array (n, h, w, c)

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit; numbers that are not finite.

    Example
    -------
    >>> x = np.array([0.0, 1.0]).reshape(1, 1, 2, 1)
    >>> image_adjust(x, np.array([0.25]), np.array([0.5])).ravel()
    array([0.5, 1. ])
    """
    x, brightness, contrast, (low, high), y = checks.image_adjust(
        x, brightness, contrast, low, high, out
    )
    for i, image in enumerate(x):
        mean = _sum(image.reshape(-1)) / image.size
        offset = mean * (1.0 - contrast[i]) + brightness[i]
        scaled = image * x.dtype.type(contrast[i]) + x.dtype.type(offset)
        y[i] = _clip(scaled, low, high)
    return y


def mix_rows(
    x: ArrayLike,
    partner: ArrayLike,
    weight: ArrayLike,
    *,
    out: Array | None = None,
) -> Array:
    """Mix each row with another one (mixup, of images and of targets).

    y[i] = weight[i] * x[i] + (1 - weight[i]) * x[partner[i]]

    Parameters
    ----------
    x : array (n, ...)
        float32 or float64.
    partner : int64 array (n,)
        For each row the number of another.
    weight : float64 array (n,)
        From 0 to 1; rounded to the dtype of x.
    out : array like x, optional
        Where to write.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit; a partner or a weight out of range.

    Example
    -------
    >>> x = np.array([[0.0], [10.0]])
    >>> mix_rows(x, np.array([1, 1]), np.array([0.75, 0.5]))
    array([[ 2.5],
           [10. ]])

    Source
    ------
    Zhang, Cisse, Dauphin, Lopez-Paz (2017), mixup, arXiv:1710.09412.
    """
    x, partner, weight, y = checks.mix_rows(x, partner, weight, out)
    w = weight.astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1))
    y[...] = x * w + x[partner] * (x.dtype.type(1) - w)
    return y


def _source(i: Array, size: int, border: str) -> Array:
    """Return which of `size` pixels stands at places `i`; -1 for `fill`."""
    if border == "constant":
        return np.where((i >= 0) & (i < size), i, -1)
    if border == "edge" or size == 1:
        return np.clip(i, 0, size - 1)
    folded = np.abs(i) % (2 * (size - 1))
    return np.where(folded < size, folded, 2 * (size - 1) - folded)


def _bring_in(at: Array, size: int, border: str) -> Array:
    """Return points moved into an image of `size` pixels and what lies around it."""
    last = size - 1.0
    if border == "constant":
        return np.clip(at, -1.0, float(size))
    if border == "edge" or size == 1:
        return np.clip(at, 0.0, last)
    period = last + last
    at = np.abs(at)
    at = at - period * np.floor(at * (1.0 / period))
    at = np.where(at > last, period - at, at)
    return np.where(at > 0.0, at, 0.0)  # rounding may have taken a period too many


def _sum(x: Array) -> float:
    """Return the sum of a vector in float64, by sixteen partial sums."""
    padded = np.zeros((-(-x.size // 16), 16))
    padded.reshape(-1)[: x.size] = x
    part = np.zeros(16)
    for row in padded:
        part += row
    for half in (8, 4, 2, 1):
        part[:half] += part[half : 2 * half]
    return float(part[0])


def _clip(x: Array, low: float, high: float) -> Array:
    """Return x between the bounds, rounded to its dtype; NaN stays."""
    low, high = x.dtype.type(low), x.dtype.type(high)
    x = np.where(x < low, low, x)
    return np.where(x > high, high, x)
