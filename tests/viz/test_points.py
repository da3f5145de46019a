"""Points and decision boundaries: artists hold the data, regions the classes."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from pellucid.viz import plot_decision_boundary, plot_points
from pellucid.viz.points import _leads

X = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, -1.0]], np.float32)


def half_planes(outputs: int) -> pl.Sequential:
    """Class 1 where x0 > 1: with two outputs, or one logit."""
    model = pl.Sequential([pl.Dense(outputs)], input_shape=(2,))
    weight, bias = np.zeros((2, outputs)), np.zeros(outputs)
    weight[0, -1], bias[-1] = 1, -1
    model.load_state_dict({"dense_1.weight": weight, "dense_1.bias": bias})
    if outputs == 1:
        model.compile("sgd", "sigmoid_binary_cross_entropy")
    return model


def test_each_class_is_one_collection(axes) -> None:
    ax = plot_points(X, [1, 0, 1], ax=axes())
    zero, one = ax.collections
    assert zero.get_offsets().tolist() == X[[1]].tolist()
    assert one.get_offsets().tolist() == X[[0, 2]].tolist()
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["class 0", "class 1"]
    assert not (zero.get_facecolor() == one.get_facecolor()).all()
    shapes = [dots.get_paths()[0].vertices.shape for dots in (zero, one)]
    assert shapes[0] != shapes[1]  # markers differ, too


def test_names_and_columns_of_labels(axes) -> None:
    ax = plot_points(X, [[1], [0], [1]], class_names=["no", "yes"], ax=axes())
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["no", "yes"]


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((3, 4)), [0, 0, 0], r"x has shape \(3, 4\)"),
        (np.zeros(3), [0, 0, 0], r"Expected points of the plane: \(n, 2\)"),
        (np.zeros((0, 2)), [], "x has shape"),
        (X, [0, 1], r"y has shape \(2,\) for 3 samples"),
        (X, [0, 1, 0.5], "not a class number"),
        (X, [0, 1, -1], "y has the label -1"),
    ],
)
def test_points_that_do_not_fit(x, y, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        plot_points(x, y)


@pytest.mark.parametrize("names", [["one"], "ab"])
def test_names_that_do_not_fit(names) -> None:
    with pytest.raises(ValueError, match="Expected 2 names"):
        plot_points(X, [0, 1, 0], class_names=names)


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_boundary_lies_where_the_classes_meet(outputs: int, axes) -> None:
    model = half_planes(outputs)
    ax = plot_decision_boundary(model, X, [0, 1, 1], steps=33, ax=axes())
    lines = [c for c in ax.collections if not c.get_label().startswith("class")]
    edges = [c for c in lines if c.get_linewidth()[0] == 0.8]
    assert len(edges) == 2
    # Interpolation between grid points errs by the curvature, 0 where the sigmoid is
    # 0.5: what is left is of third order in the step.
    tiny = (1.3 * 4 / 32) ** 3
    for edge in edges:
        (path,) = edge.get_paths()
        assert np.abs(path.vertices[:, 0] - 1).max() < tiny
    dots = [c for c in ax.collections if c.get_label().startswith("class")]
    assert dots[1].get_offsets().tolist() == X[1:].tolist()


def test_the_margin_is_a_share_of_the_range(axes) -> None:
    model = half_planes(2)
    ax = plot_decision_boundary(model, X, steps=5, margin=0.25, ax=axes())
    assert ax.get_xlim() == (-1, 5)
    assert ax.get_ylim() == (-2, 4)
    assert not [c for c in ax.collections if c.get_label().startswith("class")]


def test_how_far_each_class_is_ahead() -> None:
    model = pl.Sequential([pl.Dense(3, use_bias=False)], input_shape=(2,))
    model.load_state_dict({"dense_1.weight": [[1, 2, 5], [0, 0, 0]]})
    leads = _leads(model, np.array([[1.0, 0.0], [-1.0, 0.0]]))
    assert leads.tolist() == [[-4, -3, 3], [1, -1, -4]]


def test_a_class_that_wins_nowhere_has_no_region(axes) -> None:
    model = pl.Sequential([pl.Dense(2)], input_shape=(2,))
    model.load_state_dict({"dense_1.weight": np.zeros((2, 2)), "dense_1.bias": [1, 0]})
    ax = plot_decision_boundary(model, X, steps=5, ax=axes())
    assert len(ax.collections) == 1


@pytest.mark.parametrize("outputs", [1, 2])
def test_outputs_that_are_not_finite(outputs: int) -> None:
    model = half_planes(outputs)
    model.parameters()[0].value[...] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity for some points"):
        plot_decision_boundary(model, X)


def test_models_that_do_not_fit() -> None:
    with pytest.raises(RuntimeError, match="plot_decision_boundary was asked"):
        plot_decision_boundary(pl.Sequential([pl.Dense(2)]), X)
    with pytest.raises(ValueError, match=r"samples of shape \(3,\)"):
        plot_decision_boundary(pl.mlp([3, 2]), X)
    with pytest.raises(ValueError, match="steps is 1"):
        plot_decision_boundary(half_planes(2), X, steps=1)
    with pytest.raises(ValueError, match="margin"):
        plot_decision_boundary(half_planes(2), X, margin=-1)
    with pytest.raises(RuntimeError, match="not known to be a probability"):
        plot_decision_boundary(pl.mlp([2, 1]), X)
