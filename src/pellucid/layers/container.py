"""The base of layers that hold chains of layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from numpy.typing import ArrayLike, DTypeLike

from pellucid import kernels
from pellucid.core.chain import (
    backward_chain,
    build_chain,
    following_activations,
    give_names,
    infer_chain,
    infer_shapes,
    refuse_shared,
    refuse_twice,
)
from pellucid.core.layer import Array, Layer, Shape
from pellucid.core.parameter import Parameter
from pellucid.core.registry import make_layer
from pellucid.core.workspace import Workspace
from pellucid.errors import describe

Chain = Layer | Mapping[str, Any] | Iterable[Layer | Mapping[str, Any]]


class Container(Layer, ABC):
    """Base of layers that hold chains of layers, all of which get the same input.

    A subclass gives the chains by name and merges their results. Parameters, state,
    workspace and freezing reach every layer inside.
    """

    def __init__(
        self, chains: Mapping[str, Chain], *, name: str | None, trainable: bool
    ) -> None:
        super().__init__(name=name, trainable=True)
        with self.named_errors():
            self._chains = {
                word: _layers_of(chain, word) for word, chain in chains.items()
            }
            refuse_shared(self._inside())
            for chain in self._chains.values():
                refuse_twice(chain)
        for chain in self._chains.values():
            for layer, given in zip(chain, give_names(chain), strict=True):
                layer.bind(name=given)
        self._set_prefixes()
        self.bind(seed=0)
        if not trainable:
            self.trainable = False

    def children(self) -> Mapping[str, Sequence[Layer]]:
        """See ``Layer.children``."""
        return self._chains

    def named_parameters(self) -> dict[str, Parameter]:
        """The parameters of the layers inside, as ``body.conv2d_1.weight``."""
        return {
            f"{word}.{layer.name}.{name}": parameter
            for word, chain in self._chains.items()
            for layer in chain
            for name, parameter in layer.named_parameters().items()
        }

    def state(self) -> dict[str, Array]:
        """See ``Layer.state``; names as in ``named_parameters``."""
        return {
            f"{word}.{layer.name}.{name}": array
            for word, chain in self._chains.items()
            for layer in chain
            for name, array in layer.state().items()
        }

    @property
    def streams(self) -> int:
        """Two for each layer inside."""
        return sum(layer.streams for layer in self._inside())

    @property
    def trainable(self) -> bool:
        """False when every layer inside is frozen; setting it sets them all."""
        return any(layer.trainable for layer in self._inside()) or not self._inside()

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._inside():
            layer.trainable = value

    @property
    def workspace(self) -> Workspace | None:
        """Memory to reuse from step to step; the layers inside use the same."""
        return self._workspace

    @workspace.setter
    def workspace(self, value: Workspace | None) -> None:
        self._workspace = value
        for layer in self._inside():
            layer.workspace = value

    _workspace: Workspace | None = None

    def leading_activation(self, following: str | None) -> str | None:
        """What the first chain that is not empty begins with."""
        for chain in self._chains.values():
            if chain:
                after = following_activations(chain, following)[0]
                return chain[0].leading_activation(after)
        return following

    def bind(
        self,
        *,
        dtype: DTypeLike | None = None,
        seed: int | None = None,
        stream: int = 0,
        name: str | None = None,
    ) -> Self:
        """See ``Layer.bind``; the layers inside get streams one after the other."""
        super().bind(dtype=dtype, seed=seed, stream=stream, name=name)
        for layer in self._inside():
            layer.bind(dtype=dtype, seed=seed, stream=stream)
            stream += layer.streams
        if name is not None:
            self._set_prefixes()
        return self

    def build(self, input_shape: Shape) -> None:
        """Build the layers inside."""
        super().build(input_shape)
        shape = self.input_shape or ()
        try:
            for chain in self._chains.values():
                for layer in chain:
                    layer.bind(dtype=self.dtype)
                shapes = infer_shapes(chain, shape)
                build_chain(chain, shape, shapes, self.following_activation)
        except BaseException:
            self.input_shape = None
            raise

    def flops(self, input_shape: Shape) -> int:
        """Those of the layers inside, and of the merge."""
        total = self.merge_flops(input_shape)
        for chain in self._chains.values():
            before = [tuple(input_shape), *infer_shapes(chain, input_shape)]
            total += sum(
                layer.flops(shape) for layer, shape in zip(chain, before, strict=False)
            )
        return total

    def merge_flops(self, input_shape: Shape) -> int:
        """Floating-point operations of the merge alone, for one sample."""
        return 0

    def __repr__(self) -> str:
        chains = ", ".join(
            f"{word}=[{', '.join(str(layer.name) for layer in chain)}]"
            for word, chain in self._chains.items()
        )
        name = "" if self.name is None else f", name={self.name!r}"
        return f"{type(self).__name__}({chains}{name})"

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_workspace"}

    # For subclasses ------------------------------------------------------------

    def output_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Output shape of every chain, by its name."""
        shape = self.check_shape(input_shape)
        return {
            word: (shape, *infer_shapes(chain, shape))[-1]
            for word, chain in self._chains.items()
        }

    @abstractmethod
    def merge(self, parts: list[Array], training: bool) -> Array:
        """The output, from the results of the chains."""

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        parts = []
        for chain in self._chains.values():
            y = x
            for layer in chain:
                y = layer.forward(y, training=training)
            parts.append(y)
        return self.merge(parts, training)

    def infer(self, x: Array, following: Sequence[Layer] = ()) -> Array:
        """See ``Layer.infer``; layers inside work together."""
        x = self.check_input(x)
        parts = [infer_chain(chain, x) for chain in self._chains.values()]
        return self.merge(parts, training=False)

    def sum_back(self, gradients: Sequence[Array], need_dx: bool) -> Array | None:
        """Go back through every chain; dx is the sum of what comes out."""
        total: Array | None = None
        chains = self._chains.values()
        for number, (chain, dy) in enumerate(zip(chains, gradients, strict=True)):
            dx = backward_chain(chain, dy, need_dx)
            if dx is None:
                continue
            if total is None:
                total = dx
            else:
                out = self.buffer(f"dx_{number % 2}", dx.shape)
                total = kernels.add(total, dx, out=out)
        return total

    def _inside(self) -> list[Layer]:
        return [layer for chain in self._chains.values() for layer in chain]

    def _set_prefixes(self) -> None:
        own = f"{self.prefix}{self.name or type(self).__name__}"
        for word, chain in self._chains.items():
            for layer in chain:
                layer.prefix = f"{own}.{word}."
                if isinstance(layer, Container):
                    layer._set_prefixes()

    def _config_of(self, word: str) -> list[dict[str, Any]]:
        return [
            {"kind": type(layer).__name__, "name": layer.name, "config": layer.config()}
            for layer in self._chains[word]
        ]


def _layers_of(chain: Chain, word: str) -> list[Layer]:
    """The layers of a chain: given as they are, or as a file describes them."""
    if isinstance(chain, Layer | Mapping):
        chain = [chain]
    if not isinstance(chain, list | tuple):
        raise TypeError(
            describe(
                f"{word} is {chain!r}",
                "Expected a layer or a list of layers",
                "Pass a list: [Conv2D(8, 3), BatchNorm()].",
            )
        )
    layers = []
    for part in chain:
        if isinstance(part, Mapping) and part.keys() == {"kind", "name", "config"}:
            part = make_layer(part["kind"], {**part["config"], "name": part["name"]})
        if not isinstance(part, Layer):
            raise TypeError(
                describe(
                    f"{word} has {part!r}, which is not a layer",
                    "Expected objects of class Layer",
                    "Make the layer by calling its class: Conv2D(8, 3).",
                )
            )
        layers.append(part)
    return layers
