"""Plots: what is on the axes."""

from __future__ import annotations

import sys

import pytest

from pellucid.model.history import History
from pellucid.viz import plot_history


@pytest.fixture
def history() -> History:
    record = History()
    record.append(0, {"loss": 1.0, "val_loss": 0.9, "accuracy": 0.5})
    record.append(1, {"loss": 0.5, "val_loss": 0.7, "accuracy": 0.7})
    record.append(2, {"loss": 0.3, "val_loss": 0.8, "accuracy": 0.8})
    return record


def test_curves_and_the_best_epoch(history: History) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = figure.subplots()
    assert plot_history(history, ax=ax) is ax
    training, validation, best = ax.get_lines()
    assert training.get_xydata().tolist() == [[1, 1.0], [2, 0.5], [3, 0.3]]
    assert validation.get_ydata().tolist() == [0.9, 0.7, 0.8]
    assert best.get_xdata() == [2, 2]
    assert ax.get_xlabel() == "epoch"
    assert ax.get_ylabel() == "loss"


def test_a_metric_without_validation(history: History) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = history.plot(metric="accuracy", ax=figure.subplots())
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["training", "best epoch"]


def test_new_axes_without_a_window(history: History) -> None:
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    ax = history.plot()
    assert len(ax.get_lines()) == 3
    pyplot.close(ax.figure)


def test_an_unknown_metric(history: History) -> None:
    with pytest.raises(ValueError, match='Expected one of "loss", "val_loss"'):
        plot_history(history, metric="acuracy")


def test_without_matplotlib(history: History, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pellucid\[plot\]"):
        plot_history(history)
