"""Hits, guesses and truths of each class, and one number out of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.core.inputs import check_number
from pellucid.errors import check_choice, describe
from pellucid.metrics.base import Array

AVERAGES = ("auto", "binary", "macro", "micro", "weighted")


def matrix_of(truth: Array, predicted: Array, classes: int) -> NDArray[np.int64]:
    """The confusion matrix of labels that are in range."""
    counts = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def class_counts(matrix: NDArray[np.int64]) -> Array:
    """Rows: hits, how often predicted, how often true; one column for each class."""
    return np.stack([matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)])


def label_counts(truth: Array, chosen: Array) -> Array:
    """The same for columns that are each a yes or no."""
    parts = (truth & chosen, chosen, truth)
    return np.stack([np.count_nonzero(part, axis=0) for part in parts])


def averaged(
    counts: Array,
    ratio: Callable[[Any, Any, Any], tuple[Any, Any]],
    average: str | None,
    zero_division: float,
    all_classes: bool,
) -> Any:
    """One number out of the counts of the classes, or an array of them."""
    if average == "micro":
        counts = counts.sum(axis=1, keepdims=True)
    above, below = ratio(*counts)
    empty = below == 0
    values = np.where(empty, zero_division, above / np.where(empty, 1, below))
    if average is None:
        return values
    if average == "micro":
        return float(values[0])
    if average == "binary":
        if len(values) > 2 or all_classes:
            raise ValueError(
                describe(
                    f'average is "binary" and there are {len(values)} classes',
                    "Expected two classes, 0 and 1",
                    'Pass average="macro".',
                )
            )
        return float(values[-1]) if len(values) == 2 else float(zero_division)
    _, predicted, true = counts
    kept = (all_classes | (predicted + true > 0)) & ~np.isnan(values)
    values, weights = values[kept], true[kept]
    if not values.size:
        return math.nan
    if average == "weighted" and weights.any():
        return float((values * weights).sum() / weights.sum())
    return float(values.mean())


def check_average(average: object, kind: str) -> str | None:
    """Return the way to average, or raise."""
    if average is None:
        return None
    return check_choice(average, f"{kind}: average", AVERAGES)


def check_zero_division(value: object, kind: str) -> float:
    """Return a number from 0 to 1, or NaN, or raise."""
    if isinstance(value, float) and math.isnan(value):
        return math.nan
    return check_number(value, f"{kind}: zero_division", at_least=0, at_most=1)
