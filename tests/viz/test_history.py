"""Pictures of a training: what is on the axes."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from pellucid.model import History
from pellucid.model.finder import RateSearch
from pellucid.viz import plot_history, plot_rate_search, plot_schedules, plot_training


@pytest.fixture
def history() -> History:
    record = History()
    record.append(0, {"loss": 1.0, "val_loss": 0.9, "accuracy": 0.5, "seconds": 0.1})
    record.append(1, {"loss": 0.5, "val_loss": 0.7, "accuracy": 0.7, "seconds": 0.1})
    record.append(2, {"loss": 0.3, "val_loss": 0.8, "accuracy": 0.8, "seconds": 0.1})
    return record


def labels(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_curves_and_the_best_epoch(history: History, axes) -> None:
    ax = axes()
    assert plot_history(history, ax=ax) is ax
    training, validation, best = ax.get_lines()
    assert training.get_xydata().tolist() == [[1, 1.0], [2, 0.5], [3, 0.3]]
    assert validation.get_ydata().tolist() == [0.9, 0.7, 0.8]
    assert best.get_xdata() == [2, 2]
    assert best.get_linestyle() == "--"
    assert ax.get_xlabel() == "epoch"
    assert ax.get_ylabel() == "loss"
    assert labels(ax) == ["training", "validation", "best epoch: 2"]


def test_a_metric_without_validation(history: History, axes) -> None:
    ax = history.plot(metric="accuracy", ax=axes())
    assert labels(ax) == ["training", "best epoch: 2"]


def test_a_history_that_goes_on_counts_on(axes) -> None:
    record = History()
    record.append(7, {"loss": 0.5})
    record.append(8, {"loss": 0.25})
    training, best = plot_history(record, ax=axes()).get_lines()
    assert training.get_xdata().tolist() == [8, 9]
    assert best.get_xdata() == [9, 9]


def test_without_finite_values_no_epoch_is_best(axes) -> None:
    record = History()
    record.append(0, {"loss": float("nan")})
    assert len(plot_history(record, ax=axes()).get_lines()) == 1


def test_an_unknown_metric(history: History) -> None:
    with pytest.raises(ValueError, match='Expected one of "loss", "val_loss"'):
        plot_history(history, metric="acuracy")


def test_a_history_without_epochs() -> None:
    for plot in (plot_history, plot_training):
        with pytest.raises(ValueError, match=r"no epochs.\nCall model.fit|no epochs"):
            plot(History())


def test_loss_and_metrics_side_by_side(history: History, axes) -> None:
    pair = axes(1, 2)
    drawn = plot_training(history, axes=pair)
    assert drawn == list(pair)
    assert [ax.get_ylabel() for ax in drawn] == ["loss", "accuracy"]
    assert [ax.get_lines()[-1].get_xdata() for ax in drawn] == [[2, 2], [2, 2]]
    (only,) = plot_training(history, metrics=["accuracy"], axes=axes())
    assert only.get_ylabel() == "accuracy"


def test_wrong_metrics_and_too_few_axes(history: History, axes) -> None:
    with pytest.raises(ValueError, match="Expected a list of keys"):
        plot_training(history, metrics="loss")
    with pytest.raises(ValueError, match=r"axes has 1 panels. Expected 2"):
        plot_training(history, axes=axes())


def test_schedules(axes) -> None:
    named = {"step": pl.StepDecay(0.1, 2, 0.5), "flat": pl.StepDecay(0.3, 9)}
    ax = plot_schedules(named, 5, ax=axes())
    step, flat = ax.get_lines()
    assert step.get_xdata().tolist() == [0, 1, 2, 3, 4]
    assert step.get_ydata().tolist() == [named["step"](t) for t in range(5)]
    assert flat.get_ydata().tolist() == [0.3] * 5
    assert step.get_drawstyle() == "steps-post"
    assert labels(ax) == ["step", "flat"]
    assert ax.get_xlabel() == "epoch"
    assert step.get_color() != flat.get_color()


def test_one_schedule_by_step(axes) -> None:
    ax = plot_schedules(pl.StepDecay(0.1, 2, by="step"), 3, ax=axes())
    assert ax.get_xlabel() == "step"
    assert ax.get_title() == "StepDecay"


def test_schedules_that_cannot_be_drawn() -> None:
    mixed = {"a": pl.StepDecay(0.1, 2), "b": pl.StepDecay(0.1, 2, by="step")}
    with pytest.raises(ValueError, match="some schedules count epochs"):
        plot_schedules(mixed, 5)
    for nothing in ({}, {"a": 0.1}, 0.1):
        with pytest.raises(TypeError, match="Expected a Schedule"):
            plot_schedules(nothing, 5)
    with pytest.raises(ValueError, match="length is 0"):
        plot_schedules(mixed["a"], 0)


def test_rate_search(axes) -> None:
    search = RateSearch(list(np.logspace(-4, 0, 40)), list(np.linspace(3, 1, 40)))
    ax = plot_rate_search(search, ax=axes())
    losses, smoothed, suggestion = ax.get_lines()
    assert losses.get_xdata().tolist() == search.rates
    assert losses.get_ydata().tolist() == search.losses
    assert smoothed.get_ydata().tolist() == search.smoothed
    assert suggestion.get_xdata() == [search.suggestion] * 2
    assert ax.get_xscale() == "log"
    low, high = ax.get_ylim()
    assert low < 1
    assert high > 3
