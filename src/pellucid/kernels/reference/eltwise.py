"""Operations on elements and on the last axis: softmax, dropout, sums, rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import ANY, Array
from .random import philox


def softmax(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Turn the last axis into probabilities.

    y[j] = exp(x[j] - m) / sum over l of exp(x[l] - m),  m = max(x)

    Parameters
    ----------
    x : array (..., c)
        Logits, float32 or float64.
    out : array like x, optional
        Where to write.

    Returns
    -------
    array like x
        Each row at least 0, with sum 1.

    Raises
    ------
    TypeError, ValueError
        Wrong dtype; no class; an `out` that does not fit.

    Example
    -------
    >>> softmax([[0.0, 0.0]])
    array([[0.5, 0.5]])
    """
    x, y = checks.softmax(x, out, ANY)
    e = np.exp(x - x.real.max(axis=-1, keepdims=True))
    np.divide(e, e.sum(axis=-1, keepdims=True), out=y)
    return y


def softmax_backward(dy: ArrayLike, y: ArrayLike, *, out: Array | None = None) -> Array:
    """Compute the gradient of softmax from its result y.

    dx[j] = y[j] * (dy[j] - sum over l of dy[l] * y[l])

    Parameters
    ----------
    dy, y : array (..., c)
        Gradient with respect to y; what the forward pass returned.
    out : array like dy, optional
        Where to write dx.

    Returns
    -------
    array like dy

    Raises
    ------
    TypeError, ValueError
        Shapes that differ; an `out` that does not fit.

    Example
    -------
    >>> softmax_backward([[1.0, 0.0]], [[0.5, 0.5]])
    array([[ 0.25, -0.25]])
    """
    dy, y, dx = checks.softmax_backward(dy, y, out, ANY)
    np.multiply(y, dy - (dy * y).sum(axis=-1, keepdims=True), out=dx)
    return dx


def log_softmax(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Return the logarithms of the probabilities along the last axis.

    y[j] = x[j] - m - log(sum over l of exp(x[l] - m)),  m = max(x)

    Parameters
    ----------
    x : array (..., c)
        Logits, float32 or float64.
    out : array like x, optional
        Where to write.

    Returns
    -------
    array like x
        At most 0; the exponentials of a row have the sum 1.

    Raises
    ------
    TypeError, ValueError
        Wrong dtype; no class; an `out` that does not fit.

    Example
    -------
    >>> log_softmax([[0.0, 1000.0]])
    array([[-1000.,     0.]])
    """
    x, y = checks.softmax(x, out, ANY)
    shifted = x - x.real.max(axis=-1, keepdims=True)
    y[...] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return y


def log_softmax_backward(
    dy: ArrayLike, y: ArrayLike, *, out: Array | None = None
) -> Array:
    """Compute the gradient of `log_softmax` from its result y.

    dx[j] = dy[j] - exp(y[j]) * sum over l of dy[l]

    Parameters
    ----------
    dy, y : array (..., c)
        Gradient with respect to y; what the forward pass returned.
    out : array like dy, optional
        Where to write dx.

    Returns
    -------
    array like dy

    Raises
    ------
    TypeError, ValueError
        Shapes that differ; an `out` that does not fit.

    Example
    -------
    >>> log_softmax_backward([[1.0, 0.0]], [[0.0, -1000.0]])
    array([[0., 0.]])
    """
    dy, y, dx = checks.softmax_backward(dy, y, out, ANY)
    dx[...] = dy - np.exp(y) * dy.sum(axis=-1, keepdims=True)
    return dx


def argmax(x: ArrayLike) -> Array:
    """Return the place of the largest value on the last axis.

    The first of equal maxima wins; NaN counts as larger than any number.

    Parameters
    ----------
    x : array (..., c)
        float32 or float64.

    Returns
    -------
    int64 array (...)

    Raises
    ------
    TypeError, ValueError
        Wrong dtype; no class.

    Example
    -------
    >>> argmax([[1.0, 3.0, 3.0]])
    array([1])
    """
    x, y = checks.argmax(x)
    y[...] = x.argmax(axis=-1)
    return y


def dropout(
    x: ArrayLike,
    rate: float,
    *,
    seed: int,
    stream: int,
    counter: Array,
    out: tuple[Array | None, Array | None] | None = None,
) -> tuple[Array, Array]:
    """Set elements to zero at random and scale up the rest.

    y[i] = x[i] / (1 - rate) if word[i] >= round(rate * 2**32) else 0

    with word = philox(x.size, seed=seed, stream=stream, step=counter[0]), elements
    counted in memory order. Then counter[0] += 1.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.
    rate : float
        Probability of zero, from 0 to 1.
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
        A rate outside [0, 1]; arrays that do not fit.

    Example
    -------
    >>> step = np.zeros(1, np.uint64)
    >>> y, mask = dropout(np.ones(8), 0.5, seed=1, stream=3, counter=step)
    >>> sorted({float(v) for v in y}), int(step[0])
    ([0.0, 2.0], 1)

    Source
    ------
    Srivastava et al. (2014), Dropout, JMLR 15, in its inverted form.
    """
    x, y, mask, threshold, scale, seed, stream, counter = checks.dropout(
        x, rate, seed, stream, counter, out, ANY
    )
    words = philox(x.size, seed=seed, stream=stream, step=int(counter[0]))
    kept = words >= np.uint64(threshold)
    mask[...] = np.packbits(kept, bitorder="little")
    y[...] = np.where(kept.reshape(x.shape), x * x.dtype.type(scale), 0)
    counter += np.uint64(1)
    return y, mask


def dropout_backward(
    dy: ArrayLike, mask: Array, rate: float, *, out: Array | None = None
) -> Array:
    """Compute the gradient of dropout.

    dx[i] = dy[i] / (1 - rate) if bit i of mask is set else 0

    Parameters
    ----------
    dy : array, any shape
        Gradient with respect to y.
    mask : uint8 array ((dy.size + 7) // 8,)
        What `dropout` returned.
    rate : float
        As in `dropout`.
    out : array like dy, optional
        Where to write dx.

    Returns
    -------
    array like dy

    Raises
    ------
    TypeError, ValueError
        A rate outside [0, 1]; arrays that do not fit.

    Example
    -------
    >>> dropout_backward([1.0, 1.0, 1.0], np.array([5], np.uint8), 0.5)
    array([2., 0., 2.])
    """
    dy, mask, scale, dx = checks.dropout_backward(dy, mask, rate, out, ANY)
    kept = np.unpackbits(mask, count=dy.size, bitorder="little").astype(bool)
    dx[...] = np.where(kept.reshape(dy.shape), dy * dy.dtype.type(scale), 0)
    return dx


def add(a: ArrayLike, b: ArrayLike, *, out: Array | None = None) -> Array:
    """Add two arrays of the same shape.

    y = a + b

    Parameters
    ----------
    a, b : array, any shape
        float32 or float64; nothing is broadcast.
    out : array like a, optional
        Where to write.

    Returns
    -------
    array like a

    Raises
    ------
    TypeError, ValueError
        Shapes or dtypes that differ; an `out` that does not fit.

    Example
    -------
    >>> add([1.0, 2.0], [3.0, 4.0])
    array([4., 6.])
    """
    a, b, y = checks.add(a, b, out, ANY)
    return np.add(a, b, out=y)


def add_scaled(y: Array, x: ArrayLike, alpha: float) -> None:
    """Add a multiple of x to y, in place.

    y += alpha * x

    Parameters
    ----------
    y : array (n,)
        float32 or float64, written in place.
    x : array (n,)
        Same dtype, other memory.
    alpha : float
        Rounded to the dtype of y.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> y = np.ones(2)
    >>> add_scaled(y, [1.0, 2.0], 0.5)
    >>> y
    array([1.5, 2. ])
    """
    y, x, alpha = checks.add_scaled(y, x, alpha, ANY)
    y += y.dtype.type(alpha) * x


def scale(x: Array, alpha: float) -> None:
    """Multiply an array by a number, in place.

    x *= alpha

    Parameters
    ----------
    x : array (n,)
        float32 or float64, written in place.
    alpha : float
        Rounded to the dtype of x.

    Raises
    ------
    TypeError, ValueError
        An array that cannot be written.

    Example
    -------
    >>> x = np.ones(2)
    >>> scale(x, 3.0)
    >>> x
    array([3., 3.])
    """
    x, alpha = checks.scale(x, alpha, ANY)
    x *= x.dtype.type(alpha)


def all_finite(x: ArrayLike, *, out: Array | None = None) -> Array:
    """Tell whether no element of a vector is NaN or infinite.

    Parameters
    ----------
    x : array (n,)
        float32 or float64.
    out : array (1,), optional
        uint8.

    Returns
    -------
    array (1,)
        1, or 0 where an element is NaN or infinite.

    Raises
    ------
    TypeError, ValueError
        Wrong dtype or rank.

    Example
    -------
    >>> all_finite([3.0, np.inf])
    array([0], dtype=uint8)
    """
    x, out = checks.all_finite(x, out)
    out[0] = np.isfinite(x).all()
    return out


def sum_of_squares(x: ArrayLike) -> float:
    """Return the sum of squares of a vector.

    s = sum over i of x[i] * x[i], squared and added in float64

    Parameters
    ----------
    x : array (n,)
        float32 or float64.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        Wrong dtype or rank.

    Example
    -------
    >>> sum_of_squares([3.0, 4.0])
    25.0
    """
    x = checks.sum_of_squares(x).astype(np.float64)
    return float(np.sum(x * x))


def gather(
    x: ArrayLike,
    indices: ArrayLike,
    *,
    scale: float = 1.0,
    out: Array | None = None,
) -> Array:
    """Collect rows of an array, converted and scaled.

    y[i] = scale * x[indices[i]]

    Parameters
    ----------
    x : array (rows, ...)
        uint8, float32 or float64.
    indices : int64 array (n,)
        Numbers of rows, from 0.
    scale : float, default 1.0
        Factor, such as 1 / 255 for bytes; rounded to the dtype of y.
    out : array (n, ...), optional
        float32 or float64; without it y is float32 for uint8, else like x.

    Returns
    -------
    array (n, ...)

    Raises
    ------
    TypeError, ValueError
        An index out of range; arrays that do not fit.

    Example
    -------
    >>> gather(np.array([[0], [5], [10]], np.uint8), np.array([2, 0]), scale=0.5)
    array([[5.],
           [0.]], dtype=float32)
    """
    x, indices, scale, y = checks.gather(x, indices, scale, out)
    np.multiply(x[indices].astype(y.dtype), y.dtype.type(scale), out=y)
    return y
