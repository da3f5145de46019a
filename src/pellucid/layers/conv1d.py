"""Convolution of sequences: of images with one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.core.initializers import Initializer
from pellucid.core.layer import Shape
from pellucid.core.registry import register_layer
from pellucid.core.regularizers import Regularizer
from pellucid.errors import check_choice
from pellucid.layers.conv import Convolution
from pellucid.shapes import Geometry, integer, pair


@register_layer
class Conv1D(Convolution):
    """Filters that slide along a sequence: one output channel for each filter.

    With stride s, dilation d and p places of padding before the sequence:

    y[n, i, k] = activation(bias[k] + sum over u, c of
        x[n, s*i + d*u - p, c] * weight[u, c, k])

    where x is 0 outside the sequence, and
    out = floor((length + padding - d*(size - 1) - 1) / s) + 1. With dz the gradient of
    the sum, dweight[u, c, k] = sum over n, i of x[n, s*i + d*u - p, c] * dz[n, i, k].

    With groups g, the filters fall into g equal parts; part t sees only the input
    channels from t*c/g up to (t + 1)*c/g.

    Parameters
    ----------
    filters : int
        Number of output channels, k.
    kernel_size : int
        ``size``, the length of a filter.
    strides : int, default 1
    padding : "valid", "same", "causal", int or (before, after)
        Default "valid": no padding. "same" pads so that out = ceil(length / stride), an
        odd place after the sequence. "causal" pads before it only, so that no output
        sees what comes later.
    dilation : int, default 1
        Distance of the elements of a filter.
    groups : int, default 1
        Divides both the input channels and ``filters``.
    activation : str, optional
        "relu", "leaky_relu", "elu", "selu", "gelu", "silu" ("swish"), "mish",
        "hard_swish", "softplus", "sigmoid", "tanh", "softmax" or "log_softmax"; None
        is linear.
    use_bias : bool, default True
    kernel_initializer : str or Initializer, optional
        Default: HeNormal before the ReLU family, LeCunNormal before a SELU, else
        GlorotUniform.
    bias_initializer : str or Initializer, default "zeros"
    kernel_regularizer : str or Regularizer, optional
        Penalty on ``weight``, such as ``L2(1e-4)``.
    name, trainable
        As in :class:`Layer`.

    Input ``(n, length, c)``, output ``(n, out, k)``, weight ``(size, c / groups, k)``,
    bias ``(k,)``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; the input does not fit, or
        is shorter than a filter.

    Example
    -------
    >>> import numpy as np
    >>> x = np.arange(5.0).reshape(1, 5, 1)
    >>> Conv1D(1, 2, kernel_initializer="ones").forward(x)[0, :, 0]
    array([1., 3., 5., 7.])
    >>> causal = Conv1D(1, 2, padding="causal", kernel_initializer="ones")
    >>> causal.forward(x)[0, :, 0]
    array([0., 1., 3., 5., 7.])

    Source
    ------
    Waibel et al. (1989), Phoneme recognition using time-delay neural networks; van den
    Oord et al. (2016), WaveNet: a generative model for raw audio (causal, dilated).
    """

    input_axes = "n, length, c"

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        padding: str | int | Sequence[int] = "valid",
        *,
        dilation: int = 1,
        groups: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer | dict[str, Any] | None = None,
        bias_initializer: str | Initializer | dict[str, Any] = "zeros",
        kernel_regularizer: str | Regularizer | dict[str, Any] | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            name=name,
            trainable=trainable,
        )
        with self.named_errors():
            self.filters = integer(filters, "filters", 1)
            self.kernel_size = integer(kernel_size, "kernel_size", 1)
            self.strides = integer(strides, "strides", 1)
            self.padding = _padding(padding)
            self.dilation = integer(dilation, "dilation", 1)
            self.groups = integer(groups, "groups", 1)

    def _kernel(self, c: int) -> tuple[tuple[int, int], int, int]:
        return (1, self.kernel_size), self.filters, self.groups

    def _window(self) -> dict[str, Any]:
        sides = self.padding
        if sides == "causal":
            sides = ((self.kernel_size - 1) * self.dilation, 0)
        return {
            "strides": (1, self.strides),
            "padding": sides if sides == "same" else ((0, 0), sides),
            "dilation": (1, self.dilation),
        }

    def _images(self, shape: Shape) -> Shape:
        n, length, c = shape
        return n, 1, length, c

    def _outside(self, g: Geometry) -> Shape:
        return g.n, g.ow, g.k

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        inputs = int(input_shape[1]) // self.groups
        outputs = self.filters // self.groups
        size = self.kernel_size
        self.add_weights((size, inputs, self.filters), size * inputs, size * outputs)

    def config(self) -> dict[str, Any]:
        return {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        } | super().config()


def _padding(padding: object) -> str | tuple[int, int]:
    """A word, or how many places before and after."""
    if isinstance(padding, str):
        word = check_choice(padding, "padding", ("valid", "same", "causal"))
        return word if word != "valid" else (0, 0)
    return pair(padding, "padding", 0)
