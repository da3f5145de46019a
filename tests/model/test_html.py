"""What notebooks show of models and histories."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree

import pellucid as pl
from pellucid.model import History


def rows(html: str) -> list[list[str]]:
    """The cells of every row of the table; parsing proves that tags are closed."""
    tree = ElementTree.fromstring(f"<div>{html}</div>")
    return [[cell.text or "" for cell in row] for row in tree.iter("tr")]


def test_a_built_model() -> None:
    model = pl.mlp([4, 3, 2], seed=0)
    model.build()
    html = model._repr_html_()
    assert rows(html) == [
        ["layer", "output", "parameters"],
        ["dense_1", "(3,)", "15"],
        ["dense_2", "(2,)", "8"],
    ]
    assert "Sequential: input (4,), float32, 23 parameters" in html


def test_it_does_not_build() -> None:
    known = pl.Sequential([pl.Dense(3)], input_shape=(4,))
    assert rows(known._repr_html_())[1] == ["dense_1", "(3,)", ""]
    unknown = pl.Sequential([pl.Dense(3)])
    assert rows(unknown._repr_html_())[1] == ["dense_1", "", ""]
    for model in (known, unknown):
        assert "not built" in model._repr_html_()
        assert not model.built
    assert rows(pl.Sequential()._repr_html_()) == [["layer", "output", "parameters"]]


def test_shapes_are_those_of_the_outside() -> None:
    layers = [pl.Conv2D(5, 3)]
    model = pl.Sequential(layers, input_shape=(1, 8, 9), data_format="channels_first")
    model.build()
    assert rows(model._repr_html_())[1] == ["conv2d_1", "(5, 6, 7)", "50"]


def test_names_are_escaped() -> None:
    name = '<script>alert("&")</script>'
    html = pl.Sequential([pl.Dense(1, name=name)], input_shape=(1,))._repr_html_()
    assert "<script>" not in html
    assert rows(html)[1][0] == name


def test_a_long_model_is_cut() -> None:
    model = pl.Sequential([pl.ReLU() for _ in range(500)], input_shape=(1,))
    model.build()
    html = model._repr_html_()
    cells = rows(html)
    assert len(cells) == 62
    assert cells[1][0] == "relu_1"
    assert cells[31][0] == "... 440 more"
    assert cells[-1][0] == "relu_500"
    assert len(html) < 6000


def record(*losses: float, **other: list[float]) -> History:
    history = History()
    for epoch, loss in enumerate(losses):
        more = {name: values[epoch] for name, values in other.items()}
        history.append(epoch, {"loss": loss} | more)
    return history


def test_a_history() -> None:
    html = record(3.0, 1.0, 2.0, accuracy=[0.25, 0.75, 0.5])._repr_html_()
    assert rows(html) == [
        ["value", "last", "at the best epoch"],
        ["loss", "2", "1"],
        ["accuracy", "0.5", "0.75"],
    ]
    assert "epochs 1 to 3, best epoch 2" in html
    (points,) = re.findall('points="([^"]*)"', html)
    assert points == "0.0,2.0 120.0,58.0 240.0,30.0"


def test_training_and_validation_share_a_scale() -> None:
    html = record(2.0, 1.0, val_loss=[3.0, 1.0])._repr_html_()
    first, second = re.findall('points="([^"]*)"', html)
    assert first == "0.0,30.0 240.0,58.0"
    assert second == "0.0,2.0 240.0,58.0"


def test_histories_without_a_curve() -> None:
    assert History()._repr_html_() == "<p>History: no epochs</p>"
    assert "svg" not in record(1.0)._repr_html_()
    assert "svg" not in record(math.nan, math.nan)._repr_html_()
    html = record(math.nan, 2.0, 1.0)._repr_html_()
    assert 'points="120.0,2.0 240.0,58.0"' in html


def test_metric_names_are_escaped() -> None:
    history = record(1.0, 2.0, **{"<b>": [1.0, 2.0]})
    assert "<b>" not in history._repr_html_()
    assert rows(history._repr_html_())[2][0] == "<b>"


def test_a_long_history_stays_small() -> None:
    html = record(*[1 / (1 + i) for i in range(100_000)])._repr_html_()
    assert len(html) < 5000
