"""Every layer and loss of the library, checked on this machine."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import NamedTuple

from pellucid import kernels
from pellucid.about import VERSION
from pellucid.checks import check_integer
from pellucid.debug.configurations import COUNT, Problem, kinds, problems
from pellucid.debug.differences import COMPLEX_TOLERANCE, STEP, TOLERANCE
from pellucid.debug.gradcheck import GradientCheck, check_layers
from pellucid.debug.tables import html_page, html_table, text_table
from pellucid.errors import check_choice
from pellucid.kernels.dispatch import share_all_work

THREADS = (1, 2)
SAMPLES = 100
"""Elements of each array that are checked."""
_HEADINGS = (
    *("cases", "checked", "kinks"),
    *("max error", "complex step", "float32", "verdict"),
)


class KindRow(NamedTuple):
    """One kind of layer or loss on one instruction set with one number of threads."""

    kind: str
    isa: str
    threads: int
    configurations: int
    checked: int
    kinks: int
    max_error: float
    complex_error: float | None
    single: float
    failures: list[str]


class LibraryCheck:
    """What the check of the library found.

    Attributes
    ----------
    rows : list of KindRow
        For each kind, instruction set and number of threads.
    passed : bool
        Every configuration passed, and every kind had some.
    """

    def __init__(self, rows: Sequence[KindRow], seed: int) -> None:
        self.rows = list(rows)
        self.seed = seed

    @property
    def failures(self) -> list[str]:
        """What did not pass, in words."""
        return [failure for row in self.rows for failure in row.failures]

    @property
    def passed(self) -> bool:
        """True when something was checked everywhere and all of it is right."""
        checked = all(row.checked for row in self.rows)
        return bool(self.rows) and checked and not self.failures

    def summary(self) -> str:
        """Totals in words, then the failures."""
        places = {(row.isa, row.threads): None for row in self.rows}
        where = ", ".join(f"{isa} x{threads}" for isa, threads in places)
        count = sum(row.configurations for row in self.rows)
        numbers = sum(row.checked for row in self.rows)
        lines = [
            f"{'passed' if self.passed else 'FAILED'}: {count - len(self.failures):,} "
            f"of {count:,} checks of a configuration, {numbers:,} numbers (seed "
            f"{self.seed})",
            f"instruction sets and threads: {where}",
            f"bars: {TOLERANCE:g} (central differences, step {STEP:g} max(1, |value|)),"
            f" {COMPLEX_TOLERANCE:g} (complex step), 1 (float32)",
        ]
        return "\n".join([*lines, *self.failures])

    def __str__(self) -> str:
        merged: dict[str, list[KindRow]] = {}
        for row in self.rows:
            merged.setdefault(row.kind, []).append(row)
        cells = [[kind, *_cells(rows)] for kind, rows in merged.items()]
        table = text_table(("layer or loss", *_HEADINGS), cells, 1)
        return f"{table}\n{self.summary()}"

    def to_json(self) -> str:
        """The same as JSON."""
        content = {
            "version": VERSION,
            "passed": self.passed,
            "seed": self.seed,
            "tolerance": TOLERANCE,
            "complex_tolerance": COMPLEX_TOLERANCE,
            "rows": [row._asdict() for row in self.rows],
        }
        return json.dumps(content, indent=2)

    def to_html(self) -> str:
        """A page with all rows."""
        return html_page(f"pellucid {VERSION}: gradient check", self._repr_html_())

    def _repr_html_(self) -> str:
        cells = [
            [row.kind, row.isa, str(row.threads), *_cells([row])] for row in self.rows
        ]
        headings = ("layer or loss", "instruction set", "threads", *_HEADINGS)
        return f"<pre>{escape(self.summary())}</pre>{html_table(headings, cells)}"


def _cells(rows: Sequence[KindRow]) -> list[str]:
    """The numbers of these rows together."""
    exact = [row.complex_error for row in rows if row.complex_error is not None]
    failed = sum(len(row.failures) for row in rows)
    checked = sum(row.checked for row in rows)
    return [
        f"{sum(row.configurations for row in rows):,}",
        f"{checked:,}",
        f"{sum(row.kinks for row in rows):,}",
        f"{max(row.max_error for row in rows):.1e}",
        f"{max(exact):.1e}" if exact else "-",
        f"{max(row.single for row in rows):.2f}",
        f"{failed} FAILED" if failed else "passed" if checked else "not checked",
    ]


def check_library(
    only: Sequence[str] = (),
    *,
    count: int = COUNT,
    seed: int = 0,
    isas: Sequence[str] | None = None,
    threads: Sequence[int] = THREADS,
    progress: Callable[[str], object] | None = None,
) -> LibraryCheck:
    """Check the gradients of every layer and loss, drawn configurations of each.

    Parameters
    ----------
    only : sequence of str
        Class names such as "Conv2D"; by default all.
    count : int
        Configurations of each.
    seed : int
        Draws them.
    isas : sequence of str, optional
        Instruction sets; by default all that run here.
    threads : sequence of int
        Numbers of threads; work of any size is shared between them.
    progress : callable, optional
        Gets a line before each instruction set and number of threads.

    Raises
    ------
    ValueError
        An unknown name.

    Example
    -------
    >>> check_library(["Dense"], count=2, isas=kernels.isas()[:1]).passed
    True
    """
    count = check_integer(count, "count", low=1, hint="Leave it out for 20.")
    for kind in only:
        check_choice(kind, "layer", kinds())
    chosen = {
        kind: problems(kind, range(count), seed) for kind in kinds() if kind in only
    } or {kind: problems(kind, range(count), seed) for kind in kinds()}
    rows = []
    first = True
    for isa in kernels.isas() if isas is None else isas:
        for number in threads:
            if progress is not None:
                progress(f"{isa}, {number} thread{'s' * (number != 1)}")
            with kernels.use_isa(isa), share_all_work(), _threads(number):
                for kind, given in chosen.items():
                    rows.append(_check_kind(kind, given, isa, number, first))
            first = False  # the complex step is the reference's, the same everywhere
    return LibraryCheck(rows, seed)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = kernels.get_num_threads()
    kernels.set_num_threads(count)
    try:
        yield
    finally:
        kernels.set_num_threads(before)


def _check_kind(
    kind: str, given: Sequence[Problem], isa: str, threads: int, complex_step: bool
) -> KindRow:
    failures = []
    checks: list[GradientCheck] = []
    for problem in given:
        found = check_problem(problem, complex_step=complex_step)
        checks.append(found)
        if not found.passed:
            why = "; ".join(found.failures)
            failures.append(f"{problem.title} ({isa}, threads={threads}): {why}")
    rows = [row for found in checks for row in found.rows]
    exact = [row.complex_error for row in rows if row.complex_error is not None]
    return KindRow(
        kind,
        isa,
        threads,
        len(given),
        sum(row.checked for row in rows),
        sum(row.kinks for row in rows),
        _worst([row.max_error for row in rows if row.max_error is not None]),
        _worst(exact) if exact else None,
        _worst([one.worst for found in checks for one in found.singles]),
        failures,
    )


def _worst(values: Sequence[float]) -> float:
    return math.nan if any(map(math.isnan, values)) else max(values, default=0.0)


def check_problem(
    problem: Problem, *, complex_step: bool = True, single: bool = True
) -> GradientCheck:
    """Check one configuration; see ``check_layers``."""
    return check_layers(
        problem.layers,
        problem.x,
        problem.objective,
        samples=SAMPLES,
        complex_step=complex_step,
        single=single,
    )
