"""Pictures of a training: its curves, its learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.checks import check_integer
from pellucid.core.schedule import Schedule
from pellucid.errors import describe
from pellucid.viz.canvas import (
    BLUE,
    COLOURS,
    DASHES,
    GREY,
    ORANGE,
    RED,
    new_axes,
    panels,
)

if TYPE_CHECKING:
    from pellucid.model.finder import RateSearch
    from pellucid.model.history import History


def plot_history(history: History, *, metric: str = "loss", ax: Any = None) -> Any:
    """Draw one value of a training and its validation form over the epochs.

    Parameters
    ----------
    history : History
        What `fit` returned.
    metric : str
        A key of `history.history` without `val_`: "loss", "accuracy", ...
    ax : matplotlib Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    Axes
        With a dashed line at the best epoch; epochs count from 1. Save with
        `ax.figure.savefig(path)`.

    Raises
    ------
    ValueError
        The history has no such key, or no epochs.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> x, y = pl.data.make_moons(100)
    >>> model = pl.mlp([2, 2], seed=0)
    >>> model.compile(optimizer="adam", loss="softmax_cross_entropy")
    >>> history = model.fit(x, y, epochs=2, verbose=0)
    >>> history.plot(metric="loss").get_ylabel()
    'loss'
    """
    values = history.history
    _require_epochs(history)
    if metric not in values:
        raise ValueError(
            describe(
                f"metric is {metric!r}, which this history lacks",
                "Expected one of " + ", ".join(f'"{key}"' for key in values),
                'Pass for example metric="loss".',
            )
        )
    ax = new_axes() if ax is None else ax
    epochs = [epoch + 1 for epoch in history.epoch]
    marker = "o" if len(epochs) <= 30 else None
    style = {"marker": marker, "markersize": 3.5}
    ax.plot(epochs, values[metric], color=BLUE, label="training", **style)
    if f"val_{metric}" in values:
        validation = values[f"val_{metric}"]
        ax.plot(epochs, validation, color=ORANGE, ls="-.", label="validation", **style)
    best = history.best_epoch
    if best is not None:
        ax.axvline(best + 1, color=RED, ls="--", lw=1, label=f"best epoch: {best + 1}")
    ax.set(xlabel="epoch", ylabel=metric.replace("_", " "))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(color="0.92")
    ax.legend()
    return ax


def plot_training(
    history: History, *, metrics: Sequence[str] | None = None, axes: Any = None
) -> list[Any]:
    """Draw the loss and the metrics of a training side by side.

    Parameters
    ----------
    history : History
        What `fit` returned.
    metrics : sequence of str, optional
        Keys without `val_`; by default the loss and every metric.
    axes : sequence of matplotlib Axes, optional
        One for each; by default those of a new figure.

    Returns
    -------
    list of Axes
        Each as `plot_history` draws it.

    Raises
    ------
    ValueError, ImportError
        As `plot_history`; too few axes.

    Example
    -------
    >>> from pellucid.model import History
    >>> record = History()
    >>> record.append(0, {"loss": 0.5, "accuracy": 0.75, "seconds": 0.1})
    >>> [ax.get_ylabel() for ax in plot_training(record)]
    ['loss', 'accuracy']
    """
    _require_epochs(history)
    if metrics is None:
        other = ("learning_rate", "seconds")
        metrics = [
            key
            for key in history.history
            if not key.startswith("val_") and key not in other
        ]
    if isinstance(metrics, str) or not metrics:
        raise ValueError(
            describe(
                f"metrics is {metrics!r}",
                "Expected a list of keys of the history",
                'Pass metrics=["loss", "accuracy"].',
            )
        )
    drawn = panels(axes, len(metrics), columns=3, size=4.5)
    for metric, ax in zip(metrics, drawn, strict=True):
        plot_history(history, metric=metric, ax=ax)
    return drawn


def plot_schedules(
    schedules: Schedule | Mapping[str, Schedule], length: int, *, ax: Any = None
) -> Any:
    """Draw learning-rate schedules over epochs or steps.

    Parameters
    ----------
    schedules : Schedule or dict
        One, or several by name.
    length : int
        How many epochs (or steps, as the schedules count) to draw.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
        Each rate holds until the next epoch or step.

    Raises
    ------
    TypeError, ValueError
        Something else than schedules; schedules that count different things; a length
        below 1.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> ax = plot_schedules(pl.StepDecay(0.1, 10), 30)
    >>> ax.get_lines()[0].get_ydata()[[0, 10, 20]].round(6).tolist()
    [0.1, 0.01, 0.001]
    """
    named = schedules
    if isinstance(schedules, Schedule):
        named = {type(schedules).__name__: schedules}
    if (
        not isinstance(named, Mapping)
        or not named
        or not all(isinstance(one, Schedule) for one in named.values())
    ):
        raise TypeError(
            describe(
                f"schedules is {schedules!r}",
                "Expected a Schedule, or a dict from names to schedules",
                'Pass {"cosine": CosineAnnealing(0.1, 100)}.',
            )
        )
    units = sorted({one.by for one in named.values()})
    if len(units) > 1:
        raise ValueError(
            describe(
                "some schedules count epochs and some count steps",
                "Expected one unit for all",
                'Pass by="epoch" or by="step" to every schedule, or draw two pictures.',
            )
        )
    count = check_integer(length, "length", low=1, hint="Pass length=100.")
    ax = new_axes() if ax is None else ax
    for number, (name, schedule) in enumerate(named.items()):
        ax.plot(
            range(count),
            [schedule(t) for t in range(count)],
            color=COLOURS[number % 5],
            ls=DASHES[number % len(DASHES)],
            drawstyle="steps-post",
            label=name,
        )
    ax.set(xlabel=units[0], ylabel="learning rate", ylim=(0, None))
    ax.grid(color="0.92")
    if len(named) > 1 or not isinstance(schedules, Schedule):
        ax.legend()
    else:
        ax.set_title(next(iter(named)))
    return ax


def plot_rate_search(search: RateSearch, *, ax: Any = None) -> Any:
    """Draw what `find_learning_rate` saw: the loss while the rate grew.

    Parameters
    ----------
    search : RateSearch
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
        Points are the losses of the batches, the line is their moving average; the
        dashed line marks the suggestion. What the divergence adds on top is cut off.

    Raises
    ------
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> from pellucid.model.finder import RateSearch
    >>> ax = plot_rate_search(RateSearch([0.1, 0.2, 0.4], [2.0, 1.0, 3.0]))
    >>> ax.get_xscale()
    'log'

    Source
    ------
    Smith (2017), Cyclical learning rates for training neural networks.
    """
    ax = new_axes() if ax is None else ax
    ax.plot(search.rates, search.losses, ".", color=GREY, ms=4, label="loss of a batch")
    ax.plot(search.rates, search.smoothed, color=BLUE, lw=2, label="moving average")
    suggestion = search.suggestion
    label = f"suggestion: {suggestion:.2g}"
    ax.axvline(suggestion, color=RED, ls="--", lw=1, label=label)
    low, first = min(search.losses), search.smoothed[0]
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
    ax.set_ylim(low - 0.1 * (first - low), max(first, *search.losses[:5]) + 0.5 * first)
    ax.grid(color="0.92")
    ax.legend()
    return ax


def _require_epochs(history: History) -> None:
    if not history.epoch:
        raise ValueError(
            describe(
                "the history has no epochs",
                "Expected what fit() returned after at least one epoch",
                "Call model.fit(x, y, epochs=5) first.",
            )
        )
