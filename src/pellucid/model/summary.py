"""The table that describes a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pellucid.core.layer import Layer
from pellucid.core.shown import quantity

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

HEADINGS = ("layer", "output", "parameters", "MFLOP/sample")


class Row(NamedTuple):
    """One layer."""

    name: str
    output: str
    parameters: int
    mflop: float


class Summary(str):
    """The table as a string; ``rows`` has its numbers.

    Attributes
    ----------
    rows : list of Row
        Name, output shape, parameters and MFLOP for one sample, layer by layer; a
        container comes before the layers inside and counts its merge only.
    parameters, trainable, bytes : int
        Totals; ``bytes`` is the memory of the parameters.
    """

    rows: list[Row]
    parameters: int
    trainable: int
    bytes: int

    def __repr__(self) -> str:
        return f"<Summary: {len(self.rows)} layers, {self.parameters:,} parameters>"


def _row(model: Sequential, name: str, layer: Layer) -> Row:
    before = layer.input_shape or ()
    parameters = sum(parameter.size for parameter in layer.parameters())
    flops = layer.flops(before)
    for chain in layer.children().values():
        for inner in chain:
            parameters -= sum(parameter.size for parameter in inner.parameters())
            flops -= inner.flops(inner.input_shape or ())
    shape = model.outside(layer.output_shape(before))
    return Row(name, str(shape), parameters, flops / 1e6)


def summarize(model: Sequential) -> Summary:
    """Make the table of a built model; a container's row has what is its own."""
    rows = [_row(model, name, layer) for name, layer in model.walk()]
    count = sum(row.parameters for row in rows)
    trainable = sum(p.size for p in model.parameters() if p.trainable)
    memory = count * model.dtype.itemsize
    mflop = sum(row.mflop for row in rows)
    cells = [HEADINGS]
    cells += [(r.name, r.output, f"{r.parameters:,}", f"{r.mflop:.3f}") for r in rows]
    cells += [("total", "", f"{count:,}", f"{mflop:.3f}")]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = [
        f"{name:<{widths[0]}}   {output:<{widths[1]}}   "
        f"{parameters:>{widths[2]}}   {mflops:>{widths[3]}}"
        for name, output, parameters, mflops in cells
    ]
    lines[-1] += f"   {quantity(memory, 'B')}"
    if trainable != count:
        lines.append(f"{trainable:,} of {count:,} parameters are trainable")
    table = Summary("\n".join(line.rstrip() for line in lines))
    table.rows, table.parameters = rows, count
    table.trainable, table.bytes = trainable, memory
    return table
