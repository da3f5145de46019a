"""The gradients of a model, proved on the machine that computes them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid import kernels
from pellucid.checks import check_integer
from pellucid.core.chain import walk
from pellucid.core.layer import Array, Layer
from pellucid.debug.differences import (
    COMPLEX_STEP,
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
COMPLEX_SAMPLES = 20
"""The same for the complex step, which runs on the reference kernels."""
HEADINGS = (
    *("layer", "parameter", "checked", "max error", "mean error"),
    *("complex step", "float32", "verdict"),
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

    def cells(self) -> list[str]:
        """The row as it is printed."""
        verdict = self.verdict
        if self.kinks:
            verdict += f", {self.kinks} at a kink"
        return [
            self.layer,
            self.parameter,
            f"{self.checked:,}/{self.total:,}",
            _small(self.max_error),
            _small(self.mean_error),
            _small(self.complex_error),
            "-" if self.single is None else f"{self.single:.2f}",
            verdict,
        ]


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
            f"{row.layer} {row.parameter}: {row.verdict}"
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
    exact = _Complex(twin, trace) if complex_step else None
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
    return GradientCheck(rows, singles)


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


def _size(trace: Trace) -> float:
    """Size of the numbers that the objective adds up."""
    inner = float(np.abs(trace.output * trace.output_gradient).sum())
    return max(abs(trace.value) + inner, 1e-30)


def _differences(
    twin: Twin, trace: Trace, spot: Spot, gradient: Array, chosen: Sequence[int]
) -> _Look:
    """Look at the chosen elements of one array."""
    size = _size(trace)
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


class _Complex:
    """dL/da = Im L(a + ih) / h: no difference is taken, so nothing cancels.

    The layers run on the reference kernels, which take complex numbers and, at a kink,
    the branch of the real part. Behind layers the objective is replaced by its
    linearization, sum(y * dy); an objective without layers is taken as it is.
    An array is left out when a layer behind it takes no complex numbers, or is not one
    of the library's: abs() in it would break the method.

    While it computes, the kernels of the whole process are those of the reference.

    Source
    ------
    Squire, Trapp (1998), Using complex variables to estimate derivatives of real
    functions.
    """

    def __init__(self, twin: Twin, trace: Trace) -> None:
        self._dy = trace.output_gradient
        self._size = _size(trace)
        self._inputs = [x.astype(complex) for x in trace.inputs]
        self._real = twin
        ours = [
            all(type(inner).__module__.startswith("pellucid.") for inner in inside)
            for inside in ([one for _, one in walk([layer])] for layer in twin.layers)
        ]
        self._first = len(ours) - ours[::-1].index(False) if False in ours else 0
        self._twin: Twin | None = None
        if self._first < max(len(twin.layers), 1):
            twin.rewind()
            self._twin = Twin(
                twin.layers,
                twin.x,
                twin.objective,
                skip_last=twin.skip_last,
                dtype="complex128",
            )

    def error(
        self, spot: Spot, gradient: Array, indices: Sequence[int]
    ) -> float | None:
        """The largest relative error over these elements; None: not possible."""
        twin = self._twin
        if twin is None or spot.start < self._first or not indices:
            return None
        number = [one[:2] for one in twin.spots].index(spot[:2])
        value = twin.spots[number].value
        start = value if spot.layer == "input" else self._inputs[spot.start]
        flat, slopes = value.reshape(-1), gradient.reshape(-1)
        scale = max(float(np.abs(gradient).max(initial=0.0)), 1e-3 * self._size)
        penalty = self._penalty_slopes(spot)
        worst = 0.0
        with reference_kernels(), twin.running():
            for index in indices:
                kept = flat[index]
                flat[index] = kept + 1j * COMPLEX_STEP
                try:
                    slope = self._slope(twin.forward(spot.start, start))
                except TypeError:  # a layer without a complex twin
                    flat[index] = kept
                    self._first = max(self._first, spot.start + 1)
                    return None
                flat[index] = kept  # only now: y may be a view of it
                error = abs(slope + penalty[index] - slopes[index]) / scale
                worst = error if not error <= worst else worst  # NaN counts
        return worst

    def _slope(self, y: Array) -> float:
        moved = (
            np.sum(y * self._dy) if self._real.layers else self._real.objective(y)[0]
        )
        return float(moved.imag) / COMPLEX_STEP

    def _penalty_slopes(self, spot: Spot) -> Array:
        """The penalty's own gradient, which the linearized objective lacks."""
        part = np.zeros_like(spot.value)
        for parameter in self._real.penalized:
            if parameter.value is spot.value and parameter.regularizer:
                parameter.regularizer.add_gradient(spot.value, part)
        return part.reshape(-1)


@contextmanager
def reference_kernels() -> Iterator[None]:
    """Compute with the reference, and bring back exactly the functions of before."""
    if kernels.backend() == "reference":
        yield
        return
    before = {name: getattr(kernels, name) for name in kernels.reference.__all__}
    with kernels.use("reference"):
        yield
    vars(kernels).update(before)
