"""The data of ``fit``, checked before anything changes."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pellucid import kernels
from pellucid.checks import sample_weights
from pellucid.errors import describe
from pellucid.layers.normalization import BatchNorm
from pellucid.model.door import Door, Samples, class_weights, is_batches
from pellucid.model.options import Options
from pellucid.model.sources import ArraySource, BatchSource, unpack_batch

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

SPLIT_STREAM = 2**32 - 2


class Data(NamedTuple):
    """Where batches come from, how many samples they draw, what to validate on."""

    source: ArraySource | BatchSource
    samples: int | None
    validation: Samples | None


def prepare(
    model: Sequential,
    options: Options,
    x: object,
    y: object,
    *,
    seed: int,
    validation_data: object,
    class_weight: object,
    sample_weight: object,
) -> Data:
    """Check all data before anything changes, and build the model if need be."""
    if validation_data is not None and options.validation_split:
        raise ValueError(
            describe(
                "both validation_data and validation_split were given",
                "Expected one of them",
                "Leave one out.",
            )
        )
    if y is None and is_batches(x):
        arguments = {
            "validation_split": options.validation_split or None,
            "class_weight": class_weight,
            "sample_weight": sample_weight,
        }
        given = [name for name, value in arguments.items() if value is not None]
        if given:
            raise ValueError(
                describe(
                    f"{given[0]} was given with an iterable of batches",
                    "Expected arrays x and y",
                    "Pass arrays, or let the iterable yield (x, y, weight).",
                )
            )
        return _from_batches(model, cast(Collection[Any], x), validation_data)
    door = model.door(x)
    validation = _validation(model, door, validation_data)
    data = door.samples(x, y, model.loss, sample_weight)
    rows: NDArray[np.int64] = np.arange(len(data.x))
    if options.validation_split:
        rows, held = split_rows(len(data.x), options.validation_split, seed)
        weights = None if data.weights is None else data.weights[held]
        validation = Samples(data.x[held], data.y[held], weights)
    if class_weight is not None:  # for training only, so after the split
        weights = class_weights(class_weight, y, model.loss, door.output_shape)
        if data.weights is not None:
            weights = weights * data.weights
        weights = sample_weights(weights, len(data.x), model.dtype)
        data = data._replace(weights=weights)
    model.build_for(door)
    source = ArraySource(
        data,
        rows,
        min(options.batch_size or len(rows), len(rows)),
        model.dtype,
        any(isinstance(layer, BatchNorm) for _, layer in model.walk()),
    )
    return Data(source, len(rows), validation)


def _from_batches(
    model: Sequential, batches: Collection[Any], validation_data: object
) -> Data:
    """Data from an iterable: its first batch tells the shapes."""
    count = len(batches)
    if count == 0:
        raise ValueError(
            describe(
                "the iterable has no batches: an empty dataset",
                "Expected at least one batch",
                "Check how the data was loaded.",
            )
        )
    door = model.door(unpack_batch(next(iter(batches)), 0)[0])
    validation = _validation(model, door, validation_data)

    def check(x: object, y: object, weights: object = None) -> Samples:
        part = door.samples(x, y, model.loss, weights)
        if model.layers[0].accepts_bytes:
            return part
        return part._replace(x=np.ascontiguousarray(part.x, model.dtype))

    model.build_for(door)
    return Data(BatchSource(batches, check, count), None, validation)


def _validation(
    model: Sequential, door: Door, validation_data: object
) -> Samples | None:
    if validation_data is None:
        return None
    if not isinstance(validation_data, tuple) or len(validation_data) not in (2, 3):
        raise TypeError(
            describe(
                f"validation_data is a {type(validation_data).__name__}",
                "Expected a tuple (x, y) or (x, y, weight)",
                "Pass validation_data=(x_val, y_val).",
            )
        )
    x, y, *rest = validation_data
    weights = rest[0] if rest else None
    return door.samples(x, y, model.loss, weights, "validation x")


def split_rows(
    samples: int, fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A random part of the rows for training and the rest for validation.

    Example
    -------
    >>> train, held = split_rows(10, 0.2, seed=0)
    >>> len(train), len(held), sorted([*train, *held]) == list(range(10))
    (8, 2, True)
    """
    held = int(samples * fraction + 0.5)
    if held == 0 or held == samples:
        raise ValueError(
            describe(
                f"validation_split={fraction:g} of {samples} samples leaves "
                f"{samples - held} for training and {held} for validation",
                "Expected at least one sample on each side",
                "Pass another validation_split, or validation_data.",
            )
        )
    order = kernels.permutation(samples, seed=seed, stream=SPLIT_STREAM)
    return np.sort(order[held:]), np.sort(order[:held])
