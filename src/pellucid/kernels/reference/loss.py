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


def mean_absolute_error(
    prediction: ArrayLike,
    targets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[Array, Array]:
    """Compare numbers with numbers by their distance.

    l = |p - t|,  dl / dp = sign(p - t), 0 where they are equal

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
    >>> mean_absolute_error([1.0, 2.0], [1.0, 4.0])
    (array([1.]), array([ 0. , -0.5]))
    """
    p, t, weights, _, scale, value, gradient = checks.element_loss(
        prediction, targets, weights, 0.0, reduction, out, ANY
    )
    d = p - t
    sign = np.sign(d.real).astype(d.dtype)
    return _reduce(d * sign, sign, weights, scale, value, gradient)


def huber(
    prediction: ArrayLike,
    targets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    delta: float = 1.0,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[Array, Array]:
    """Compare numbers with numbers: squares when near, distances when far.

    l = d ** 2 / 2 where |d| <= delta, else delta * (|d| - delta / 2),  d = p - t
    dl / dp = d, at most delta and at least -delta

    Parameters
    ----------
    prediction, targets : array (n, ...)
        float32 or float64, of one shape.
    weights, reduction, out
        As in `binary_cross_entropy`.
    delta : float, default 1.0
        Above 0.

    Returns
    -------
    value : float64 array (1,)
    gradient : array (n, ...)

    Raises
    ------
    TypeError, ValueError
        An empty batch; arrays that do not fit; delta is not above 0.

    Example
    -------
    >>> huber([1.0, 2.0], [0.0, 5.0], delta=2.0)
    (array([2.25]), array([ 0.5, -1. ]))

    Source
    ------
    Huber (1964), Robust estimation of a location parameter.
    """
    p, t, weights, _, scale, value, gradient = checks.element_loss(
        prediction, targets, weights, 0.0, reduction, out, ANY
    )
    d, limit = p - t, p.real.dtype.type(checks.delta(delta))
    slope = np.where(np.abs(d.real) > limit, np.copysign(limit, d.real), d)
    losses = slope * (d - p.dtype.type(0.5) * slope)
    return _reduce(losses, slope, weights, scale, value, gradient)


def hinge(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[Array, Array]:
    """Ask for scores beyond 1 on the right side, element by element.

    l = max(0, 1 - t * z)
    dl / dz = -t where t * z < 1, else 0

    Parameters
    ----------
    scores : array (n, ...)
        float32 or float64.
    targets : array like scores
        -1 for no, 1 for yes.
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
    >>> hinge([0.5, 2.0], [1.0, -1.0])
    (array([1.75]), array([-0.5,  0.5]))
    """
    z, t, weights, _, scale, value, gradient = checks.element_loss(
        scores, targets, weights, 0.0, reduction, out, ANY
    )
    margin = 1 - t * z
    enough = margin.real <= 0  # not so for NaN
    losses, slopes = np.where(enough, 0, margin), np.where(enough, 0, -t)
    return _reduce(losses, slopes, weights, scale, value, gradient)


def kl_divergence(
    probabilities: ArrayLike,
    targets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    reduction: str = "mean",
    out: Out = None,
) -> tuple[Array, Array]:
    """Measure how far a distribution is from the one that was wanted.

    l = sum over j of t[j] * log(max(t[j], epsilon) / q[j]),  q = max(p, epsilon)
    dl / dp[j] = -t[j] / q[j]

    with epsilon as in `categorical_cross_entropy`.

    Parameters
    ----------
    probabilities : array (n, ..., c)
        float32 or float64.
    targets : array like probabilities
        A probability for each class.
    weights, reduction, out
        As in `softmax_cross_entropy`.

    Returns
    -------
    value : float64 array (1,)
    gradient : array (n, ..., c)

    Raises
    ------
    TypeError, ValueError
        An empty batch; arrays that do not fit.

    Example
    -------
    >>> value, gradient = kl_divergence([[0.5, 0.5]], [[0.0, 1.0]])
    >>> round(float(value[0]), 4), gradient
    (0.6931, array([[-0., -2.]]))

    Source
    ------
    Kullback and Leibler (1951), On information and sufficiency.
    """
    p, t, weights, _, scale, value, gradient = checks.element_loss(
        probabilities, targets, weights, 0.0, reduction, out, ANY, by_row=True
    )
    q = _at_least_epsilon(p)
    losses = t * np.log(_at_least_epsilon(t) / q)
    return _reduce(losses, -t / q, weights, scale, value, gradient)


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
