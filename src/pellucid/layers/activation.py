"""Activations as layers of their own, and what layers that apply one share.

Those that bound their output are here, those that let large x pass in relu_family.py.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.layer import Array, Layer
from pellucid.core.registry import register_layer
from pellucid.errors import check_choice, describe

ROW_ACTIVATIONS = ("softmax", "log_softmax")
"""Those that treat the last axis as a whole; all others treat every number alone."""

ALIASES = {"swish": "silu"}


def check_activation(word: Any) -> str:
    """Return the word for an activation that needs no parameters of its own.

    Raises
    ------
    ValueError, TypeError
        Another word; the message lists them.

    Example
    -------
    >>> check_activation("swish")
    'silu'
    """
    if word == "prelu":
        what = 'activation is "prelu", whose slopes are parameters'
        expected = "Expected an activation without parameters"
        raise ValueError(describe(what, expected, "Add the layer PReLU() instead"))
    if isinstance(word, str):
        word = ALIASES.get(word, word)
    return check_choice(word, "activation", (*kernels.ACTIVATIONS, *ROW_ACTIVATIONS))


def is_fused(name: str | None) -> bool:
    """Whether the kernels of other layers apply this activation to their results."""
    return name in kernels.ACTIVATIONS and kernels.ACTIVATIONS[name].fused


def saves_input(name: str) -> bool:
    """Whether the gradient follows from the input x; else from the result y."""
    return name in kernels.ACTIVATIONS and kernels.ACTIVATIONS[name].saves == "x"


def activate(x: Array, name: str, out: Array, **options: Any) -> Array:
    """Apply an activation; out may be x, but not of a row activation."""
    if name in ROW_ACTIVATIONS:
        y: Array = getattr(kernels, name)(x, out=out)
        return y
    return kernels.activation(x, name, out=out, **options)


def activate_backward(
    dy: Array, saved: Array, name: str, out: Array, **options: Any
) -> Array:
    """Gradient of an activation from y, or from x where `saves_input`."""
    if name in ROW_ACTIVATIONS:
        dx: Array = getattr(kernels, f"{name}_backward")(dy, saved, out=out)
        return dx
    return kernels.activation_backward(dy, saved, name, out=out, **options)


class Activation(Layer):
    """Base of the activations without parameters.

    What the gradient follows from is kept: y, or x where that is cheaper or exact.
    """

    activation: str

    def _options(self) -> dict[str, Any]:
        return {}

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        if training and self.skip_activation:
            self.save(x, None)
            return x
        out = self.buffer("y", x.shape, reuse=training)
        y = activate(x, self.activation, out, **self._options())
        if training:
            self.save(y, x if saves_input(self.activation) else y)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (saved,) = self.restore(dy)
        if saved is None or not need_dx:
            return dy if need_dx else None
        out = self.buffer("dx", dy.shape)
        return activate_backward(dy, saved, self.activation, out, **self._options())


@register_layer
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x));  dx = dy * y * (1 - y).

    Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> Sigmoid().forward([[0.0, 1000.0]])
    array([[0.5, 1. ]], dtype=float32)

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.3.2.
    """

    activation = "sigmoid"
    fused_word = "sigmoid"


@register_layer
class Tanh(Activation):
    """y = tanh(x);  dx = dy * (1 - y**2).

    Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> Tanh().forward([[0.0, 1000.0]])
    array([[0., 1.]], dtype=float32)

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.3.2.
    """

    activation = "tanh"
    fused_word = "tanh"


@register_layer
class Softmax(Activation):
    """Turn the numbers of the last axis into probabilities.

    y[..., j] = exp(x[..., j]) / sum over k of exp(x[..., k])

    dx = y * (dy - sum over k of dy[..., k] * y[..., k]). The largest x is subtracted
    first, so nothing overflows. Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> Softmax().forward([[0.0, 0.0], [1000.0, 0.0]])
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.2.2.3.
    """

    activation = "softmax"


@register_layer
class LogSoftmax(Activation):
    """Turn the numbers of the last axis into logarithms of probabilities.

    y[..., j] = x[..., j] - log(sum over k of exp(x[..., k]))

    dx = dy - exp(y) * (sum over k of dy[..., k]). The largest x is subtracted first, so
    nothing overflows and no logarithm is of 0. Input and output: any shape with the
    batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> LogSoftmax().forward([[1000.0, 0.0]])
    array([[    0., -1000.]], dtype=float32)

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, section 6.2.2.3.
    """

    activation = "log_softmax"
