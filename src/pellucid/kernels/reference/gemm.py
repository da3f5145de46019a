"""Matrix product and the dense layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import ANY, Array
from .activations import activate, scaled


def gemm(
    a: ArrayLike,
    b: ArrayLike,
    *,
    trans_a: bool = False,
    trans_b: bool = False,
    out: Array | None = None,
) -> Array:
    """Multiply two matrices.

    c = a @ b, c[i, j] = sum over l of a[i, l] * b[l, j]

    Parameters
    ----------
    a, b : array (m, k) and (k, n)
        float32 or float64, both the same.
    trans_a, trans_b : bool, default False
        Read `a` as (k, m), `b` as (n, k), and use their transposes.
    out : array (m, n), optional
        Where to write c.

    Returns
    -------
    array (m, n)

    Raises
    ------
    TypeError, ValueError
        Wrong dtype or rank; inner sizes that differ; an `out` that does not fit.

    Example
    -------
    >>> gemm([[1.0, 2.0]], [[3.0], [4.0]])
    array([[11.]])
    """
    a, b, c = checks.gemm(a, b, trans_a, trans_b, out, ANY)
    return np.matmul(a.T if trans_a else a, b.T if trans_b else b, out=c)


def dense(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    scale: ArrayLike | None = None,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """Apply a dense layer: every output sees every input.

    y = activation(scale * (x @ w) + b)

    Parameters
    ----------
    x : array (n, in)
        One sample per row, float32 or float64.
    w : array (in, out)
        Weights.
    b : array (out,), optional
        Bias.
    scale : array (out,), optional
        A factor for every output, such as that of a batch normalization; only with b.
    activation : {"relu", "leaky_relu", "sigmoid", "tanh"}, optional
        Applied to the result.
    out : array (n, out), optional
        Where to write y.

    Returns
    -------
    array (n, out)

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together.

    Example
    -------
    >>> dense([[1.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]], [10.0, -5.0], activation="relu")
    array([[11.,  0.]])
    """
    x, w, b, scale, y = checks.dense(x, w, b, scale, activation, out, ANY)
    np.matmul(x, w, out=y)
    return activate(scaled(y, scale, b), activation)


def dense_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    need_dx: bool = True,
    need_db: bool = True,
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array | None, Array, Array | None]:
    """Compute the gradients of y = x @ w + b.

    dx = dy @ w.T,  dw = x.T @ dy,  db = sum of dy over the samples

    Parameters
    ----------
    dy : array (n, out)
        Gradient with respect to y before the activation.
    x, w : array (n, in) and (in, out)
        What the forward pass was given.
    need_dx, need_db : bool, default True
        False skips that gradient; None stands in its place.
    out : tuple (dx, dw, db), optional
        Where to write; None items are allocated.

    Returns
    -------
    dx : array (n, in) or None
    dw : array (in, out)
    db : array (out,) or None

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together.

    Example
    -------
    >>> dx, dw, db = dense_backward([[1.0]], [[2.0, 3.0]], [[4.0], [5.0]])
    >>> dx, dw.ravel(), db
    (array([[4., 5.]]), array([2., 3.]), array([1.]))
    """
    dy, x, w, dx, dw, db = checks.dense_backward(dy, x, w, need_dx, need_db, out, ANY)
    if dx is not None:
        np.matmul(dy, w.T, out=dx)
    np.matmul(x.T, dy, out=dw)
    if db is not None:
        np.sum(dy, axis=0, out=db)
    return dx, dw, db
