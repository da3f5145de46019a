"""Derivatives by complex step, on the reference kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from pellucid import kernels
from pellucid.core.chain import walk
from pellucid.core.layer import Array
from pellucid.debug.differences import COMPLEX_STEP
from pellucid.debug.twin import Spot, Trace, Twin


def objective_size(trace: Trace) -> float:
    """Size of the numbers that the objective adds up."""
    inner = float(np.abs(trace.output * trace.output_gradient).sum())
    return max(abs(trace.value) + inner, 1e-30)


class ComplexStep:
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
        # What cancels (a bias before BatchNorm) has the rounding error of its terms.
        sizes = [float(np.abs(g).max(initial=0.0)) for g in trace.gradients]
        self._least = 1e-3 * max(objective_size(trace), *sizes)
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
        scale = max(float(np.abs(gradient).max(initial=0.0)), self._least)
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
