"""Activations of single elements; softmax is in eltwise.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import ANY, Array
from ..checks.eltwise import SELU_DEPTH, SELU_SCALE


def activation(
    x: ArrayLike, name: str, *, alpha: float | None = None, out: Array | None = None
) -> Array:
    """Apply an activation to every element.

    relu: 0 if x <= 0 else x        leaky_relu: alpha * x if x <= 0 else x
    sigmoid: 1 / (1 + exp(-x))      tanh: (exp(x) - exp(-x)) / (exp(x) + exp(-x))
    elu: alpha * (exp(x) - 1) if x <= 0 else x
    selu: 1.0507 * elu(x) with alpha 1.6733
    softplus: log(1 + exp(x))       gelu: x * normal CDF(x)
    silu: x * sigmoid(x)            mish: x * tanh(softplus(x))
    hard_swish: x * clip(x + 3, 0, 6) / 6

    NaN stays NaN; relu(-0.0) is 0.0; gelu, silu, mish, hard_swish of -infinity are 0.

    Parameters
    ----------
    x : array, any shape
        float32 or float64.
    name : str
        One of `pellucid.kernels.ACTIVATIONS`, the names above.
    alpha : float, optional
        Slope of leaky_relu below 0, default 0.01; depth of elu, default 1. At least 0.
    out : array like x, optional
        Where to write; may be x itself.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError, ValueError
        An unknown name; a negative alpha; an `out` that does not fit.

    Example
    -------
    >>> activation([-2.0, 0.0, 3.0], "leaky_relu", alpha=0.5)
    array([-1.,  0.,  3.])

    Source
    ------
    Clevert et al. (2016), elu; Klambauer et al. (2017), selu; Dugas et al. (2001),
    softplus; Hendrycks, Gimpel (2016), gelu, silu; Misra (2020), mish; Howard et al.
    (2019), hard_swish.
    """
    x, alpha, y = checks.activation(x, name, alpha, out, ANY)
    y[...] = _FORWARD[name](x, x.dtype.type(alpha))
    return y


def scaled(y: Array, scale: Array | None, b: Array | None) -> Array:
    """Multiply by a factor and add a bias for every channel, in place."""
    if scale is not None:
        y *= scale
    if b is not None:
        y += b
    return y


def activation_backward(
    dy: ArrayLike,
    saved: ArrayLike,
    name: str,
    *,
    alpha: float | None = None,
    out: Array | None = None,
) -> Array:
    """Compute the gradient of an activation from its result y or its input x.

    relu: 0 if y <= 0 else dy       leaky_relu: alpha * dy if y <= 0 else dy
    sigmoid: dy * y * (1 - y)       tanh: dy * (1 - y * y)
    elu: dy * (y + alpha) if y <= 0 else dy
    selu: 1.0507 * dy if y > 0 else dy * (y + 1.7581)
    softplus: dy * (1 - exp(-y))    gelu: dy * (CDF(x) + x * density(x))
    silu: dy * s * (1 + x * (1 - s)) with s = sigmoid(x)
    mish: dy * (t + x * sigmoid(x) * (1 - t * t)) with t = tanh(softplus(x))
    hard_swish: dy * (x / 3 + 1 / 2) inside (-3, 3), 0 below, dy above

    Parameters
    ----------
    dy : array, any shape
        Gradient with respect to y.
    saved : array like dy
        y, what the forward pass returned; x for gelu, silu, mish and hard_swish
        (`pellucid.kernels.ACTIVATIONS[name].saves` tells).
    name, alpha
        As in `activation`.
    out : array like dy, optional
        Where to write dx; may be dy itself.

    Returns
    -------
    array like dy

    Raises
    ------
    TypeError, ValueError
        An unknown name; shapes that differ; an `out` that does not fit.

    Example
    -------
    >>> activation_backward([1.0, 1.0, 1.0], [0.0, 0.0, 3.0], "relu")
    array([0., 0., 1.])
    """
    dy, saved, alpha, dx = checks.activation_backward(dy, saved, name, alpha, out, ANY)
    dx[...] = _BACKWARD[name](dy, saved, saved.dtype.type(alpha))
    return dx


def activate(y: Array, name: str | None) -> Array:
    """Apply a fused activation to a fresh result, in place."""
    return y if name is None else activation(y, name, out=y)


# Complex numbers (complex step) choose their branch by the real part alone.


def _negative(x: Array) -> Array:
    """Return x where its real part is below 0, else -x."""
    y: Array = np.where(x.real < 0, x, -x)
    return y


def _held(x: Array, limit: float) -> Array:
    """Keep large x from overflow where the result has reached its limit."""
    y: Array = np.where(np.abs(x.real) > limit, np.copysign(limit, x.real), x)
    return y


def _sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) without overflow: the exponent is never positive."""
    e: Array = np.exp(_negative(x))
    y: Array = np.where(x.real >= 0, 1, e) / (1 + e)
    return y


def _softplus(x: Array) -> Array:
    """Return log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    y: Array = np.where(x.real <= 0, 0, x) + np.log1p(np.exp(_negative(x)))
    return y


def _normal_cdf(x: Array) -> Array:
    """Return the integral of the normal density up to x.

    CDF(-a) = erfc(z) / 2 with z = a / sqrt(2) >= 0: below 2 by Kummer's series of erf,
    whose terms all have one sign, above by Laplace's continued fraction.
    """
    wide = x.astype(np.result_type(x.dtype, np.float64))
    z = -_negative(_held(wide, 40.0)) / np.sqrt(2.0)
    near, far = np.where(z.real < 2, z, 0), np.where(z.real < 2, 2, z)
    series = term = near
    for n in range(1, 45):
        term = term * (2 * near * near / (2 * n + 1))
        series = series + term
    fraction = far
    for n in range(80, 0, -1):
        fraction = far + (n / 2) / fraction
    scale = np.exp(-z * z) / np.sqrt(np.pi)
    tail = np.where(z.real < 2, 0.5 - scale * series, scale / fraction / 2)
    cdf: Array = np.where(x.real < 0, tail, 1 - tail)
    return cdf


def _gated(x: Array, gate: Array) -> Array:
    """Return x * gate, 0 where the gate is shut, whatever x is."""
    y: Array = np.where(gate == 0, 0, x) * gate
    return y


def _elu(x: Array, alpha: Any) -> Array:
    y: Array = np.where(x.real <= 0, alpha * np.expm1(np.where(x.real <= 0, x, 0)), x)
    return y


def _selu_numbers(x: Array) -> tuple[Any, Any]:
    """Return the slope above 0 and minus the limit below, in the dtype of x."""
    return x.dtype.type(SELU_SCALE), x.dtype.type(SELU_SCALE * SELU_DEPTH)


def _selu(x: Array) -> Array:
    scale, limit = _selu_numbers(x)
    y: Array = np.where(x.real <= 0, _elu(x, limit), scale * x)
    return y


def _selu_slope(y: Array) -> Array:
    scale, limit = _selu_numbers(y)
    slope: Array = np.where(y.real <= 0, y + limit, scale)
    return slope


def _gelu_slope(x: Array) -> Array:
    z = _held(x, 40.0)
    slope: Array = _normal_cdf(x) + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return slope


def _silu_slope(x: Array) -> Array:
    s = _sigmoid(x)
    slope: Array = s * (1 + _held(x, 800.0) * (1 - s))
    return slope


def _mish_slope(x: Array) -> Array:
    t = np.tanh(_softplus(x))
    slope: Array = t + _held(x, 800.0) * _sigmoid(x) * (1 - t * t)
    return slope


def _hard_swish(x: Array) -> Array:
    gate = np.where(x.real <= -3, 0, np.where(x.real >= 3, 6, x + 3))
    y: Array = np.where(x.real < -3, -3, x) * (gate * x.dtype.type(1 / 6))
    return y


def _hard_swish_slope(x: Array) -> Array:
    inside = x * x.dtype.type(1 / 3) + x.dtype.type(0.5)
    slope: Array = np.where(x.real <= -3, 0, np.where(x.real >= 3, 1, inside))
    return slope


_FORWARD: dict[str, Callable[[Array, Any], Array]] = {
    "relu": lambda x, alpha: np.where(x.real <= 0, 0, x),
    "leaky_relu": lambda x, alpha: np.where(x.real <= 0, alpha * x, x),
    "sigmoid": lambda x, alpha: _sigmoid(x),
    "tanh": lambda x, alpha: np.tanh(x),
    "elu": _elu,
    "selu": lambda x, alpha: _selu(x),
    "softplus": lambda x, alpha: _softplus(x),
    "gelu": lambda x, alpha: _gated(x, _normal_cdf(x)),
    "silu": lambda x, alpha: _gated(x, _sigmoid(x)),
    "mish": lambda x, alpha: _gated(x, np.tanh(_softplus(x))),
    "hard_swish": lambda x, alpha: _hard_swish(x),
}
_BACKWARD: dict[str, Callable[[Array, Array, Any], Array]] = {
    "relu": lambda dy, y, alpha: np.where(y.real <= 0, 0, dy),
    "leaky_relu": lambda dy, y, alpha: np.where(y.real <= 0, alpha * dy, dy),
    "sigmoid": lambda dy, y, alpha: dy * y * (1 - y),
    "tanh": lambda dy, y, alpha: dy * (1 - y * y),
    "elu": lambda dy, y, alpha: dy * np.where(y.real <= 0, y + alpha, 1),
    "selu": lambda dy, y, alpha: dy * _selu_slope(y),
    "softplus": lambda dy, y, alpha: dy * -np.expm1(-y),
    "gelu": lambda dy, x, alpha: dy * _gelu_slope(x),
    "silu": lambda dy, x, alpha: dy * _silu_slope(x),
    "mish": lambda dy, x, alpha: dy * _mish_slope(x),
    "hard_swish": lambda dy, x, alpha: dy * _hard_swish_slope(x),
}


def prelu(x: ArrayLike, alpha: ArrayLike, *, out: Array | None = None) -> Array:
    """Apply leaky ReLU with a slope that is learnt.

    y = alpha * x if x <= 0 else x, with alpha[c] for the last index c of x

    Parameters
    ----------
    x : array (..., c)
        float32 or float64.
    alpha : array (c,) or (1,)
        Slopes below 0, any numbers; one stands for all channels.
    out : array like x, optional
        Where to write.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> prelu([[-2.0, -2.0], [3.0, 3.0]], [0.5, -1.0])
    array([[-1.,  2.],
           [ 3.,  3.]])

    Source
    ------
    He, Zhang, Ren, Sun (2015), Delving deep into rectifiers.
    """
    x, alpha, y = checks.prelu(x, alpha, out, ANY)
    y[...] = np.where(x.real <= 0, alpha * x, x)
    return y


def prelu_backward(
    dy: ArrayLike,
    x: ArrayLike,
    alpha: ArrayLike,
    *,
    out: tuple[Array | None, Array | None] | None = None,
) -> tuple[Array, Array]:
    """Compute the gradients of `prelu`.

    dx = alpha * dy if x <= 0 else dy;  dalpha[c] = sum of dy * x over the x <= 0 of c

    Parameters
    ----------
    dy : array (..., c)
        Gradient with respect to y.
    x, alpha
        As in `prelu`.
    out : tuple (dx, dalpha), optional
        Where to write.

    Returns
    -------
    dx : array like dy
    dalpha : array like alpha

    Raises
    ------
    TypeError, ValueError
        Arrays that do not fit.

    Example
    -------
    >>> prelu_backward([1.0, 1.0, 1.0], [-2.0, -3.0, 4.0], [0.5])
    (array([0.5, 0.5, 1. ]), array([-5.]))
    """
    dy, x, alpha, dx, dalpha = checks.prelu_backward(dy, x, alpha, out, ANY)
    dx[...] = np.where(x.real <= 0, alpha * dy, dy)
    shares = np.where(x.real <= 0, dy * x, 0)
    dalpha[...] = shares.reshape(-1, alpha.size).sum(axis=0)
    return dx, dalpha
