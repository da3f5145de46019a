"""Work that neighbouring layers share during a training step.

A ReLU after BatchNorm is applied by BatchNorm's own kernel, and max pooling behind
either by the same kernel again, so that the normalized images are never stored. Where
max pooling follows another ReLU, it applies that gradient too: the winner of a window
is positive exactly when the maximum is, and a window of zeros has no place. The numbers
are the same bits as without.

Memory is shared too. What a layer of weights without activation hands to BatchNorm is
read by nobody else, so BatchNorm writes its gradient there; and the gradient before an
activation goes where the activation wrote, which every later layer has done with. An
own layer may keep what it was given, so beside one nothing is shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from pellucid.core.chain import walk
from pellucid.core.layer import Layer
from pellucid.core.registry import ours
from pellucid.layers.affine import Affine
from pellucid.layers.conv import Conv2D
from pellucid.layers.normalization import BatchNorm
from pellucid.layers.pooling import MaxPool2D
from pellucid.layers.relu_family import ReLU


@contextmanager
def fused(layers: Sequence[Layer], share: bool = True) -> Iterator[None]:
    """Let neighbours in this chain, and in the chains inside it, work together.

    For the time of a training step by the model; layers used by themselves never are.
    ``share=False`` leaves every output as it is, for who reads it after backward.

    Example
    -------
    >>> norm, relu = BatchNorm(), ReLU()
    >>> with fused([norm, relu]):
    ...     norm.fused_activation, relu.skip_activation
    ('relu', True)
    >>> norm.fused_activation, relu.skip_activation
    (None, False)
    """
    undo: list[tuple[Layer, str, object]] = []

    def mark(layer: Layer, name: str, value: object) -> None:
        undo.append((layer, name, getattr(layer, name)))
        setattr(layer, name, value)

    shares = share and ours(*(layer for _, layer in walk(layers)))
    try:
        for chain in _chains(layers):
            for before, layer in pairwise(chain if shares else ()):
                if type(layer) is BatchNorm and isinstance(before, Affine):
                    mark(layer, "spends_input", before.activation is None)
                if isinstance(before, BatchNorm | Affine):
                    mark(before, "spends_output", _weights_behind(before, chain))
            for index, layer in enumerate(chain[:-1]):
                after = chain[index + 1]
                if type(layer) is BatchNorm:
                    if type(after) is ReLU:
                        mark(layer, "fused_activation", "relu")
                        mark(after, "skip_activation", True)
                        after = chain[index + 2] if index + 2 < len(chain) else after
                    if type(after) is MaxPool2D and _pools(layer, after):
                        mark(layer, "pooled_by", after)
                        mark(after, "pooled_before", True)
                        continue
                rectified = (
                    type(layer) is BatchNorm and layer.fused_activation == "relu"
                ) or (type(layer) is Conv2D and layer.activation == "relu")
                if rectified and type(after) is MaxPool2D and after.can_mask:
                    mark(after, "masks_gradient", True)
                    mark(layer, "gradient_is_masked", True)
        yield
    finally:
        for layer, name, value in reversed(undo):
            setattr(layer, name, value)


def _weights_behind(layer: Layer, chain: Sequence[Layer]) -> bool:
    """Whether the chain goes on with weights, so that no view of this output leaves."""
    return any(isinstance(after, Affine) for after in chain[chain.index(layer) + 1 :])


def _pools(norm: BatchNorm, pool: MaxPool2D) -> bool:
    """Whether BatchNorm can do the pooling: by the batch, windows that tile."""
    shape = pool.input_shape
    return norm.trainable and shape is not None and pool.tiles(shape)


def _chains(layers: Sequence[Layer]) -> Iterator[Sequence[Layer]]:
    yield layers
    for _, layer in walk(layers):
        yield from layer.children().values()
