"""Pictures of the dense layers of a model: still (matplotlib), to point at (plotly)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from pellucid.viz.canvas import BLUE, GREY, RED, missing, new_axes
from pellucid.viz.network import MAX_NEURONS, Edge, lay_out


def plot_network(source: Any, *, max_neurons: int = MAX_NEURONS, ax: Any = None) -> Any:
    """Draw the dense layers of a model: neurons, and connections by weight.

    Blue solid lines are positive weights, orange dashed ones negative; the width is
    |weight| as a share of the largest one between the two layers.

    Parameters
    ----------
    source : Sequential, dict or path
        A model, what `export_network` returned, or the file that it wrote.
    max_neurons : int, default 16
        Of a wider layer so many neurons are drawn, those with the largest weights; a
        line under the picture says so.
    ax : matplotlib Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    FormatError
        A file or dict that is no export of a network.
    ValueError, RuntimeError
        As `export_network`.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> ax = plot_network(pl.mlp([784, 10], seed=0))
    >>> ax.texts[-1].get_text()
    'Neurons with the largest weights: 16 of 784 in input'
    """
    drawing = lay_out(source, max_neurons)
    rows = max(
        sum(x == column for x, *_ in drawing.nodes) for column, *_ in drawing.columns
    )
    if ax is None:
        ax = new_axes(2.4 * len(drawing.columns), max(2.6, 0.32 * rows + 1.4))
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    signs = ((True, BLUE, "-", "positive"), (False, RED, (0, (4, 1.5)), "negative"))
    for positive, colour, dash, _ in signs:
        chosen = [edge for edge in drawing.edges if (edge.weight > 0) == positive]
        lines = LineCollection(
            [(edge.start, edge.end) for edge in chosen],
            linewidths=[0.6 * edge.width for edge in chosen],
            colors=colour,
            linestyles=[dash],
            alpha=0.6,
            zorder=1,
        )
        ax.add_collection(lines)
    x, y, _ = zip(*drawing.nodes, strict=True)
    ax.scatter(x, y, s=90, c="white", edgecolors="0.2", linewidths=1.2, zorder=2)
    for left, top, heading in drawing.columns:
        ax.text(
            *(left, top + 0.6, heading.replace("<br>", "\n")),
            ha="center",
            va="bottom",
            fontsize=9,
        )
    ax.set_xlim(-0.5, len(drawing.columns) - 0.5)
    ax.set_ylim(min(y) - 0.8, max(y) + 0.8)
    ax.set_axis_off()
    ax.legend(
        [Line2D([], [], color=c, ls=dash, lw=2) for _, c, dash, _ in signs],
        [f"{word} weight" for *_, word in signs],
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        ncols=2,
        frameon=False,
    )
    if drawing.caption:
        ax.annotate(
            textwrap.fill(drawing.caption, 34 * len(drawing.columns)),
            (0.5, 0),
            xytext=(0, -30),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=8,
        )
    return ax


def network_figure(source: Any, *, max_neurons: int = MAX_NEURONS) -> Any:
    """The dense layers of a model as an interactive picture: point at a connection.

    Parameters
    ----------
    source, max_neurons
        As in `plot_network`.

    Returns
    -------
    plotly Figure
        Blue lines are positive weights, orange ones negative, with the width of
        |weight| as a share of the largest one between the two layers, in steps of a
        tenth. Neurons and connections say what they are. Write it with
        ``figure.write_html(path)``; it is not shown.

    Raises
    ------
    FormatError, ValueError, RuntimeError
        As `plot_network`.
    ImportError
        plotly is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> figure = network_figure(pl.mlp([2, 3, 1], seed=0))
    >>> figure.layout.title.text
    'Neural network'
    """
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise ImportError(missing("plotly")) from error
    drawing = lay_out(source, max_neurons)
    figure = go.Figure()
    for positive, colour, name in (
        (True, BLUE, "positive weight"),
        (False, RED, "negative weight"),
    ):
        chosen = [edge for edge in drawing.edges if (edge.weight > 0) == positive]
        _add_lines(figure, chosen, colour, name)
    x, y, text = zip(*_hover_points(drawing.edges), strict=True)
    figure.add_scatter(
        x=x,
        y=y,
        text=text,
        mode="markers",
        marker={"size": 8, "color": GREY, "opacity": 0},
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    x, y, text = zip(*drawing.nodes, strict=True)
    figure.add_scatter(
        x=x,
        y=y,
        text=text,
        mode="markers",
        marker={
            "size": 16,
            "color": x,
            "colorscale": "Cividis",
            "line": {"width": 1.5, "color": "#333333"},
        },
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    for left, top, heading in drawing.columns:
        figure.add_annotation(
            x=left, y=top + 0.5, text=heading, yanchor="bottom", showarrow=False
        )
    title = {"text": "Neural network"}
    if drawing.caption:
        title["text"] += f"<br><sup>{drawing.caption}</sup>"
    hidden = {"visible": False, "showgrid": False}
    tops = [top for _, top, _ in drawing.columns]
    figure.update_layout(
        title=title,
        width=1200,
        height=800,
        hovermode="closest",
        plot_bgcolor="white",
        xaxis=hidden,
        yaxis=hidden | {"range": [-max(tops) - 0.8, max(tops) + 1.6]},
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": 0},
    )
    return figure


def _add_lines(figure: Any, edges: list[Edge], colour: str, name: str) -> None:
    """One trace for each width: far fewer than one for each connection."""
    widths = sorted({edge.width for edge in edges})
    for width in widths:
        x: list[float | None] = []
        y: list[float | None] = []
        for edge in edges:
            if edge.width == width:
                x += [edge.start[0], edge.end[0], None]
                y += [edge.start[1], edge.end[1], None]
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"width": width, "color": colour},
            opacity=0.6,
            hoverinfo="skip",
            name=name,
            legendgroup=name,
            showlegend=width == widths[-1],
        )


def _hover_points(edges: list[Edge]) -> Iterator[tuple[float, float, str]]:
    """Places on each connection that answer the pointer: lines do so at ends only."""
    for edge in edges:
        for share in (0.15, 0.29, 0.43, 0.57, 0.71, 0.85):
            x = edge.start[0] + share * (edge.end[0] - edge.start[0])
            y = edge.start[1] + share * (edge.end[1] - edge.start[1])
            yield x, y, edge.text
