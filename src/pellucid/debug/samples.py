"""Drawn data that fit a model and its loss, where a user gives none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.layer import Array

if TYPE_CHECKING:
    from pellucid.model import Sequential


def drawn_samples(model: Sequential, n: int, seed: int = 0) -> tuple[Array, Array]:
    """Features of the normal distribution, targets of the kind that the loss takes.

    Parameters
    ----------
    model : Sequential
        Built and compiled.
    n : int
        Samples.
    seed : int

    Returns
    -------
    x : array of the model's dtype (n, ...)
    y : array
        Class labels for a categorical loss, 0 and 1 for a binary one, else whatever
        the loss takes first: normal values, one-hot rows, 0 and 1, -1 and 1.

    Example
    -------
    >>> import pellucid as pl
    >>> model = pl.Sequential([pl.Dense(3)], input_shape=(2,))
    >>> model.compile("sgd", "softmax_cross_entropy")
    >>> x, y = drawn_samples(model, 4)
    >>> x.shape, y.shape
    ((4, 2), (4,))
    """
    model.require_built("drawing samples")
    random = np.random.default_rng(seed)
    x = random.standard_normal((n, *(model.input_shape or ()))).astype(model.dtype)
    kind = getattr(model.loss, "kind", "regression")
    out = model.inner_shapes[-1]
    if kind == "categorical":
        return x, random.integers(0, out[-1], (n, *out[:-1]))
    shape = (n, *(model.output_shape or ()))
    if kind == "binary":
        return x, random.integers(0, 2, shape)
    *tried, last = _targets(random, shape)
    for y in tried:
        try:
            model.loss.check(y, shape[1:], dtype=model.dtype)
        except (TypeError, ValueError):
            continue
        return x, y
    return x, last


def _targets(random: np.random.Generator, shape: tuple[int, ...]) -> Iterator[Any]:
    """What losses without a known kind take, the most usual first."""
    yield random.standard_normal(shape)
    yield np.eye(shape[-1])[random.integers(0, shape[-1], shape[:-1])]
    bits = random.integers(0, 2, shape)
    yield bits
    yield 2 * bits - 1
