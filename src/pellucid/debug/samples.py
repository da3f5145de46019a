"""Drawn data that fit a model and its loss, where a user gives none."""

from __future__ import annotations

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
    x = random.normal(size=(n, *_known(model.input_shape)))
    kind = getattr(model.loss, "kind", "regression")
    out = model.inner_shapes[-1]
    if kind == "categorical":
        return x, random.integers(0, out[-1], (n, *out[:-1]))
    shape = (n, *_known(model.output_shape))
    if kind == "binary":
        return x, random.integers(0, 2, shape)
    return x, random.normal(size=shape)


def _known(shape: Any) -> tuple[int, ...]:
    return tuple(shape or ())
