"""Noise that layers add in training: alpha dropout, normal noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import ANY, Array
from .random import philox, random_normal


def alpha_dropout(
    x: ArrayLike,
    rate: float,
    *,
    seed: int,
    stream: int,
    counter: Array,
    out: tuple[Array | None, Array | None] | None = None,
) -> tuple[Array, Array]:
    """Set elements to the saturation of SELU at random; keep mean 0 and variance 1.

    y[i] = a * x[i] + b if word[i] >= round(rate * 2**32) else a * s + b

    with s = -1.7580993408473766, a = 1 / sqrt((1 - rate) * (1 + rate * s**2)) and
    b = -a * rate * s, and word = philox(x.size, seed=seed, stream=stream,
    step=counter[0]), elements counted in memory order. Then counter[0] += 1.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.
    rate : float
        Probability of saturation, from 0 to below 1.
    seed, stream : int
        Key of the random numbers, 0 to 2**32 - 1.
    counter : uint64 array (1,)
        Number of the draw; counted on in place.
    out : tuple (y, mask), optional
        Where to write.

    Returns
    -------
    y : array like x
    mask : uint8 array ((x.size + 7) // 8,)
        Bit i % 8 of byte i // 8 is 1 where element i was kept.

    Raises
    ------
    TypeError, ValueError
        A rate outside [0, 1); arrays that do not fit.

    Example
    -------
    >>> x = np.resize([-1.0, 1.0], 10000)
    >>> y, _ = alpha_dropout(x, 0.3, seed=1, stream=3, counter=np.zeros(1, np.uint64))
    >>> abs(float(y.mean())) < 0.05, abs(float(y.std()) - 1) < 0.05
    (True, True)

    Source
    ------
    Klambauer, Unterthiner, Mayr, Hochreiter (2017), Self-normalizing neural networks.
    """
    x, y, mask, threshold, values, seed, stream, counter = checks.alpha_dropout(
        x, rate, seed, stream, counter, out, ANY
    )
    scale, offset, dropped = map(x.dtype.type, values)
    words = philox(x.size, seed=seed, stream=stream, step=int(counter[0]))
    kept = words >= np.uint64(threshold)
    mask[...] = np.packbits(kept, bitorder="little")
    y[...] = np.where(kept.reshape(x.shape), x * scale + offset, dropped)
    counter += np.uint64(1)
    return y, mask


def alpha_dropout_backward(
    dy: ArrayLike, mask: Array, rate: float, *, out: Array | None = None
) -> Array:
    """Compute the gradient of alpha dropout.

    dx[i] = a * dy[i] if bit i of mask is set else 0, a as in `alpha_dropout`

    Parameters
    ----------
    dy : array, any shape
        Gradient with respect to y.
    mask : uint8 array ((dy.size + 7) // 8,)
        What `alpha_dropout` returned.
    rate : float
        As in `alpha_dropout`.
    out : array like dy, optional
        Where to write dx.

    Returns
    -------
    array like dy

    Raises
    ------
    TypeError, ValueError
        A rate outside [0, 1); arrays that do not fit.

    Example
    -------
    >>> alpha_dropout_backward([1.0, 1.0], np.array([2], np.uint8), 0.0)
    array([0., 1.])
    """
    dy, mask, scale, dx = checks.alpha_dropout_backward(dy, mask, rate, out, ANY)
    kept = np.unpackbits(mask, count=dy.size, bitorder="little").astype(bool)
    dx[...] = np.where(kept.reshape(dy.shape), dy * dy.dtype.type(scale), 0)
    return dx


def gaussian_noise(
    x: ArrayLike,
    std: float,
    *,
    seed: int,
    stream: int,
    counter: Array,
    out: Array | None = None,
) -> Array:
    """Add normal noise.

    y[i] = x[i] + std * z[i], z as in `random_normal` with step = counter[0]; the sum in
    float64. Then counter[0] += 1.

    Parameters
    ----------
    x : array, any shape
        float32 or float64; elements are counted in memory order.
    std : float
        Standard deviation, at least 0.
    seed, stream : int
        Key of the random numbers, 0 to 2**32 - 1.
    counter : uint64 array (1,)
        Number of the draw; counted on in place.
    out : array like x, optional
        Where to write.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError, ValueError
        A negative std; arrays that do not fit.

    Example
    -------
    >>> step = np.zeros(1, np.uint64)
    >>> y = gaussian_noise(np.ones(10000), 0.5, seed=1, stream=3, counter=step)
    >>> abs(float(y.mean()) - 1) < 0.02, abs(float(y.std()) - 0.5) < 0.02, int(step[0])
    (True, True, 1)
    """
    x, std, seed, stream, counter, y = checks.gaussian_noise(
        x, std, seed, stream, counter, out, ANY
    )
    z = random_normal(
        x.shape,
        std=std,
        seed=seed,
        stream=stream,
        step=int(counter[0]),
        dtype="float64",
    )
    y[...] = (x + z).astype(x.dtype)
    counter += np.uint64(1)
    return y
