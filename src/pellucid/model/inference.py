"""The one path that predict, evaluate and validation share."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import kernels
from pellucid.checks import check_integer
from pellucid.core.chain import infer_chain
from pellucid.core.layer import Array
from pellucid.core.registry import ours
from pellucid.model.door import Samples
from pellucid.model.recording import PreparedPass
from pellucid.model.training import penalty

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential
    from pellucid.model.structure import Structure

BATCH_SIZE = 256


PREPARED_SHAPES = 8
PREPARED_BYTES = 1 << 26
"""How many shapes of batch a model prepares for, and the most activations of a pass."""

CHUNK_BYTES, CHUNK_SAMPLES = 1 << 20, 8
"""The largest activations of a chunk, unless the weights, which every chunk reads, are
larger; and the fewest samples: fewer would be another algorithm for some convolutions.
"""


class Prepared:
    """Forward passes that were recorded, by shape of batch, for all threads.

    A shape is recorded when it comes for the second time. Each thread takes a pass
    from the list and puts it back, so that no two run in the same memory.
    """

    def __init__(self) -> None:
        self._idle: dict[Any, list[PreparedPass]] = {}
        self._refused: set[Any] = set()

    def __call__(self, model: Structure, x: Array) -> Array:
        """The output of one batch."""
        key = (x.shape, x.dtype)
        if key in self._idle and kernels.backend() == "compiled":
            y = self.again(x)
            return self._prepare(model, x, key) if y is None else y
        if len(self._idle) < PREPARED_SHAPES:
            self._idle.setdefault(key, [])
        return infer_chain(model.layers, x)

    def again(self, x: Any) -> Array | None:
        """The output of an array that needs no check, having come before in shape."""
        if type(x) is not np.ndarray:
            return None
        idle = self._idle.get((x.shape, x.dtype))
        if not idle or kernels.backend() != "compiled":
            return None
        try:
            prepared = idle.pop()
        except IndexError:  # another thread was faster
            return None
        y = prepared(x)
        idle.append(prepared)
        return y

    def _prepare(self, model: Structure, x: Array, key: Any) -> Array:
        y = infer_chain(model.layers, x)
        if key not in self._refused:
            prepared = None
            chunk = _chunk(model, len(x))
            if _worth_preparing(model, chunk):
                forward = partial(infer_chain, model.layers)
                prepared = PreparedPass(forward, x, y, chunk)
            if prepared is not None and prepared.works:
                self._idle[key].append(prepared)
            else:
                self._refused.add(key)
        return y


def _chunk(model: Structure, samples: int) -> int:
    """How many samples go through the layers at once; chunks are almost equal."""
    largest = max(math.prod(shape) for shape in model.inner_shapes)
    weights = sum(parameter.value.nbytes for parameter in model.parameters())
    fits = max(CHUNK_BYTES, weights) // max(1, largest * model.dtype.itemsize)
    chunks = max(1, samples // max(CHUNK_SAMPLES, fits))
    return math.ceil(samples / chunks)


def _worth_preparing(model: Structure, samples: int) -> bool:
    sizes = sum(math.prod(shape) for shape in model.inner_shapes)
    small = sizes * samples * model.dtype.itemsize <= PREPARED_BYTES
    return small and ours(*(layer for _, layer in model.walk()))


def infer(model: Structure, x: Array) -> Array:
    """The output of one batch, in memory that belongs to the caller."""
    if x.dtype != model.dtype and not model.layers[0].accepts_bytes:
        x = x.astype(model.dtype)
    y = model.prepared(model, x)
    return y.copy() if np.may_share_memory(y, x) else y


def infer_all(model: Structure, x: Array, batch_size: int) -> Array:
    """The output of all samples, computed batch by batch."""
    if 0 < len(x) <= batch_size:
        return infer(model, x)
    output = np.empty((len(x), *model.inner_shapes[-1]), model.dtype)
    for start in range(0, len(x), batch_size):
        part = x[start : start + batch_size]
        output[start : start + batch_size] = infer(model, part)
    return output


def evaluate_samples(
    model: Sequential, data: Samples, batch_size: int = BATCH_SIZE
) -> dict[str, float]:
    """Loss (penalties included) and metrics, exact over all samples.

    Metrics are copies of the model's, so threads may evaluate at the same time.
    """
    import copy  # costs a millisecond at import

    metrics = copy.deepcopy(model.metrics)
    for metric in metrics:
        metric.reset()
    check = getattr(model.loss, "check_prediction", None)
    mean = getattr(model.loss, "reduction", "mean") == "mean"
    total = 0.0
    for start in range(0, len(data.x), batch_size):
        rows = slice(start, start + batch_size)
        prediction = infer(model, data.x[rows])
        if check is not None:
            check(prediction)
        weights = None if data.weights is None else data.weights[rows]
        value, _ = model.loss.value_and_gradient(
            prediction, data.y[rows], weights=weights
        )
        total += float(value[0]) * (len(prediction) if mean else 1)
        for metric in metrics:
            metric.update(data.y[rows], prediction)
    loss = total / len(data.x) if mean else total
    loss += penalty(model.store.penalized())
    return {"loss": loss} | {metric.name: metric.result() for metric in metrics}


def check_batch_size(batch_size: object) -> int:
    """Return the number of samples to compute at once, or raise."""
    hint = "Pass batch_size=256."
    return check_integer(batch_size, "batch_size", low=1, hint=hint)
