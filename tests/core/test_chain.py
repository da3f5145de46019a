"""Going back through layers in a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.core import Layer
from pellucid.core.chain import backward_chain
from pellucid.layers import Dense


class Silent(Layer):
    """An own layer with one parameter whose ``backward`` forgets to return dx."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        super().build(input_shape)
        self.add_parameter("scale", (1,), Dense(1).bias_initializer)

    def forward(self, x: Any, training: bool = False) -> Any:
        x = self.check_input(x)
        self.save(x)
        return x

    def backward(self, dy: Any) -> None:  # an own layer may leave need_dx out
        self.restore(dy)


def test_a_backward_without_dx_is_named() -> None:
    first, silent = Dense(3), Silent(name="silent_1")
    x = np.ones((2, 3), "float32")
    silent.forward(first.forward(x, training=True), training=True)
    with pytest.raises(TypeError, match=r"silent_1 \(Silent\): backward returned None"):
        backward_chain([first, silent], x)


def test_the_first_layer_that_learns_needs_no_dx() -> None:
    silent = Silent(name="silent_1")
    x = np.ones((2, 3), "float32")
    silent.forward(x, training=True)
    assert backward_chain([silent], x, need_dx=False) is None
    with pytest.raises(RuntimeError, match="no forward pass"):  # it was asked once
        silent.backward(x)
