"""What a model is made of: layers, names, shapes, memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from pellucid.checks import check_integer
from pellucid.core.chain import (
    build_chain,
    give_names,
    infer_shapes,
    refuse_twice,
    walk,
)
from pellucid.core.layer import DTYPES, Layer, Shape
from pellucid.core.parameter import Parameter
from pellucid.core.registry import make_layer
from pellucid.errors import check_choice, describe
from pellucid.model.door import Door, inside, outside, raw_features
from pellucid.model.inference import Prepared
from pellucid.model.storage import ParameterStore
from pellucid.model.wiring import claim, refuse_owned


class Structure:
    """Layers in a row that know their names, shapes and memory.

    The base of ``Sequential``, whose arguments these are.
    """

    def __init__(
        self,
        layers: Iterable[Layer] = (),
        *,
        input_shape: int | Sequence[int] | None = None,
        dtype: str = "float32",
        data_format: str = "channels_last",
        seed: int | None = None,
    ) -> None:
        self.dtype = _check_dtype(dtype)
        formats = ("channels_last", "channels_first")
        self.data_format = check_choice(data_format, "data_format", formats)
        self.seed = _check_seed(seed)
        self._channels_first = data_format == "channels_first"
        self._input_shape = self._check_input_shape(input_shape)
        self._layers: list[Layer] = []
        self._shapes: list[Shape] = []
        self._store: ParameterStore | None = None
        self._make_locks()
        self._extend(_layer_list(layers))

    def _make_locks(self) -> None:
        self._build_lock = threading.Lock()
        self._training_lock = threading.Lock()
        self.prepared = Prepared()

    # What it is ----------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers in order; a new list."""
        return list(self._layers)

    def walk(self) -> list[tuple[str, Layer]]:
        """Every layer with its full name, containers before what they contain."""
        return list(walk(self._layers))

    @property
    def input_shape(self) -> Shape | None:
        """Shape of one sample as it comes in; None before it is known."""
        if self._input_shape is None:
            return None
        return outside(self._input_shape, self._channels_first)

    @property
    def output_shape(self) -> Shape | None:
        """Shape of one sample's output as it goes out; None before it is known."""
        if not self._shapes:
            return None
        return outside(self._shapes[-1], self._channels_first)

    @property
    def inner_shapes(self) -> list[Shape]:
        """Output shape of every layer, channels last."""
        return list(self._shapes)

    def outside(self, shape: Shape) -> Shape:
        """A shape without batch in the layout of ``data_format``."""
        return outside(shape, self._channels_first)

    @property
    def built(self) -> bool:
        """True once the parameters exist."""
        return self._store is not None

    @property
    def store(self) -> ParameterStore:
        """The flat memory of the parameters; builds when the input shape is known."""
        return self.require_built("the memory of the parameters")

    def parameters(self) -> list[Parameter]:
        """All parameters, layer by layer, weight before bias, gamma before beta."""
        return list(self.require_built("parameters").parameters)

    def __len__(self) -> int:
        return len(self._layers)

    # How it comes about --------------------------------------------------------

    def add(self, layer: Layer) -> None:
        """Append a layer; the model must not be built yet.

        Raises
        ------
        RuntimeError
            The model is built.
        TypeError, ValueError
            Not a layer, or one that does not fit; the model is unchanged.
        """
        self._extend([layer])

    def build(self, input_shape: int | Sequence[int] | None = None) -> None:
        """Create the parameters, for this shape of one sample.

        Raises
        ------
        ValueError
            The shape is missing, differs from the model's, or does not fit a layer.
        """
        self.require_layers("build")
        shape = self._check_input_shape(input_shape) or self._input_shape
        if shape is None:
            raise ValueError(
                describe(
                    "build() got no input_shape, and the model has none",
                    "Expected the shape of one sample",
                    "Call model.build((28, 28, 1)), or pass input_shape= to Sequential",
                )
            )
        if self._input_shape not in (None, shape):
            raise ValueError(
                describe(
                    f"build() got input_shape={input_shape}",
                    f"Expected {self.input_shape}, which the model has already",
                    "Leave input_shape out here.",
                )
            )
        self._build(shape, self._infer_shapes(shape))

    def _build(self, input_shape: Shape, shapes: list[Shape]) -> None:
        with self._build_lock:
            if self.built:
                return
            build_chain(self._layers, input_shape, shapes)
            self._input_shape, self._shapes = input_shape, shapes
            self._store = self._new_store()

    def _new_store(self) -> ParameterStore:
        parameters = [p for layer in self._layers for p in layer.parameters()]
        return ParameterStore(parameters, self.dtype)

    def _extend(self, layers: Sequence[Layer]) -> None:
        if self.built:
            raise RuntimeError(
                describe(
                    "add() came after the model was built",
                    "Expected all layers before the first use",
                    "Make a new Sequential with all the layers.",
                )
            )
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(
                    describe(
                        f"{layer!r} is not a layer",
                        "Expected objects of class Layer",
                        "Give its layers, in new objects, or Residual or Concat."
                        if isinstance(layer, Structure)
                        else "Make the layer by calling its class: Dense(10).",
                    )
                )
        joined = [*self._layers, *layers]
        refuse_twice(joined)
        refuse_owned([layer for _, layer in walk(layers)], self)
        names = give_names(joined)
        before = [(layer, layer.name, layer.dtype) for layer in layers]
        try:
            stream = sum(layer.streams for layer in self._layers)
            for layer, name in zip(layers, names[len(self._layers) :], strict=True):
                self._bind(layer, stream, name)
                stream += layer.streams
            shapes = self._shapes
            if self._input_shape is not None:
                shapes = self._infer_shapes(self._input_shape, joined)
        except BaseException:
            for layer, old_name, dtype in before:
                layer.name, layer.dtype = old_name, dtype
            raise
        self._layers, self._shapes = joined, shapes
        claim([layer for _, layer in walk(layers)], self)

    def _bind(self, layer: Layer, stream: int, name: str) -> None:
        layer.bind(name=name)
        if layer.built and layer.dtype != self.dtype:
            raise ValueError(
                describe(
                    f"{layer.label} was built with dtype {layer.dtype}",
                    f"Expected {self.dtype}, the model's",
                    f'Pass Sequential(..., dtype="{layer.dtype}"), or a new layer.',
                )
            )
        layer.bind(dtype=self.dtype, seed=self.seed, stream=stream)

    def _infer_shapes(
        self, input_shape: Shape, layers: Sequence[Layer] | None = None
    ) -> list[Shape]:
        """Output shape of every layer; names both layers where two do not fit."""
        return infer_shapes(self._layers if layers is None else layers, input_shape)

    # What comes in -------------------------------------------------------------

    def door(self, x: object) -> Door:
        """What checks arrays for this model; x decides the shapes of a new one."""
        shape, shapes = self._input_shape, self._shapes
        if shape is None:
            array = raw_features(x, self._layers[0], self.dtype)
            shape = inside(array.shape[1:], self._channels_first)
            shapes = self._infer_shapes(shape)
        return Door(
            self._layers[0], shape, shapes[-1], self.dtype, self._channels_first
        )

    def build_for(self, door: Door) -> None:
        """Build for the shapes of a door, when that has not happened yet."""
        if not self.built:
            self._build(door.input_shape, self._infer_shapes(door.input_shape))

    def require_layers(self, action: str) -> None:
        """Raise for an empty model."""
        if not self._layers:
            raise ValueError(
                describe(
                    f"{action} was called on a model without layers",
                    "Expected at least one layer",
                    "Pass layers to Sequential, or call model.add(layer).",
                )
            )

    def require_built(self, action: str) -> ParameterStore:
        """Return the memory of the parameters; build where the shape is known."""
        if self._store is not None:
            return self._store
        self.require_layers(action)
        if self._input_shape is None:
            raise RuntimeError(
                describe(
                    f"{action} was asked of a model that is not built: its shapes are "
                    "not known yet",
                    "Expected a model with an input shape",
                    "Pass input_shape= to Sequential, or call model.build(shape) or "
                    "fit first.",
                )
            )
        self._build(self._input_shape, self._shapes)
        return self.store

    @contextmanager
    def training(self, action: str) -> Iterator[None]:
        """Keep every other training call out until the end of the block."""
        if not self._training_lock.acquire(blocking=False):
            raise RuntimeError(
                describe(
                    f"{action} was called while the model is being trained, by another "
                    "thread or from a callback",
                    "Expected one training call at a time",
                    "Wait for it to end, or train a copy: copy.deepcopy(model).",
                )
            )
        try:
            yield
        finally:
            self._training_lock.release()

    # Files and copies ----------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """The architecture, fit for JSON."""
        shape = self.input_shape
        return {
            "layers": [
                {
                    "kind": type(layer).__name__,
                    "name": layer.name,
                    "config": layer.config(),
                }
                for layer in self._layers
            ],
            "input_shape": None if shape is None else list(shape),
            "dtype": str(self.dtype),
            "data_format": self.data_format,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new model of this architecture, built when the input shape is known."""
        layers = [
            make_layer(part["kind"], {**part["config"], "name": part["name"]})
            for part in config["layers"]
        ]
        model = cls(
            layers,
            input_shape=config["input_shape"],
            dtype=config["dtype"],
            data_format=config["data_format"],
            seed=config["seed"],
        )
        if layers and model.input_shape is not None:
            model.build()
        return model

    def __getstate__(self) -> dict[str, Any]:
        kept = self.__dict__.copy()
        for name in ("_build_lock", "_training_lock", "prepared"):
            del kept[name]
        kept["_store"] = self.built
        return kept

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        self._make_locks()
        for _, layer in self.walk():  # the copy may have been taken inside fit
            layer.workspace, layer.saved, layer.skip_activation = None, None, False
        self._store = self._new_store() if kept["_store"] else None
        claim([layer for _, layer in self.walk()], self)

    def __copy__(self) -> Self:
        # Two models cannot share parameters: each lays its own out in flat memory.
        import copy  # costs a millisecond at import

        return copy.deepcopy(self)

    def __repr__(self) -> str:
        inner = ", ".join(str(layer.name) for layer in self._layers)
        return f"{type(self).__name__}([{inner}], input_shape={self.input_shape})"

    def _check_input_shape(self, shape: int | Sequence[int] | None) -> Shape | None:
        """Return the shape channels last, or raise."""
        if shape is None:
            return None
        sizes: Sequence[Any] = shape if isinstance(shape, Sequence) else (shape,)
        hint = "Pass the shape of one sample, without the batch: (28, 28, 1)."
        if isinstance(shape, str) or not sizes:
            raise TypeError(
                describe(
                    f"input_shape is {shape!r}",
                    "Expected a tuple of whole numbers",
                    hint,
                )
            )
        checked = tuple(
            check_integer(n, "input_shape", low=1, hint=hint) for n in sizes
        )
        return inside(checked, self._channels_first)


def _layer_list(layers: object) -> list[Any]:
    if isinstance(layers, Layer) or not isinstance(layers, Iterable):
        raise TypeError(
            describe(
                f"layers is {layers!r}",
                "Expected a list of layers",
                f"Write Sequential([{layers!r}])."
                if isinstance(layers, Layer)
                else "Write Sequential([Dense(10)]).",
            )
        )
    return list(layers)


def _check_dtype(dtype: Any) -> np.dtype[Any]:
    word: object
    try:
        word = str(np.dtype(dtype))
    except TypeError:
        word = dtype
    return np.dtype(check_choice(word, "dtype", DTYPES))


def _check_seed(seed: object) -> int:
    if seed is None:
        return int.from_bytes(os.urandom(4), "little")
    hint = "Pass 0 <= seed < 2**32, or leave it out."
    number = check_integer(seed, "seed", low=0, hint=hint)
    if number >= 2**32:
        raise ValueError(
            describe(f"seed is {number}", "Expected a number below 2**32", hint)
        )
    return number
