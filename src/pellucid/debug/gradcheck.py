"""The gradients of a model, proved on the machine that computes them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.checks import check_integer
from pellucid.core.layer import Array, Layer
from pellucid.debug.complex_step import ComplexStep, objective_size
from pellucid.debug.differences import (
    COMPLEX_TOLERANCE,
    STEP,
    TOLERANCE,
    judge,
)
from pellucid.debug.single import Single, compare_singles
from pellucid.debug.tables import html_table, text_table
from pellucid.debug.twin import Objective, Spot, Trace, Twin

if TYPE_CHECKING:
    from pellucid.model import Sequential

SAMPLES = 300
"""Elements of each array that are checked, where it has more."""
BESIDE = 1e-2
"""How far a model is moved off its kinks where nothing else can be checked."""
COMPLEX_SAMPLES = 20
"""The same for the complex step, which runs on the reference kernels."""
HEADINGS = (
    *("layer", "parameter", "checked", "kinks", "max error", "mean"),
    *("complex", "float32", "verdict"),
)


class Row(NamedTuple):
    """One array: a parameter of a layer, or the input."""

    layer: str
    parameter: str
    checked: int
    """Elements that were compared, those at a kink not counted."""
    total: int
    kinks: int
    """Elements at a kink, where the loss has no derivative."""
    max_error: float | None
    """Largest relative error against central differences; None where all are kinks."""
    mean_error: float | None
    complex_error: float | None
    """Largest relative error against the complex step; None where there is none."""
    single: float | None
    """Error of the float32 kernels over its bound; None where it was not compared."""
    verdict: str
    """"passed", "failed", or "not checked" where every element is at a kink."""
    beside: bool = False
    """All elements are at kinks, so they were checked a little beside."""

    def cells(self) -> list[str]:
        """The row as it is printed."""
        return [
            self.layer,
            self.parameter,
            f"{self.checked:,}/{self.total:,}",
            f"{self.kinks:,}" if self.kinks else "-",
            _small(self.max_error),
            _small(self.mean_error),
            _small(self.complex_error),
            "-" if self.single is None else f"{self.single:.2f}",
            self.verdict,
        ]

    def reason(self) -> str:
        """Why the row has not passed, in words."""
        if self.verdict == "not checked":
            return "not checked, every element is at a kink"
        found = []
        for error, method, bar in (
            (self.max_error, "central differences", TOLERANCE),
            (self.complex_error, "the complex step", COMPLEX_TOLERANCE),
        ):
            if error is not None and not error <= bar:
                found.append(f"{error:.1e} off {method}")
        return f"wrong, {' and '.join(found)}"


class GradientCheck:
    """What ``gradcheck`` found: a table, and whether everything passed.

    Attributes
    ----------
    rows : list of Row
        One for each parameter, in the order of the layers, and one for the input.
    singles : list of Single
        For each layer, how far its float32 results are from float64, over the bound.
    passed : bool
        Every row and every layer passed, and something was checked.
    """

    def __init__(self, rows: Sequence[Row], singles: Sequence[Single]) -> None:
        self.rows = list(rows)
        self.singles = list(singles)

    @property
    def failures(self) -> list[str]:
        """What did not pass, in words."""
        found = [
            f"{row.layer} {row.parameter}: {row.reason()}"
            for row in self.rows
            if row.verdict != "passed"
        ]
        for single in self.singles:
            for name, ratio in single.ratios.items():
                if not ratio <= 1 and not single.kink:
                    what = name if name == "y" else f"gradient of {name}"
                    found.append(
                        f"{single.layer}: the float32 {what} leaves its bound "
                        f"{ratio:.3g} times"
                    )
        return found

    @property
    def passed(self) -> bool:
        """True when something was checked and all of it is right."""
        return bool(self.rows) and not self.failures

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(self.as_dict(), indent=2)

    def as_dict(self) -> dict[str, Any]:
        """The same as dictionaries and lists."""
        return {
            "passed": self.passed,
            "tolerance": TOLERANCE,
            "complex_tolerance": COMPLEX_TOLERANCE,
            "step": STEP,
            "rows": [row._asdict() for row in self.rows],
            "float32": [single._asdict() for single in self.singles],
            "failures": self.failures,
        }

    def summary(self) -> str:
        """The last line of the table, and what failed."""
        good = sum(row.verdict == "passed" for row in self.rows)
        lines = [
            f"{'passed' if self.passed else 'FAILED'}: {good} of {len(self.rows)} "
            f"(float64, central differences, step {STEP:g} max(1, |value|))"
        ]
        if self.singles:
            worst = max(self.singles, key=lambda single: single.worst)
            right = sum(single.worst <= 1 for single in self.singles)
            lines.append(
                f"float32: {right} of {len(self.singles)} layers within the bound; "
                f"the worst error is {worst.worst:.2f} of it, in {worst.layer}"
            )
            lines += [
                f"{single.layer}: float32 rounds an output across a kink, so its "
                "gradient is another"
                for single in self.singles
                if single.kink and single.worst > 1
            ]
        lines += [
            f"{row.layer} {row.parameter}: every element is at a kink; checked with "
            f"all numbers moved by about {BESIDE:g}"
            for row in self.rows
            if row.beside
        ]
        return "\n".join([*lines, *self.failures])

    def __str__(self) -> str:
        cells = [row.cells() for row in self.rows]
        return f"{text_table(HEADINGS, cells, 2)}\n{self.summary()}"

    def _repr_html_(self) -> str:
        from html import escape

        table = html_table(HEADINGS, [row.cells() for row in self.rows])
        return f"{table}<pre>{escape(self.summary())}</pre>"

    def __repr__(self) -> str:
        word = "passed" if self.passed else "FAILED"
        return f"<GradientCheck: {word}, {len(self.rows)} arrays>"


def _small(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"


def check_model(
    model: Sequential,
    x: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> GradientCheck:
    """See ``Sequential.gradcheck``."""
    samples = check_integer(
        samples, "samples", low=1, hint="Leave samples out for 300 of each array."
    )
    model.require_built("gradcheck")
    loss = model.loss
    data = model.door(x).samples(x, y, loss, sample_weight)
    trained, skip_last = model.training_loss()
    targets = data.y.astype("float64") if data.y.dtype.kind == "f" else data.y
    weights = None if data.weights is None else data.weights.astype("float64")

    def objective(output: Array) -> tuple[Any, Array]:
        value, gradient = trained.value_and_gradient(output, targets, weights=weights)
        return value[0], gradient

    return check_layers(
        model.layers,
        data.x.astype("float64"),
        objective,
        skip_last=skip_last,
        samples=samples,
        seed=seed,
    )


def check_layers(
    layers: Sequence[Layer],
    x: Array,
    objective: Objective,
    *,
    skip_last: bool = False,
    samples: int = SAMPLES,
    seed: int = 0,
    complex_step: bool = True,
    single: bool = True,
) -> GradientCheck:
    """Check the gradients of built layers in a row under an objective.

    Parameters
    ----------
    layers : sequence of Layer
        Copied; they stay as they are.
    x : float64 array (n, ...)
    objective : callable
        From the output to a number and its gradient.
    skip_last : bool
        The objective contains the last layer's activation.
    samples : int
        Elements of each array that are checked, drawn by ``seed``.
    complex_step, single : bool
        Also check by complex step; also hold the float32 kernels against float64.
    """
    twin = Twin(layers, x, objective, skip_last=skip_last)
    with twin.running():
        trace = twin.trace()
        chosen = [
            _choose(spot.value.size, samples, f"{seed} {spot.layer} {spot.name}")
            for spot in twin.spots
        ]
        looks = [
            _differences(twin, trace, spot, gradient, indices)
            for spot, gradient, indices in zip(
                twin.spots, trace.gradients, chosen, strict=True
            )
        ]
        singles = compare_singles(twin) if single else []
    exact = ComplexStep(twin, trace) if complex_step else None
    ratios = {(one.layer, name): one for one in singles for name in one.ratios}
    rows = []
    for spot, gradient, look in zip(twin.spots, trace.gradients, looks, strict=True):
        name = (spot.layer, spot.name)
        if spot.layer == "input" and twin.layers:
            name = (str(twin.layers[0].name), "x")
        found = ratios.get(name)
        rows.append(
            look.row(
                spot,
                None if exact is None else exact.error(spot, gradient, look.order),
                None if found is None or found.kink else found.ratios[name[1]],
            )
        )
    if any(row.verdict == "not checked" for row in rows):
        _look_beside(twin, chosen, rows, seed)
    return GradientCheck(rows, singles)


def _look_beside(
    twin: Twin, chosen: Sequence[list[int]], rows: list[Row], seed: int
) -> None:
    """Check again, a little beside, what stands on kinks only; the twin is moved."""
    drawn = np.random.default_rng(seed)
    for spot in twin.spots:
        spot.value[...] += BESIDE * drawn.normal(size=spot.value.shape)
    with twin.running():
        trace = twin.trace()
        for number, row in enumerate(rows):
            if row.verdict == "not checked":
                spot, gradient = twin.spots[number], trace.gradients[number]
                look = _differences(twin, trace, spot, gradient, chosen[number])
                again = look.row(spot, None, row.single)
                rows[number] = again._replace(kinks=row.kinks, beside=True)


def _choose(total: int, samples: int, key: str) -> list[int]:
    """Which elements are checked: all, or as many as wanted, drawn by the key."""
    if total <= samples:
        return list(range(total))
    return sorted(random.Random(key).sample(range(total), samples))


class _Look(NamedTuple):
    """What the differences of one array gave."""

    errors: list[float]
    kinks: list[int]
    failed: int
    chosen: list[int]

    @property
    def order(self) -> list[int]:
        """The elements for the complex step, kinks first."""
        spread = self.chosen[:: max(1, len(self.chosen) // COMPLEX_SAMPLES)]
        return [*self.kinks, *spread][:COMPLEX_SAMPLES]

    def row(self, spot: Spot, exact: float | None, single: float | None) -> Row:
        checked = len(self.errors)
        passed = not self.failed and (exact is None or exact <= COMPLEX_TOLERANCE)
        proved = checked or exact is not None or not spot.value.size
        verdict = "passed" if proved else "not checked"
        return Row(
            spot.layer,
            spot.name,
            checked,
            spot.value.size,
            len(self.kinks),
            max(self.errors) if checked else None,
            math.fsum(self.errors) / checked if checked else None,
            exact,
            single,
            verdict if passed else "failed",
        )


def _differences(
    twin: Twin, trace: Trace, spot: Spot, gradient: Array, chosen: Sequence[int]
) -> _Look:
    """Look at the chosen elements of one array."""
    size = objective_size(trace)
    flat, slopes = spot.value.reshape(-1), gradient.reshape(-1)
    start = trace.inputs[spot.start]
    scale = max(float(np.abs(gradient).max(initial=0.0)), 1e-5 * size)
    look = _Look([], [], 0, list(chosen))
    for index in chosen:
        f = _mover(twin, spot, flat, index, start)
        at = float(flat[index])
        verdict = judge(f, at, float(slopes[index]), scale=scale, size=size)
        flat[index] = at
        if verdict.word == "kink":
            look.kinks.append(index)
        else:
            look.errors.append(verdict.error)
            look = look._replace(failed=look.failed + (verdict.word == "failed"))
    return look


def _mover(
    twin: Twin, spot: Spot, flat: Array, index: int, start: Array
) -> Callable[[float], float]:
    def f(value: float) -> float:
        flat[index] = value
        return twin.value(spot.start, start)

    return f
