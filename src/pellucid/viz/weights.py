"""Pictures of weights and gradients: their distributions, layer by layer."""

from __future__ import annotations

import copy
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.errors import describe
from pellucid.viz.canvas import BLUE, GREEN, Array, panels

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

BINS = 50


def plot_weights(
    model: Sequential, match: str = "*weight", *, axes: Any = None
) -> list[Any]:
    """Draw how the numbers of each parameter are distributed.

    Parameters
    ----------
    model : Sequential
        Built.
    match : str, default "*weight"
        Which parameters, by their names in ``state_dict``, with wildcards: "*" for
        all, "dense_*" for the dense layers.
    axes : sequence of matplotlib Axes, optional
        One for each parameter; by default those of a new figure.

    Returns
    -------
    list of Axes
        Histograms of 50 bins. Mean and standard deviation stand in the panel, and the
        number of values that are not finite, when there are any.

    Raises
    ------
    ValueError
        No parameter fits ``match``; too few axes.
    RuntimeError
        The model is not built.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> axes = plot_weights(pl.mlp([4, 8, 2], seed=0))
    >>> [ax.get_title() for ax in axes]
    ['dense_1.weight', 'dense_2.weight']
    """
    model.require_built("plot_weights")
    values = {name: p.value for name, p in _parameters(model, match).items()}
    return _histograms(values, "value", BLUE, axes)


def plot_gradients(
    model: Sequential,
    x: ArrayLike,
    y: ArrayLike,
    match: str = "*weight",
    *,
    axes: Any = None,
) -> list[Any]:
    """Draw how the gradients of one training step are distributed.

    A copy of the model takes the step: the model itself does not change. Penalties are
    in the gradients, clipping is not.

    Parameters
    ----------
    model : Sequential
        Compiled.
    x, y : array_like
        One batch, as ``train_on_batch`` takes it.
    match, axes
        As in `plot_weights`.

    Returns
    -------
    list of Axes

    Raises
    ------
    ValueError, TypeError, RuntimeError, ImportError
        As `plot_weights` and ``train_on_batch``.
    NumericsError
        The loss or a gradient is not finite.

    Example
    -------
    >>> import pellucid as pl
    >>> x, y = pl.data.make_moons(32)
    >>> model = pl.mlp([2, 8, 2], seed=0)
    >>> model.compile("sgd", "softmax_cross_entropy")
    >>> len(plot_gradients(model, x, y))
    2
    """
    model.require_built("plot_gradients")
    trial = copy.deepcopy(model)
    trial.optimizer.clip_norm = trial.optimizer.clip_value = None
    chosen = _parameters(trial, match)
    trial.train_on_batch(x, y)
    gradients = {name: p.grad for name, p in chosen.items() if p.trainable}
    if not gradients:
        raise ValueError(
            describe(
                f'every parameter that fits "{match}" is frozen',
                "Expected at least one that is trained",
                'Pass match="*", or unfreeze a layer: layer.trainable = True.',
            )
        )
    return _histograms(gradients, "gradient", GREEN, axes)


def _parameters(model: Sequential, match: str) -> dict[str, Any]:
    named = {
        f"{layer.name}.{path}": parameter
        for layer in model.layers
        for path, parameter in layer.named_parameters().items()
    }
    chosen = {name: p for name, p in named.items() if fnmatchcase(name, match)}
    if not chosen:
        raise ValueError(
            describe(
                f"match is {match!r}, which no parameter fits",
                "Expected a name such as " + ", ".join([*named][:5] or ["(none)"]),
                'Pass match="*" for all of them.',
            )
        )
    return chosen


def _histograms(
    arrays: dict[str, Array], what: str, colour: str, axes: Any
) -> list[Any]:
    drawn = panels(axes, len(arrays))
    for (name, array), ax in zip(arrays.items(), drawn, strict=True):
        finite = array[np.isfinite(array)].astype(np.float64)
        counts, edges = np.histogram(finite, BINS)
        ax.stairs(counts, edges, fill=True, color=colour, alpha=0.8)
        ax.margins(y=0)
        ax.set_ylim(0, 1.3 * max(int(counts.max()), 1))  # room for the text
        ax.axvline(0, color="0.3", lw=0.8, ls=":")
        text = "no finite values"
        if finite.size:
            text = f"mean {finite.mean():.2g}\ndeviation {finite.std():.2g}"
        if finite.size < array.size:
            text += f"\n{array.size - finite.size:,} not finite"
        ax.text(
            *(0.97, 0.95, text),
            transform=ax.transAxes,
            ha="right",
            va="top",
            fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1},
        )
        ax.set_title(name, fontsize=9)
        ax.set_xlabel(what, fontsize=8)
        ax.tick_params(labelsize=7)
        ax.locator_params(axis="x", nbins=5)
    for ax in drawn[:1]:
        ax.set_ylabel("count", fontsize=8)
    return drawn
