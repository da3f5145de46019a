"""Histograms of weights and gradients are those of the arrays."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from pellucid.viz import plot_gradients, plot_weights


def histogram(ax) -> tuple[list[float], list[float]]:
    (stairs,) = ax.patches
    values, edges, _ = stairs.get_data()
    return values.tolist(), edges.tolist()


def expected(array: np.ndarray) -> tuple[list[float], list[float]]:
    counts, edges = np.histogram(array.astype(np.float64), 50)
    return counts.tolist(), edges.tolist()


def test_weights(network: pl.Sequential, axes) -> None:
    drawn = plot_weights(network, axes=axes(1, 2))
    titles = ["conv2d_1.weight", "dense_1.weight"]
    assert [ax.get_title() for ax in drawn] == titles
    state = network.state_dict()
    for title, ax in zip(titles, drawn, strict=True):
        assert histogram(ax) == expected(state[title])


def test_names_choose(network: pl.Sequential, axes) -> None:
    drawn = plot_weights(network, "dense_1.*", axes=axes(1, 2))
    assert [ax.get_title() for ax in drawn] == ["dense_1.weight", "dense_1.bias"]
    with pytest.raises(ValueError, match=r"conv2d_1\.weight, conv2d_1\.bias"):
        plot_weights(network, "dense_2.*")


def test_weights_inside_containers(axes) -> None:
    layers = [pl.Residual([pl.Dense(3)]), pl.Dense(2)]
    model = pl.Sequential(layers, input_shape=(3,), seed=0)
    drawn = plot_weights(model, axes=axes(1, 2))
    titles = [ax.get_title() for ax in drawn]
    assert titles == ["residual_1.body.dense_1.weight", "dense_1.weight"]


def test_values_that_are_not_finite_are_counted(axes) -> None:
    model = pl.mlp([2, 2], seed=0)
    weight = model.parameters()[0].value
    weight[...] = [[1, 2], [3, np.nan]]
    (ax,) = plot_weights(model, axes=axes())
    assert histogram(ax) == expected(np.array([1.0, 2, 3]))
    assert ax.texts[0].get_text() == "mean 2\ndeviation 0.82\n1 not finite"
    weight[...] = np.nan
    (ax,) = plot_weights(model, axes=axes())
    assert ax.texts[0].get_text() == "no finite values\n4 not finite"


def test_gradients_are_those_of_the_step(axes) -> None:
    model = pl.mlp([3, 4, 2], seed=0)
    model.compile(pl.SGD(0.1, clip_norm=1e-3, clip_value=1e-4), "mse")
    x, y = np.ones((5, 3), np.float32), np.zeros((5, 2), np.float32)
    before = model.state_dict()
    drawn = plot_gradients(model, x, y, axes=axes(1, 2))
    after = model.state_dict()
    assert all((before[name] == after[name]).all() for name in before)
    assert model.optimizer.iterations == 0
    assert model.optimizer.clip_norm == 1e-3
    assert not any(p.grad.any() for p in model.parameters())
    prediction = model.forward(x, training=True)
    _, dy = model.loss.value_and_gradient(prediction, y)
    model.backward(dy)
    gradients = [p.grad for p in model.parameters() if p.name == "weight"]
    assert np.abs(gradients[0]).max() > 1e-4  # more than clipping would leave
    for ax, gradient in zip(drawn, gradients, strict=True):
        assert histogram(ax) == expected(gradient)


def test_frozen_parameters_have_no_gradient(axes) -> None:
    model = pl.mlp([3, 4, 2], seed=0)
    model.compile("sgd", "mse")
    model.layers[0].trainable = False
    x, y = np.ones((5, 3)), np.zeros((5, 2))
    (ax,) = plot_gradients(model, x, y, axes=axes())
    assert ax.get_title() == "dense_2.weight"
    with pytest.raises(ValueError, match="is frozen"):
        plot_gradients(model, x, y, "dense_1.weight")


def test_models_that_do_not_fit() -> None:
    with pytest.raises(RuntimeError, match="plot_weights was asked"):
        plot_weights(pl.Sequential([pl.Dense(2)]))
    with pytest.raises(RuntimeError, match="not compiled"):
        plot_gradients(pl.mlp([2, 2]), [[1.0, 2]], [[1.0, 2]])
