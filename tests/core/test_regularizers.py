from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.core.regularizers import L1, L1L2, L2, Regularizer, get_regularizer
from pellucid.layers import Conv2D, Dense
from tests.support.data import uniform


@pytest.mark.parametrize("penalty", [L1(0.3), L2(0.2), L1L2(0.1, 0.4), L1L2()])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4, 5)])
def test_gradient_is_the_derivative_of_the_value(
    penalty: Regularizer, shape: tuple[int, ...]
) -> None:
    w = uniform(shape, 1, dtype="float64")
    expected = penalty.l1 * np.abs(w).sum() + 0.5 * penalty.l2 * (w**2).sum()
    np.testing.assert_allclose(penalty.value(w), expected, rtol=1e-13)
    grad = np.ones(shape)
    penalty.add_gradient(w, grad)
    np.testing.assert_allclose(
        grad, 1 + penalty.l1 * np.sign(w) + penalty.l2 * w, rtol=1e-13
    )


def test_zero_weights_have_no_gradient() -> None:
    grad = np.zeros(3)
    L1L2(1, 1).add_gradient(np.zeros(3), grad)
    assert (grad == 0).all()


@pytest.mark.parametrize("spec", ["l1", "l2", "l1l2", L2(0.5), {"l1": 0.1, "l2": 0.0}])
def test_specs(spec: Any) -> None:
    penalty = get_regularizer(spec)
    assert penalty is not None
    again = get_regularizer(penalty.config())
    assert again is not None
    assert (again.l1, again.l2) == (penalty.l1, penalty.l2)
    assert get_regularizer(None) is None


def test_refusals() -> None:
    with pytest.raises(ValueError, match='"l3"'):
        get_regularizer("l3")
    with pytest.raises(TypeError):
        get_regularizer(0.1)
    with pytest.raises(ValueError, match="L2: l2 is -1"):
        L2(-1)
    with pytest.raises(TypeError, match="L1: l1 is '1'"):
        L1("1")


@pytest.mark.parametrize("layer", [Dense(2), Conv2D(2, 1)])
def test_layers_hand_the_penalty_to_their_weight(layer: Dense | Conv2D) -> None:
    made = type(layer)(**layer.config() | {"kernel_regularizer": L2(0.5)})
    made.build((1, 1, 3)[-len(str(made.input_axes).split(", ")) + 1 :])
    assert [p.regularizer is not None for p in made.parameters()] == [True, False]
    assert repr(L2(0.5)) == "L2(l2=0.5)"
