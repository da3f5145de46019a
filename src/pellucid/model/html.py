"""How models and histories show themselves in a notebook: small tables, no scripts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from pellucid.model.summary import summarize

if TYPE_CHECKING:
    from pellucid.model.history import History
    from pellucid.model.sequential import Sequential

WIDTH, HEIGHT = 240, 60  # of the curve, in pixels
MOST_POINTS = 200
MOST_ROWS = 60


def model_html(model: Sequential) -> str:
    """The layers as a table; with parameters once the model is built."""
    shape = "not known yet" if model.input_shape is None else str(model.input_shape)
    title = f"{type(model).__name__}: input {shape}, {model.dtype}"
    if model.built:
        table = summarize(model)
        rows = [(row.name, row.output, f"{row.parameters:,}") for row in table.rows]
        title += f", {table.parameters:,} parameters"
    else:
        shapes = [str(model.outside(one)) for one in model.inner_shapes]
        shapes += [""] * (len(model) - len(shapes))
        names = [str(layer.name) for layer in model.layers]
        rows = [(name, one, "") for name, one in zip(names, shapes, strict=True)]
        title += ", not built"
    hidden = len(rows) - MOST_ROWS
    if hidden > 0:
        half = MOST_ROWS // 2
        rows = [*rows[:half], (f"... {hidden} more", "", ""), *rows[-half:]]
    return _table(title, ("layer", "output", "parameters"), rows)


def history_html(history: History) -> str:
    """The last and the best values as a table, with the curve of the loss."""
    if not history.epoch:
        return "<p>History: no epochs</p>"
    best = history.best_epoch
    place = None if best is None else history.epoch.index(best)
    title = f"History: epochs {history.epoch[0] + 1} to {history.epoch[-1] + 1}"
    if best is not None:
        title += f", best epoch {best + 1}"
    rows = [
        (
            name,
            f"{values[-1]:.4g}",
            f"{values[place]:.4g}" if place is not None and place < len(values) else "",
        )
        for name, values in history.history.items()
    ]
    curves = [
        (name, colour)
        for name, colour in (("loss", "#0072B2"), ("val_loss", "#E69F00"))
        if name in history.history
    ]
    drawing = _curves([(history.history[name], colour) for name, colour in curves])
    legend = ", ".join(
        f'<span style="color:{colour}">{name}</span>' for name, colour in curves
    )
    table = _table(title, ("value", "last", "at the best epoch"), rows)
    return f"{table}{drawing}<div>{legend}</div>" if drawing else table


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    parts = [f"<table><caption>{escape(title)}</caption><tr>"]
    parts += [f"<th>{escape(head)}</th>" for head in heads]
    for row in rows:
        parts.append("</tr><tr>")
        parts += [f"<td>{escape(cell)}</td>" for cell in row]
    return "".join([*parts, "</tr></table>"])


def _curves(curves: Sequence[tuple[Sequence[float], str]]) -> str:
    """Lines on one scale as an inline SVG; nothing without two finite values."""
    finite = [v for values, _ in curves for v in values if math.isfinite(v)]
    longest = max((len(values) for values, _ in curves), default=0)
    if len(finite) < 2 or longest < 2:
        return ""
    low, high = min(finite), max(finite)
    across, down = WIDTH / (longest - 1), (HEIGHT - 4) / (high - low or 1.0)
    lines = []
    for values, colour in curves:
        stride = -(-len(values) // MOST_POINTS)
        points = " ".join(
            f"{i * across:.1f},{2 + (high - values[i]) * down:.1f}"
            for i in range(0, len(values), stride)
            if math.isfinite(values[i])
        )
        lines.append(f'<polyline fill="none" stroke="{colour}" points="{points}"/>')
    head = f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">'
    return f"{head}{''.join(lines)}</svg>"
