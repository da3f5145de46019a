"""Pictures of what `pellucid bench` measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.viz.canvas import BLUE, GREEN, GREY, RED, new_axes


def plot_throughput(report: Mapping[str, Any], *, ax: Any = None) -> Any:
    """Samples a second over the batch size, with the quartiles.

    Parameters
    ----------
    report : mapping
        What `pellucid.debug.model_bench.benchmark` returned.
    ax : matplotlib Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    ax = new_axes() if ax is None else ax
    kinds = (("forward", BLUE, "o"), ("training", RED, "s"))
    for kind, colour, marker in kinds:
        rows = report[kind]
        x = [row["batch"] for row in rows]
        low = [row["batch"] / row["high"] for row in rows]
        high = [row["batch"] / row["low"] for row in rows]
        ax.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
        y = [row["samples_per_second"] for row in rows]
        ax.plot(x, y, color=colour, marker=marker, label=kind)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="batch size",
        ylabel="samples a second",
        title="speed over the batch size",
    )
    _whole_ticks(ax, [row["batch"] for row in report["forward"]])
    ax.legend()
    return ax


def plot_memory(report: Mapping[str, Any], *, ax: Any = None) -> Any:
    """Memory of a training step over the batch size, by what it is for.

    Parameters, result and errors as for `plot_throughput`.
    """
    ax = new_axes() if ax is None else ax
    rows = report["memory"]
    places = range(len(rows))
    bottom = [0.0] * len(rows)
    parts = (
        ("parameters", BLUE),
        ("gradients", GREEN),
        ("optimizer", RED),
        ("buffers", GREY),
    )
    for name, colour in parts:
        heights = [1e-6 * row[name] for row in rows]
        ax.bar(places, heights, bottom=bottom, color=colour, label=name, width=0.7)
        bottom = [a + b for a, b in zip(bottom, heights, strict=True)]
    ax.set_xticks(list(places), [str(row["batch"]) for row in rows])
    ax.set(xlabel="batch size", ylabel="MB", title="memory of a training step")
    ax.legend()
    return ax


def plot_width(report: Mapping[str, Any], *, ax: Any = None) -> Any:
    """Seconds of a step over the number of parameters, for wider and narrower models.

    Parameters, result and errors as for `plot_throughput`.
    """
    ax = new_axes() if ax is None else ax
    rows = report["width"]
    x = [row["parameters"] for row in rows]
    for kind, colour, marker in (("forward", BLUE, "o"), ("training", RED, "s")):
        y = [1e3 * row[kind]["seconds"] for row in rows]
        ax.plot(x, y, color=colour, marker=marker, label=kind)
    for row, place in zip(rows, x, strict=True):
        ax.annotate(
            f"x{row['factor']:g}",
            (place, 1e3 * row["training"]["seconds"]),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
        )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="parameters",
        ylabel="ms",
        title="time over the width of the layers",
    )
    ax.margins(y=0.15)
    _whole_ticks(ax, x)
    ax.legend()
    return ax


def _whole_ticks(ax: Any, places: Sequence[int]) -> None:
    ax.set_xticks(places, [f"{place:,}" for place in places])
    ax.minorticks_off()
