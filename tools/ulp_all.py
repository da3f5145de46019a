"""Measure exp, log, tanh, sigmoid, erf and the activations on every float32.

For each function and each instruction set that runs here: the largest distance from the
exact value in units in the last place, where it is, how often the function falls where
it must not, and a SHA-256 of all results (NaNs as one NaN), which is equal wherever FMA
exists. All 2**32 numbers take about ten minutes for each function, `--every 256` two
seconds. gelu, silu and mish fall below their minimum, as they must: of them only the
positive half counts. erf and gelu are judged by the float64 kernels, which the tests
compare with longdouble.

    python tools/ulp_all.py [--every N] [exp log tanh sigmoid erf elu ...]
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.kernels import _core as core

Array = NDArray[Any]
BLOCK = 1 << 20


def sigmoid(x: Array) -> Array:
    """Of float64, without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1.0) / (1.0 + e)


def at_minus_infinity(x: Array, y: Array) -> Array:
    """Give x * 0 its limit."""
    return np.where(x == -np.inf, 0.0, y)


def selu(x: Array) -> Array:
    """Of float64."""
    scale, depth = 1.0507009873554804934, 1.6732632423543772848
    return scale * np.where(x > 0, x, depth * np.expm1(np.minimum(x, 0)))


def kernel(name: str) -> Callable[[Array], Array]:
    """Return the compiled activation."""
    return lambda x: core.activation(x, name)


FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "exp": (lambda x: core.elementary("exp", x), np.exp),
    "log": (lambda x: core.elementary("log", x), np.log),
    "erf": (lambda x: core.elementary("erf", x),) * 2,
    "tanh": (kernel("tanh"), np.tanh),
    "sigmoid": (kernel("sigmoid"), sigmoid),
    "elu": (kernel("elu"), lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    "selu": (kernel("selu"), selu),
    "softplus": (kernel("softplus"), lambda x: np.logaddexp(0, x)),
    "gelu": (kernel("gelu"),) * 2,
    "silu": (kernel("silu"), lambda x: at_minus_infinity(x, x / (1 + np.exp(-x)))),
    "mish": (
        kernel("mish"),
        lambda x: at_minus_infinity(x, x * np.tanh(np.logaddexp(0, x))),
    ),
}
TURNING = ("gelu", "silu", "mish")


class Tally:
    """What is known so far of one function on one instruction set."""

    def __init__(self, turns: bool) -> None:
        self.turns = turns
        self.worst, self.where, self.falls, self.count = 0.0, 0.0, 0, 0
        self.digest = hashlib.sha256()

    def __str__(self) -> str:
        return (
            f"worst {self.worst:.3f} ULP at {self.where!r}, falls {self.falls} times, "
            f"sha256 {self.digest.hexdigest()[:16]}"
        )

    def add(self, x: Array, y: Array, exact: Array) -> None:
        """Take in a run of rising x (or of rising -x)."""
        self.count += x.size
        y[np.isnan(y)] = np.nan
        self.digest.update(y.tobytes())
        rounded = exact.astype(np.float32)
        usual = np.isfinite(rounded) & np.isfinite(exact)
        if not np.array_equal(y[~usual], rounded[~usual], equal_nan=True):
            self.worst = np.inf
        unit = np.spacing(np.abs(rounded[usual])).astype(np.float64)
        distance = np.abs(y[usual] - exact[usual]) / unit
        if distance.size and distance.max() > self.worst:
            self.worst = float(distance.max())
            self.where = float(x[usual][distance.argmax()])
        if self.turns and np.signbit(x[0]):
            return
        ordered = y[~np.isnan(y)]
        steps = np.diff(ordered) if not np.signbit(x[0]) else np.diff(ordered[::-1])
        self.falls += int(np.count_nonzero(steps < 0))


def measure(name: str, every: int) -> dict[str, Tally]:
    """Return what is found on each instruction set."""
    compiled, exact = FUNCTIONS[name]
    tallies = {isa: Tally(name in TURNING) for isa in core.isas()}
    before = core.active_isa()
    for sign in (0, 1 << 31):
        for start in range(sign, sign + (1 << 31), BLOCK * every):
            last = min(start + BLOCK * every, sign + (1 << 31))
            x = np.arange(start, last, every, dtype=np.uint32).view(np.float32)
            reference = exact(x.astype(np.float64))
            for isa, tally in tallies.items():
                core.use_isa(isa)
                tally.add(x, compiled(x), reference)
    core.use_isa(before)
    return tallies


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("functions", nargs="*", default=[*FUNCTIONS])
    parser.add_argument("--every", type=int, default=1, help="take one number in N")
    arguments = parser.parse_args()
    with np.errstate(all="ignore"):
        for name in arguments.functions:
            for isa, tally in measure(name, arguments.every).items():
                print(f"{name:8} {isa:9} {tally}", flush=True)


if __name__ == "__main__":
    main()
