"""Pictures of what convolutions hold and see: filters and feature maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.core.layer import Array, Layer
from pellucid.errors import describe, unknown
from pellucid.layers.depthwise import Depthwise
from pellucid.layers.transposed import ConvTranspose2D
from pellucid.viz.canvas import MOST_TILES, Tiles

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential


def plot_filters(
    model: Sequential,
    layer: str | None = None,
    *,
    channel: int | None = None,
    ax: Any = None,
) -> Any:
    """Show the filters of a convolution, side by side.

    Of depthwise and separable convolutions the filters of every channel, of a
    transposed one those of every output channel.

    Parameters
    ----------
    model : Sequential
        Built.
    layer : str, optional
        Name of the layer, also inside a container: "residual_1.body.conv2d_1". By
        default the first convolution.
    channel : int, optional
        Which input channel of the filters. By default filters of three channels are
        shown in colours (each stretched to its range), others by their first channel.
    ax : matplotlib Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    Axes
        One image for each filter, at most 64; the title says how many there are. Blue
        is below 0, red above.

    Raises
    ------
    ValueError
        No such layer, one without filters, a channel out of range.
    RuntimeError
        The model is not built.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> model = pl.Sequential([pl.Conv2D(8, 3)], input_shape=(8, 8, 1), seed=0)
    >>> ax = plot_filters(model)
    >>> len(ax.images), ax.get_title()
    (8, 'conv2d_1: 8 filters 3 x 3')

    Source
    ------
    Krizhevsky, Sutskever, Hinton (2012), ImageNet classification with deep
    convolutional neural networks, figure 3.
    """
    model.require_built("plot_filters")
    name, found = _find(
        [pair for pair in model.walk() if _is_convolution(pair[1])], layer
    )
    weight = _filters(found)
    kh, kw, channels, _ = weight.shape
    if channel is not None and not 0 <= channel < channels:
        raise ValueError(
            describe(
                f"channel is {channel}",
                f"Expected 0 to {channels - 1}: {name} has {channels} input channels",
                "Leave channel out for the first.",
            )
        )
    title = f"{name}: {_counted(weight.shape[-1], 'filter')} {kh} x {kw}"
    shown = np.moveaxis(weight, -1, 0)[:MOST_TILES]
    options: dict[str, Any] = {}
    if channel is None and channels == 3:
        low = shown.min(axis=(1, 2, 3), keepdims=True)
        high = shown.max(axis=(1, 2, 3), keepdims=True)
        pictures = (shown - low) / np.where(high > low, high - low, 1)
    else:
        pictures = shown[..., channel or 0]
        if channels > 1:
            title += f", channel {channel or 0} of {channels}"
        bound = float(np.abs(pictures).max()) or 1.0
        options = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}
    return _draw(pictures, title, ax, options)


def plot_feature_maps(
    model: Sequential, x: ArrayLike, layer: str | None = None, *, ax: Any = None
) -> Any:
    """Show what a layer makes of one image: a picture for each channel.

    Parameters
    ----------
    model : Sequential
        Built.
    x : array_like
        One image, with or without the batch axis.
    layer : str, optional
        Name of a layer of the model (not inside a container) whose output is an image.
        By default the first convolution.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
        One image for each channel, at most 64, all on one scale.

    Raises
    ------
    ValueError, TypeError
        No such layer, or one whose output is no image; data that do not fit.
    RuntimeError
        The model is not built.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> (x, _), _ = pl.data.load_digits()
    >>> model = pl.Sequential([pl.Conv2D(6, 3)], input_shape=(8, 8, 1), seed=0)
    >>> plot_feature_maps(model, x[0]).get_title()
    'conv2d_1: 6 maps 6 x 6'

    Source
    ------
    Zeiler, Fergus (2014), Visualizing and understanding convolutional networks.
    """
    model.require_built("plot_feature_maps")
    y = samples(model, x)
    if len(y) != 1:
        raise ValueError(
            describe(f"x has {len(y)} samples", "Expected one image", "Pass x[0].")
        )
    shapes = zip(model.layers, model.inner_shapes, strict=True)
    images = [(str(one.name), one) for one, shape in shapes if len(shape) == 3]
    if layer is None:
        images = [(name, one) for name, one in images if _has_filters(one)]
    name, found = _find(images, layer)
    index = model.layers.index(found)
    y = y.astype(model.dtype)
    for step in model.layers[: index + 1]:
        y = step.forward(y)
    h, w, count = y.shape[1:]
    title = f"{name}: {_counted(count, 'map')} {h} x {w}"
    pictures = np.moveaxis(y[0], -1, 0)[:MOST_TILES]
    low, high = float(pictures.min()), float(pictures.max())
    options = {"cmap": "viridis", "vmin": low, "vmax": high}
    return _draw(pictures, title, ax, options)


def samples(model: Sequential, x: ArrayLike) -> Array:
    """Samples as the model takes them, channels last; one gets a batch axis."""
    array = np.asarray(x)
    if array.shape == model.input_shape:
        array = array[None]
    return model.door(array).features(array)


def _draw(pictures: Array, title: str, ax: Any, options: dict[str, Any]) -> Any:
    grid = Tiles(
        len(pictures), *pictures.shape[1:3], beside=0.8 if options else 0, ax=ax
    )
    for number, picture in enumerate(pictures):
        image = grid.draw(number, picture, **options)
    if options:
        grid.ax.figure.colorbar(image, ax=grid.ax, shrink=0.8)
    grid.ax.set_title(title)
    return grid.ax


def _counted(count: int, word: str) -> str:
    if count > MOST_TILES:
        return f"the first {MOST_TILES} of {count} {word}s"
    return f"{count} {word}{'s' * (count != 1)}"


def _filters(layer: Layer) -> Any:
    """The weights of a convolution of images as (kh, kw, c, k); None elsewhere."""
    own = [] if layer.children() else layer.parameters()
    images = [p.value for p in own if p.value.ndim == 4]
    if not images:
        return None
    weight = images[0]
    if isinstance(layer, Depthwise):  # (kh, kw, c, m): each filter sees one channel
        return weight.reshape(*weight.shape[:2], 1, -1)
    if isinstance(layer, ConvTranspose2D):  # (kh, kw, k / groups, c)
        kh, kw, outputs, inputs = weight.shape
        groups = layer.groups
        parts = weight.reshape(kh, kw, outputs, groups, inputs // groups)
        return parts.transpose(0, 1, 4, 3, 2).reshape(kh, kw, -1, groups * outputs)
    return weight


def _is_convolution(layer: Layer) -> bool:
    return _filters(layer) is not None


def _has_filters(layer: Layer) -> bool:
    """True for a convolution, and for a container that has one inside."""
    inside = [part for chain in layer.children().values() for part in chain]
    return _is_convolution(layer) or any(map(_has_filters, inside))


def _find(layers: list[tuple[str, Layer]], name: str | None) -> tuple[str, Layer]:
    """The layer of this name among those that are suitable, or the first of them."""
    suitable = dict(layers)
    if name is None:
        if suitable:
            return next(iter(suitable.items()))
        raise ValueError(
            describe(
                "the model has no convolution of images",
                "Expected a layer such as Conv2D",
                "Use plot_weights(model) for the weights of other layers.",
            )
        )
    if name in suitable:
        return name, suitable[name]
    raise ValueError(unknown(f"layer is {name!r}", str(name), suitable))
