"""What comes into a model from outside: arrays checked once, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.checks import check_integer, class_labels, real_array, sample_weights
from pellucid.core.inputs import as_float_input, check_number
from pellucid.core.layer import Array, Layer, Shape
from pellucid.errors import describe
from pellucid.losses import Loss
from pellucid.losses.base import count_mismatch


class Samples(NamedTuple):
    """Checked data: features, targets as the loss takes them, weights."""

    x: Array
    y: Array
    weights: Array | None


class Door:
    """Checks arrays against the shapes of a model and turns them channels last.

    Parameters
    ----------
    first : Layer
        Named in messages.
    input_shape, output_shape : tuple of int
        Without the batch, channels last.
    dtype : dtype
        The model's.
    channels_first : bool
        4-D arrays outside are ``(n, c, h, w)``.
    """

    def __init__(
        self,
        first: Layer,
        input_shape: Shape,
        output_shape: Shape,
        dtype: np.dtype[Any],
        channels_first: bool,
    ) -> None:
        self.first = first
        self.input_shape = input_shape
        self.output_shape = output_shape
        self.dtype = dtype
        self.channels_first = channels_first

    def features(self, x: object, name: str = "x") -> Array:
        """Return x as a C-contiguous array of the right shape, or raise.

        Arrays of float32, float64 and (where wanted) uint8 keep their dtype: what
        gathers batches converts them. Everything else is converted here.
        """
        array = raw_features(x, self.first, self.dtype, name)
        expected = outside(self.input_shape, self.channels_first)
        if array.ndim == 0 or array.shape[1:] != expected:
            raise ValueError(self._mismatch(array.shape, expected, name))
        return np.ascontiguousarray(self.inward(array))

    def targets(self, y: object, loss: Loss, samples: int) -> Array:
        """Return y in the form that the loss takes, one row per sample, or raise."""
        if y is None:
            raise TypeError(
                describe(
                    "y is missing",
                    "Expected one target for each sample",
                    "Pass x and y, or an iterable of batches (x, y).",
                )
            )
        array = self.inward(np.asarray(y)) if self._has_images_out(y) else y
        checked = loss.check(array, self.output_shape, dtype=self.dtype)
        if len(checked) != samples:
            raise ValueError(count_mismatch(samples, len(checked)))
        return checked

    def samples(
        self, x: object, y: object, loss: Loss, weights: object = None, name: str = "x"
    ) -> Samples:
        """Check features, targets and weights together."""
        features = self.features(x, name)
        if len(features) == 0:
            raise ValueError(
                describe(
                    f"{name} has shape {features.shape}: an empty dataset",
                    "Expected at least one sample",
                    "Check how the array was loaded or cut.",
                )
            )
        targets = self.targets(y, loss, len(features))
        if weights is not None:
            weights = sample_weights(weights, len(features), self.dtype)
        return Samples(features, targets, weights)

    def inward(self, array: Array) -> Array:
        """Channels last, as a view."""
        if self.channels_first and array.ndim == 4:
            return array.transpose(0, 2, 3, 1)
        return array

    def outward(self, array: Array) -> Array:
        """The layout of the outside, C-contiguous."""
        if self.channels_first and array.ndim == 4:
            return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
        return array

    def _has_images_out(self, y: Any) -> bool:
        images = len(self.output_shape) == 3
        return self.channels_first and images and np.ndim(y) == 4

    def _mismatch(self, shape: Shape, expected: Shape, name: str) -> str:
        label = self.first.label
        letters = ", ".join(["n", *map(str, expected)])
        what = f"{label} got an array {name} of shape {shape}"
        if len(shape) != len(expected) + 1:
            what += f": {len(shape)} dimensions, {len(expected) + 1} were expected"
        elif len(expected) == 3 and not self.channels_first and shape[3] != expected[2]:
            what += (
                f": {shape[3]} channels in the last dimension, "
                f"{expected[2]} were expected"
            )
        elif len(expected) == 1:
            what += f": {shape[1]} features, {expected[0]} were expected"
        return describe(
            what, f"Expected ({letters})", self._repair(shape, expected, name)
        )

    def _repair(self, shape: Shape, expected: Shape, name: str) -> str:
        if shape == expected:
            return f"For one sample, add a batch axis: {name}[None]."
        if len(expected) == 1 and len(shape) == 2 and shape[0] == expected[0]:
            return f"This looks like one column per sample: pass {name}.T."
        if len(expected) == 3 and len(shape) == 4:
            if not self.channels_first and shape[1:] == (expected[2], *expected[:2]):
                return (
                    "This looks like channels-first data: pass "
                    f"{name}.transpose(0, 2, 3, 1),\nor build the model with "
                    'Sequential(..., data_format="channels_first").'
                )
            if self.channels_first and shape[1:] == (*expected[1:], expected[0]):
                return (
                    "This looks like channels-last data: pass "
                    f"{name}.transpose(0, 3, 1, 2),\nor build the model with "
                    'Sequential(..., data_format="channels_last").'
                )
        size = int(np.prod(expected))
        if len(shape) > 1 and int(np.prod(shape[1:])) == size:
            inner = ", ".join(map(str, expected))
            return f"The sizes fit: pass {name}.reshape(-1, {inner})."
        return (
            f"Reshape the data, or build the model with input_shape={tuple(shape[1:])}."
        )


def raw_features(
    x: object, first: Layer, dtype: np.dtype[Any], name: str = "x"
) -> Array:
    """Return x as an array of float32, float64 or uint8, of any shape, or raise."""
    if isinstance(x, np.ndarray) and not isinstance(x, np.ma.MaskedArray):
        dtype_in = x.dtype
        gatherable = dtype_in.char in "fd" and dtype_in.isnative
        if gatherable or (dtype_in.char == "B" and x.ndim != 4):
            return np.asarray(x)
    if x is None or is_odd_iterable(x):
        raise TypeError(
            describe(
                f"{name} is {'None' if x is None else f'a {type(x).__name__}'}",
                "Expected an array; fit alone also takes batches (x, y), without y=, "
                "from an iterable with a length",
                "Pass the array of the samples."
                if x is None or hasattr(x, "__len__")
                else "Put the batches in a list, or use pellucid.data.Batches: a "
                f"{type(x).__name__} would end after one epoch.",
            )
        )
    label = f"{first.label}: {name}"
    return as_float_input(x, dtype, label, keep_bytes=first.accepts_bytes)


def outside(shape: Shape, channels_first: bool) -> Shape:
    """A shape without batch as the user sees it.

    Example
    -------
    >>> outside((28, 28, 1), True), outside((10,), True)
    ((1, 28, 28), (10,))
    """
    if channels_first and len(shape) == 3:
        return (shape[2], *shape[:2])
    return shape


def inside(shape: Shape, channels_first: bool) -> Shape:
    """A shape without batch as the layers see it.

    Example
    -------
    >>> inside((1, 28, 28), True)
    (28, 28, 1)
    """
    if channels_first and len(shape) == 3:
        return (*shape[1:], shape[0])
    return shape


def class_weights(
    class_weight: object, y: object, loss: Loss, output_shape: Shape
) -> Array:
    """Turn ``class_weight`` into one weight per sample.

    "balanced" gives class c the weight n / (k * n_c), with k the number of classes that
    occur and n_c the number of its samples.

    Raises
    ------
    TypeError, ValueError
        Not a dict or "balanced"; a class that the model lacks; a bad weight; targets
        that are not classes.
    """
    classes = 2 if output_shape == (1,) else output_shape[-1]
    kind = getattr(loss, "kind", "regression")
    labels = real_array(y, "y")
    if kind == "categorical" and labels.ndim > 1 and labels.shape[1:] == output_shape:
        labels = labels.argmax(axis=-1)
    elif labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels.reshape(-1)
    if kind == "regression" or len(output_shape) != 1 or labels.ndim != 1:
        raise ValueError(
            describe(
                f"class_weight was given with the loss {type(loss).__name__} and "
                f"targets of shape {labels.shape}",
                "Expected one class label for each sample",
                "Pass sample_weight, one number per sample, instead.",
            )
        )
    labels = class_labels(labels, "y")
    counts = np.bincount(labels, minlength=classes)
    table = np.ones(classes, np.float64)
    if class_weight == "balanced":
        present = counts > 0
        table[present] = len(labels) / (present.sum() * counts[present])
        return table[labels]
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            describe(
                f"class_weight is {class_weight!r}",
                'Expected a dict from class to weight, or "balanced"',
                "Pass class_weight={0: 1.0, 1: 5.0}.",
            )
        )
    for key, weight in class_weight.items():
        hint = f"Classes run from 0 to {classes - 1}."
        index = check_integer(key, "a class in class_weight", low=0, hint=hint)
        if index >= classes:
            raise ValueError(
                describe(
                    f"class_weight has the class {index}",
                    f"Expected classes from 0 to {classes - 1}",
                    "Remove it, or give the last layer one unit per class.",
                )
            )
        table[index] = check_number(weight, f"class_weight[{index}]", at_least=0)
    return table[labels]


def is_batches(x: object) -> bool:
    """Whether x, given without y, is an iterable of batches rather than an array.

    Example
    -------
    >>> batch = ([[1.0], [2.0]], [0, 1])
    >>> [is_batches(x) for x in ([batch, batch], [[1.0], [2.0]], iter([batch]))]
    [True, False, False]
    """
    if isinstance(x, Sequence):
        first = x[0] if len(x) else None
        return isinstance(first, tuple) and all(map(np.ndim, first))
    return is_odd_iterable(x) and hasattr(x, "__len__")


def is_odd_iterable(x: object) -> bool:
    """Whether x can be iterated and is neither an array nor a sequence."""
    arrays = (np.ndarray, Sequence)
    return isinstance(x, Iterable) and not (
        isinstance(x, arrays) or hasattr(x, "__array__")
    )
