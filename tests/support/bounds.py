"""How far a result may be from a reference, as formulas.

u is the unit roundoff: 2**-24 for float32, 2**-53 for float64. Every reference is
computed in float64 (for float64 kernels: in longdouble or exactly). Integer-valued data
have no bound: `assert_exact`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Bound = NDArray[np.float64]


def unit_roundoff(dtype: DTypeLike = np.float32) -> float:
    """u: half the distance from 1 to the next number."""
    return float(np.finfo(np.dtype(dtype)).eps) / 2


def dot_bound(k: int, magnitude: ArrayLike, dtype: DTypeLike = np.float32) -> Bound:
    """min(k + 1, 4 sqrt(k) + 2) u S + k * smallest subnormal.

    For sums of ``k`` products in any order, with or without FMA; ``magnitude`` is
    S = sum |a||b| in float64, one for each output.
    """
    factor = min(k + 1.0, 4.0 * np.sqrt(k) + 2.0)
    smallest = float(np.finfo(np.dtype(dtype)).smallest_subnormal)
    scale = np.asarray(magnitude, np.float64)
    return np.asarray(factor * unit_roundoff(dtype) * scale + k * smallest)


def winograd_bound(
    channels: int, magnitude: ArrayLike, dtype: DTypeLike = np.float32
) -> Bound:
    """(4 + sqrt(c) / 4) u W.

    ``magnitude`` is W = |A^T| (sum_c (|G||g||G^T|) . (|B^T||d||B|)) |A| in float64.
    """
    scale = np.asarray(magnitude, np.float64)
    return np.asarray((4.0 + np.sqrt(channels) / 4.0) * unit_roundoff(dtype) * scale)


def layer_bound(
    k: int, sensitivity: ArrayLike, dtype: DTypeLike = np.float32, c: float = 8.0
) -> Bound:
    """c sqrt(k) u sum_i |dy/dx_i||x_i|, for normalisations and losses.

    ``sensitivity`` is that sum, from a float64 reference; ``k`` its number of terms.
    """
    scale = np.asarray(sensitivity, np.float64)
    return np.asarray(c * np.sqrt(k) * unit_roundoff(dtype) * scale)


def softmax_bound(x: ArrayLike, dtype: DTypeLike = np.float32) -> Bound:
    """(|x - max| + sqrt(k) + 4) 2u softmax(x), over the last axis."""
    values = np.asarray(x, np.float64)
    depth = values.max(axis=-1, keepdims=True) - values
    power = np.exp(-depth)
    probability = power / power.sum(axis=-1, keepdims=True)
    factor = depth + np.sqrt(values.shape[-1]) + 4.0
    smallest = float(np.finfo(np.dtype(dtype)).smallest_subnormal)
    return np.asarray(factor * 2.0 * unit_roundoff(dtype) * probability + smallest)


def assert_within(actual: ArrayLike, reference: ArrayLike, bound: ArrayLike) -> float:
    """Fail where |actual - reference| > bound; NaN and infinity must agree.

    Returns the worst ratio of error to bound, for a test that watches it grow.
    """
    got = np.asarray(actual)
    want = np.asarray(reference)
    _assert_shape(got, want)
    # float64 is judged in longdouble: the difference itself must not round.
    wide = np.longdouble if got.dtype == np.float64 else np.float64
    got, want = got.astype(wide), want.astype(wide)
    limit = np.broadcast_to(np.asarray(bound, np.float64), want.shape)
    special = ~np.isfinite(want)
    if not np.array_equal(got[special], want[special], equal_nan=True):
        where = np.argwhere(special & ~_same(got, want))[0]
        _fail(got, want, where, "NaN or infinity is not where it was expected")
    if not np.isfinite(got[~special]).all():
        where = np.argwhere(~special & ~np.isfinite(got))[0]
        _fail(got, want, where, "a number was expected")
    error = np.zeros(want.shape, wide)
    error[~special] = np.abs(got[~special] - want[~special])
    bad = error > limit
    if bad.any():
        excess = error / np.maximum(limit, np.finfo(np.float64).tiny)
        where = np.unravel_index(np.argmax(np.where(bad, excess, 0)), bad.shape)
        _fail(
            got,
            want,
            where,
            f"{bad.sum():,} of {bad.size:,} elements leave the bound; worst: "
            f"{float(excess[where]):.3g} times the bound {limit[where]:.3g}",
        )
    positive = limit > 0
    return float((error[positive] / limit[positive]).max(initial=0.0))


def assert_exact(actual: ArrayLike, expected: ArrayLike) -> None:
    """Fail unless dtype, shape and every bit agree (any NaN equals any NaN)."""
    got, want = np.asarray(actual), np.asarray(expected)
    if got.dtype != want.dtype:
        raise AssertionError(f"dtype {got.dtype}, expected {want.dtype}")
    _assert_shape(got, want)
    same = _same(got, want)
    if got.dtype.kind == "f":
        same &= np.isnan(want) | (np.signbit(got) == np.signbit(want))
    if not same.all():
        where = np.argwhere(~same)[0]
        _fail(got, want, where, f"{(~same).sum():,} of {same.size:,} elements differ")


def assert_within_ulps(actual: ArrayLike, reference: ArrayLike, ulps: float) -> float:
    """Fail where actual is more than ``ulps`` units in the last place from a reference.

    The reference is of higher precision. The unit is the spacing of actual's dtype at
    the reference. Returns the worst distance.
    """
    got = np.asarray(actual)
    want = np.asarray(reference)
    finite = np.isfinite(want)
    rounded = np.abs(np.where(finite, want, 0)).astype(got.dtype)
    spacing = np.spacing(rounded).astype(np.float64)
    return ulps * assert_within(got, want, np.where(finite, ulps * spacing, 0.0))


def assert_not_vacuous(reference: ArrayLike) -> None:
    """Fail when a comparison would prove nothing: no elements, or 90 % zeros."""
    values = np.asarray(reference)
    if values.size == 0:
        raise AssertionError("nothing was compared: the reference is empty")
    zeros = np.count_nonzero(values == 0) / values.size
    if zeros > 0.9:
        raise AssertionError(f"{zeros:.0%} of the reference is zero: choose other data")


def _same(got: NDArray[Any], want: NDArray[Any]) -> NDArray[np.bool_]:
    same = got == want
    if want.dtype.kind in "fc":
        same |= np.isnan(got) & np.isnan(want)
    return np.asarray(same)


def _assert_shape(got: NDArray[Any], want: NDArray[Any]) -> None:
    if got.shape != want.shape:
        raise AssertionError(f"shape {got.shape}, expected {want.shape}")


def _fail(got: NDArray[Any], want: NDArray[Any], where: Any, what: str) -> None:
    index = tuple(int(i) for i in where)
    raise AssertionError(
        f"{what}\nat {index}: got {got[index]!r}, expected {want[index]!r}"
    )
