"""Pictures of classes that were predicted: which are confused, which samples fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.checks import check_integer
from pellucid.errors import describe
from pellucid.metrics import confusion_matrix
from pellucid.viz.canvas import (
    MOST_TILES,
    Array,
    Tiles,
    check_labels,
    check_names,
    new_axes,
    picture_of,
)

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential


def plot_confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    normalize: bool = False,
    ax: Any = None,
) -> Any:
    """Draw how often each class was taken for which.

    Parameters
    ----------
    y_true, y_pred : array_like (n,)
        Class labels from 0.
    class_names : sequence of str, optional
        Their numbers by default.
    normalize : bool, default False
        Write percent of the true class instead of counts. Colours show it anyway.
    ax : matplotlib Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    Axes
        True classes are rows, predicted ones columns.

    Raises
    ------
    ValueError, TypeError
        As `pellucid.metrics.confusion_matrix`; no samples; too few names.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> ax = plot_confusion_matrix([0, 1, 1], [0, 1, 0])
    >>> [text.get_text() for text in ax.texts]
    ['1', '0', '1', '1']
    """
    given = None if class_names is None else len(class_names)
    counts = confusion_matrix(y_true, y_pred, n_classes=given)
    total = int(counts.sum())
    if not total:
        raise ValueError(
            describe(
                "y_true and y_pred are empty",
                "Expected at least one sample",
                "Check how they were cut.",
            )
        )
    size = len(counts)
    names = check_names(class_names, size)
    rows = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares = counts / rows
    if ax is None:
        side = min(max(2.6, 0.46 * size + 1.4), 12.0)
        ax = new_axes(side + 0.6, side)
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(size, size):
        ax.text(
            *(j, i, f"{100 * shares[i, j]:.0f}" if normalize else str(counts[i, j])),
            ha="center",
            va="center",
            fontsize=8 if size <= 20 else 5,
            color="white" if shares[i, j] > 0.5 else "black" if counts[i, j] else "0.6",
        )
    long = max(map(len, names)) > 3
    ax.set_xticks(range(size), names, rotation=45 if long else 0)
    if long:
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.set_yticks(range(size), names)
    right = 100 * np.trace(counts) / total
    ax.set(
        xlabel="predicted class",
        ylabel="true class",
        title=f"{right:.1f} % of {total:,} right",
    )
    ax.figure.colorbar(image, ax=ax, label="share of the true class", shrink=0.8)
    return ax


def plot_misclassified(
    model: Sequential,
    x: ArrayLike,
    y: ArrayLike,
    *,
    count: int = 16,
    class_names: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """Show samples that a model takes for another class, the surest errors first.

    Parameters
    ----------
    model : Sequential
        For images of 1 or 3 channels.
    x : array_like (n, h, w, c)
    y : array_like (n,)
        Class labels from 0.
    count : int
        How many to show, 1 to 64.
    class_names : sequence of str, optional
        Their numbers by default.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
        Above each picture its class, and the one that was predicted. The title says
        how many there are in all.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit.
    RuntimeError
        The model is not built, or its output is not known to be a probability.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> (x, y), _ = pl.data.load_digits()
    >>> layers = [pl.Flatten(), pl.Dense(10)]
    >>> model = pl.Sequential(layers, input_shape=(8, 8, 1), seed=0)
    >>> ax = plot_misclassified(model, x[:50], y[:50], count=9)
    >>> len(ax.images), ax.get_title().split(",")[0].endswith("of 50 misclassified")
    (9, True)
    """
    model.require_built("plot_misclassified")
    wanted = check_integer(count, "count", low=1, hint="Pass count=16.")
    if wanted > MOST_TILES:
        raise ValueError(
            describe(
                f"count is {wanted}",
                f"Expected at most {MOST_TILES}: more cannot be read on one picture",
                "Pass count=16.",
            )
        )
    images = model.door(x).features(x)
    labels = check_labels(y, len(images))
    predicted = model.predict_classes(x)
    wrong = np.flatnonzero(predicted != labels)
    title = f"{len(wrong):,} of {len(labels):,} misclassified"
    if not len(wrong):
        ax = new_axes(4.0, 1.0) if ax is None else ax
        ax.set_axis_off()
        ax.set_title(title)
        return ax
    wrong = wrong[np.argsort(-_certainty(model, x)[wrong], kind="stable")]
    chosen = wrong[:wanted]
    names = check_names(class_names, int(max(labels.max(), predicted.max())) + 1)
    picture_of(images[chosen[0]])  # refuses what is no picture before drawing
    grid = Tiles(len(chosen), *images.shape[1:3], lines=2, ax=ax)
    for number, index in enumerate(chosen):
        true, found = names[labels[index]], names[predicted[index]]
        grid.draw(
            number,
            picture_of(images[index]),
            f"is {true},\ntaken for {found}",
            cmap="gray",
        )
    if len(chosen) < len(wrong):
        title += f", the {len(chosen)} surest"
    grid.ax.set_title(title)
    return grid.ax


def _certainty(model: Sequential, x: ArrayLike) -> Array:
    """How far the predicted class is ahead of the others."""
    if model.inner_shapes[-1] == (1,):
        return np.abs(model.predict_proba(x)[:, 0] - 0.5)
    scores = np.sort(model.predict(x), axis=-1)
    return np.asarray(scores[:, -1] - scores[:, -2])
