"""Normalization of what flows through the network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid import kernels
from pellucid.core.initializers import Ones, Zeros
from pellucid.core.inputs import check_number
from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.registry import register_layer
from pellucid.errors import describe
from pellucid.shapes import integer

if TYPE_CHECKING:
    from pellucid.layers.pooling import MaxPool2D


@register_layer
class BatchNorm(Layer):
    """Give every channel mean beta and deviation gamma over the batch.

    y = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    In training, mean and (biased) variance of each channel come from the batch, and the
    running statistics move: running = momentum * running + (1 - momentum) * batch. In
    inference, and when the layer is frozen (``trainable = False``), the running
    statistics take their place. With m values per channel, z = (x - mean) * inv_std and
    inv_std = 1 / sqrt(variance + epsilon):

    dx = gamma * inv_std * (dy - sum(dy) / m - z * sum(dy * z) / m),
    dgamma = sum(dy * z), dbeta = sum(dy), the sums over all axes but the last.

    Parameters
    ----------
    momentum : float, default 0.9
        The fraction of the running statistics that a step keeps, in [0, 1]. PyTorch
        counts the other fraction: its 0.1 is 0.9 here.
    epsilon : float, default 1e-5
        Above 0.
    name, trainable
        As in :class:`Layer`.

    Input and output: any shape with the batch first, the channel last. Parameters gamma
    and beta, state running_mean and running_variance: ``(c,)``.

    Raises
    ------
    ValueError
        An argument is out of range; training with one value per channel.

    Example
    -------
    >>> import numpy as np
    >>> layer = BatchNorm(momentum=0.5)
    >>> layer.forward(np.array([[1.0], [3.0]]), training=True).round(3)
    array([[-1.],
           [ 1.]])
    >>> layer.running_mean, layer.running_variance
    (array([1.]), array([1.]))

    Source
    ------
    Ioffe, Szegedy (2015), Batch normalization: accelerating deep network training by
    reducing internal covariate shift.
    """

    fixed_channels = True
    transparent = True
    folds = True
    linear = True
    normalizes = "batch"

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.momentum = check_number(momentum, "momentum", at_least=0, at_most=1)
            self.epsilon = check_number(epsilon, "epsilon", above=0)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        c = int(input_shape[-1])
        self.gamma = self.add_parameter("gamma", (c,), Ones())
        self.beta = self.add_parameter("beta", (c,), Zeros())
        self.running_mean = self.add_state("running_mean", np.zeros(c, self.dtype))
        self.running_variance = self.add_state(
            "running_variance", np.ones(c, self.dtype)
        )

    fused_activation: str | None = None
    """Set by a model while it trains: the activation of the layer after this one."""

    gradient_is_masked: bool = False
    """Set by a model: dy is already that of the pre-activation (see fusion.py)."""

    pooled_by: MaxPool2D | None = None
    """Set by a model: the pooling behind this layer (and its ReLU), done here."""

    spends_input: bool = False
    """Set by a model: nobody else reads the input any more when backward runs."""

    spends_output: bool = False
    """Set by a model: nobody reads the output any more when its gradient has come."""

    def _vectors(self) -> tuple[Array, Array, Array, Array]:
        gamma, beta = self.gamma.value, self.beta.value
        return gamma, beta, self.running_mean, self.running_variance

    def fold(self, bias: Array | None) -> tuple[Array, Array]:
        return kernels.fold_batch_norm(*self._vectors(), bias, epsilon=self.epsilon)

    def takes(self, following: Sequence[Layer]) -> int:
        return 1 if following and following[0].fused_word else 0

    def infer(self, x: Array, following: Sequence[Layer] = ()) -> Array:
        return kernels.batch_norm_inference(
            self.check_input(x),
            *self._vectors(),
            epsilon=self.epsilon,
            activation=following[0].fused_word if following else None,
        )

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        if training and self.pooled_by:
            return self._forward_pooled(x, self.pooled_by)
        y = self.buffer("y", x.shape, reuse=training)
        activation = self.fused_activation if training else None
        if not (training and self.trainable):
            y = kernels.batch_norm_inference(
                x,
                *self._vectors(),
                epsilon=self.epsilon,
                activation=activation,
                out=y,
            )
            if training:
                self.save(y, y, None, x, None, None)
            return y
        self._check_count(x)
        mean = self.running_mean
        y, batch_mean, inv_std = kernels.batch_norm_training(
            x,
            *self._vectors(),
            momentum=self.momentum,
            epsilon=self.epsilon,
            activation=activation,
            out=(
                y,
                self.buffer("mean", mean.shape),
                self.buffer("inv_std", mean.shape),
            ),
        )
        self.save(y, y, None, x, batch_mean, inv_std)
        return y

    def _forward_pooled(self, x: Array, pool: MaxPool2D) -> Array:
        self._check_count(x)
        shape = (x.shape[0], *pool.output_shape(x.shape[1:]))
        y, argmax, mean, inv_std = kernels.batch_norm_max_pool2d(
            x,
            *self._vectors(),
            pool.pool_size,
            momentum=self.momentum,
            epsilon=self.epsilon,
            activation=self.fused_activation,
            out=(
                self.buffer("pooled", shape),
                self.buffer("argmax", shape, "uint8"),
                self.buffer("mean", self.running_mean.shape),
                self.buffer("inv_std", self.running_mean.shape),
            ),
        )
        self.save(y, y, argmax, x, mean, inv_std)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (y, argmax, x, mean, inv_std) = self.restore(dy)
        gamma = self.gamma.value
        dx = x if self.spends_input else self.buffer("dx", x.shape)
        out = (dx, self.gamma.grad, self.beta.grad)
        if self.pooled_by and argmax is not None:
            kernels.batch_norm_max_pool2d_backward(
                *(dy, argmax, x, gamma, mean, inv_std, self.pooled_by.pool_size),
                out=out,
            )
            return dx if need_dx else None
        if self.fused_activation and not self.gradient_is_masked:
            dz = y if self.spends_output else self.buffer("dz", dy.shape)
            dy = kernels.activation_backward(dy, y, self.fused_activation, out=dz)
        if mean is None:  # frozen: the running statistics are constants
            mean, variance = self.running_mean, self.running_variance
            kernels.batch_norm_inference_backward(
                dy, x, gamma, mean, variance, epsilon=self.epsilon, out=out
            )
        else:
            kernels.batch_norm_backward(dy, x, gamma, mean, inv_std, out=out)
        return dx if need_dx else None

    def _check_count(self, x: Array) -> None:
        count = math.prod(x.shape[:-1])
        if count < 2:
            raise ValueError(
                describe(
                    f"{self.label} got an array of shape {x.shape} in training: "
                    f"{count} value per channel",
                    "Expected more than one value per channel",
                    "Use a larger batch, or freeze the layer: layer.trainable = False",
                )
            )

    def flops(self, input_shape: Shape) -> int:
        return 2 * math.prod(self.check_shape(input_shape))

    def config(self) -> dict[str, Any]:
        return {"momentum": self.momentum, "epsilon": self.epsilon} | super().config()


class _SampleNorm(Layer):
    """Base of layers that normalize every sample by itself, then scale and shift."""

    fixed_channels = True
    transparent = True
    normalizes = "sample"

    def __init__(self, *, epsilon: float, name: str | None, trainable: bool) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            self.epsilon = check_number(epsilon, "epsilon", above=0)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        c = int(input_shape[-1])
        self.gamma = self.add_parameter("gamma", (c,), Ones())
        self.beta = self.add_parameter("beta", (c,), Zeros())

    def results(
        self, x: Array, shape: Shape, training: bool
    ) -> tuple[Array, Array, Array]:
        """Memory for y, mean and inv_std."""
        return (
            self.buffer("y", x.shape, reuse=training),
            self.buffer("mean", shape, reuse=training),
            self.buffer("inv_std", shape, reuse=training),
        )

    def gradients(self, x: Array) -> tuple[Array, Array, Array]:
        """Memory for dx, dgamma and dbeta."""
        return self.buffer("dx", x.shape), self.gamma.grad, self.beta.grad

    def flops(self, input_shape: Shape) -> int:
        return 8 * math.prod(self.check_shape(input_shape))

    def config(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon} | super().config()


@register_layer
class LayerNorm(_SampleNorm):
    """Give the last axis mean beta and deviation gamma, in every row by itself.

    y = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    Mean and (biased) variance are those of the c numbers along the last axis, in
    training and in inference alike. With z = (x - mean) * inv_std,
    inv_std = 1 / sqrt(variance + epsilon) and g = dy * gamma:

    dx = inv_std * (g - mean(g) - z * mean(g * z)),
    dgamma = sum(dy * z), dbeta = sum(dy), the sums over all axes but the last.

    Parameters
    ----------
    epsilon : float, default 1e-5
        Above 0.
    name, trainable
        As in :class:`Layer`.

    Input and output: any shape with the batch first. Parameters gamma and beta:
    ``(c,)``, the size of the last axis.

    Raises
    ------
    ValueError, TypeError
        The epsilon is not a number above 0.

    Example
    -------
    >>> import numpy as np
    >>> LayerNorm().forward(np.array([[1.0, 3.0], [10.0, 30.0]])).round(3)
    array([[-1.,  1.],
           [-1.,  1.]])

    Source
    ------
    Ba, Kiros, Hinton (2016), Layer normalization.
    """

    def __init__(
        self,
        epsilon: float = 1e-5,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(epsilon=epsilon, name=name, trainable=trainable)

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        y, mean, inv_std = kernels.layer_norm(
            x,
            self.gamma.value,
            self.beta.value,
            epsilon=self.epsilon,
            out=self.results(x, x.shape[:-1], training),
        )
        if training:
            self.save(y, x, mean, inv_std)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x, mean, inv_std) = self.restore(dy)
        dx, _, _ = kernels.layer_norm_backward(
            dy, x, self.gamma.value, mean, inv_std, out=self.gradients(x)
        )
        return dx if need_dx else None


@register_layer
class GroupNorm(_SampleNorm):
    """Give groups of channels mean beta and deviation gamma, in every sample by itself.

    y = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    Mean and (biased) variance are those of the c / groups neighbouring channels of a
    group at all positions of one sample, in training and in inference alike. With
    z = (x - mean) * inv_std, inv_std = 1 / sqrt(variance + epsilon) and g = dy * gamma:

    dx = inv_std * (g - mean(g) - z * mean(g * z)), the means those of a group,
    dgamma = sum(dy * z), dbeta = sum(dy), the sums over all axes but the last.

    Parameters
    ----------
    groups : int
        How many; divides the number of channels. 1 normalizes the whole sample, c every
        channel of it.
    epsilon : float, default 1e-5
        Above 0.
    name, trainable
        As in :class:`Layer`.

    Input and output: any shape with the batch first, the channel last. Parameters gamma
    and beta: ``(c,)``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range; groups that do not divide the channels.

    Example
    -------
    >>> import numpy as np
    >>> GroupNorm(2).forward(np.array([[1.0, 3.0, 10.0, 30.0]])).round(3)
    array([[-1.,  1., -1.,  1.]])

    Source
    ------
    Wu, He (2018), Group normalization.
    """

    def __init__(
        self,
        groups: int,
        epsilon: float = 1e-5,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(epsilon=epsilon, name=name, trainable=trainable)
        with self.named_errors():
            self.groups = integer(groups, "groups", 1)

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = self.check_shape(input_shape)
        if shape[-1] % self.groups:
            raise ValueError(
                describe(
                    f"{self.label}: groups={self.groups} does not divide the "
                    f"{shape[-1]} channels of {shape}",
                    "Expected groups of equal size",
                    "Change groups, or the channels of the layer before",
                )
            )
        return shape

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        y, mean, inv_std = kernels.group_norm(
            x,
            self.gamma.value,
            self.beta.value,
            self.groups,
            epsilon=self.epsilon,
            out=self.results(x, (x.shape[0], self.groups), training),
        )
        if training:
            self.save(y, x, mean, inv_std)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x, mean, inv_std) = self.restore(dy)
        dx, _, _ = kernels.group_norm_backward(
            dy, x, self.gamma.value, mean, inv_std, out=self.gradients(x)
        )
        return dx if need_dx else None

    def config(self) -> dict[str, Any]:
        return {"groups": self.groups} | super().config()
