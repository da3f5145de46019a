"""Plots on matplotlib axes. Nothing here opens a window: the caller shows or saves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pellucid.errors import describe

if TYPE_CHECKING:
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
        With a dotted line at the best epoch. Save with `ax.figure.savefig(path)`.

    Raises
    ------
    ValueError
        The history has no such key.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> x, y = pl.data.make_moons(100)
    >>> model = pl.Sequential([pl.Dense(2)], input_shape=(2,), seed=0)
    >>> model.compile(optimizer="adam", loss="softmax_cross_entropy")
    >>> history = model.fit(x, y, epochs=2, verbose=0)
    >>> ax = history.plot(metric="loss")                          # doctest: +SKIP
    """
    values = history.history
    if metric not in values:
        raise ValueError(
            describe(
                f"metric is {metric!r}, which this history lacks",
                "Expected one of " + ", ".join(f'"{key}"' for key in values),
                'Pass for example metric="loss".',
            )
        )
    if ax is None:
        ax = _new_axes()
    epochs = [epoch + 1 for epoch in history.epoch]
    ax.plot(epochs, values[metric], marker=".", label="training")
    if f"val_{metric}" in values:
        ax.plot(epochs, values[f"val_{metric}"], marker=".", label="validation")
    if history.best_epoch is not None:
        ax.axvline(history.best_epoch + 1, color="0.6", ls=":", label="best epoch")
    ax.set(xlabel="epoch", ylabel=metric)
    ax.legend()
    return ax


def _new_axes() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            describe(
                "matplotlib is not installed",
                "Expected the extra `plot` for pictures",
                'Run: python -m pip install "pellucid[plot]"',
            )
        ) from error
    return pyplot.subplots()[1]
