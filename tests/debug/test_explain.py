"""`layer.explain()`: formula, shapes and cost with the numbers of the layer."""

from __future__ import annotations

import re

import pytest

import pellucid as pl
from pellucid import kernels
from pellucid.debug.configurations import LAYER_TABLE, layer_problem
from pellucid.debug.explain import formula


@pytest.mark.parametrize("kind", LAYER_TABLE)
def test_every_layer_explains_itself(kind, capsys) -> None:
    (layer,) = layer_problem(kind, 0).layers
    text = layer.explain(batch_size=4)
    assert capsys.readouterr().out == text + "\n"
    assert text.startswith(f"{layer.name} ({kind})\n")
    assert "y" in formula(layer)
    assert "=" in formula(layer)
    assert formula(layer) in text
    assert "Parameters\n" not in text
    assert max(map(len, text.splitlines())) <= 100
    for name, parameter in layer.named_parameters().items():
        assert re.search(rf"{re.escape(name)} +{re.escape(str(parameter.shape))}", text)
    assert f"({layer.flops(layer.input_shape):,} a sample" in text


def test_the_numbers_of_a_convolution(capsys) -> None:
    model = pl.Sequential(
        [pl.Conv2D(8, (3, 5), strides=2, padding=1)], input_shape=(9, 11, 3), seed=0
    )
    model.build()
    text = model.layers[0].explain(batch_size=10)
    # 5 x 5 x 8 outputs, each 2 * 3 * 5 * 3 operations; 368 parameters.
    assert "x       (n, 9, 11, 3)" in text
    assert "y       (n, 5, 5, 8)" in text
    assert "weight  (3, 5, 3, 8)" in text
    assert "forward     180 kFLOP (18,000 a sample, 90 for each of 200 numbers" in text
    assert "backward    360 kFLOP (dx and dw)" in text
    assert "parameters  368, 1.47 kB" in text
    # forward reads 10 * 297 and 368 numbers and writes 10 * 200, of 4 bytes.
    assert "21.4 kB\n" in text
    assert "strides=(2, 2)" in text
    if kernels.backend() == "compiled":
        assert "backward-weights: " in text
    # Per step: 540,000 operations, 21,352 + 34,704 bytes.
    assert "intensity   9.63 FLOP a byte" in text


def test_a_depthwise_convolution_says_which_kernel() -> None:
    model = pl.Sequential(
        [pl.DepthwiseConv2D(3, depth_multiplier=2), pl.SeparableConv2D(4, 3)],
        input_shape=(8, 8, 3),
        seed=0,
    )
    model.build()
    depthwise, separable = (layer.explain() for layer in model.layers)
    assert "depthwise_weight" in separable
    assert "(dx and dw)" in depthwise
    assert "(dx and dw)" in separable
    if kernels.backend() == "compiled":
        assert "forward: direct (depthwise)" in depthwise


def test_layers_that_are_not_built_say_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)Conv2D.*not built.*model\.build"):
        pl.Conv2D(3, 3).explain()
    model = pl.Sequential([pl.Dense(3)], input_shape=(2,))
    model.build()
    with pytest.raises(ValueError, match="batch_size"):
        model.layers[0].explain(batch_size=0)


def test_own_layers_explain_what_their_docstring_says() -> None:
    class Twice(pl.Layer):
        """Everything twice: y = 2 x."""

    class Silent(pl.Layer):
        __doc__ = None

    for own, expected in ((Twice, "Everything twice: y = 2 x."), (Silent, "")):
        layer = own(name="own")
        layer.build((3,))
        assert layer.explain().splitlines()[1] == expected


def test_convolutions_can_be_explained_by_the_door() -> None:
    said = kernels.explain("conv", n=2, h=8, w=8, c=3, kh=3, kw=3, k=4)
    assert said.startswith("conv: ")
    with pytest.raises(ValueError, match='"conv"'):
        kernels.explain("convolution")
