"""One row for each loss: how to draw a configuration, and the same in PyTorch.

A row draws pellucid's loss, a prediction, targets as a user passes them, and a function
of tensors (prediction, targets) that returns the loss of each element or sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pellucid as pl
from tests.parity.compare import torch
from tests.parity.draws import Random, Rows, first, functional, pick, some

Array = NDArray[Any]


@dataclass(frozen=True)
class Drawn:
    """One configuration of a row."""

    loss: pl.losses.Loss
    prediction: Array
    targets: Array
    torch: Callable[[Any, Any], Any]


row = Rows()
EXCEPTIONS: dict[str, str] = {}
"""Losses without a row, and why."""


def shape_of(random: Random) -> tuple[int, int]:
    return some(random, 1, 40), some(random, 2, 20)


def positions(random: Random) -> tuple[int, ...]:
    """A row of classes for each sample, or at each place of it."""
    places = [some(random, 1, 5) for _ in range(pick(random, 0, 0, 1, 2))]
    return some(random, 1, 20), *places, some(random, 2, 20)


def rows_of(random: Random, shape: tuple[int, ...]) -> Array:
    """Rows of probabilities, none of them near 0."""
    p = random.uniform(0.1, 1, shape)
    return p / p.sum(axis=-1, keepdims=True)


def classes(random: Random, shape: tuple[int, ...]) -> Array:
    """Labels, or rows of probabilities."""
    if random.integers(2):
        return random.integers(0, shape[-1], shape[:-1])
    return rows_of(random, shape)


def smoothing(random: Random) -> float:
    return float(pick(random, 0.0, 0.1, random.uniform(0, 0.9)))


@row
def SoftmaxCrossEntropy(random: Random, reduction: str) -> Drawn:
    shape, s = positions(random), smoothing(random)
    loss = pl.SoftmaxCrossEntropy(label_smoothing=s, reduction=reduction)
    targets = classes(random, shape)

    def same(z: Any, t: Any) -> Any:
        if targets.ndim == z.ndim:
            t = first(t)
        z = first(z)
        return functional.cross_entropy(z, t, label_smoothing=s, reduction="none")

    return Drawn(loss, 4 * random.normal(size=shape), targets, same)


@row
def CategoricalCrossEntropy(random: Random, reduction: str) -> Drawn:
    shape, s = positions(random), smoothing(random)
    loss = pl.CategoricalCrossEntropy(label_smoothing=s, reduction=reduction)
    targets = classes(random, shape)

    def same(p: Any, t: Any) -> Any:
        if s == 0 and t.ndim < p.ndim:
            return functional.nll_loss(first(torch.log(p)), t, reduction="none")
        if t.ndim < p.ndim:
            t = functional.one_hot(t, shape[-1]).to(p.dtype)
        return -((t * (1 - s) + s / shape[-1]) * torch.log(p)).sum(dim=-1)

    return Drawn(loss, rows_of(random, shape), targets, same)


@row
def BinaryCrossEntropy(random: Random, reduction: str) -> Drawn:
    shape, s = shape_of(random), smoothing(random)
    loss = pl.BinaryCrossEntropy(label_smoothing=s, reduction=reduction)

    def same(p: Any, t: Any) -> Any:
        smooth = t * (1 - s) + s / 2
        return functional.binary_cross_entropy(p, smooth, reduction="none")

    return Drawn(loss, random.uniform(0.02, 0.98, shape), random.random(shape), same)


@row
def SigmoidBinaryCrossEntropy(random: Random, reduction: str) -> Drawn:
    shape, s = shape_of(random), smoothing(random)
    loss = pl.SigmoidBinaryCrossEntropy(label_smoothing=s, reduction=reduction)

    def same(z: Any, t: Any) -> Any:
        return functional.binary_cross_entropy_with_logits(
            z, t * (1 - s) + s / 2, reduction="none"
        )

    return Drawn(loss, 4 * random.normal(size=shape), random.random(shape), same)


@row
def MeanSquaredError(random: Random, reduction: str) -> Drawn:
    return measured(random, pl.MeanSquaredError(reduction=reduction), "mse_loss")


@row
def MeanAbsoluteError(random: Random, reduction: str) -> Drawn:
    loss = pl.losses.MeanAbsoluteError(reduction=reduction)
    return measured(random, loss, "l1_loss")


@row
def Huber(random: Random, reduction: str) -> Drawn:
    delta = float(random.uniform(0.1, 3))
    loss = pl.Huber(delta, reduction=reduction)
    return measured(random, loss, "huber_loss", delta=delta)


def measured(random: Random, loss: Any, name: str, **options: Any) -> Drawn:
    shape = shape_of(random)

    def same(p: Any, t: Any) -> Any:
        return getattr(functional, name)(p, t, reduction="none", **options)

    return Drawn(loss, random.normal(size=shape), random.normal(size=shape), same)


@row
def Hinge(random: Random, reduction: str) -> Drawn:
    shape, zero = shape_of(random), pick(random, 0, -1)

    def same(z: Any, t: Any) -> Any:
        margin = torch.where(t == 1, z, -z)
        return functional.hinge_embedding_loss(
            margin, -torch.ones_like(z), margin=1.0, reduction="none"
        )

    targets = np.where(random.integers(0, 2, shape) == 1, 1, zero)
    return Drawn(
        pl.Hinge(reduction=reduction), random.normal(size=shape), targets, same
    )


@row
def KLDivergence(random: Random, reduction: str) -> Drawn:
    shape = shape_of(random)

    def same(p: Any, t: Any) -> Any:
        return functional.kl_div(torch.log(p), t, reduction="none").sum(dim=-1)

    loss = pl.KLDivergence(reduction=reduction)
    return Drawn(loss, rows_of(random, shape), rows_of(random, shape), same)
