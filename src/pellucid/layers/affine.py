"""What layers with a weight, a bias and an activation share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from pellucid.core.initializers import (
    GlorotUniform,
    HeNormal,
    Initializer,
    LeCunNormal,
    get_initializer,
    initializer_config,
)
from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.parameter import Parameter
from pellucid.core.regularizers import Regularizer, get_regularizer
from pellucid.layers.activation import (
    ROW_ACTIVATIONS,
    activate,
    activate_backward,
    check_activation,
    is_fused,
    saves_input,
)

RELU_FAMILY = (
    "relu",
    "leaky_relu",
    "prelu",
    "elu",
    "gelu",
    "silu",
    "mish",
    "hard_swish",
)
"""Those that let x pass above 0 and hold it back below: half the variance is lost."""


class Affine(Layer, ABC):
    """Base of layers that compute y = activation(x * weight + bias)."""

    fixed_channels = True

    output_axis: ClassVar[int] = -1
    """The axis of ``weight`` that counts the outputs."""

    def __init__(
        self,
        *,
        activation: str | None,
        use_bias: bool,
        kernel_initializer: str | Initializer | dict[str, Any] | None,
        bias_initializer: str | Initializer | dict[str, Any],
        kernel_regularizer: str | Regularizer | dict[str, Any] | None,
        name: str | None,
        trainable: bool,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        with self.named_errors():
            if activation == "linear":  # Keras' word for none
                activation = None
            if activation is not None:
                activation = check_activation(activation)
            self.kernel_initializer = (
                None
                if kernel_initializer is None
                else get_initializer(kernel_initializer, "kernel_initializer")
            )
            self.bias_initializer = get_initializer(
                bias_initializer, "bias_initializer"
            )
            self.kernel_regularizer = get_regularizer(
                kernel_regularizer, "kernel_regularizer"
            )
        self.activation = activation
        self.use_bias = bool(use_bias)
        self.weight: Parameter
        self.bias: Parameter | None = None

    def add_weights(
        self,
        shape: Shape,
        fan_in: int,
        fan_out: int,
        *,
        outputs: int | None = None,
        name: str = "weight",
    ) -> None:
        """Create ``weight`` and, with ``use_bias``, ``bias`` of ``outputs`` elements.

        Without ``outputs`` they are the last axis of the weight; ``name`` is what files
        call it.
        """
        self.weight = self.add_parameter(
            name,
            shape,
            self.kernel_initializer or self._default_initializer(),
            fan_in=fan_in,
            fan_out=fan_out,
            regularizer=self.kernel_regularizer,
        )
        if self.use_bias:
            size = shape[-1] if outputs is None else outputs
            self.bias = self.add_parameter("bias", (size,), self.bias_initializer)

    def _default_initializer(self) -> Initializer:
        activation = self.activation or self.following_activation
        if activation in RELU_FAMILY:
            return HeNormal()
        return LeCunNormal() if activation == "selu" else GlorotUniform()

    @property
    def bias_value(self) -> Array | None:
        """The numbers of the bias; None without one."""
        return None if self.bias is None else self.bias.value

    @property
    def bias_gradient(self) -> Array | None:
        """Where ``backward`` writes the gradient of the bias; None without one."""
        return None if self.bias is None else self.bias.grad

    @abstractmethod
    def compute(self, x: Array, training: bool, **epilogue: Any) -> tuple[Array, ...]:
        """The kernel's result, then what ``backward`` needs of the input.

        ``epilogue``: bias, scale and activation, as the kernels take them.
        """

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        y, *inputs = self.compute(
            self.check_input(x),
            training,
            b=self.bias_value,
            activation=self.fused_activation(training),
        )
        return self.finish(y, training, *inputs)

    def takes(self, following: Sequence[Layer]) -> int:
        if self.activation is not None:
            return 0
        norm = 1 if following and following[0].folds else 0
        after = following[norm : norm + 1]
        return norm + (1 if after and after[0].fused_word else 0)

    def infer(self, x: Array, following: Sequence[Layer] = ()) -> Array:
        if not following:
            return self.forward(x)
        epilogue: dict[str, Any] = {"b": self.bias_value}
        if following[0].folds:
            epilogue["scale"], epilogue["b"] = following[0].fold(epilogue["b"])
        epilogue["activation"] = following[-1].fused_word
        return self.compute(self.check_input(x), False, **epilogue)[0]

    def fused_activation(self, training: bool) -> str | None:
        """The activation that the layer's own kernel applies to its result."""
        if not is_fused(self.activation) or (training and self.skip_activation):
            return None
        return self.activation

    def finish(self, y: Array, training: bool, *inputs: Any) -> Array:
        """Apply what is not fused, and save for backward what it needs and the inputs.

        Where y alone is needed, in place: one array less in memory.
        """
        skipped = training and self.skip_activation
        name, saved = None if skipped else self.activation, y
        if name is not None and not is_fused(name):
            keeps_z = training and saves_input(name)
            out = y
            if keeps_z or name in ROW_ACTIVATIONS:
                out = self.buffer("activated", y.shape, reuse=training)
            z, y = y, activate(y, name, out)
            saved = z if keeps_z else y
        if training:
            self.save(y, None if name is None else saved, *inputs)
        return y

    gradient_is_masked: bool = False
    """Set by a model while it trains: dy is already that of the pre-activation."""

    spends_output: bool = False
    """Set by a model: nobody reads the output any more when its gradient has come."""

    def start(self, dy: Array, saved: Array | None) -> Array:
        """The gradient of the pre-activation; None where nothing was applied."""
        if saved is None or self.activation is None or self.gradient_is_masked:
            return dy
        spends = self.spends_output and self.activation not in ROW_ACTIVATIONS
        out = saved if spends else self.buffer("dz", dy.shape)
        return activate_backward(dy, saved, self.activation, out)

    def config(self) -> dict[str, Any]:
        penalty = self.kernel_regularizer
        return super().config() | {
            "activation": self.activation,
            "use_bias": self.use_bias,
            "kernel_initializer": initializer_config(self.kernel_initializer),
            "bias_initializer": initializer_config(self.bias_initializer),
            "kernel_regularizer": None if penalty is None else penalty.config(),
        }
