"""The fully connected layer."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.initializers import Initializer
from pellucid.core.layer import Array, Shape
from pellucid.core.registry import register_layer
from pellucid.core.regularizers import Regularizer
from pellucid.layers.affine import Affine
from pellucid.shapes import integer


@register_layer
class Dense(Affine):
    """Every output is a weighted sum of every input.

    y[n, j] = activation(sum over i of x[n, i] * weight[i, j] + bias[j])

    With dz the gradient of the sum: dx = dz @ weight.T, dweight = x.T @ dz,
    dbias[j] = sum over n of dz[n, j].

    Parameters
    ----------
    units : int
        Number of outputs, ``out`` below.
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

    Input ``(n, in)``, output ``(n, out)``, weight ``(in, out)``, bias ``(out,)``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; the input does not fit.

    Example
    -------
    >>> import numpy as np
    >>> layer = Dense(2, kernel_initializer="ones")
    >>> layer.forward(np.array([[1.0, 2.0, 3.0]]), training=True)
    array([[6., 6.]])
    >>> layer.backward(np.array([[1.0, 10.0]]))
    array([[11., 11., 11.]])
    >>> layer.weight.grad
    array([[ 1., 10.],
           [ 2., 20.],
           [ 3., 30.]])

    Source
    ------
    Goodfellow, Bengio, Courville (2016), Deep Learning, chapter 6.
    """

    input_axes = "n, in"

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        *,
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
            self.units = integer(units, "units", 1)

    def output_shape(self, input_shape: Shape) -> Shape:
        self.check_shape(input_shape)
        return (self.units,)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        features = int(input_shape[0])
        self.add_weights((features, self.units), features, self.units)

    def compute(self, x: Array, training: bool, **epilogue: Any) -> tuple[Array, ...]:
        out = self.buffer("y", (x.shape[0], self.units), reuse=training)
        return kernels.dense(x, self.weight.value, **epilogue, out=out), x

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (y, x) = self.restore(dy)
        dz = self.start(dy, y)
        dx, _, _ = kernels.dense_backward(
            dz,
            x,
            self.weight.value,
            need_dx=need_dx,
            need_db=self.use_bias,
            out=(
                self.buffer("dx", x.shape) if need_dx else None,
                self.weight.grad,
                self.bias_gradient,
            ),
        )
        return dx

    def flops(self, input_shape: Shape) -> int:
        return 2 * self.check_shape(input_shape)[0] * self.units

    def config(self) -> dict[str, Any]:
        return {"units": self.units} | super().config()
