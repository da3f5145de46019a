"""What a profile holds, and how it shows: text, JSON, HTML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

NAME_WIDTH = 20


@dataclass(frozen=True)
class Cost:
    """What one direction of one layer took and did in a step.

    Attributes
    ----------
    seconds : float
        Mean over the middle half of the repeated steps.
    flops : int
        By the textbook formula, 2 per multiply-add. A kernel that needs fewer, such as
        Winograd's, may so reach more than the machine's peak.
    bytes : int
        What must at least be read and written.
    algorithm : str
    """

    seconds: float
    flops: int
    bytes: int
    algorithm: str

    @property
    def gflops(self) -> float:
        """GFLOP/s; 0 where no time was seen."""
        return _rate(self.flops, self.seconds)

    @property
    def gigabytes(self) -> float:
        """GB/s; 0 where no time was seen."""
        return _rate(self.bytes, self.seconds)


@dataclass(frozen=True)
class Row:
    """One layer of a profile.

    Attributes
    ----------
    name, kind : str
    output : tuple of int
        Shape for one sample.
    parameters : int
    forward, backward : Cost
    share : float
        Of the time of the step, 0 to 1.
    bound : {"compute", "memory", "-"}
        Which of the two limits of the machine asks for more time; "-" where the layer
        did nothing.
    percent_of_peak : float or None
        FLOP/s against the multiply-add peak measured beside.
    percent_of_copy : float or None
        Bytes a second against a copy of as many bytes measured beside.
    buffers : int
        Bytes of memory that the layer keeps from step to step.
    allocations : int
        Bytes that a repeated step allocates in this layer.
    isa : str
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    forward: Cost
    backward: Cost
    share: float
    bound: str
    percent_of_peak: float | None
    percent_of_copy: float | None
    buffers: int
    allocations: int
    isa: str

    @property
    def seconds(self) -> float:
        """Forward and backward together."""
        return self.forward.seconds + self.backward.seconds

    @property
    def flops(self) -> int:
        """Forward and backward together."""
        return self.forward.flops + self.backward.flops

    @property
    def bytes(self) -> int:
        """Forward and backward together."""
        return self.forward.bytes + self.backward.bytes

    @property
    def percent_of_limit(self) -> float | None:
        """Of the peak or of the copy, as ``bound`` says."""
        if self.bound == "-":
            return None
        of_peak = self.bound == "compute"
        return self.percent_of_peak if of_peak else self.percent_of_copy

    @property
    def gflops(self) -> float:
        """GFLOP/s of both directions together."""
        return _rate(self.flops, self.seconds)

    @property
    def gigabytes(self) -> float:
        """GB/s of both directions together."""
        return _rate(self.bytes, self.seconds)


@dataclass(frozen=True)
class Machine:
    """What the machine could do in the seconds of the profile.

    Attributes
    ----------
    peak : float
        GFLOP/s of multiply-adds in registers, with these threads; 0 if unknown.
    bandwidth : float
        GB/s of a copy through memory; 0 if unknown.
    isa : str
    threads : int
    """

    peak: float
    bandwidth: float
    isa: str
    threads: int


@dataclass(frozen=True)
class Profile:
    """One training step, layer by layer. ``model.profile(x, y)`` makes it.

    Attributes
    ----------
    step_seconds : float
        Time of a whole step, measured without looking inside; as those of the rows,
        the mean over the middle half of the repetitions.
    batch : int
    dtype : str
    machine : Machine
    rows : list of Row
    outside : dict
        Seconds of what is in no layer: "loss and check" (that the gradient is finite),
        "optimizer", "gather", "metrics", and "Python" for the rest.
    recorded : bool
        The step repeats recorded kernel calls. False with the reference backend and
        for models with own layers: then Python runs in every layer, and is timed too.
    variation : float
        Spread of the step's time: quartile distance over median.
    advice : list of str
    """

    step_seconds: float
    batch: int
    dtype: str
    machine: Machine
    rows: list[Row]
    outside: dict[str, float]
    recorded: bool
    variation: float
    advice: list[str] = field(default_factory=list)

    @property
    def parts_seconds(self) -> float:
        """The layers and what is outside them, added up."""
        return sum(row.seconds for row in self.rows) + self.outside_seconds

    @property
    def outside_seconds(self) -> float:
        """What is in no layer."""
        return sum(self.outside.values())

    @property
    def outside_share(self) -> float:
        """What is in no layer, of the whole, 0 to 1."""
        return self.outside_seconds / self.parts_seconds

    @property
    def accounted(self) -> float:
        """The parts added up over the step measured as a whole; near 1."""
        return self.parts_seconds / self.step_seconds

    def to_json(self) -> str:
        """Every number as JSON; rates and percents included."""
        rows = [asdict(row) for row in self.rows]
        for known, row in zip(rows, self.rows, strict=True):
            known |= {"gflops": row.gflops, "gigabytes_per_second": row.gigabytes}
            for name, cost in (("forward", row.forward), ("backward", row.backward)):
                known[name] |= {
                    "gflops": cost.gflops,
                    "gigabytes_per_second": cost.gigabytes,
                }
        values = asdict(self) | {"rows": rows, "accounted": self.accounted}
        return json.dumps(values, indent=1)

    def plot(self, ax: Any = None) -> Any:
        """Draw the roofline; see ``pellucid.viz.plot_roofline``."""
        from pellucid.viz import plot_roofline

        return plot_roofline(self, ax=ax)

    def __str__(self) -> str:
        lines = [self._headline(), "", *_aligned(self._cells()), self._tail()]
        return "\n".join(lines + [f"advice: {text}" for text in self.advice])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        rows = ["<tr>" + "".join(f"<th>{escape(c)}</th>" for c in head) + "</tr>"]
        for cells in body:
            tags = [f'<td style="text-align:left">{escape(cells[0])}</td>']
            tags += [
                f'<td style="text-align:right">{escape(c)}</td>' for c in cells[1:]
            ]
            rows.append("<tr>" + "".join(tags) + "</tr>")
        notes = "".join(f"<li>{escape(text)}</li>" for text in self.advice)
        return (
            f"<p>{escape(self._headline())}</p><table>{''.join(rows)}</table>"
            f"<p>{escape(self._tail())}</p><ul>{notes}</ul>"
        )

    def _headline(self) -> str:
        machine = self.machine
        threads = f"{machine.threads} thread{'s' * (machine.threads != 1)}"
        text = (
            f"one training step: {duration(self.step_seconds)}, batch {self.batch}, "
            f"{threads}, {machine.isa}"
        )
        if machine.peak:
            text += (
                f"; this machine: {machine.peak:.0f} GFLOP/s, "
                f"{machine.bandwidth:.0f} GB/s (just now)"
            )
        return text

    def _cells(self) -> list[tuple[str, ...]]:
        head = ("layer", "forward", "backward", "share", "GFLOP/s", "GB/s", "of limit")
        cells: list[tuple[str, ...]] = [(*head, "bound by", "algorithm")]
        return cells + [
            (
                _shortened(row.name, NAME_WIDTH),
                duration(row.forward.seconds),
                duration(row.backward.seconds),
                _percent(100 * row.share),
                f"{row.gflops:.0f}" if row.bound == "compute" else "-",
                f"{row.gigabytes:.0f}" if row.bound != "-" else "-",
                _percent(row.percent_of_limit),
                row.bound,
                _brief(row.forward.algorithm),
            )
            for row in self.rows
        ]

    def _tail(self) -> str:
        parts = ", ".join(
            f"{name} {duration(seconds)}"
            for name, seconds in self.outside.items()
            if seconds > 0
        )
        return (
            f"outside layers: {_percent(100 * self.outside_share)} ({parts}); "
            f"all parts together: {_percent(100 * self.accounted)} of the step"
        )


def duration(seconds: float) -> str:
    """A time with the unit that suits it.

    Example
    -------
    >>> duration(0.00131), duration(3.24e-6), duration(25.0), duration(0.0)
    ('1.31 ms', '3.2 us', '25.0 s', '-')
    """
    if seconds <= 0:
        return "-"
    if seconds < 1e-4:
        return f"{1e6 * seconds:.1f} us"
    value, unit = (1e3 * seconds, "ms") if seconds < 1 else (seconds, "s")
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {unit}"


def _brief(algorithm: str) -> str:
    """The kind of a direct convolution without the words that all of them share.

    Example
    -------
    >>> _brief("direct (implicit gemm)"), _brief("winograd f(4x4,3x3)")
    ('implicit gemm', 'winograd f(4x4,3x3)')
    """
    inner = algorithm.removeprefix("direct (")
    return algorithm if inner == algorithm else inner.removesuffix(")")


def _aligned(cells: Sequence[tuple[str, ...]]) -> list[str]:
    """The first and the last column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *middle, last in cells:
        right = [f"{text:>{w}}" for text, w in zip(middle, widths[1:-1], strict=True)]
        lines.append("  ".join([f"{first:<{widths[0]}}", *right, last]).rstrip())
    return lines


def _shortened(name: str, width: int) -> str:
    """A long name without its middle."""
    if len(name) <= width:
        return name
    return f"{name[: width // 3]}..{name[-(width - width // 3 - 2) :]}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} %"


def _rate(amount: float, seconds: float) -> float:
    return 1e-9 * amount / seconds if seconds > 0 else 0.0
