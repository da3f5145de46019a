"""What layers say of themselves (linear, keeps_range, normalizes) is so."""

from __future__ import annotations

import numpy as np
import pytest

from tests.layers.cases import CASES, Case

DRAWS = 3


def built(case: Case):
    layer = case.make()
    layer.bind(dtype="float64", seed=0)
    layer.build(case.input_shape)
    return layer


def draw(case: Case, seed: int) -> np.ndarray:
    """Numbers around 0, some of them far out: no kink and no end stays unmet."""
    rng = np.random.default_rng(seed)
    shape = (4, *case.input_shape)
    return rng.normal(size=shape) * rng.choice([0.1, 1.0, 10.0], shape)


def is_linear(layer, case: Case) -> bool:
    """Whether f(a + b) + f(0) is f(a) + f(b), up to rounding."""
    for seed in range(DRAWS):
        a, b = draw(case, seed), draw(case, seed + 100)
        sums = layer.forward(a) + layer.forward(b)
        both = layer.forward(a + b) + layer.forward(0 * a)
        if np.abs(sums - both).max() > 1e-9 * np.abs(sums).max():
            return False
    return True


def is_kept(layer, case: Case) -> bool:
    """Whether no output lies outside the range of the inputs, up to rounding."""
    for offset in (-50, 0, 50):
        for seed in range(DRAWS):
            x = draw(case, seed) + offset
            y = layer.forward(x)
            slack = 1e-12 * np.abs(x).max()
            if y.min() < x.min() - slack or y.max() > x.max() + slack:
                return False
    return True


KINDS = sorted({case.layer for case in CASES}, key=lambda kind: kind.__name__)


def rows(kind):
    """The built layers of a class, with their cases."""
    return [(built(case), case) for case in CASES if case.layer is kind]


def speaks(layer) -> bool:
    """Whether it is a layer without weight and activation: those have traits."""
    return not (layer.children() or layer.activation or hasattr(layer, "weight"))


@pytest.mark.parametrize("kind", KINDS)
def test_linear_is_what_it_says(kind) -> None:
    found = rows(kind)
    if speaks(found[0][0]):
        assert kind.linear == all(is_linear(layer, case) for layer, case in found)
    else:
        assert not kind.linear


@pytest.mark.parametrize("kind", KINDS)
def test_the_range_is_kept_where_it_says_so(kind) -> None:
    found = rows(kind)
    if speaks(found[0][0]):
        assert kind.keeps_range == all(is_kept(layer, case) for layer, case in found)
    else:
        assert not kind.keeps_range


@pytest.mark.parametrize("kind", KINDS)
def test_normalizes_is_what_it_says(kind) -> None:
    for layer, case in rows(kind):
        if not speaks(layer) or not layer.trainable:
            assert kind.normalizes is None or not layer.trainable
            continue
        x = 1e6 * (draw(case, 0) + 1)
        training = kind.normalizes == "batch"  # in use its statistics stand still
        one, ten = layer.forward(x, training).copy(), layer.forward(10 * x, training)
        alike = np.abs(one - ten).max() < 1e-6 * np.abs(one).max()
        assert (kind.normalizes is not None) == alike


def test_every_kind_of_trait_occurs() -> None:
    assert {kind.normalizes for kind in KINDS} == {None, "batch", "sample"}
    assert {kind.linear for kind in KINDS} == {True, False}
    assert {kind.keeps_range for kind in KINDS} == {True, False}
