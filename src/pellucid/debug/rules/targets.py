"""Rules about y: its form, its shares, and whether it belongs to the rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.core.layer import Array
from pellucid.debug.case import Case, instead
from pellucid.debug.finding import Finding
from pellucid.debug.thresholds import limit

OF_CLASSES = ', and loss="softmax_cross_entropy"'


def resized(case: Case, outputs: int) -> str:
    """The line that proposes a last layer of so many outputs."""
    for name, layer in reversed(case.layers):
        config = layer.config()
        if "filters" in config:
            return instead(name, layer, filters=outputs)
        if "units" in config:
            return instead(name, layer, units=outputs)
    return f"pl.Dense({outputs})   # after {case.layers[-1][0]}"


def _few_whole_numbers(y: Array) -> bool:
    """Whether one column of values looks like labels of at most 20 classes."""
    values = np.unique(y)
    whole = bool(np.isfinite(y).all() and (values == np.round(values)).all())
    return whole and y.size == len(y) and len(values) <= min(20, len(y) // 10)


def targets_refused(case: Case) -> Iterator[Finding]:
    """Targets that the loss does not take: shape, range, labels from 1."""
    if case.refusal is None:
        return
    lines = case.refusal.splitlines()
    units = case.model.inner_shapes[-1][-1]
    y = case.y
    repair = lines[-1]
    numbers = y.dtype.kind in "iuf" and y.size and bool(np.isfinite(y).all())
    if numbers and case.kind == "categorical" and y.size == len(y):
        if y.min() == 1 and y.max() == units:
            repair = "y = y - 1"
        elif y.min() >= 0 and y.max() >= units > 1:
            repair = resized(case, int(y.max()) + 1)
        elif y.min() >= 0 and y.max() < units:
            repair = 'model.compile(model.optimizer, loss="categorical_cross_entropy")'
    elif numbers and case.kind == "binary" and set(np.unique(y)) == {-1, 1}:
        repair = "y = (y + 1) / 2"
    elif numbers and case.kind == "binary" and _few_whole_numbers(y):
        repair = resized(case, int(y.max()) + 1) + OF_CLASSES
    elif numbers and case.kind == "regression" and y.size == len(y) and units > 1:
        repair = (
            'model.compile(model.optimizer, loss="softmax_cross_entropy")   # y has '
            "labels"
        )
    yield Finding(
        "targets_refused",
        "error",
        "y",
        "the targets do not fit the loss",
        " ".join(lines[:-1]),
        f"y has shape {y.shape}, dtype {y.dtype}"
        + (f", from {y.min():g} to {y.max():g}" if numbers else "")
        + f"; the last layer gives {units} numbers for each sample",
        repair,
    )


def targets_constant(case: Case) -> Iterator[Finding]:
    """Only one class, or one value."""
    y = case.y if case.labels is None else case.labels
    if case.refusal or len(y) < 2 or y.dtype.kind not in "iuf":
        return
    rows = y.reshape(len(y), -1)
    if (rows == rows[0]).all():
        yield Finding(
            "targets_constant",
            "error",
            "y",
            "all targets are equal",
            "Every sample has the same target: there is nothing to learn but that.",
            f"y is {rows[0, 0]:g} in all {len(y):,} rows",
            "print(np.unique(y, return_counts=True))   # check how y was loaded",
        )


def targets_shifted(case: Case) -> Iterator[Finding]:
    """Targets that belong to the row before or after."""
    near = case.neighbours
    if near is None or near.z > limit("chance_z"):
        return
    shift, score, z = near.best_shift
    if z > limit("shifted_z"):
        rows = "row" if abs(shift) == 1 else "rows"
        side = "later" if shift < 0 else "earlier"
        yield Finding(
            "targets_shifted",
            "error",
            "y",
            f"y is shifted by {abs(shift)} {rows}",
            "Rows of x that are alike have nothing in common in y, but very much in "
            f"the targets {abs(shift)} {rows} {side}.",
            f"agreement of the 5 nearest rows: {near.score:.2f} as given, {score:.2f} "
            f"shifted, {near.chance:.2f} by chance",
            f"y = np.roll(y, {shift}, axis=0)",
        )


def targets_not_scaled(case: Case) -> Iterator[Finding]:
    """Values to predict that are far from 1."""
    y = case.y
    if case.kind != "regression" or case.refusal or not np.isfinite(y).all():
        return
    size = float(np.sqrt(np.mean(np.square(y, dtype=np.float64))))
    scale = "not scaled" if size > limit("large_input") else "very small"
    if size == 0 or limit("small_input") <= size <= limit("large_input"):
        return
    yield Finding(
        "targets_not_scaled",
        "warning",
        "y",
        f"the targets are {scale}",
        "The last layer starts out giving numbers of about 1 and has a long way to go.",
        f"y runs from {y.min():.4g} to {y.max():.4g}, mean {y.mean():.3g}, deviation "
        f"{y.std():.3g}",
        "y = (y - y.mean()) / y.std()",
    )


def targets_contradict(case: Case) -> Iterator[Finding]:
    """Equal rows with different labels."""
    if case.labels is None or len(case.x) > 20000 or case.refusal:
        return
    first: dict[bytes, set[int]] = {}
    keys = [row.tobytes() for row in np.ascontiguousarray(case.x)]
    for key, label in zip(keys, case.labels.tolist(), strict=True):
        first.setdefault(key, set()).add(label)
    share = sum(len(first[key]) > 1 for key in keys) / len(keys)
    if share >= limit("conflict_share") and len(first) > 1:
        yield Finding(
            "targets_contradict",
            "warning",
            "y",
            "equal samples have different labels",
            f"{100 * share:.0f} % of the rows have an equal twin with another label; "
            "no network can get both right.",
            f"{len(first):,} different rows among {len(keys):,}",
            "_, keep = np.unique(x, axis=0, return_index=True); x, y = x[keep], "
            "y[keep]",
        )


def order_kept(case: Case) -> Iterator[Finding]:
    """Sorted labels, and no shuffling."""
    y = case.labels
    if case.shuffle or y is None or len(y) < 4 * case.batch_size:
        return
    changes = int(np.count_nonzero(np.diff(y)))
    if changes < 0.2 * len(y) * (1 - np.mean((np.bincount(y) / len(y)) ** 2)) ** 2:
        yield Finding(
            "order_kept",
            "warning",
            "y",
            "classes come one after the other",
            "The samples are sorted by class and not shuffled, so every batch teaches "
            "one class and unteaches the others.",
            f"{changes + 1} runs of equal labels in {len(y):,} rows",
            "model.fit(x, y, shuffle=True)",
        )


def classes_as_numbers(case: Case) -> Iterator[Finding]:
    """A squared error for what are classes."""
    y = case.y
    if case.kind != "regression" or case.refusal or y.size == 0:
        return
    if not np.isfinite(y).all() or (y != np.round(y)).any():
        return
    values = np.unique(y)
    one_hot = y.ndim == 2 and y.shape[1] > 1
    if one_hot:
        if set(values) != {0, 1} or (y.sum(axis=1) != 1).any():
            return
        what = "Rows with a single 1 are classes"
        repair = 'model.compile(model.optimizer, loss="softmax_cross_entropy")'
    elif _few_whole_numbers(y):
        what = f"y has {len(values)} whole numbers, which look like classes"
        repair = (
            'model.compile(model.optimizer, loss="sigmoid_binary_cross_entropy")'
            if set(values) == {0, 1}
            else resized(case, int(values.max()) + 1) + OF_CLASSES
        )
    else:
        return
    yield Finding(
        "classes_as_numbers",
        "note" if set(values) == {0, 1} and not one_hot else "warning",
        "loss",
        "a loss for measured values, on classes",
        f"{what}; {type(case.loss).__name__} treats them as amounts and gives weak "
        "gradients where the network is wrong.",
        f"{len(values)} different values from {values.min():g} to {values.max():g}",
        repair,
        "likely" if one_hot else "possible",
    )


def imbalance(case: Case) -> Iterator[Finding]:
    """Classes of very different size, without weights."""
    if case.labels is None or case.refusal or case.weighted:
        return
    counts = np.bincount(case.labels)
    counts = counts[counts > 0]
    ratio = counts.max() / counts.min()
    if len(counts) < 2 or ratio < limit("imbalance_note"):
        return
    grave = ratio >= limit("imbalance")
    yield Finding(
        "imbalance",
        "warning" if grave else "note",
        "y",
        "the classes are unbalanced",
        f"The largest class has {ratio:.3g} times the samples of the smallest; always "
        f"answering with it is right in {100 * counts.max() / counts.sum():.0f} % of "
        "cases.",
        f"samples of the classes from {counts.min():,} to {counts.max():,}",
        'model.fit(x, y, class_weight="balanced")',
    )


def units_unused(case: Case) -> Iterator[Finding]:
    """More outputs than classes (a note)."""
    y = case.labels
    if y is None or case.refusal or case.kind != "categorical":
        return
    seen = len(np.unique(y))
    if seen < case.classes and len(y) > 10 * case.classes and seen > 1:
        name = case.layers[-1][0]
        yield Finding(
            "units_unused",
            "note",
            name,
            f"{name} has outputs for classes that do not occur",
            f"There are {case.classes} outputs, and y names {seen} classes.",
            f"labels from {y.min()} to {y.max()} in {len(y):,} rows",
            resized(case, int(y.max()) + 1),
        )
