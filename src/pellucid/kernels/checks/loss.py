"""Arguments of loss.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.errors import check_choice, describe

from .arrays import (
    C128,
    F64,
    I64,
    REAL,
    REDUCTIONS,
    Array,
    DType,
    array,
    bounds,
    number,
    output,
    outputs,
    rank_error,
    shaped,
    vector,
)
from .eltwise import classes


def class_loss(
    prediction: Any,
    targets: Any,
    weights: Any,
    label_smoothing: Any,
    reduction: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
) -> tuple[Array, Array, bool, Array | None, float, float, Array, Array]:
    """Check a loss over classes on the last axis.

    Return `(prediction, targets, labels, weights, smoothing, scale, value, gradient)`:
    `labels` tells that targets are int64 class numbers and not like the prediction;
    `scale` is 1 / count for "mean", 1 for "sum".
    """
    smoothing = number(label_smoothing, "label_smoothing", 0.0, 1.0, False)
    p = classes(prediction, "prediction", dtypes)
    if p.ndim < 2:
        expected = "2 dimensions or more, the classes last"
        raise ValueError(rank_error("prediction", p, expected, "Pass prediction[None]"))
    labels = np.asarray(targets).dtype.kind in "iu"
    if labels:
        targets = shaped(targets, "targets", (I64,), p.shape[:-1])
        bounds(targets, p.shape[-1], "label", "classes")
    else:
        targets = shaped(targets, "targets", (p.dtype,), p.shape)
    count = p.size // p.shape[-1]
    weights, scale, value, gradient = _loss(p, targets, weights, reduction, out, count)
    return p, targets, labels, weights, smoothing, scale, value, gradient


def element_loss(
    prediction: Any,
    targets: Any,
    weights: Any,
    label_smoothing: Any,
    reduction: Any,
    out: Any,
    dtypes: tuple[DType, ...] = REAL,
    by_row: bool = False,
) -> tuple[Array, Array, Array | None, float, float, Array, Array]:
    """Check a loss that is a sum over elements; targets are like the prediction.

    By row, the mean is over rows of the last axis, not over elements. Return
    `(prediction, targets, weights, smoothing, scale, value, gradient)`.
    """
    smoothing = number(label_smoothing, "label_smoothing", 0.0, 1.0, False)
    p = array(prediction, "prediction", dtypes)
    if by_row and p.ndim < 2:
        expected = "2 dimensions or more, the classes last"
        raise ValueError(rank_error("prediction", p, expected, "Pass prediction[None]"))
    if p.ndim == 0:
        raise ValueError(
            rank_error("prediction", p, "samples first", "Pass [prediction]")
        )
    targets = shaped(targets, "targets", (p.dtype,), p.shape)
    count = p.size // p.shape[-1] if by_row and p.size else p.size
    weights, scale, value, gradient = _loss(p, targets, weights, reduction, out, count)
    return p, targets, weights, smoothing, scale, value, gradient


def delta(value: Any) -> float:
    """Return where the Huber loss turns linear, a number above 0."""
    return number(value, "delta", 0.0, math.inf, True)


def _loss(
    p: Array, targets: Array, weights: Any, reduction: Any, out: Any, count: int
) -> tuple[Array | None, float, Array, Array]:
    check_choice(reduction, "reduction", REDUCTIONS)
    if count == 0:
        what = f"the prediction has shape {p.shape}: empty batch"
        raise ValueError(describe(what, "Expected a sample or more", "Skip this batch"))
    if weights is not None:
        weights = vector(weights, "weights", (p.dtype,), p.shape[0])
    value, gradient = outputs(out, 2, "(value, gradient)")
    gradient = output(gradient, p.shape, p.dtype, "gradient", p, targets, weights)
    value_dtype = C128 if p.dtype == C128 else F64
    value = output(value, (1,), value_dtype, "value", p, targets, weights, gradient)
    return weights, 1.0 / count if reduction == "mean" else 1.0, value, gradient
