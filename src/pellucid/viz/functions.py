"""Pictures of functions: activations, and optimizers on their way to a minimum."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.errors import describe
from pellucid.layers.activation import (
    activate,
    activate_backward,
    check_activation,
    saves_input,
)
from pellucid.optimizers import Optimizer
from pellucid.viz.canvas import BLUE, COLOURS, MARKERS, RED, Array, panels

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "swish")


def plot_activations(
    names: Sequence[str] = ACTIVATIONS,
    *,
    low: float = -5.0,
    high: float = 5.0,
    axes: Any = None,
) -> list[Any]:
    """Draw activation functions and their derivatives, one panel each.

    The numbers are those of the kernels that the layers use.

    Parameters
    ----------
    names : sequence of str
        As the argument ``activation`` of the layers.
    low, high : float
        The range of x.
    axes : sequence of matplotlib Axes, optional
        One for each name; by default those of a new figure, three in a row.

    Returns
    -------
    list of Axes

    Raises
    ------
    ValueError, TypeError
        A name that is none, or one that works on whole rows (softmax); low not below
        high; too few axes.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> [ax.get_title() for ax in plot_activations(["relu", "gelu"])]
    ['relu', 'gelu']
    """
    if isinstance(names, str) or not len(names):
        raise TypeError(
            describe(
                f"names is {names!r}",
                "Expected a list of activations",
                'Pass names=["relu", "tanh"].',
            )
        )
    words = [check_activation(name) for name in names]
    for word in words:
        if word.endswith("softmax"):
            raise ValueError(
                describe(
                    f'"{word}" has no curve: it works on whole rows',
                    "Expected activations of single numbers",
                    "Leave it out.",
                )
            )
    start, stop = check_number(low, "low"), check_number(high, "high")
    if start >= stop:
        raise ValueError(
            describe(
                f"low is {start:g} and high is {stop:g}",
                "Expected low below high",
                "Leave both out for -5 to 5.",
            )
        )
    x = np.linspace(start, stop, 501)
    drawn = panels(axes, len(words), columns=3)
    for name, word, ax in zip(names, words, drawn, strict=True):
        y = activate(x, word, np.empty_like(x))
        saved = x if saves_input(word) else y
        slope = activate_backward(np.ones_like(x), saved, word, np.empty_like(x))
        ax.axhline(0, color="0.8", lw=0.8)
        ax.axvline(0, color="0.8", lw=0.8)
        ax.plot(x, y, color=BLUE, lw=2, label="f(x)")
        ax.plot(x, slope, color=RED, ls="--", label="f'(x)")
        ax.set_title(name)
    drawn[0].legend(loc="upper left")
    return drawn


def optimizer_path(
    optimizer: Optimizer,
    gradient: Callable[[Any], ArrayLike],
    start: ArrayLike,
    steps: int = 20,
) -> Array:
    """Walk down a function with an optimizer, in float64.

    Parameters
    ----------
    optimizer : Optimizer
        A copy of it takes the steps.
    gradient : callable
        From a point, an array of the shape of ``start`` (a number for one), to the
        gradient there.
    start : float or array_like (d,)
    steps : int, default 20

    Returns
    -------
    float64 array (steps + 1, d)
        The points, the start first.

    Raises
    ------
    TypeError, ValueError
        Not an optimizer; a start or a gradient of the wrong shape.

    Example
    -------
    >>> import pellucid as pl
    >>> path = optimizer_path(pl.SGD(0.1), lambda x: 2 * x, 5.0)
    >>> path[-1].round(8).tolist()
    [0.05764608]
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            describe(
                f"the optimizer is {optimizer!r}",
                "Expected an object such as Adam(0.1)",
                "Make one: pellucid.SGD(0.1).",
            )
        )
    count = check_integer(steps, "steps", low=0, hint="Pass steps=20.")
    first = np.asarray(start, np.float64)
    if first.ndim > 1 or not first.size:
        raise ValueError(
            describe(
                f"start has shape {first.shape}",
                "Expected a number or one point (d,)",
                "Pass start=5.0 or start=(1.0, 2.0).",
            )
        )
    walker = copy.deepcopy(optimizer)
    walker.reset()
    place = np.atleast_1d(first).copy()
    slope = np.zeros_like(place)
    walker.build(place, slope)
    path = [place.copy()]
    for _ in range(count):
        point = place.copy() if first.ndim else float(place[0])
        found = np.atleast_1d(np.asarray(gradient(point), np.float64))
        if found.shape != place.shape:
            raise ValueError(
                describe(
                    f"gradient returned an array of shape {found.shape}",
                    f"Expected {place.shape}, as the start has",
                    "Return one number for each coordinate.",
                )
            )
        slope[:] = found
        walker.step()
        path.append(place.copy())
    return np.array(path)


def plot_optimizers(
    function: Callable[[Any], float],
    paths: Mapping[str, ArrayLike],
    *,
    minimum: float = 0.0,
    axes: Any = None,
) -> list[Any]:
    """Draw paths on a function of one or two numbers, and how fast they come down.

    Parameters
    ----------
    function : callable
        From a number, or from a point (2,), to a number.
    paths : dict
        By name, what `optimizer_path` returned.
    minimum : float
        The least value of the function; the second panel shows what is missing to it,
        on a logarithmic axis.
    axes : sequence of two matplotlib Axes, optional

    Returns
    -------
    list of Axes
        The paths, the convergence.

    Raises
    ------
    ValueError
        No paths, or points with more than two coordinates.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> path = optimizer_path(pl.Adam(0.5), lambda x: 2 * x, 5.0)
    >>> paths, speed = plot_optimizers(lambda x: x * x, {"Adam": path})
    >>> speed.get_yscale()
    'log'
    """
    points = {name: np.asarray(path, np.float64) for name, path in paths.items()}
    shapes = {path.shape[1:] for path in points.values()}
    if len(shapes) != 1 or not shapes <= {(1,), (2,)}:
        raise ValueError(
            describe(
                f"paths has points of the shapes {sorted(shapes)}",
                "Expected paths (n, 1) or (n, 2), all alike",
                "Pass what optimizer_path() returned.",
            )
        )
    flat = shapes == {(1,)}
    place, speed = panels(axes, 2, columns=2, size=5.0)
    everywhere = np.concatenate([*points.values()])
    _draw_function(place, function, everywhere, flat)
    for number, (name, path) in enumerate(points.items()):
        style = {
            "color": COLOURS[(0, 1, 3, 2, 4, 5)[number % 6]],
            "marker": MARKERS[number % len(MARKERS)],
            "markersize": max(7 - 1.5 * number, 3),  # seen where they coincide
            "markevery": max(len(path) // 25, 1),
            "linewidth": 1.2,
            "label": name,
        }
        values = np.array([_value(function, point, flat) for point in path])
        across = path[:, 0], values if flat else path[:, 1]
        place.plot(*across, **style)
        speed.plot(values - minimum, **style)
    place.set_title("path")
    speed.set(
        yscale="log",
        xlabel="step",
        ylabel=f"f - {minimum:g}" if minimum else "f",
        title="convergence",
    )
    speed.xaxis.get_major_locator().set_params(integer=True)
    speed.grid(color="0.92")
    speed.legend()
    return [place, speed]


def _value(function: Callable[[Any], float], point: Array, flat: bool) -> float:
    return float(function(float(point[0]) if flat else point))


def _draw_function(
    ax: Any, function: Callable[[Any], float], points: Array, flat: bool
) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    space = 0.1 * np.where(high > low, high - low, 1.0)
    low, high = low - space, high + space
    if flat:
        x = np.linspace(low[0], high[0], 201)
        ax.plot(x, [function(float(one)) for one in x], color="0.6", zorder=0)
        ax.set(xlabel="x", ylabel="f(x)")
        return
    x, y = (np.linspace(low[axis], high[axis], 61) for axis in (0, 1))
    z = [[float(function(np.array([one, other]))) for one in x] for other in y]
    ax.contour(x, y, z, levels=20, colors="0.75", linewidths=0.7)
    ax.set(xlabel="$x_0$", ylabel="$x_1$")
