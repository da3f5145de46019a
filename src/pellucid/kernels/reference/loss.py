"""Losses: one number, and its gradient with respect to the prediction.

Every loss is `scale * sum over samples of weight * l`, with `scale = 1 / count` for
reduction "mean" and 1 for "sum"; without weights every weight is 1. The gradient is the
derivative of exactly that number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import ANY, Array

Out = tuple[Array | None, Array | None] | None


def softmax_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[Array, Array]:
    """Compare logits with classes: softmax and cross-entropy in one stable step.

    l = sum over j of t[j] * (log(sum over i of exp(z[i])) - z[j])
    dl / dz[j] = softmax(z)[j] * sum(t) - t[j]

    with t = (1 - label_smoothing) * target + label_smoothing / c.

    Parameters
    ----------
    logits : array (n, ..., c)
        float32 or float64.
    targets : int64 array (n, ...) or array (n, ..., c)
        Class numbers 0 .. c - 1, or a probability for each class.
    weights : array (n,), optional
        One for each sample.
    label_smoothing : float, default 0.0
        Share of every target that is spread over all classes, 0 to 1.
    reduction : {"mean", "sum"}
        "mean" divides by the number of samples and positions.
    out : tuple (value, gradient), optional
        Where to write.

    Returns
    -------
    value : float64 array (1,)
    gradient : array (n, ..., c)

    Raises
    ------
    TypeError, ValueError
        An empty batch; a label out of range; arrays that do not fit.

    Example
    -------
    >>> value, gradient = softmax_cross_entropy([[0.0, 0.0]], np.array([1]))
    >>> round(float(value[0]), 4), gradient
    (0.6931, array([[ 0.5, -0.5]]))
    """
    z, t, labels, weights, smoothing, scale, value, gradient = checks.class_loss(
        logits, targets, weights, label_smoothing, reduction, out, ANY
    )
    t = _smooth(_one_hot(t, z) if labels else t, smoothing, z.shape[-1])
    z = z - z.real.max(axis=-1, keepdims=True)
    e = np.exp(z)
    total, mass = e.sum(axis=-1, keepdims=True), t.sum(axis=-1, keepdims=True)
    losses = t * (np.log(total) - z)
    return _reduce(losses, e / total * mass - t, weights, scale, value, gradient)


def categorical_cross_entropy(
    probabilities: ArrayLike,
    targets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[Array, Array]:
    """Compare probabilities with classes.

    l = - sum over j of t[j] * log(q[j]),  q = max(p, epsilon)
    dl / dp[j] = -t[j] / q[j]

    with t as in `softmax_cross_entropy`, epsilon 1e-7 in float32, 1e-15 in float64.
    Below epsilon the gradient keeps the value that it has there: a wrong and certain
    prediction still learns.

    Parameters
    ----------
    probabilities : array (n, ..., c)
        float32 or float64.
    targets, weights, label_smoothing, reduction, out
        As in `softmax_cross_entropy`.

    Returns
    -------
    value : float64 array (1,)
    gradient : array (n, ..., c)

    Raises
    ------
    TypeError, ValueError
        An empty batch; a label out of range; arrays that do not fit.

    Example
    -------
    >>> value, gradient = categorical_cross_entropy([[0.5, 0.5]], np.array([1]))
    >>> round(float(value[0]), 4), gradient
    (0.6931, array([[-0., -2.]]))
    """
    p, t, labels, weights, smoothing, scale, value, gradient = checks.class_loss(
        probabilities, targets, weights, label_smoothing, reduction, out, ANY
    )
    t = _smooth(_one_hot(t, p) if labels else t, smoothing, p.shape[-1])
    q = _at_least_epsilon(p)
    return _reduce(-t * np.log(q), -t / q, weights, scale, value, gradient)


def binary_cross_entropy(
    probabilities: ArrayLike,
    targets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[Array, Array]:
    """Compare probabilities of yes with answers, element by element.

    l = -(t * log(q) + (1 - t) * log(r)),  q = max(p, epsilon), r = max(1 - p, epsilon)
    dl / dp = (1 - t) / r - t / q

    with t = (1 - label_smoothing) * target + label_smoothing / 2, epsilon as in
    `categorical_cross_entropy`.

    Parameters
    ----------
    probabilities : array (n, ...)
        float32 or float64.
    targets : array like probabilities
        0 for no, 1 for yes, or between.
    weights, reduction, out
        As in `softmax_cross_entropy`; "mean" divides by the number of elements.
    label_smoothing : float, default 0.0
        Share of every target that is moved to 1/2, 0 to 1.

    Returns
    -------
    value : float64 array (1,)
    gradient : array (n, ...)

    Raises
    ------
    TypeError, ValueError
        An empty batch; arrays that do not fit.

    Example
    -------
    >>> value, gradient = binary_cross_entropy([0.5], [1.0])
    >>> round(float(value[0]), 4), gradient
    (0.6931, array([-2.]))
    """
    p, t, weights, smoothing, scale, value, gradient = checks.element_loss(
        probabilities, targets, weights, label_smoothing, reduction, out, ANY
    )
    t, q, r = _smooth(t, smoothing, 2), _at_least_epsilon(p), _at_least_epsilon(1 - p)
    losses = -(t * np.log(q) + (1 - t) * np.log(r))
    return _reduce(losses, (1 - t) / r - t / q, weights, scale, value, gradient)


def sigmoid_binary_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[Array, Array]:
    """Compare logits of yes with answers: sigmoid and cross-entropy in one stable step.

    l = max(z, 0) - z * t + log(1 + exp(-|z|))
    dl / dz = sigmoid(z) - t

    with t as in `binary_cross_entropy`.

    Parameters
    ----------
    logits : array (n, ...)
        float32 or float64.
    targets, weights, label_smoothing, reduction, out
        As in `binary_cross_entropy`.

    Returns
    -------
    value : float64 array (1,)
    gradient : array (n, ...)

    Raises
    ------
    TypeError, ValueError
        An empty batch; arrays that do not fit.

    Example
    -------
    >>> value, gradient = sigmoid_binary_cross_entropy([0.0], [1.0])
    >>> round(float(value[0]), 4), gradient
    (0.6931, array([-0.5]))
    """
    z, t, weights, smoothing, scale, value, gradient = checks.element_loss(
        logits, targets, weights, label_smoothing, reduction, out, ANY
    )
    t, positive = _smooth(t, smoothing, 2), z.real > 0
    e = np.exp(np.where(positive, -z, z))  # exp(-|z|) never overflows
    losses = np.where(positive, z, 0) - z * t + np.log1p(e)
    sigmoid = np.where(positive, 1, e) / (1 + e)
    return _reduce(losses, sigmoid - t, weights, scale, value, gradient)


def mean_squared_error(
    prediction: ArrayLike,
    targets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[Array, Array]:
    """Compare numbers with numbers.

    l = (p - t) ** 2,  dl / dp = 2 * (p - t)

    Parameters
    ----------
    prediction, targets : array (n, ...)
        float32 or float64, of one shape.
    weights, reduction, out
        As in `binary_cross_entropy`.

    Returns
    -------
    value : float64 array (1,)
    gradient : array (n, ...)

    Raises
    ------
    TypeError, ValueError
        An empty batch; arrays that do not fit.

    Example
    -------
    >>> mean_squared_error([1.0, 2.0], [1.0, 4.0])
    (array([2.]), array([ 0., -2.]))
    """
    p, t, weights, _, scale, value, gradient = checks.element_loss(
        prediction, targets, weights, 0.0, reduction, out, ANY
    )
    d = p - t
    return _reduce(d * d, 2 * d, weights, scale, value, gradient)


def _reduce(
    losses: Array,
    slopes: Array,
    weights: Array | None,
    scale: float,
    value: Array,
    gradient: Array,
) -> tuple[Array, Array]:
    """Write scale * sum(w * l) and its gradient, w counted by the first axis."""
    if weights is not None:
        per_sample = weights.reshape(-1, *[1] * (losses.ndim - 1))
        losses, slopes = losses * per_sample, slopes * per_sample
    value[0] = np.sum(losses, dtype=value.dtype) * scale
    np.multiply(slopes, gradient.dtype.type(scale), out=gradient)
    return value, gradient


def _one_hot(labels: Array, like: Array) -> Array:
    t = np.zeros(like.shape, like.dtype)
    np.put_along_axis(t, labels[..., None], 1, axis=-1)
    return t


def _smooth(t: Array, smoothing: float, classes: int) -> Array:
    if smoothing == 0:
        return t
    kept, spread = t.dtype.type(1 - smoothing), t.dtype.type(smoothing / classes)
    smoothed: Array = kept * t + spread
    return smoothed


def _at_least_epsilon(p: Array) -> Array:
    epsilon = 1e-7 if p.dtype == np.float32 else 1e-15
    return np.where(p.real < epsilon, p.dtype.type(epsilon), p)
