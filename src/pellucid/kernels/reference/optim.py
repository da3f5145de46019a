"""Optimizer steps, in place on flat arrays.

`hyper` is read at run time, so that a learning rate may change between steps. Each
scalar below is computed in float64 and rounded once to the dtype of the arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import ANY, Array


def sgd_step(
    value: Array, grad: ArrayLike, velocity: Array | None, hyper: ArrayLike
) -> None:
    """Take one step of gradient descent, with momentum.

    g = grad + weight_decay * value
    velocity = g if first else momentum * velocity + (1 - dampening) * g
    g = g + momentum * velocity if nesterov else velocity     (momentum 0: g stays g)
    value = value - learning_rate * g

    Parameters
    ----------
    value : array (p,)
        Parameters, written in place.
    grad : array (p,)
        Gradient.
    velocity : array (p,) or None
        State, written in place when momentum is not 0; None when it is.
    hyper : float64 array (6,)
        learning_rate, momentum, dampening, nesterov, weight_decay, first.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit; no velocity where momentum is not 0.

    Example
    -------
    >>> value = np.array([1.0])
    >>> sgd_step(value, [2.0], None, [0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    >>> value
    array([0.])

    Source
    ------
    Sutskever, Martens, Dahl, Hinton (2013); the rule of PyTorch's SGD.
    """
    value, grad, velocity, hyper = checks.sgd_step(value, grad, velocity, hyper, ANY)
    real = value.dtype.type
    rate, momentum, dampening, nesterov, decay, first = hyper.tolist()
    g = grad + real(decay) * value if decay else grad
    if velocity is not None and momentum:
        if first:
            velocity[...] = g
        else:
            velocity *= real(momentum)
            velocity += real(1 - dampening) * g
        g = g + real(momentum) * velocity if nesterov else velocity
    value -= real(rate) * g


def adam_step(
    value: Array, grad: ArrayLike, m: Array, v: Array, hyper: ArrayLike
) -> None:
    """Take one step of Adam, or of AdamW when `decoupled` is not 0.

    decoupled: value = value * (1 - learning_rate * weight_decay), g = grad
    else:      g = grad + weight_decay * value
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g * g
    d = sqrt(v) / sqrt(correction_2) + epsilon
    value = value - (learning_rate / correction_1) * m / d

    Parameters
    ----------
    value : array (p,)
        Parameters, written in place.
    grad : array (p,)
        Gradient.
    m, v : array (p,)
        State, written in place.
    hyper : float64 array (8,)
        learning_rate, beta_1, beta_2, epsilon, weight_decay, decoupled, correction_1,
        correction_2, where correction_i = 1 - beta_i ** t in step t = 1, 2, ...

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> value, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam_step(value, [2.0], m, v, [0.1, 0.9, 0.999, 1e-8, 0.0, 0.0, 0.1, 0.001])
    >>> value.round(6)
    array([0.9])

    Source
    ------
    Kingma and Ba (2015), Adam; Loshchilov and Hutter (2019), Decoupled weight decay.
    """
    value, grad, m, v, hyper = checks.adam_step(value, grad, m, v, hyper, ANY)
    real = value.dtype.type
    rate, beta_1, beta_2, epsilon, decay, decoupled, c_1, c_2 = hyper.tolist()
    g = grad
    if decoupled:
        value *= real(1 - rate * decay)
    elif decay:
        g = grad + real(decay) * value
    _average(m, beta_1, g)
    _average(v, beta_2, g * g)
    d = np.sqrt(v) / real(np.sqrt(c_2)) + real(epsilon)
    value -= real(rate / c_1) * (m / d)


def rmsprop_step(
    value: Array,
    grad: ArrayLike,
    square: Array,
    velocity: Array | None,
    mean: Array | None,
    hyper: ArrayLike,
) -> None:
    """Take one step of RMSprop, with momentum, centered when `mean` is given.

    g = grad + weight_decay * value
    square = alpha * square + (1 - alpha) * g * g
    mean = alpha * mean + (1 - alpha) * g,  spread = max(0, square - mean * mean)
    move = g / (sqrt(spread) + epsilon)     (without mean: spread = square)
    velocity = momentum * velocity + move,  move = velocity      (where there is one)
    value = value - learning_rate * move

    Parameters
    ----------
    value : array (p,)
        Parameters, written in place.
    grad : array (p,)
        Gradient.
    square : array (p,)
        State, written in place.
    velocity, mean : array (p,) or None
        State, written in place; velocity may be None when momentum is 0.
    hyper : float64 array (5,)
        learning_rate, weight_decay, alpha, epsilon, momentum.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit; no velocity where momentum is not 0.

    Example
    -------
    >>> value, square = np.array([1.0]), np.zeros(1)
    >>> rmsprop_step(value, [2.0], square, None, None, [0.1, 0.0, 0.75, 1e-8, 0.0])
    >>> value.round(6), square
    (array([0.8]), array([1.]))

    Source
    ------
    Hinton (2012), Neural networks for machine learning, lecture 6e; centered: Graves
    (2013). The rule is that of PyTorch's RMSprop.
    """
    value, grad, square, velocity, mean, hyper = checks.rmsprop_step(
        value, grad, square, velocity, mean, hyper, ANY
    )
    real = value.dtype.type
    rate, decay, alpha, epsilon, momentum = hyper.tolist()
    g = grad + real(decay) * value
    _average(square, alpha, g * g)
    spread = square
    if mean is not None:
        _average(mean, alpha, g)
        difference = square - mean * mean
        spread = np.where(difference.real < 0, real(0), difference)
    move = g / (np.sqrt(spread) + real(epsilon))
    if velocity is not None:
        velocity *= real(momentum)
        velocity += move
        move = velocity
    value -= real(rate) * move


def adagrad_step(
    value: Array, grad: ArrayLike, square: Array, hyper: ArrayLike
) -> None:
    """Take one step of Adagrad.

    g = grad + weight_decay * value
    square = square + g * g
    value = value - (learning_rate / divisor) * g / (sqrt(square) + epsilon)

    Parameters
    ----------
    value : array (p,)
        Parameters, written in place.
    grad : array (p,)
        Gradient.
    square : array (p,)
        State, written in place.
    hyper : float64 array (4,)
        learning_rate, weight_decay, epsilon, divisor.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> value, square = np.array([1.0]), np.zeros(1)
    >>> adagrad_step(value, [2.0], square, [0.1, 0.0, 1e-10, 1.0])
    >>> value.round(6), square
    (array([0.9]), array([4.]))

    Source
    ------
    Duchi, Hazan, Singer (2011), Adaptive subgradient methods; the rule of PyTorch's
    Adagrad.
    """
    value, grad, square, hyper = checks.adagrad_step(value, grad, square, hyper, ANY)
    real = value.dtype.type
    rate, decay, epsilon, divisor = hyper.tolist()
    g = grad + real(decay) * value
    square += g * g
    value -= real(rate / divisor) * (g / (np.sqrt(square) + real(epsilon)))


def adadelta_step(
    value: Array, grad: ArrayLike, square: Array, moved: Array, hyper: ArrayLike
) -> None:
    """Take one step of Adadelta.

    g = grad + weight_decay * value
    square = rho * square + (1 - rho) * g * g
    move = sqrt(moved + epsilon) / sqrt(square + epsilon) * g
    moved = rho * moved + (1 - rho) * move * move
    value = value - learning_rate * move

    Parameters
    ----------
    value : array (p,)
        Parameters, written in place.
    grad : array (p,)
        Gradient.
    square, moved : array (p,)
        State, written in place.
    hyper : float64 array (4,)
        learning_rate, weight_decay, rho, epsilon.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> value, square, moved = np.array([1.0]), np.zeros(1), np.array([4.0])
    >>> adadelta_step(value, [2.0], square, moved, [0.25, 0.0, 0.0, 0.0])
    >>> value, moved
    (array([0.5]), array([4.]))

    Source
    ------
    Zeiler (2012), ADADELTA: an adaptive learning rate method; the rule of PyTorch's
    Adadelta.
    """
    value, grad, square, moved, hyper = checks.adadelta_step(
        value, grad, square, moved, hyper, ANY
    )
    real = value.dtype.type
    rate, decay, rho, epsilon = hyper.tolist()
    g = grad + real(decay) * value
    _average(square, rho, g * g)
    move = np.sqrt(moved + real(epsilon)) / np.sqrt(square + real(epsilon)) * g
    _average(moved, rho, move * move)
    value -= real(rate) * move


def nadam_step(
    value: Array, grad: ArrayLike, m: Array, v: Array, hyper: ArrayLike
) -> None:
    """Take one step of NAdam: Adam that looks ahead along its momentum.

    decoupled: value = value * (1 - learning_rate * weight_decay), g = grad
    else:      g = grad + weight_decay * value
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g * g
    d = sqrt(v) / sqrt(correction_2) + epsilon
    value = value - learning_rate * (now * g + ahead * m) / d

    Parameters
    ----------
    value : array (p,)
        Parameters, written in place.
    grad : array (p,)
        Gradient.
    m, v : array (p,)
        State, written in place.
    hyper : float64 array (9,)
        learning_rate, weight_decay, decoupled, beta_1, beta_2, epsilon, now, ahead,
        correction_2; now and ahead are the shares of gradient and momentum, with their
        bias corrections.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> value, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> hyper = [0.1, 0.0, 0.0, 0.5, 0.5, 0.0, 0.5, 1.0, 0.5]
    >>> nadam_step(value, [2.0], m, v, hyper)
    >>> value.round(6)
    array([0.9])

    Source
    ------
    Dozat (2016), Incorporating Nesterov momentum into Adam; the rule of PyTorch's
    NAdam.
    """
    value, grad, m, v, hyper = checks.nadam_step(value, grad, m, v, hyper, ANY)
    real = value.dtype.type
    rate, decay, decoupled, beta_1, beta_2, epsilon, now, ahead, c_2 = hyper.tolist()
    g = grad
    if decoupled:
        value *= real(1 - rate * decay)
    else:
        g = grad + real(decay) * value
    _average(m, beta_1, g)
    _average(v, beta_2, g * g)
    d = np.sqrt(v) * real(1 / np.sqrt(c_2)) + real(epsilon)
    value -= (real(rate * now) * g + real(rate * ahead) * m) / d


def lion_step(value: Array, grad: ArrayLike, m: Array, hyper: ArrayLike) -> None:
    """Take one step of Lion: the sign of an average of gradients.

    c = beta_1 * m + (1 - beta_1) * grad
    m = beta_2 * m + (1 - beta_2) * grad
    value = value * (1 - learning_rate * weight_decay) - learning_rate * sign(c)

    Parameters
    ----------
    value : array (p,)
        Parameters, written in place.
    grad : array (p,)
        Gradient.
    m : array (p,)
        State, written in place.
    hyper : float64 array (4,)
        learning_rate, weight_decay, beta_1, beta_2.

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> value, m = np.array([1.0, 1.0]), np.zeros(2)
    >>> lion_step(value, [2.0, -0.1], m, [0.25, 0.0, 0.9, 0.99])
    >>> value, m.round(6)
    (array([0.75, 1.25]), array([ 0.02 , -0.001]))

    Source
    ------
    Chen, Liang, Huang et al. (2023), Symbolic discovery of optimization algorithms.
    """
    value, grad, m, hyper = checks.lion_step(value, grad, m, hyper, ANY)
    real = value.dtype.type
    rate, decay, beta_1, beta_2 = hyper.tolist()
    mixed = real(beta_1) * m + real(1 - beta_1) * grad
    _average(m, beta_2, grad)
    value *= real(1 - rate * decay)
    value -= real(rate) * np.sign(mixed)


def _average(state: Array, kept: float, x: Array) -> None:
    """state = kept * state + (1 - kept) * x."""
    real = state.dtype.type
    state *= real(kept)
    state += real(1 - kept) * x
