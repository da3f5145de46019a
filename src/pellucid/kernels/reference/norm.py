"""Batch normalization over all axes but the last; with max pooling behind it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import ANY, Array
from ..checks.pool import NO_PLACE
from .activations import activate
from .pool import max_pool2d, max_pool2d_backward

Out4 = tuple[Array | None, Array | None, Array | None, Array | None] | None
Out3 = tuple[Array | None, Array | None, Array | None] | None


def batch_norm_training(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: Array,
    running_variance: Array,
    *,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
    activation: str | None = None,
    out: Out3 = None,
) -> tuple[Array, Array, Array]:
    """Normalize every channel by the batch, and count the batch into running values.

    mean = sum(x) / m,  variance = sum((x - mean) ** 2) / m  (m values per channel)
    inv_std = 1 / sqrt(variance + epsilon)
    y = activation((x - mean) * inv_std * gamma + beta)
    running = momentum * running + (1 - momentum) * batch, for mean and variance

    Parameters
    ----------
    x : array (..., c)
        At least two values per channel, float32 or float64.
    gamma, beta : array (c,)
        Scale and shift.
    running_mean, running_variance : array (c,)
        Written in place.
    momentum : float, default 0.9
        The share of the running value that is kept, 0 to 1.
    epsilon : float, default 1e-5
        More than 0.
    activation : {"relu", "leaky_relu", "sigmoid", "tanh"}, optional
        Applied to the result.
    out : tuple (y, mean, inv_std), optional
        Where to write.

    Returns
    -------
    y : array (..., c)
    mean, inv_std : array (c,)
        What `batch_norm_backward` needs.

    Raises
    ------
    TypeError, ValueError
        One value per channel; arrays that do not fit.

    Example
    -------
    >>> running = np.zeros(1), np.ones(1)
    >>> y, mean, inv_std = batch_norm_training(
    ...     [[1.0], [3.0]], [1.0], [0.0], *running, epsilon=1e-12)
    >>> y.ravel(), mean, running[0]
    (array([-1.,  1.]), array([2.]), array([0.2]))

    Source
    ------
    Ioffe and Szegedy (2015), Batch normalization.
    """
    (
        x, gamma, beta, running_mean, running_variance, momentum, epsilon,
        y, mean, inv_std,
    ) = checks.batch_norm_training(
        x, gamma, beta, running_mean, running_variance, momentum, epsilon,
        activation, out, ANY,
    )  # fmt: skip
    real, axes = x.dtype.type, tuple(range(x.ndim - 1))
    np.mean(x, axis=axes, out=mean)
    variance = np.mean((x - mean) ** 2, axis=axes)
    np.divide(1, np.sqrt(variance + real(epsilon)), out=inv_std)
    for running, batch in ((running_mean, mean), (running_variance, variance)):
        running *= real(momentum)
        running += real(1 - momentum) * batch
    y[...] = (x - mean) * inv_std * gamma + beta
    return activate(y, activation), mean, inv_std


def batch_norm_inference(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    *,
    epsilon: float = 1e-5,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """Normalize every channel by given statistics.

    y = activation((x - mean) / sqrt(variance + epsilon) * gamma + beta)

    Parameters
    ----------
    x : array (..., c)
        float32 or float64.
    gamma, beta, mean, variance : array (c,)
        Scale, shift, and the running statistics.
    epsilon, activation
        As in `batch_norm_training`.
    out : array like x, optional
        Where to write.

    Returns
    -------
    array (..., c)

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> batch_norm_inference([[3.0]], [2.0], [1.0], [1.0], [4.0], epsilon=1e-12)
    array([[3.]])
    """
    x, gamma, beta, mean, variance, epsilon, y = checks.batch_norm_inference(
        x, gamma, beta, mean, variance, epsilon, activation, out, ANY
    )
    inv_std = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    y[...] = (x - mean) * inv_std * gamma + beta
    return activate(y, activation)


def fold_batch_norm(
    gamma: ArrayLike,
    beta: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    b: ArrayLike | None = None,
    *,
    epsilon: float = 1e-5,
    out: tuple[Array | None, Array | None] | None = None,
) -> tuple[Array, Array]:
    """Turn a batch normalization into a factor and a bias of the sum before it.

    batch_norm_inference(s + b) = s * scale + shift, with
    scale = gamma / sqrt(variance + epsilon),  shift = (b - mean) * scale + beta

    Parameters
    ----------
    gamma, beta, mean, variance : array (c,)
        As in `batch_norm_inference`, float32 or float64.
    b : array (c,), optional
        Bias of the sum.
    epsilon : float, default 1e-5
        More than 0.
    out : tuple (scale, shift), optional
        Where to write.

    Returns
    -------
    scale, shift : array (c,)

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> scale, shift = fold_batch_norm(
    ...     [3.0], [1.0], [2.0], [4.0], [5.0], epsilon=1e-12)
    >>> scale, shift
    (array([1.5]), array([5.5]))

    Source
    ------
    Jacob et al. (2018), Quantization and training of neural networks for efficient
    integer-arithmetic-only inference, section 3.2.
    """
    gamma, beta, mean, variance, b, epsilon, scale, shift = checks.fold_batch_norm(
        gamma, beta, mean, variance, b, epsilon, out, ANY
    )
    np.divide(gamma, np.sqrt(variance + gamma.dtype.type(epsilon)), out=scale)
    shift[...] = ((0 if b is None else b) - mean) * scale + beta
    return scale, shift


def batch_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    inv_std: ArrayLike,
    *,
    out: Out3 = None,
) -> tuple[Array, Array, Array]:
    """Compute the gradients of `batch_norm_training`, statistics included.

    n = (x - mean) * inv_std
    dbeta = sum(dy),  dgamma = sum(dy * n)
    dx = gamma * inv_std * (dy - dbeta / m - n * dgamma / m)  (m values per channel)

    Parameters
    ----------
    dy : array (..., c)
        Gradient with respect to y before the activation.
    x : array (..., c)
        What the forward pass was given.
    gamma, mean, inv_std : array (c,)
        Scale; what the forward pass returned.
    out : tuple (dx, dgamma, dbeta), optional
        Where to write; dx may be x itself.

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
    >>> dx, dgamma, dbeta = batch_norm_backward(
    ...     [[1.0], [0.0]], [[1.0], [3.0]], [1.0], [2.0], [1.0])
    >>> dx.ravel(), dgamma, dbeta
    (array([0., 0.]), array([-1.]), array([1.]))
    """
    dy, x, gamma, mean, inv_std, dx, dgamma, dbeta = checks.batch_norm_backward(
        dy, x, gamma, mean, inv_std, out, ANY
    )
    count, normalized = max(x.size // x.shape[-1], 1), (x - mean) * inv_std
    _sums(dy, normalized, dgamma, dbeta)
    dx[...] = gamma * inv_std * (dy - dbeta / count - normalized * (dgamma / count))
    return dx, dgamma, dbeta


def batch_norm_inference_backward(
    dy: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    *,
    epsilon: float = 1e-5,
    out: Out3 = None,
) -> tuple[Array, Array, Array]:
    """Compute the gradients of `batch_norm_inference`: the statistics are constants.

    n = (x - mean) / sqrt(variance + epsilon)
    dbeta = sum(dy),  dgamma = sum(dy * n),  dx = dy * gamma / sqrt(variance + epsilon)

    Parameters
    ----------
    dy : array (..., c)
        Gradient with respect to y before the activation.
    x, gamma, mean, variance, epsilon
        What the forward pass was given.
    out : tuple (dx, dgamma, dbeta), optional
        Where to write; dx may be x itself.

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
    >>> dx, dgamma, dbeta = batch_norm_inference_backward(
    ...     [[1.0]], [[3.0]], [2.0], [1.0], [4.0], epsilon=1e-12)
    >>> dx.round(6), dgamma.round(6), dbeta
    (array([[1.]]), array([1.]), array([1.]))
    """
    dy, x, gamma, mean, variance, epsilon, dx, dgamma, dbeta = (
        checks.batch_norm_inference_backward(
            dy, x, gamma, mean, variance, epsilon, out, ANY
        )
    )
    inv_std = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    _sums(dy, (x - mean) * inv_std, dgamma, dbeta)
    np.multiply(dy, gamma * inv_std, out=dx)
    return dx, dgamma, dbeta


def batch_norm_max_pool2d(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: Array,
    running_variance: Array,
    pool_size: int | tuple[int, int],
    *,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
    activation: str | None = None,
    out: Out4 = None,
) -> tuple[Array, Array, Array, Array]:
    """Normalize by the batch, activate, and take the largest of every window.

    y, argmax = max_pool2d(batch_norm_training(x, ...), pool_size)

    What lies between the two is never stored.

    Parameters
    ----------
    x : array (n, h, w, c)
        At least two values per channel, float32 or float64.
    gamma, beta, running_mean, running_variance, momentum, epsilon
        As in `batch_norm_training`.
    pool_size : int or (kh, kw)
        Divides (h, w); less than 255 pixels.
    activation : {"relu"}, optional
        Applied before pooling.
    out : tuple (y, argmax, mean, inv_std), optional
        Where to write.

    Returns
    -------
    y : array (n, h / kh, w / kw, c)
    argmax : uint8 array like y
        The place of each maximum in its window; 255 where ReLU left 0.
    mean, inv_std : array (c,)

    Raises
    ------
    TypeError, ValueError
        Windows that do not tile the images; arrays that do not fit.

    Example
    -------
    >>> x = np.array([1.0, 3.0, 3.0, 1.0]).reshape(1, 2, 2, 1)
    >>> y, argmax, mean, inv_std = batch_norm_max_pool2d(
    ...     x, [1.0], [0.0], np.zeros(1), np.ones(1), 2, epsilon=1e-12)
    >>> round(y.item(), 6), argmax.item(), mean.item()
    (1.0, 1, 2.0)
    """
    (
        x, gamma, beta, running_mean, running_variance, momentum, epsilon, g, y, argmax,
        mean, inv_std,
    ) = checks.batch_norm_max_pool2d(
        x, gamma, beta, running_mean, running_variance, pool_size, momentum, epsilon,
        activation, out, ANY,
    )  # fmt: skip
    z, _, _ = batch_norm_training(
        x, gamma, beta, running_mean, running_variance, momentum=momentum,
        epsilon=epsilon, activation=activation, out=(None, mean, inv_std),
    )  # fmt: skip
    max_pool2d(z, (g.kh, g.kw), out=(y, argmax))
    if activation:
        argmax[y <= 0] = NO_PLACE
    return y, argmax, mean, inv_std


def batch_norm_max_pool2d_backward(
    dy: ArrayLike,
    argmax: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    inv_std: ArrayLike,
    pool_size: int | tuple[int, int],
    *,
    out: Out3 = None,
) -> tuple[Array, Array, Array]:
    """Compute the gradients of `batch_norm_max_pool2d`.

    dz is dy at the place of each maximum and 0 elsewhere (everywhere, where argmax is
    255); then `batch_norm_backward` of dz.

    Parameters
    ----------
    dy : array (n, h / kh, w / kw, c)
        Gradient with respect to y.
    argmax, mean, inv_std
        What the forward pass returned.
    x, gamma, pool_size
        What the forward pass was given.
    out : tuple (dx, dgamma, dbeta), optional
        Where to write; dx may be x itself.

    Returns
    -------
    dx : array (n, h, w, c)
    dgamma, dbeta : array (c,)

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> x = np.array([1.0, 3.0, 3.0, 1.0]).reshape(1, 2, 2, 1)
    >>> one, place = np.ones((1, 1, 1, 1)), np.array([[[[1]]]], np.uint8)
    >>> dx, dgamma, dbeta = batch_norm_max_pool2d_backward(
    ...     one, place, x, [1.0], [2.0], [1.0], 2)
    >>> dx.ravel(), dgamma, dbeta
    (array([ 0. ,  0.5, -0.5,  0. ]), array([1.]), array([1.]))
    """
    dy, argmax, x, gamma, mean, inv_std, g, dx, dgamma, dbeta = (
        checks.batch_norm_max_pool2d_backward(
            dy, argmax, x, gamma, mean, inv_std, pool_size, out, ANY
        )
    )
    dead = argmax == NO_PLACE
    dy, argmax = np.where(dead, 0, dy), np.where(dead, np.uint8(0), argmax)
    dz = max_pool2d_backward(dy, argmax, x.shape, (g.kh, g.kw))
    return batch_norm_backward(dz, x, gamma, mean, inv_std, out=(dx, dgamma, dbeta))


def _sums(dy: Array, normalized: Array, dgamma: Array, dbeta: Array) -> None:
    axes = tuple(range(dy.ndim - 1))
    np.sum(dy, axis=axes, out=dbeta)
    np.sum(dy * normalized, axis=axes, out=dgamma)
