"""ReLU and its family: activations that let x pass above 0 and hold it back below."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.initializers import (
    Constant,
    Initializer,
    get_initializer,
    initializer_config,
)
from pellucid.core.inputs import check_number
from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.parameter import Parameter
from pellucid.core.registry import register_layer
from pellucid.errors import describe
from pellucid.layers.activation import Activation


@register_layer
class ReLU(Activation):
    """y = max(x, 0);  dx = dy where y > 0, else 0 (also at x = 0).

    Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> ReLU().forward([[-1.0, 0.0, 2.0]])
    array([[0., 0., 2.]], dtype=float32)

    Source
    ------
    Glorot, Bordes, Bengio (2011), Deep sparse rectifier neural networks.
    """

    activation = "relu"
    fused_word = "relu"


@register_layer
class LeakyReLU(Activation):
    """y = x where x > 0, else negative_slope * x.

    dx = dy where y > 0, else negative_slope * dy. Input and output: any shape with the
    batch first.

    Parameters
    ----------
    negative_slope : float, default 0.01
        At least 0.
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> LeakyReLU(0.5).forward([[-1.0, 0.0, 2.0]])
    array([[-0.5,  0. ,  2. ]], dtype=float32)

    Source
    ------
    Maas, Hannun, Ng (2013), Rectifier nonlinearities improve neural network acoustic
    models.
    """

    activation = "leaky_relu"

    def __init__(
        self,
        negative_slope: float = 0.01,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            # A negative slope would make y positive on both sides of 0, and the
            # gradient could not be told from y.
            self.negative_slope = check_number(
                negative_slope, "negative_slope", at_least=0
            )

    def _options(self) -> dict[str, Any]:
        return {"alpha": self.negative_slope}

    def config(self) -> dict[str, Any]:
        return {"negative_slope": self.negative_slope} | super().config()


@register_layer
class PReLU(Layer):
    """y = x where x > 0, else alpha * x, with slopes alpha that are learnt.

    dx = dy where x > 0, else alpha * dy; dalpha = sum of dy * x over the x <= 0 of its
    channel. Input and output: any shape with the batch first, channels c last; alpha
    ``(c,)``, or ``(1,)`` when shared.

    Parameters
    ----------
    alpha_initializer : str or Initializer, default Constant(0.25)
    shared : bool, default False
        One slope for all channels.
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> layer = PReLU()
    >>> layer.forward([[-2.0, 3.0]], training=True)
    array([[-0.5,  3. ]], dtype=float32)
    >>> layer.backward([[1.0, 1.0]])
    array([[0.25, 1.  ]], dtype=float32)
    >>> layer.alpha.grad
    array([-2.,  0.], dtype=float32)

    Source
    ------
    He, Zhang, Ren, Sun (2015), Delving deep into rectifiers: surpassing human-level
    performance on ImageNet classification.
    """

    activation = "prelu"
    fixed_channels = True

    def __init__(
        self,
        alpha_initializer: str | Initializer | dict[str, Any] | None = None,
        *,
        shared: bool = False,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.alpha_initializer = (
                Constant(0.25)
                if alpha_initializer is None
                else get_initializer(alpha_initializer, "alpha_initializer")
            )
        self.shared = bool(shared)
        self.alpha: Parameter

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        shape = (1,) if self.shared else input_shape[-1:]
        self.alpha = self.add_parameter("alpha", shape, self.alpha_initializer)

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        out = self.buffer("y", x.shape, reuse=training)
        y = kernels.prelu(x, self.alpha.value, out=out)
        if training:
            self.save(y, x)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x,) = self.restore(dy)
        out = (self.buffer("dx", dy.shape), self.alpha.grad)
        dx, _ = kernels.prelu_backward(dy, x, self.alpha.value, out=out)
        return dx if need_dx else None

    def config(self) -> dict[str, Any]:
        return super().config() | {
            "alpha_initializer": initializer_config(self.alpha_initializer),
            "shared": self.shared,
        }


@register_layer
class ELU(Activation):
    """y = x where x > 0, else alpha * (exp(x) - 1).

    dx = dy where y > 0, else dy * (y + alpha).

    exp(x) - 1 is accurate near 0. Input and output: any shape with the batch first.

    Parameters
    ----------
    alpha : float, default 1.0
        Minus the limit at minus infinity; at least 0.
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> ELU(0.5).forward([[-1000.0, 0.0, 2.0]])
    array([[-0.5,  0. ,  2. ]], dtype=float32)

    Source
    ------
    Clevert, Unterthiner, Hochreiter (2016), Fast and accurate deep network learning by
    exponential linear units.
    """

    activation = "elu"

    def __init__(
        self, alpha: float = 1.0, *, name: str | None = None, trainable: bool = True
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            # With a negative alpha the gradient could not be told from y.
            self.alpha = check_number(alpha, "alpha", at_least=0)

    def _options(self) -> dict[str, Any]:
        return {"alpha": self.alpha}

    def config(self) -> dict[str, Any]:
        return {"alpha": self.alpha} | super().config()


@register_layer
class SELU(Activation):
    """y = scale * (x where x > 0, else depth * (exp(x) - 1)).

    with scale = 1.0507009873554805 and depth = 1.6732632423543773, which keep the mean
    at 0 and the variance at 1 from layer to layer. dx = dy * scale where y > 0, else
    dy * (y + scale * depth).

    Weights before it start as LeCunNormal. Input and output: any shape with the batch
    first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> SELU().forward([[-1000.0, 0.0, 1.0]])
    array([[-1.7580993,  0.       ,  1.050701 ]], dtype=float32)

    Source
    ------
    Klambauer, Unterthiner, Mayr, Hochreiter (2017), Self-normalizing neural networks.
    """

    activation = "selu"


@register_layer
class Softplus(Activation):
    """y = log(1 + exp(x)), a smooth ReLU.

    dx = dy * (1 - exp(-y)).

    Computed as max(x, 0) + log(1 + exp(-abs(x))), which does not overflow. Input and
    output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> Softplus().forward([[-1000.0, 1000.0]])
    array([[   0., 1000.]], dtype=float32)

    Source
    ------
    Dugas, Bengio, Belisle, Nadeau, Garcia (2001), Incorporating second-order functional
    knowledge for better option pricing.
    """

    activation = "softplus"


@register_layer
class GELU(Activation):
    """y = x * CDF(x), with the CDF of the normal distribution.

    dx = dy * (CDF(x) + x * exp(-x**2 / 2) / sqrt(2 * pi)). Input and output: any shape
    with the batch first.

    Parameters
    ----------
    approximate : bool, default False
        Only False: the exact formula, which is as fast here as its approximations.
    name, trainable
        As in :class:`Layer`.

    Raises
    ------
    ValueError
        ``approximate`` is not False.

    Example
    -------
    >>> GELU().forward([[-1000.0, 0.0, 1000.0]])
    array([[   0.,    0., 1000.]], dtype=float32)

    Source
    ------
    Hendrycks, Gimpel (2016), Gaussian error linear units.
    """

    activation = "gelu"

    def __init__(
        self,
        approximate: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            if approximate is not False:
                what = f"approximate is {approximate!r}"
                repair = "Leave it out: the exact GELU differs by less than 0.0005"
                raise ValueError(describe(what, "Expected False", repair))

    def config(self) -> dict[str, Any]:
        return {"approximate": False} | super().config()


@register_layer
class SiLU(Activation):
    """y = x * sigmoid(x); also called Swish.

    dx = dy * s * (1 + x * (1 - s)) with s = sigmoid(x).

    Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> SiLU().forward([[-1000.0, 0.0, 1000.0]])
    array([[  -0.,    0., 1000.]], dtype=float32)

    Source
    ------
    Elfwing, Uchibe, Doya (2018), Sigmoid-weighted linear units for neural network
    function approximation in reinforcement learning. Ramachandran, Zoph, Le (2017),
    Searching for activation functions.
    """

    activation = "silu"


Swish = SiLU


@register_layer
class Mish(Activation):
    """y = x * tanh(log(1 + exp(x))).

    dx = dy * (t + x * sigmoid(x) * (1 - t**2)) with t = tanh(log(1 + exp(x))).

    Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> Mish().forward([[0.0, 1000.0]])
    array([[   0., 1000.]], dtype=float32)

    Source
    ------
    Misra (2020), Mish: a self regularized non-monotonic activation function.
    """

    activation = "mish"


@register_layer
class HardSwish(Activation):
    """y = x * clip(x + 3, 0, 6) / 6, SiLU by straight lines.

    dx = dy * (x / 3 + 1 / 2) where -3 < x < 3, 0 below, dy above.

    Input and output: any shape with the batch first.

    Parameters
    ----------
    name, trainable
        As in :class:`Layer`.

    Example
    -------
    >>> HardSwish().forward([[-4.0, 0.0, 1.5, 4.0]])
    array([[-0.   ,  0.   ,  1.125,  4.   ]], dtype=float32)

    Source
    ------
    Howard et al. (2019), Searching for MobileNetV3.
    """

    activation = "hard_swish"
