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
    m *= real(beta_1)
    m += real(1 - beta_1) * g
    v *= real(beta_2)
    v += real(1 - beta_2) * (g * g)
    d = np.sqrt(v) / real(np.sqrt(c_2)) + real(epsilon)
    value -= real(rate / c_1) * (m / d)
