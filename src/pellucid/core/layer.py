"""The interface of every layer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import index
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from pellucid.core.initializers import Initializer
from pellucid.core.inputs import as_float_input, check_axes
from pellucid.core.parameter import Parameter
from pellucid.core.random import RandomStream
from pellucid.core.regularizers import Regularizer
from pellucid.core.shown import changed_arguments, shown_call
from pellucid.core.workspace import Workspace
from pellucid.errors import describe

Array = NDArray[Any]
Shape = tuple[int, ...]
DTYPES = ("float32", "float64")


class Layer:
    """One step of a network: y = f(x, parameters), and its gradient.

    A layer is built once, for one shape of input: by the model, or by its first
    ``forward``. ``forward(x, training=True)`` keeps what ``backward`` needs (the input
    by reference); ``forward(x)`` keeps nothing, so many threads may call it at once.
    ``backward(dy)`` consumes what was kept, writes ``p.grad`` of every parameter and
    returns dx. Nothing is scaled by the batch size; nothing is updated.

    An own layer overrides ``forward``, ``backward``, ``output_shape``, ``config`` and,
    when it has parameters, ``build``.

    Parameters
    ----------
    name : str, optional
        The model gives ``dense_1``, ``dense_2``, ... to layers without a name.
    trainable : bool, default True
        False freezes the parameters.

    Example
    -------
    >>> import numpy as np
    >>> class Double(Layer):
    ...     def forward(self, x, training=False):
    ...         x = self.check_input(x)
    ...         y = 2 * x
    ...         if training:
    ...             self.save(y)
    ...         return y
    ...     def backward(self, dy, need_dx=True):
    ...         dy, _ = self.restore(dy)
    ...         return 2 * dy if need_dx else None
    >>> Double().forward([[1.0, 2.0]])
    array([[2., 4.]], dtype=float32)
    """

    input_axes: ClassVar[str | None] = None
    """Letters of the input's axes, such as ``"n, h, w, c"``; None takes any rank."""

    activation: str | None = None
    """Name of the activation that this layer applies, for the weights before it."""

    transparent: ClassVar[bool] = False
    """True where the choice of initial weights looks past this layer."""

    linear: ClassVar[bool] = False
    """True where the output is, in use, a linear function of the input, whatever the
    input: two weighted layers with nothing but such layers between them are one."""

    keeps_range: ClassVar[bool] = False
    """True where, in use, no output is above the largest or below the smallest input:
    the layer moves, repeats, picks or averages numbers."""

    normalizes: ClassVar[str | None] = None
    """"batch" where channels get a mean and a deviation over the batch, "sample" where
    every sample gets its own."""

    fixed_channels: ClassVar[bool] = False
    """True where the parameters fix the size of the last axis."""

    accepts_bytes: ClassVar[bool] = False
    """True where uint8 images are welcome."""

    folds: ClassVar[bool] = False
    """True where inference is a factor and a shift for each channel; see ``fold``."""

    fused_word: ClassVar[str | None] = None
    """Activation by which the kernel of the layer before does the work of this one."""

    following_activation: str | None = None
    """The activation that comes after this layer in its model; set by the model."""

    skip_activation: bool = False
    """Set by a model whose loss contains this layer's activation: then
    ``forward(training=True)`` stops before the activation, and ``backward`` takes the
    gradient of what it returned."""

    workspace: Workspace | None = None
    """Memory to reuse from step to step; a model lends one while it trains."""

    prefix: str = ""
    """What comes before the name in messages: ``residual_1.body.`` in a container."""

    def __init__(self, *, name: str | None = None, trainable: bool = True) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(
                describe(
                    f"{type(self).__name__}: name is {name!r}",
                    "Expected a string or None",
                    'Pass name="..." or leave it out.',
                )
            )
        self.name = name
        self.dtype: np.dtype[Any] | None = None
        self.input_shape: Shape | None = None
        self.saved: tuple[Any, ...] | None = None
        self.random = RandomStream(0, 1)
        self._trainable = bool(trainable)
        self._weights_random = RandomStream(0, 0)
        self._parameters: dict[str, Parameter] = {}
        self._statistics: dict[str, Array] = {}
        self._saved_shape: Shape | None = None
        self._replaced_shape: Shape | None = None

    # What a layer is -----------------------------------------------------------

    @property
    def label(self) -> str:
        """What error messages call this layer: ``conv2d_1 (Conv2D)``."""
        kind = type(self).__name__
        return kind if self.name is None else f"{self.prefix}{self.name} ({kind})"

    @classmethod
    def default_name(cls) -> str:
        """The class name in snake_case: ``batch_norm``, ``max_pool2d``."""
        return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", cls.__name__).lower()

    @property
    def built(self) -> bool:
        """True once the parameters exist."""
        return self.input_shape is not None

    @property
    def trainable(self) -> bool:
        """False freezes every parameter of the layer, True unfreezes them."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for parameter in self._parameters.values():
            parameter.trainable = self._trainable

    def parameters(self) -> list[Parameter]:
        """The parameters, weight before bias, gamma before beta."""
        return list(self.named_parameters().values())

    def named_parameters(self) -> dict[str, Parameter]:
        """The parameters by name; a container puts the layer before it."""
        return dict(self._parameters)

    def children(self) -> Mapping[str, Sequence[Layer]]:
        """The chains of layers that a container holds, by name; none elsewhere."""
        return {}

    def leading_activation(self, following: str | None) -> str | None:
        """The activation that layers before this one meet next.

        Layers that are an activation have it as a class attribute; layers with weights
        and an activation of their own (on the object) end the search.
        """
        return following if self.transparent else type(self).activation

    @property
    def streams(self) -> int:
        """How many random streams the layer uses: two, a container more."""
        return 2

    def state(self) -> dict[str, Array]:
        """The live arrays that a file keeps: parameter values, running statistics."""
        values = {name: p.value for name, p in self._parameters.items()}
        return values | self._statistics

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal layer: ``cls(**config)``; fit for JSON."""
        return {"name": self.name, "trainable": self.trainable}

    def flops(self, input_shape: Shape) -> int:
        """Floating-point operations of ``forward`` for one sample (2 per multiply-add).

        Elementwise layers count one for each output.
        """
        return math.prod(self.output_shape(input_shape))

    def explain(self, batch_size: int = 32) -> str:
        """Print what the layer computes and what that costs; return the text.

        The formula of its docstring, the shapes and settings, and for one training step
        the floating-point operations, the bytes moved, the parameters and the kernel,
        all with this layer's numbers.

        Parameters
        ----------
        batch_size : int
            n in the shapes.

        Raises
        ------
        RuntimeError
            The layer is not built: its shapes are not known.

        Example
        -------
        >>> from pellucid.layers import ReLU
        >>> layer = ReLU(name="relu_1")
        >>> y = layer.forward([[-1.0, 2.0]])
        >>> text = layer.explain(batch_size=1)  # doctest: +ELLIPSIS
        relu_1 (ReLU)
        y = max(x, 0);  dx = dy where y > 0, else 0 (also at x = 0).
        ...
        """
        from pellucid.debug.explain import explain_layer

        text = explain_layer(self, batch_size)
        print(text)
        return text

    def __getstate__(self) -> dict[str, Any]:
        # Copies and pickles start without the buffers of a step in progress.
        own = {"workspace", "saved", "_saved_shape", "_replaced_shape"}
        state = {key: value for key, value in vars(self).items() if key not in own}
        return state | {"saved": None, "_saved_shape": None, "_replaced_shape": None}

    def __repr__(self) -> str:
        return shown_call(self, changed_arguments(self, self.config()))

    # What a layer does ---------------------------------------------------------

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output for this shape of input, both without the batch.

        Raises
        ------
        ValueError
            The input does not fit the layer.
        """
        return self.check_shape(input_shape)

    def build(self, input_shape: Shape) -> None:
        """Create the parameters. An override calls ``super().build`` first."""
        if self.built:
            raise ValueError(
                describe(
                    f"{self.label} is already built, for the input shape "
                    f"{self.input_shape}",
                    "Expected a new layer",
                    "Make one with type(layer)(**layer.config()), without the name.",
                )
            )
        shape = self.check_shape(input_shape)
        self.output_shape(shape)
        self.dtype = self._built_dtype()
        self._parameters.clear()
        self._statistics.clear()
        self.input_shape = shape

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        """Compute y from x, both with the batch as first axis."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def takes(self, following: Sequence[Layer]) -> int:
        """How many of the layers after this one ``infer`` computes along with it."""
        return 0

    def infer(self, x: Array, following: Sequence[Layer] = ()) -> Array:
        """What ``predict`` computes: this layer, then those in `following` it takes.

        Within the bound of rounding the same as their ``forward`` one after the other.
        Nothing that follows from weights is kept, so that a change counts at once.
        """
        return self.forward(x)

    def fold(self, bias: Array | None) -> tuple[Array, Array]:
        """Factor and shift of each channel: forward(s + bias) = s * factor + shift.

        For layers that say so by ``folds``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no fold")

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        """Compute dx from dy and write the gradients of the parameters.

        Raises
        ------
        RuntimeError
            No ``forward(training=True)`` came before, or its result is used up.
        ValueError
            ``dy`` has not the shape of the output.
        """
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    # What the model sets -------------------------------------------------------

    def bind(
        self,
        *,
        dtype: DTypeLike | None = None,
        seed: int | None = None,
        stream: int = 0,
        name: str | None = None,
    ) -> Self:
        """Fix number type, randomness and name, before ``build``; return the layer.

        The initial weights come from ``stream``, an even number, and what the layer
        draws in training (dropout) from ``stream + 1``.
        """
        if dtype is not None:
            if np.dtype(dtype) not in (np.dtype(known) for known in DTYPES):
                raise ValueError(
                    describe(
                        f"{self.label}: dtype is {np.dtype(dtype)}",
                        'Expected "float32" or "float64"',
                        'Leave dtype out for "float32".',
                    )
                )
            self.dtype = np.dtype(dtype)
        if seed is not None:
            self._weights_random = RandomStream(seed, stream)
            self.random = RandomStream(seed, stream + 1)
        if name is not None:
            self.name = name
        return self

    # Helpers for subclasses ----------------------------------------------------

    def add_parameter(
        self,
        name: str,
        shape: Shape,
        initializer: Initializer,
        *,
        fan_in: int = 1,
        fan_out: int = 1,
        regularizer: Regularizer | None = None,
    ) -> Parameter:
        """Create a parameter in ``build``; a refused one leaves the layer unbuilt."""
        try:
            value = initializer(
                shape,
                fan_in,
                fan_out,
                random=self._weights_random,
                dtype=self._built_dtype(),
            )
        except BaseException:
            self.input_shape = None
            raise
        parameter = Parameter(
            value, name, trainable=self._trainable, regularizer=regularizer
        )
        self._parameters[name] = parameter
        return parameter

    def add_state(self, name: str, array: Array) -> Array:
        """Keep an array that is saved with the model but not trained."""
        self._statistics[name] = array
        return array

    def buffer(
        self,
        key: str,
        shape: Shape,
        dtype: DTypeLike | None = None,
        *,
        reuse: bool = True,
    ) -> Array:
        """Memory for a result, not initialised: new, or from the lent workspace.

        ``forward`` passes ``reuse=training``, so that inference always returns new
        arrays and never meets the buffers of a training step in another thread.
        """
        dtype = self._built_dtype() if dtype is None else np.dtype(dtype)
        if reuse and self.workspace is not None:
            return self.workspace.array((id(self), key), shape, dtype)
        return np.empty(shape, dtype)

    def check_shape(self, input_shape: Shape, batch: int | None = None) -> Shape:
        """Return an input shape (without the batch) as integers, or raise."""
        try:
            shape = tuple(map(index, input_shape))
        except TypeError as error:
            raise TypeError(
                describe(
                    f"{self.label}: input_shape is {input_shape!r}",
                    "Expected a tuple of whole numbers, the shape of one sample",
                    "Pass input_shape=(28, 28, 1) for images, (4,) for rows",
                )
            ) from error
        built = self.input_shape if self.fixed_channels else None
        check_axes(
            shape,
            self.label,
            axes=self.input_axes,
            channels=None if built is None else built[-1],
            batch=batch,
        )
        return shape

    def check_input(self, x: ArrayLike) -> Array:
        """Return x as an array of the layer's dtype, checked; build if need be."""
        dtype = self.dtype
        if dtype is None:
            dtype = np.dtype(getattr(x, "dtype", "float32"))
            dtype = np.dtype("float64" if dtype == np.float64 else "float32")
        array = as_float_input(
            x, dtype, f"{self.label}: x", keep_bytes=self.accepts_bytes
        )
        if array.ndim == 0:
            raise ValueError(
                describe(
                    f"{self.label} got a single number: 0 dimensions",
                    f"Expected ({self.input_axes or 'n, ...'})",
                    "Pass an array with the batch as first axis",
                )
            )
        self.check_shape(array.shape[1:], array.shape[0])
        if not self.built:
            self.output_shape(array.shape[1:])
            self.dtype = dtype
            self.build(array.shape[1:])
        return array

    def save(self, y: Array, *values: Any) -> None:
        """Keep what ``backward`` needs, at the end of ``forward(training=True)``."""
        self._replaced_shape = None if self.saved is None else self._saved_shape
        self._saved_shape = y.shape
        self.saved = values

    def restore(self, dy: ArrayLike) -> tuple[Array, tuple[Any, ...]]:
        """Return dy, checked, and the values that ``save`` kept; uses them up."""
        if self.saved is None:
            raise RuntimeError(
                describe(
                    f"{self.label}: backward has no forward pass to go back through",
                    "Expected one forward(x, training=True) before each backward",
                    "Call forward(training=True) first",
                )
            )
        array = as_float_input(dy, self._built_dtype(), f"{self.label}: dy")
        if array.shape != self._saved_shape:
            if array.shape == self._replaced_shape:
                raise RuntimeError(
                    describe(
                        f"{self.label}: dy has shape {array.shape}, but a later "
                        f"forward pass returned shape {self._saved_shape}",
                        "Expected the gradient of the last forward(training=True)",
                        "Call forward(training=True) first, with the batch of this dy",
                    )
                )
            raise ValueError(
                describe(
                    f"{self.label}: dy has shape {array.shape}",
                    f"Expected {self._saved_shape}, the shape that forward returned",
                    "Pass the gradient of the loss with respect to that output.",
                )
            )
        saved, self.saved = self.saved, None
        return array, saved

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """Put the layer's name before the message of a ValueError or TypeError."""
        try:
            yield
        except (ValueError, TypeError) as error:
            raise type(error)(f"{self.label}: {error}") from None

    def _built_dtype(self) -> np.dtype[Any]:
        return np.dtype("float32") if self.dtype is None else self.dtype
