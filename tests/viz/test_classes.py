"""Confusion matrix and misclassified samples."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from pellucid.viz import plot_confusion_matrix, plot_misclassified

TRUE, FOUND = [0, 0, 0, 0, 1, 2, 2], [0, 0, 0, 1, 1, 2, 0]


def cells(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_every_cell_has_its_count(axes) -> None:
    ax = plot_confusion_matrix(TRUE, FOUND, ax=axes())
    assert cells(ax) == ["3", "1", "0", "0", "1", "0", "1", "0", "1"]
    (image,) = ax.images
    shares = [[0.75, 0.25, 0], [0, 1, 0], [0.5, 0, 0.5]]
    assert image.get_array().tolist() == shares
    assert ax.get_title() == "71.4 % of 7 right"
    assert ax.get_ylabel() == "true class"
    assert ax.get_xlabel() == "predicted class"
    first = ax.texts[1]
    assert first.get_position() == (1, 0)  # column 1, row 0: a 0 taken for 1


def test_percent_and_names(axes) -> None:
    names = ["cat", "dog", "heron"]
    ax = plot_confusion_matrix(
        TRUE, FOUND, class_names=names, normalize=True, ax=axes()
    )
    assert cells(ax) == ["75", "25", "0", "0", "100", "0", "50", "0", "50"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == names
    assert [tick.get_text() for tick in ax.get_yticklabels()] == names


def test_names_say_how_many_classes_there_are(axes) -> None:
    ax = plot_confusion_matrix([0], [0], class_names=["a", "b"], ax=axes())
    assert cells(ax) == ["1", "0", "0", "0"]


def test_text_is_seen_on_dark_and_on_light(axes) -> None:
    ax = plot_confusion_matrix(TRUE, FOUND, ax=axes())
    assert [text.get_color() for text in ax.texts[:3]] == ["white", "black", "0.6"]


def test_labels_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="are empty"):
        plot_confusion_matrix([], [])
    with pytest.raises(ValueError, match="3 labels and y_pred has 2"):
        plot_confusion_matrix([0, 1, 1], [0, 1])
    with pytest.raises(ValueError, match="label 2"):
        plot_confusion_matrix([0, 2], [0, 1], class_names=["a", "b"])


def by_brightness() -> pl.Sequential:
    """Two outputs: 2 (p - 1) for the class 1 and 0, of pictures of one pixel."""
    model = pl.Sequential([pl.Flatten(), pl.Dense(2)], input_shape=(1, 1, 1))
    model.load_state_dict({"dense_1.weight": [[0.0, 2.0]], "dense_1.bias": [0, -2]})
    return model


X = np.array([0.0, 0.25, 0.5, 0.75, 1.5, 2.0]).reshape(6, 1, 1, 1)


def test_the_surest_errors_come_first(axes) -> None:
    # Predicted: 0 0 0 0 1 1, with a lead of 2 1.5 1 0.5 1 2.
    ax = plot_misclassified(by_brightness(), X, [0, 1, 1, 1, 1, 0], ax=axes())
    assert cells(ax) == [
        "is 0,\ntaken for 1",
        "is 1,\ntaken for 0",
        "is 1,\ntaken for 0",
        "is 1,\ntaken for 0",
    ]
    shown = [image.get_array().item() for image in ax.images]
    assert shown == [0, 0.25, 0.5, 0.75]  # 2.0 is stretched: a flat picture is 0
    assert ax.get_title() == "4 of 6 misclassified"


def test_only_so_many_are_shown(axes) -> None:
    names = ["dark", "bright"]
    ax = plot_misclassified(
        by_brightness(), X, [0, 1, 1, 1, 1, 0], count=1, class_names=names, ax=axes()
    )
    assert cells(ax) == ["is dark,\ntaken for bright"]
    assert ax.get_title() == "4 of 6 misclassified, the 1 surest"


def test_a_model_without_errors(axes) -> None:
    ax = plot_misclassified(by_brightness(), X, [0, 0, 0, 0, 1, 1], ax=axes())
    assert not ax.images
    assert ax.get_title() == "0 of 6 misclassified"


def test_one_output_column(axes) -> None:
    model = pl.Sequential([pl.Flatten(), pl.Dense(1)], input_shape=(1, 1, 1))
    model.load_state_dict({"dense_1.weight": [[2.0]], "dense_1.bias": [-2]})
    model.compile("sgd", "sigmoid_binary_cross_entropy")
    ax = plot_misclassified(model, X[:4], [0, 1, 1, 0], ax=axes())
    assert [image.get_array().item() for image in ax.images] == [0.25, 0.5]


def test_channels_first(network: pl.Sequential, images, axes) -> None:
    first = pl.Sequential(
        [pl.Conv2D(2, 3), pl.Flatten(), pl.Dense(10)],
        input_shape=(3, 8, 8),
        data_format="channels_first",
        seed=0,
    )
    x = np.random.default_rng(0).random((5, 3, 8, 8), np.float32)
    wrong = (first.predict_classes(x) + 1) % 10 if first.build() is None else None
    ax = plot_misclassified(first, x, wrong, ax=axes())
    assert len(ax.images) == 5
    shown = {image.get_array().tobytes() for image in ax.images}
    assert shown == {one.transpose(1, 2, 0).tobytes() for one in x}


def test_samples_that_do_not_fit(network: pl.Sequential, images) -> None:
    x, y = images
    with pytest.raises(ValueError, match=r"y has shape \(3,\) for 20"):
        plot_misclassified(network, x, y[:3])
    with pytest.raises(ValueError, match="at most 64"):
        plot_misclassified(network, x, y, count=65)
    points = pl.mlp([2, 2], seed=0)
    with pytest.raises(ValueError, match="Expected an image"):
        plot_misclassified(points, np.zeros((4, 2)), [1, 0, 1, 0])
    with pytest.raises(RuntimeError, match="plot_misclassified was asked"):
        plot_misclassified(pl.Sequential([pl.Dense(2)]), x, y)
