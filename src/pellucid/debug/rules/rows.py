"""Rules about x: what is missing, constant, badly scaled, or known already."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.core.layer import Array
from pellucid.debug.case import Case
from pellucid.debug.finding import Finding
from pellucid.debug.thresholds import limit

KEEP = "keep = np.isfinite(x.reshape(len(x), -1)).all(axis=1); x, y = x[keep], y[keep]"
KEEP_Y = (
    "keep = np.isfinite(y.reshape(len(y), -1)).all(axis=1); x, y = x[keep], y[keep]"
)
STANDARDIZE = "x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-8)"


def values_missing(case: Case) -> Iterator[Finding]:
    """NaN or infinity in x or y."""
    for name, array, repair in (("x", case.x, KEEP), ("y", case.y, KEEP_Y)):
        if array.dtype.kind != "f":
            continue
        bad: Array = ~np.isfinite(array.reshape(len(array), -1))
        if bad.any():
            rows: Array = np.any(bad, axis=1)
            columns: Array = np.any(bad, axis=0)
            first = int(rows.argmax())
            yield Finding(
                "values_missing",
                "error",
                name,
                f"{name} holds NaN or infinity",
                f"One such number in a batch makes the loss of the whole batch NaN; "
                f"{_rows(int(rows.sum()))} of {len(rows):,} {_have(rows)} one.",
                f"first at row {first}, column {int(bad[first].argmax())}; "
                f"{int(columns.sum())} of {columns.size} columns are touched",
                repair,
            )


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


def _have(rows: Array) -> str:
    return "has" if rows.sum() == 1 else "have"


def inputs_constant(case: Case) -> Iterator[Finding]:
    """Every sample is the same."""
    x = case.looked_at
    if len(x) > 1 and np.ptp(x, axis=0).max() == 0:
        yield Finding(
            "inputs_constant",
            "error",
            "x",
            "all samples are equal",
            "Every row of x holds the same numbers, so nothing can be told from them.",
            f"{len(x):,} rows looked at, largest difference 0",
            "print(x[:3])   # check how x was loaded",
        )


def outliers(case: Case) -> Iterator[Finding]:
    """A few numbers far outside the range of the others."""
    x = case.scaled
    if len(x) < 50 or not np.isfinite(x).all() or _normalizes(case):
        return
    flat = x if case.columns else x.reshape(-1, 1)
    low, middle, high = case.percentiles
    span = high - low
    if not (span > 0).any():
        return
    usual = float(np.median(span[span > 0]))  # of columns that mostly stand still
    span = np.where(span > 0.01 * usual, span, usual)
    distance = np.abs(flat - middle) / span
    far = distance > limit("outlier")
    share = far.any(axis=1).mean()
    if far.any() and share <= 0.02:
        where = np.unravel_index(int(distance.argmax()), distance.shape)
        column = int(where[1])
        yield Finding(
            "outliers",
            "warning",
            "x",
            "x has outliers",
            f"{100 * share:.2g} % of the rows hold numbers far outside the range of "
            "all others; one such row can undo what many steps learnt.",
            f"{flat[where]:.4g} where 98 % lie from {low[column]:.4g} to "
            f"{high[column]:.4g}",
            "x = np.clip(x, np.percentile(x, 1, axis=0), np.percentile(x, 99, axis=0))",
        )


def inputs_not_scaled(case: Case) -> Iterator[Finding]:
    """Numbers much larger or smaller than 1, or columns of very different scale."""
    x = case.scaled
    if not np.isfinite(x).all() or not x.any() or _normalizes(case, "batch"):
        return
    of_any_size = _normalizes(case)
    if any(True for _ in outliers(case)):
        x = np.clip(x, *np.percentile(x, [1, 99], axis=0))
    size = np.sqrt((x * x).mean(axis=0))
    largest = float(size.max())
    spread = x.std(axis=0)
    used = spread[spread > 0]
    ratio = float(used.max() / used.min()) if case.columns and len(used) > 1 else 1.0
    seen = (
        f"x runs from {x.min():.4g} to {x.max():.4g}, mean {x.mean():.3g}, deviation "
        f"{x.std():.3g}"
    )
    wanted = "layers start out expecting about mean 0, deviation 1."
    if largest > limit("large_input") and not of_any_size:
        by = 255 if x.min() >= 0 and 100 < x.max() <= 255 else None
        what, repair = "the inputs are not scaled", STANDARDIZE
        if by or not case.columns:
            divisor = by or float(f"{x.max():.2g}")
            repair = f'x = x.astype("float32") / {divisor:g}'
    elif largest < limit("small_input") and not of_any_size:
        what = "the inputs are very small"
        repair = STANDARDIZE if case.columns else f"x = x / {x.std():.2g}"
    elif ratio > limit("scale_spread") and used.min() * limit("large_input") < 1:
        if (spread > 0.1 * used.max()).mean() > 0.9:
            return
        what, repair = "the columns of x differ in scale", STANDARDIZE
        seen += f"; deviations of columns from {used.min():.2g} to {used.max():.2g}"
        if used.max() < 1:  # small next to 1, as the pixels of the border
            return
    else:
        return
    yield Finding(
        "inputs_not_scaled",
        "warning",
        "x",
        what,
        f"{seen}; {wanted}",
        f"largest root mean square of a column {largest:.3g} (0.01 to 10 is fine)",
        repair,
    )


def inputs_off_centre(case: Case) -> Iterator[Finding]:
    """Columns whose mean is large beside their deviation."""
    x = case.scaled
    if not np.isfinite(x).all() or _normalizes(case, "batch") or len(x) < 2:
        return
    spread, middle = x.std(axis=0), np.abs(x.mean(axis=0))
    used = spread > 0
    if not used.any():
        return
    offset = middle[used] / spread[used]
    large = middle[used] > 0.5
    share = float(((offset > limit("offset_input")) & large).mean())
    if share > 0.5 and np.sqrt((x * x).mean(axis=0)).max() <= limit("large_input"):
        yield Finding(
            "inputs_off_centre",
            "warning",
            "x",
            "the inputs are far from centred",
            "The columns of x hardly vary beside their mean, so all samples look alike "
            "to the first layer.",
            f"mean over deviation {np.median(offset):.3g} (below 10 is fine) in "
            f"{100 * share:.0f} % of the columns",
            STANDARDIZE,
            "likely",
        )


def validation_differs(case: Case) -> Iterator[Finding]:
    """Validation rows on another scale than training rows."""
    if case.validation is None or not np.isfinite(case.looked_at).all():
        return
    x = case.looked_at
    other = np.asarray(
        case.validation.x[:2000].reshape(len(case.validation.x[:2000]), -1), np.float64
    )
    one, two = float(x.std()), float(other.std())
    shift = abs(float(x.mean()) - float(other.mean())) / max(one, 1e-12)
    ratio = max(one, two) / max(min(one, two), 1e-12)
    factor = two / max(one, 1e-12)
    alike = abs(float(other.mean()) - factor * float(x.mean())) < 0.2 * two
    if ratio > 5 or shift > 3:
        yield Finding(
            "validation_differs",
            "warning",
            "validation x",
            "validation data is scaled differently",
            "What prepares the training rows must prepare the validation rows in the "
            "same way, with the numbers of the training rows.",
            f"training mean {x.mean():.3g}, deviation {one:.3g}; validation mean "
            f"{other.mean():.3g}, deviation {two:.3g}",
            f"x_val = x_val / {factor:.3g}"
            if alike
            else "scale = pl.data.Standardizer(x); x, x_val = scale(x), scale(x_val)"
            "   # of the raw numbers",
        )


def validation_leaks(case: Case) -> Iterator[Finding]:
    """Validation rows that are training rows."""
    if case.validation is None:
        return
    known = _hashes(case.x)
    asked = _hashes(case.validation.x.astype(case.x.dtype, copy=False))
    repeated = 1 - len(set(known)) / len(known)
    seen = set(known)
    share = sum(row in seen for row in asked) / len(asked)
    if share >= limit("leak_share") and share > 2 * repeated:
        yield Finding(
            "validation_leaks",
            "warning",
            "validation x",
            "validation rows are in the training data",
            f"{100 * share:.0f} % of the validation rows are trained on, so the "
            "validation loss looks better than it is.",
            f"{share * len(asked):.0f} of {len(asked):,} rows are equal to the bit; "
            f"{100 * repeated:.1f} % of the training rows repeat another one",
            "seen = {r.tobytes() for r in x}; keep = [r.tobytes() not in seen for r in "
            "x_val]; x_val, y_val = x_val[keep], y_val[keep]",
        )


def _hashes(x: Array) -> list[bytes]:
    rows = np.ascontiguousarray(x.reshape(len(x), -1)[:20000])
    return [row.tobytes() for row in rows]


def columns_constant(case: Case) -> Iterator[Finding]:
    """Columns that never change (a note)."""
    if not case.columns or len(case.looked_at) < 2:
        return
    still = np.ptp(case.looked_at, axis=0) == 0
    if still.any() and not still.all():
        yield Finding(
            "columns_constant",
            "note",
            "x",
            "some columns never change",
            f"{int(still.sum())} of {still.size} columns hold one number in all rows; "
            "they cost time and teach nothing.",
            "first: column " + str(int(still.argmax())),
            "x = x[:, np.ptp(x, axis=0) > 0]   # and build the model for these",
        )


def _normalizes(case: Case, *kinds: str) -> bool:
    """Whether one of the first two layers takes the scale of the inputs away.

    Over the batch, that is the scale of every column; in every sample by itself, only
    that of the whole. Neither helps numbers that drown in its epsilon.
    """
    known = kinds or ("batch", "sample")
    power = float(np.square(case.scaled).mean(axis=0).max(initial=0.0))
    return any(
        layer.normalizes in known and power > getattr(layer, "epsilon", 0.0)
        for layer in case.model.layers[:2]
    )
