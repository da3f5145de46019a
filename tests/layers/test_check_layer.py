"""Guards the guard: a layer with one fault fails the check that is there to find it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from pellucid.core import Layer
from pellucid.core.registry import LAYERS
from pellucid.layers import Dense, ReLU
from tests.layers import check_layer as checks
from tests.layers.cases import Case

Array = NDArray[Any]


class Cube(Layer):
    """y = x**3, right in everything; the faults below change one thing each."""

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        x = self.check_input(x)
        y = np.multiply(x * x, x, out=self.buffer("y", x.shape, reuse=training))
        if training:
            self.save(y, x)
        return y

    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dy, (x,) = self.restore(dy)
        if not need_dx:
            return None
        return np.multiply(3 * x * x, dy, out=self.buffer("dx", x.shape))


class WrongGradient(Cube):
    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dx = super().backward(dy, need_dx)
        return None if dx is None else dx * (1 + 1e-5)


class WrongBias(Dense):
    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dx = super().backward(dy, need_dx)
        if self.bias is not None:
            self.bias.grad = self.bias.grad / 2
        return dx


class SmallGradientError(Cube):
    def backward(self, dy: ArrayLike, need_dx: bool = True) -> Array | None:
        dx = super().backward(dy, need_dx)
        return None if dx is None else dx * (1 + 1e-10)


class WrongShape(Cube):
    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*input_shape, 1)


class ForgetsArgument(Cube):
    def __init__(self, power: int = 3, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.power = power


class WritesInput(Cube):
    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        y = super().forward(x, training)
        if isinstance(x, np.ndarray) and x.flags.writeable:
            x += 1
        return y


class OneBuffer(Cube):
    memory: Array | None = None

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        y = super().forward(x, training)
        if self.memory is None or self.memory.shape != y.shape:
            self.memory = y.copy()
        self.memory[...] = y
        return self.memory


class KeepsInInference(Cube):
    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        return super().forward(x, training=True)


class Random(Cube):
    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        y = super().forward(x, training)
        y *= 1 + 1e-16 + np.random.default_rng().uniform(1e-15, 1e-14)
        return y


class ChecksNothing(Cube):
    def check_input(self, x: ArrayLike) -> Array:
        if not self.built:
            self.build(np.shape(x)[1:])
        return np.asarray(x, self.dtype)


class SharedWeights(Dense):
    def build(self, input_shape: tuple[int, ...]) -> None:
        super().build(input_shape)
        self.weight.value[...] = 1


FAULTS = [
    (WrongGradient, {}, checks.check_gradient_by_differences),
    (WrongBias, {"units": 2}, checks.check_gradient_by_differences),
    (SmallGradientError, {}, checks.check_gradient_by_complex_step),
    (WrongShape, {}, checks.check_shapes),
    (ForgetsArgument, {"power": 2}, checks.check_config),
    (WritesInput, {}, checks.check_layouts),
    (OneBuffer, {}, checks.check_memory),
    (KeepsInInference, {}, checks.check_backward_protocol),
    (Random, {}, checks.check_determinism),
    (ChecksNothing, {}, checks.check_refusals),
    (SharedWeights, {"units": 2}, checks.check_initial_weights),
]


def row(layer: type[Layer], kwargs: dict[str, Any]) -> Case:
    return Case(layer, kwargs, (4,), (kwargs.get("units", 4),))


@pytest.fixture(autouse=True)
def register(monkeypatch: pytest.MonkeyPatch) -> None:
    for layer in (Cube, *(fault[0] for fault in FAULTS)):
        monkeypatch.setitem(LAYERS, layer.__name__, layer)


def test_a_right_layer_passes() -> None:
    checks.check_layer(row(Cube, {}))


@pytest.mark.parametrize(
    ("layer", "kwargs", "check"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS]
)
def test_a_fault_is_found(
    layer: type[Layer], kwargs: dict[str, Any], check: Any
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(row(layer, kwargs))


def test_inputs_stay_away_from_kinks() -> None:
    x, r = checks.inputs(Case(ReLU, {}, (100,), (100,)))
    assert np.abs(x).min() >= 0.1
    assert (x > 0).any()
    assert (x < 0).any()
    assert np.abs(r).max() > 0.5
