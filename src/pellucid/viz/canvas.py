"""What all pictures share: axes, colours, tiles, checks of what is drawn.

New axes belong to a figure of their own, outside of pyplot: nothing opens a window,
nothing stays in memory once the axes are gone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.checks import class_labels, real_array
from pellucid.errors import describe

Array = NDArray[Any]

# Okabe and Ito (2008), Color universal design: told apart by colour-blind readers too.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#767676"
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":")

MOST_TILES = 64
"""How many small pictures fit on one axes and are still seen."""


def require_matplotlib() -> Any:
    """Import matplotlib, or say what to install."""
    try:
        import matplotlib.figure
    except ImportError as error:
        raise ImportError(missing("matplotlib")) from error
    return matplotlib


def missing(library: str) -> str:
    """The message when a library of the extra `plot` is not installed."""
    return describe(
        f"{library} is not installed",
        "Expected the extra `plot` for pictures",
        'Run: python -m pip install "pellucid[plot]"',
    )


def new_axes(width: float = 6.0, height: float = 4.0) -> Any:
    """The axes of a new figure, sizes in inches."""
    return new_grid(1, 1, width, height)[0]


def new_grid(rows: int, columns: int, width: float, height: float) -> list[Any]:
    """The axes of a new figure, row by row; sizes are of the whole figure."""
    figure = require_matplotlib().figure.Figure((width, height), layout="constrained")
    return list(figure.subplots(rows, columns, squeeze=False).flat)


def check_axes(axes: Any, count: int) -> list[Any]:
    """The first ``count`` of the axes that a caller passed, or raise."""
    given = [axes] if hasattr(axes, "plot") else list(np.ravel(axes))
    if len(given) < count:
        raise ValueError(
            describe(
                f"axes has {len(given)} panels",
                f"Expected {count}, one for each picture",
                "Pass axes=figure.subplots(rows, columns), or leave axes out.",
            )
        )
    return given[:count]


def panels(axes: Any, count: int, *, columns: int = 4, size: float = 3.0) -> list[Any]:
    """One axes for each of ``count`` pictures: the caller's, or those of a new figure.

    Spare panels of a new figure are removed.
    """
    if axes is not None:
        return check_axes(axes, count)
    columns = min(columns, count)
    rows = -(-count // columns)
    made = new_grid(rows, columns, size * columns, 0.8 * size * rows)
    for spare in made[count:]:
        spare.remove()
    return made[:count]


class Tiles:
    """Small pictures of one size on one axes, row by row, with text above each.

    Coordinates count pixels of the pictures.

    Parameters
    ----------
    count : int
    height, width : int
        Of one picture, in pixels.
    columns : int, optional
        By default as many as rows, or one more.
    lines : int, default 0
        Lines of text above each picture.
    beside : float, default 0
        Inches to leave on the right of the pictures in a new figure.
    ax : matplotlib Axes, optional
    """

    def __init__(
        self,
        count: int,
        height: int,
        width: int,
        *,
        columns: int | None = None,
        lines: int = 0,
        beside: float = 0.0,
        ax: Any = None,
    ) -> None:
        self.height, self.width = height, width
        self.columns = columns or math.ceil(math.sqrt(count))
        rows = -(-count // self.columns)
        gap = 0.28 if lines else 0.1
        inches = min(1.1, 7.5 / self.columns) if not lines else 1.05
        self.pitch_x = width * (1 + gap)
        above = height * gap if not lines else 0.06 * height
        text = lines * 0.15 * self.pitch_x / inches  # 0.15 inches a line
        self.pitch_y = height + above + text
        if ax is None:
            ratio = self.pitch_y / self.pitch_x
            ax = new_axes(
                max(inches * self.columns, 2.4) + 0.2 + beside,
                inches * rows * ratio + 0.4,
            )
        ax.set_xlim(-0.05 * width, (self.columns - 1) * self.pitch_x + 1.05 * width)
        bottom = (rows - 1) * self.pitch_y + 1.05 * height
        ax.set_ylim(bottom, -text - 0.05 * height)
        ax.set_aspect("equal")
        ax.set_axis_off()
        self.ax = ax

    def draw(self, number: int, picture: Array, text: str = "", **options: Any) -> Any:
        """Draw picture ``number``; options go to ``ax.imshow``."""
        left = number % self.columns * self.pitch_x
        top = number // self.columns * self.pitch_y
        if text:
            self.ax.text(
                *(left + self.width / 2, top - 0.04 * self.height, text),
                ha="center",
                va="bottom",
                fontsize=8,
            )
        extent = (left, left + self.width, top + self.height, top)
        options = {"interpolation": "nearest"} | options
        limits = self.ax.get_xlim(), self.ax.get_ylim()
        image = self.ax.imshow(picture, extent=extent, **options)
        self.ax.set(xlim=limits[0], ylim=limits[1])
        return image


def picture_of(image: Array) -> Array:
    """An image (h, w, c) as matplotlib shows it: (h, w), or colours in [0, 1].

    Bytes stay; numbers outside of [0, 1] are stretched to that range.

    Example
    -------
    >>> picture_of(np.array([[[-1.0], [3.0]]])).tolist()
    [[0.0, 1.0]]
    """
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(
            describe(
                f"a sample has shape {image.shape}",
                "Expected an image (h, w, 1) or (h, w, 3)",
                "Pass samples of a model that takes pictures.",
            )
        )
    shown = image[..., 0] if image.shape[-1] == 1 else image
    if shown.dtype == np.uint8:
        return shown
    low, high = float(shown.min()), float(shown.max())
    if low >= 0 and high <= 1:
        return shown
    return (shown - low) / (high - low or 1.0)


def class_style(label: int) -> tuple[str, str]:
    """Colour and marker of a class: 56 classes look different.

    Example
    -------
    >>> class_style(0), class_style(7)
    (('#0072B2', 'o'), ('#0072B2', '*'))
    """
    return COLOURS[label % len(COLOURS)], MARKERS[label % len(MARKERS)]


def check_names(names: Sequence[str] | None, count: int, prefix: str = "") -> list[str]:
    """A name for each class: prefix and number where none are given.

    Example
    -------
    >>> check_names(None, 2, "class ")
    ['class 0', 'class 1']
    """
    if names is None:
        return [f"{prefix}{label}" for label in range(count)]
    if isinstance(names, str) or len(names) < count:
        raise ValueError(
            describe(
                f"class_names is {names!r}",
                f"Expected {count} names, one for each class",
                "Leave class_names out for numbers.",
            )
        )
    return [str(name) for name in names]


def check_labels(y: ArrayLike, count: int) -> NDArray[np.int64]:
    """One class label from 0 for each of ``count`` samples, or raise."""
    labels = real_array(y, "y")
    if labels.shape == (count, 1):
        labels = labels.reshape(count)
    if labels.shape != (count,):
        raise ValueError(
            describe(
                f"y has shape {labels.shape} for {count} samples",
                f"Expected ({count},): one class label for each",
                "Pass y.argmax(axis=-1) for one-hot rows.",
            )
        )
    found = class_labels(labels, "y")
    if found.min(initial=0) < 0:
        raise ValueError(
            describe(
                f"y has the label {int(found.min())}",
                "Expected labels from 0",
                "Number the classes: _, y = np.unique(y, return_inverse=True).",
            )
        )
    return found


def check_points(x: ArrayLike) -> Array:
    """Points of the plane, (n, 2), or raise."""
    points = np.asarray(x)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(
            describe(
                f"x has shape {points.shape}",
                "Expected points of the plane: (n, 2)",
                "Choose two columns: x[:, [0, 1]].",
            )
        )
    return points
