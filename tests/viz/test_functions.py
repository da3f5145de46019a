"""Activations and optimizer paths: numbers of the library itself, and golden ones."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from pellucid.viz import optimizer_path, plot_activations, plot_optimizers


def square(x):
    return x * x


def slope(x):
    return 2 * x


def test_six_activations_with_their_derivatives(axes) -> None:
    panels = axes(2, 3)
    drawn = plot_activations(axes=panels)
    assert drawn == list(panels.flat)
    names = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "swish"]
    assert [ax.get_title() for ax in drawn] == names
    curves = {ax.get_title(): ax.get_lines()[-2:] for ax in drawn}
    x = curves["relu"][0].get_xdata()
    assert (x[0], x[-1], len(x)) == (-5, 5, 501)
    assert (curves["relu"][0].get_ydata() == np.maximum(x, 0)).all()
    assert (curves["relu"][1].get_ydata() == (x > 0)).all()
    assert (curves["leaky_relu"][0].get_ydata() == np.where(x > 0, x, 0.01 * x)).all()
    layer = pl.SiLU()
    layer.bind(dtype="float64")
    y = layer.forward(x[:, None], training=True)[:, 0]
    dx = layer.backward(np.ones((len(x), 1)))[:, 0]
    assert (curves["swish"][0].get_ydata() == y).all()
    assert (curves["swish"][1].get_ydata() == dx).all()


def test_activations_that_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="it works on whole rows"):
        plot_activations(["softmax"])
    with pytest.raises(ValueError, match='Did you mean "relu"'):
        plot_activations(["reluu"])
    for nothing in ("relu", []):
        with pytest.raises(TypeError, match="Expected a list of activations"):
            plot_activations(nothing)
    with pytest.raises(ValueError, match="Expected low below high"):
        plot_activations(["relu"], low=1, high=1)


@pytest.mark.parametrize(
    ("optimizer", "last"),
    [
        (pl.SGD(0.1), 0.0576460752),
        (pl.SGD(0.1, momentum=0.9), -1.746263083),
        (pl.Adam(0.1), 3.060338887),
    ],
)
def test_twenty_steps_down_a_square(optimizer, last: float) -> None:
    path = optimizer_path(optimizer, slope, 5.0, 20)
    assert path.shape == (21, 1)
    assert path.dtype == np.float64
    assert path[0, 0] == 5
    assert abs(path[-1, 0] - last) < 5e-10  # what ten digits leave open
    assert optimizer.iterations == 0


def test_a_path_in_the_plane() -> None:
    stretch = np.array([1.0, 4.0])
    seen = []

    def gradient(point):
        seen.append(point.shape)
        return stretch * point

    path = optimizer_path(pl.SGD(0.5), gradient, (1.0, 1.0), 2)
    assert path.tolist() == [[1, 1], [0.5, -1], [0.25, 1]]
    assert seen == [(2,), (2,)]


def test_a_walk_does_not_use_what_the_optimizer_learnt() -> None:
    optimizer = pl.Adam(0.1)
    model = pl.mlp([1, 1], seed=0)
    model.compile(optimizer, "mse")
    model.train_on_batch([[1.0]], [[2.0]])
    state = {name: array.copy() for name, array in optimizer.state().items()}
    fresh = optimizer_path(pl.Adam(0.1), slope, 5.0, 3)
    assert (optimizer_path(optimizer, slope, 5.0, 3) == fresh).all()
    assert optimizer.iterations == 1
    assert all((optimizer.state()[name] == kept).all() for name, kept in state.items())


def test_paths_that_cannot_be_walked() -> None:
    with pytest.raises(TypeError, match="the optimizer is 'adam'"):
        optimizer_path("adam", slope, 5.0)
    with pytest.raises(ValueError, match=r"start has shape \(1, 2\)"):
        optimizer_path(pl.SGD(0.1), slope, [[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"gradient returned an array of shape \(1,\)"):
        optimizer_path(pl.SGD(0.1), lambda point: 1.0, [1.0, 2.0])
    with pytest.raises(ValueError, match="steps is -1"):
        optimizer_path(pl.SGD(0.1), slope, 5.0, -1)


def test_paths_on_a_curve_and_how_fast_they_come_down(axes) -> None:
    path = np.array([[2.0], [1.0], [-0.5]])
    left, right = plot_optimizers(square, {"one": path}, axes=axes(1, 2))
    curve, walk = left.get_lines()
    assert (curve.get_ydata() == curve.get_xdata() ** 2).all()
    assert walk.get_xydata().tolist() == [[2, 4], [1, 1], [-0.5, 0.25]]
    (speed,) = right.get_lines()
    assert speed.get_ydata().tolist() == [4, 1, 0.25]
    assert right.get_yscale() == "log"
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["one"]


def test_what_is_missing_to_the_minimum(axes) -> None:
    panels = axes(1, 2)
    path = np.array([[2.0], [1.0]])
    _, right = plot_optimizers(
        lambda x: x * x + 3, {"one": path}, minimum=3, axes=panels
    )
    assert right.get_lines()[0].get_ydata().tolist() == [4, 1]
    assert right.get_ylabel() == "f - 3"


def test_paths_in_the_plane_stand_on_contours(axes) -> None:
    path = np.array([[2.0, 1.0], [1.0, -1.0]])
    left, right = plot_optimizers(
        lambda p: float(p @ p), {"one": path}, axes=axes(1, 2)
    )
    (walk,) = left.get_lines()
    assert walk.get_xydata().tolist() == path.tolist()
    assert len(left.collections) == 1
    assert right.get_lines()[0].get_ydata().tolist() == [5, 2]


@pytest.mark.parametrize(
    "paths",
    [{}, {"a": np.zeros((2, 3))}, {"a": np.zeros((2, 1)), "b": np.zeros((2, 2))}],
)
def test_paths_that_do_not_fit(paths) -> None:
    with pytest.raises(ValueError, match="all alike"):
        plot_optimizers(square, paths)
