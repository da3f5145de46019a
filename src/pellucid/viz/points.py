"""Points of the plane with their classes, and where a model draws the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.errors import describe
from pellucid.viz.canvas import (
    Array,
    check_labels,
    check_names,
    check_points,
    class_style,
    new_axes,
)

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential


def plot_points(
    x: ArrayLike,
    y: ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """Scatter points of the plane, each class with a colour and a marker of its own.

    Parameters
    ----------
    x : array_like (n, 2)
    y : array_like (n,)
        Class labels from 0.
    class_names : sequence of str, optional
        By default "class 0", "class 1", ...
    ax : matplotlib Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError, TypeError
        Shapes or labels that do not fit.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> ax = plot_points(*pl.data.make_spiral(90))
    >>> [len(dots.get_offsets()) for dots in ax.collections]
    [30, 30, 30]
    """
    points = check_points(x)
    labels = check_labels(y, len(points))
    names = check_names(class_names, int(labels.max()) + 1, "class ")
    ax = new_axes(5.2, 4.4) if ax is None else ax
    for label in np.unique(labels):
        colour, marker = class_style(int(label))
        ax.scatter(
            *points[labels == label].T,
            s=24,
            c=colour,
            marker=marker,
            edgecolors="black",
            linewidths=0.5,
            label=names[label],
            zorder=3,
        )
    ax.set(xlabel="$x_0$", ylabel="$x_1$")
    ax.grid(color="0.92")
    ax.legend()
    return ax


def plot_decision_boundary(
    model: Sequential,
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    steps: int = 200,
    margin: float = 0.15,
    class_names: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """Colour the plane by the class that a model predicts, with the points on it.

    The line is where two classes are equally likely: with several outputs, where the
    two largest are equal; with one, where the probability is 0.5.

    Parameters
    ----------
    model : Sequential
        For inputs of two numbers; compiled, when it has one output column.
    x : array_like (n, 2)
        Points that say which part of the plane to draw.
    y : array_like (n,), optional
        Their classes; without them the points are not drawn.
    steps : int
        Predictions along each axis, at least 2.
    margin : float
        Free space around the points, as a share of their range.
    class_names : sequence of str, optional
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes

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
    >>> x, y = pl.data.make_moons(100)
    >>> model = pl.mlp([2, 8, 2], seed=0)
    >>> plot_decision_boundary(model, x, y, steps=20).get_xlabel()
    '$x_0$'
    """
    model.require_built("plot_decision_boundary")
    if model.input_shape != (2,):
        raise ValueError(
            describe(
                f"the model takes samples of shape {model.input_shape}",
                "Expected a model of points in the plane: input_shape (2,)",
                "Train one on two of the columns.",
            )
        )
    points = check_points(x)
    count = check_integer(steps, "steps", low=2, hint="Pass steps=200.")
    space = check_number(margin, "margin", at_least=0)
    low, high = points.min(axis=0), points.max(axis=0)
    wide = np.where(high > low, high - low, 1.0) * space
    columns, rows = (
        np.linspace(start, stop, count)
        for start, stop in zip(low - wide, high + wide, strict=True)
    )
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    leads = _leads(model, grid).reshape(count, count, -1)
    ax = new_axes(5.2, 4.4) if ax is None else ax
    for label in range(leads.shape[-1]):
        lead = leads[..., label]
        if lead.max() <= 0:
            continue
        colour, _ = class_style(label)
        ax.contourf(
            *(columns, rows, lead),
            levels=[0, float(lead.max())],
            colors=[colour],
            alpha=0.3,
        )
        if lead.min() < 0:
            ax.contour(columns, rows, lead, levels=[0], colors="0.25", linewidths=0.8)
    if y is not None:
        plot_points(points, y, class_names=class_names, ax=ax)
    ax.set(
        xlabel="$x_0$",
        ylabel="$x_1$",
        xlim=(columns[0], columns[-1]),
        ylim=(rows[0], rows[-1]),
    )
    return ax


def _leads(model: Sequential, grid: Array) -> Array:
    """For each class, by how much it is ahead of the best other one."""
    if model.inner_shapes[-1] == (1,):
        ahead = model.predict_proba(grid).astype(np.float64) - 0.5
        _require_finite(ahead)
        return np.concatenate([-ahead, ahead], axis=1)
    scores = model.predict(grid).astype(np.float64)
    if scores.ndim != 2:
        raise ValueError(
            describe(
                f"the model gives outputs of shape {scores.shape[1:]}",
                "Expected one number for each class",
                "Let the model end with Dense(classes).",
            )
        )
    _require_finite(scores)
    ordered = np.sort(scores, axis=1)
    best, second = ordered[:, -1:], ordered[:, -2:-1]
    return scores - np.where(scores == best, second, best)


def _require_finite(scores: Array) -> None:
    if not np.isfinite(scores).all():
        raise ValueError(
            describe(
                "the model gives NaN or infinity for some points",
                "Expected finite outputs",
                "Use plot_weights(model) to see whether its weights are finite.",
            )
        )
