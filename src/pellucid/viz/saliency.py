"""Where a decision comes from: saliency maps and Grad-CAM.

Both go forward and back through a copy of the layers, as in inference: no dropout,
running statistics in BatchNorm, and a score before softmax or sigmoid.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.core.chain import backward_chain, walk
from pellucid.core.layer import Array, Layer
from pellucid.errors import describe, unknown
from pellucid.layers import regularization
from pellucid.layers.normalization import BatchNorm
from pellucid.viz.canvas import Tiles, picture_of
from pellucid.viz.features import samples

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

SCORES = ("softmax", "log_softmax", "sigmoid")
MOST_SAMPLES = 8
"""How many samples one picture shows."""


def saliency(model: Sequential, x: ArrayLike, target: ArrayLike | None = None) -> Array:
    """How much each input moves the score of a class: |dS/dx|.

    S is output ``target`` before softmax or sigmoid. The result is the largest
    |dS/dx[h, w, c]| of the channels c, for images.

    Parameters
    ----------
    model : Sequential
        Built; one number for each class comes out. It does not change.
    x : array_like
        Samples (n, ...), or one sample.
    target : int or array_like (n,), optional
        Which output; by default the largest one of each sample.

    Returns
    -------
    array (n, h, w) for images, else of the shape of x with the batch

    Raises
    ------
    ValueError, TypeError
        Data or targets that do not fit.
    RuntimeError
        The model is not built.

    Example
    -------
    >>> import pellucid as pl
    >>> model = pl.Sequential([pl.Dense(1, use_bias=False)], input_shape=(2,))
    >>> model.load_state_dict({"dense_1.weight": [[3.0], [-4.0]]})
    >>> saliency(model, [1.0, 1.0]).tolist()
    [[3.0, 4.0]]

    Source
    ------
    Simonyan, Vedaldi, Zisserman (2013), Deep inside convolutional networks:
    visualising image classification models and saliency maps, arXiv:1312.6034.
    """
    trace = _Trace(model, x, "saliency")
    moved = np.abs(trace.back(0, trace.targets(target)))
    return np.asarray(moved.max(axis=-1) if moved.ndim == 4 else moved)


def grad_cam(
    model: Sequential,
    x: ArrayLike,
    target: ArrayLike | None = None,
    *,
    layer: str | None = None,
) -> Array:
    """Which places of the last feature maps speak for a class.

    L[i, j] = max(0, sum over k of a[k] A[i, j, k]), where A is the output of ``layer``
    and a[k] the mean over i, j of dS/dA[i, j, k]; S is output ``target`` before softmax
    or sigmoid.

    Parameters
    ----------
    model : Sequential
        Built. It does not change.
    x : array_like
        Images (n, ...), or one image.
    target : int or array_like (n,), optional
        Which output; by default the largest one of each sample.
    layer : str, optional
        Name of a layer of the model (not inside a container) whose output is an image.
        By default the last convolution, with the normalisation and the activation that
        follow it.

    Returns
    -------
    array (n, oh, ow)
        Of the size of the layer's output, at least 0.

    Raises
    ------
    ValueError, TypeError
        Data, targets or a layer that do not fit.
    RuntimeError
        The model is not built.

    Example
    -------
    >>> import pellucid as pl
    >>> (x, _), _ = pl.data.load_digits()
    >>> layers = [pl.Conv2D(4, 3, activation="relu"), pl.Flatten(), pl.Dense(10)]
    >>> model = pl.Sequential(layers, input_shape=(8, 8, 1), seed=0)
    >>> grad_cam(model, x[:2]).shape
    (2, 6, 6)

    Source
    ------
    Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra (2017), Grad-CAM: visual
    explanations from deep networks via gradient-based localization, ICCV.
    """
    trace = _Trace(model, x, "grad_cam")
    index = _image_layer(model, layer)
    slopes = trace.back(index + 1, trace.targets(target))
    weights = slopes.mean(axis=(1, 2), keepdims=True)
    return np.asarray(np.maximum((weights * trace.outputs[index]).sum(axis=-1), 0))


def plot_saliency(
    model: Sequential,
    x: ArrayLike,
    target: ArrayLike | None = None,
    *,
    ax: Any = None,
) -> Any:
    """Show images, and below each its saliency map.

    Parameters
    ----------
    model, x, target
        As in `saliency`; at most 8 images of 1 or 3 channels.
    ax : matplotlib Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    Axes
        Each map on a scale of its own, from 0 to its largest value.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As `saliency`; no images, or too many.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> (x, _), _ = pl.data.load_digits()
    >>> layers = [pl.Flatten(), pl.Dense(10)]
    >>> model = pl.Sequential(layers, input_shape=(8, 8, 1), seed=0)
    >>> len(plot_saliency(model, x[:3]).images)
    6

    Source
    ------
    As `saliency`.
    """
    pictures, targets = _pictures(model, x, target)
    maps = saliency(model, x, targets)
    grid = _grid(pictures, targets, ax)
    for number, heat in enumerate(maps):
        top = float(heat.max()) or 1.0
        grid.draw(len(maps) + number, heat, cmap="inferno", vmin=0, vmax=top)
    grid.ax.set_title("saliency")
    return grid.ax


def plot_grad_cam(
    model: Sequential,
    x: ArrayLike,
    target: ArrayLike | None = None,
    *,
    layer: str | None = None,
    ax: Any = None,
) -> Any:
    """Show images, and below each the same under its Grad-CAM map.

    Parameters
    ----------
    model, x, target, layer
        As in `grad_cam`; at most 8 images of 1 or 3 channels.
    ax : matplotlib Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    Axes
        Each map on a scale of its own, from 0 to its largest value, and smoothed
        between its pixels.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As `grad_cam`; no images, or too many.
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> import pellucid as pl
    >>> (x, _), _ = pl.data.load_digits()
    >>> layers = [pl.Conv2D(4, 3, activation="relu"), pl.Flatten(), pl.Dense(10)]
    >>> model = pl.Sequential(layers, input_shape=(8, 8, 1), seed=0)
    >>> plot_grad_cam(model, x[:3]).get_title()
    'Grad-CAM of conv2d_1'

    Source
    ------
    As `grad_cam`.
    """
    pictures, targets = _pictures(model, x, target)
    maps = grad_cam(model, x, targets, layer=layer)
    grid = _grid(pictures, targets, ax)
    for number, heat in enumerate(maps):
        place = len(maps) + number
        top = float(heat.max()) or 1.0
        grid.draw(place, pictures[number], cmap="gray")
        grid.draw(
            place,
            heat,
            cmap="inferno",
            vmin=0,
            vmax=top,
            alpha=0.6,
            interpolation="bilinear",
        )
    grid.ax.set_title(f"Grad-CAM of {model.layers[_image_layer(model, layer)].name}")
    return grid.ax


class _Trace:
    """A pass through a copy of the layers that can be taken back."""

    def __init__(self, model: Sequential, x: ArrayLike, action: str) -> None:
        model.require_built(action)
        self.layers = copy.deepcopy(model.layers)
        for _, layer in walk(self.layers):
            _as_in_inference(layer)
        last = self.layers[-1]
        last.skip_activation = last.activation in SCORES
        y = samples(model, x).astype(model.dtype)
        self.outputs: list[Array] = []
        for layer in self.layers:
            y = layer.forward(y, training=True)
            self.outputs.append(y)
        if y.ndim != 2:
            raise ValueError(
                describe(
                    f"the model gives outputs of shape {y.shape[1:]}",
                    "Expected one number for each class",
                    "Let the model end with Dense(classes).",
                )
            )

    def targets(self, target: ArrayLike | None) -> Array:
        """The output to explain, for each sample."""
        y = self.outputs[-1]
        count, classes = y.shape
        chosen = y.argmax(axis=1) if target is None else np.asarray(target)
        if chosen.ndim == 0:
            chosen = np.full(count, chosen)
        whole = chosen.shape == (count,) and chosen.dtype.kind in "iu"
        if not whole or ((chosen < 0) | (chosen >= classes)).any():
            raise ValueError(
                describe(
                    f"target is {target!r}",
                    f"Expected one whole number from 0 to {classes - 1}, or one for "
                    f"each of {count} samples",
                    "Leave target out for the output that is largest.",
                )
            )
        return chosen

    def back(self, first: int, targets: Array) -> Array:
        """The gradient of the chosen outputs with respect to the input of a layer."""
        dy = np.zeros_like(self.outputs[-1])
        dy[np.arange(len(targets)), targets] = 1
        return backward_chain(self.layers[first:], dy)


def _as_in_inference(layer: Layer) -> None:
    if isinstance(layer, BatchNorm):
        layer.trainable = False  # then it uses its running statistics
    elif type(layer).__module__ == regularization.__name__:
        for noise in ("rate", "stddev"):
            if hasattr(layer, noise):
                setattr(layer, noise, 0.0)


def _image_layer(model: Sequential, name: str | None) -> int:
    """Index of the layer of this name, or of the last one that speaks of places."""
    shapes = model.inner_shapes
    images = {
        str(layer.name): index
        for index, layer in enumerate(model.layers[:-1])
        if len(shapes[index]) == 3
    }
    if name is not None:
        if name in images:
            return images[name]
        raise ValueError(unknown(f"layer is {name!r}", str(name), images))
    convolutions = [
        index
        for index in images.values()
        if any(p.value.ndim == 4 for p in model.layers[index].parameters())
    ]
    if not convolutions:
        raise ValueError(
            describe(
                "the model has no convolution of images",
                "Expected a layer such as Conv2D before the last",
                "Use plot_saliency, which needs none.",
            )
        )
    last = convolutions[-1]
    after = last + 1
    while after in images.values() and shapes[after] == shapes[last]:
        last, after = after, after + 1
    return last


def _pictures(
    model: Sequential, x: ArrayLike, target: ArrayLike | None
) -> tuple[list[Array], Array]:
    model.require_built("this picture")
    images = samples(model, x)
    if not 1 <= len(images) <= MOST_SAMPLES:
        raise ValueError(
            describe(
                f"x has {len(images)} samples",
                f"Expected 1 to {MOST_SAMPLES}",
                f"Pass x[:{MOST_SAMPLES}].",
            )
        )
    pictures = [picture_of(image) for image in images]
    return pictures, _Trace(model, x, "this picture").targets(target)


def _grid(pictures: list[Array], targets: Array, ax: Any) -> Tiles:
    size = pictures[0].shape[:2]
    grid = Tiles(2 * len(pictures), *size, columns=len(pictures), lines=1, ax=ax)
    for number, picture in enumerate(pictures):
        grid.draw(number, picture, f"for {targets[number]}", cmap="gray")
    return grid
