"""Tables of reports, as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def text_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], left: int
) -> str:
    """Align columns, the first ``left`` to the left, the others to the right.

    Example
    -------
    >>> print(text_table(["layer", "size"], [["a", "10"], ["bcd", "5"]], 1))
    layer   size
    a         10
    bcd        5
    """
    cells = [list(headings), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        aligned = [
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("   ".join(aligned).rstrip())
    return "\n".join(lines)


def html_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as an HTML table, every cell escaped.

    Example
    -------
    >>> html_table(["a"], [["<b>"]])
    '<table><tr><th>a</th></tr><tr><td>&lt;b&gt;</td></tr></table>'
    """
    head = "".join(f"<th>{escape(cell)}</th>" for cell in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def html_page(title: str, body: str) -> str:
    """A page that shows tables well, complete in itself."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>body{{font:14px sans-serif;margin:2em}}"
        "table{border-collapse:collapse}td,th{padding:2px 10px;text-align:left;"
        "border-bottom:1px solid #ddd}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
