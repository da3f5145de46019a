"""Augmentation of values: noise, light, boxes, mixtures of samples and targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.data.draws import Draws
from pellucid.data.preparation import one_hot
from pellucid.data.transforms import (
    Array,
    Batch,
    Transform,
    check_probability,
)
from pellucid.errors import describe
from pellucid.shapes import integer, pair


class RandomNoise(Transform):
    """Add normal noise: y = clip(x + std * N(0, 1)).

    Parameters
    ----------
    std : float, default 0.1
        Standard deviation.
    low, high : float, optional, default 0 and 1
        Bounds of the result; None is none.

    Example
    -------
    >>> x, _ = RandomNoise(0.1)(np.zeros((1, 8, 8, 1)))
    >>> float(x.min()), bool(0 < x.max() < 1)
    (0.0, True)
    """

    def __init__(
        self, std: float = 0.1, low: float | None = 0.0, high: float | None = 1.0
    ) -> None:
        self.std = check_number(std, "std", at_least=0)
        self.low, self.high = low, high

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Add noise."""
        key = draws.key()
        noisy = kernels.image_noise(
            x,
            self.std,
            seed=key["seed"],
            stream=key["stream"],
            step=key["step"],
            low=self.low,
            high=self.high,
        )
        return noisy, y


class RandomLight(Transform):
    """Change brightness and contrast: y = clip(contrast * (x - m) + m + brightness).

    m is the image's mean.

    Parameters
    ----------
    brightness : float, default 0.2
        Drawn from -brightness to brightness.
    contrast : float, default 0.2
        Drawn from 1 - contrast to 1 + contrast, contrast <= 1.
    low, high : float, optional, default 0 and 1
        Bounds of the result; None is none.

    Example
    -------
    >>> x, _ = RandomLight(brightness=0.5, contrast=0)(np.full((1, 2, 2, 1), 0.5))
    >>> bool((x == x[0, 0, 0, 0]).all())
    True
    """

    def __init__(
        self,
        brightness: float = 0.2,
        contrast: float = 0.2,
        low: float | None = 0.0,
        high: float | None = 1.0,
    ) -> None:
        self.brightness = check_number(brightness, "brightness", at_least=0)
        self.contrast = check_number(contrast, "contrast", at_least=0, at_most=1)
        self.low, self.high = low, high

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Adjust."""
        brightness = draws.uniform(len(x), -1, 1) * self.brightness
        contrast = 1 + draws.uniform(len(x), -1, 1) * self.contrast
        adjusted = kernels.image_adjust(
            x, brightness, contrast, low=self.low, high=self.high
        )
        return adjusted, y


class Cutout(Transform):
    """Fill a box of each image, its center anywhere in the image.

    Parameters
    ----------
    size : int or (height, width)
        The box; what lies beyond the image is cut off.
    probability : float, default 1.0
        The fraction of images that lose a box.
    fill : float, default 0.0
        What the box shows.

    Example
    -------
    >>> x, _ = Cutout(8)(np.ones((1, 8, 8, 1)))
    >>> bool(16 <= (x == 0).sum() <= 64)
    True

    Source
    ------
    DeVries and Taylor (2017), arXiv:1708.04552.
    """

    def __init__(
        self,
        size: SupportsIndex | Sequence[int],
        probability: float = 1.0,
        fill: float = 0.0,
    ) -> None:
        self.size = pair(size, "size", 1)
        self.probability = check_probability(probability, "probability")
        self.fill = check_number(fill, "fill")

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Fill boxes."""
        n, h, w, _ = x.shape
        heights, widths = (np.full(n, side) for side in self.size)
        boxes = _boxes_around(draws, n, (h, w), heights, widths)
        boxes[~draws.chosen(n, self.probability), 2:] = 0
        return kernels.image_paste(x, boxes, fill=self.fill), y


class Mixup(Transform):
    """Mix each sample and its targets with another: y = w a + (1 - w) b.

    w is drawn from Beta(alpha, alpha) for each sample. Class labels become rows of
    probabilities, which the cross-entropies take; arrays of targets stay arrays.

    Parameters
    ----------
    alpha : float, default 0.2
        0.05 to 4; small values leave most samples nearly alone.
    classes : int, optional
        Number of classes; needed when y holds class labels.

    Example
    -------
    >>> x, y = Mixup(0.4, classes=3)(np.ones((4, 2, 2, 1)), np.array([0, 1, 2, 0]))
    >>> y.shape, bool(np.allclose(y.sum(axis=1), 1))
    ((4, 3), True)

    Source
    ------
    Zhang, Cisse, Dauphin, Lopez-Paz (2017), arXiv:1710.09412.
    """

    def __init__(self, alpha: float = 0.2, classes: int | None = None) -> None:
        self.alpha = check_number(alpha, "alpha", at_least=0.05, at_most=4)
        self.classes = None if classes is None else integer(classes, "classes", 2)

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Mix."""
        targets = _soft_targets(y, len(x), self.classes, "Mixup")
        weight, partner = draws.beta(len(x), self.alpha), draws.partners(len(x))
        if targets is not None:
            targets = kernels.mix_rows(targets, partner, weight)
        return kernels.mix_rows(x, partner, weight), targets


class CutMix(Transform):
    """Paste a box of another image into each; targets are mixed by area.

    The box has the fraction 1 - w of the image's area before it is cut off at the
    edges, w drawn from Beta(alpha, alpha).

    Parameters
    ----------
    alpha : float, default 1.0
        0.05 to 4; 1 draws areas evenly.
    classes : int, optional
        Number of classes; needed when y holds class labels.

    Example
    -------
    >>> x, y = CutMix(classes=2)(np.ones((4, 8, 8, 1)), np.array([0, 1, 1, 0]))
    >>> x.shape, y.shape
    ((4, 8, 8, 1), (4, 2))

    Source
    ------
    Yun, Han, Oh, Chun, Choe, Yoo (2019), arXiv:1905.04899.
    """

    def __init__(self, alpha: float = 1.0, classes: int | None = None) -> None:
        self.alpha = check_number(alpha, "alpha", at_least=0.05, at_most=4)
        self.classes = None if classes is None else integer(classes, "classes", 2)

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Cut and paste."""
        n, h, w, _ = x.shape
        targets = _soft_targets(y, n, self.classes, "CutMix")
        side = np.sqrt(1 - draws.beta(n, self.alpha))
        partner = draws.partners(n)
        heights, widths = ((side * s + 0.5).astype(np.int64) for s in (h, w))
        boxes = _boxes_around(draws, n, (h, w), heights, widths)
        area = (boxes[:, 2] * boxes[:, 3]) / (h * w)
        if targets is not None:
            targets = kernels.mix_rows(targets, partner, 1 - area)
        return kernels.image_paste(x, boxes, partner=partner), targets


def augment(
    x: ArrayLike, y: ArrayLike, transforms: Sequence[Transform], *, seed: int = 0
) -> tuple[Array, Array]:
    """Return the samples, then a copy of all of them through each transform.

    For sets small enough to be kept several times over; `Batches(transform=...)`
    draws anew in every epoch instead, at no cost in memory.

    Example
    -------
    >>> from pellucid.data import RandomFlip, RandomNoise, RandomRotation, augment
    >>> parts = [RandomFlip(horizontal=1), RandomRotation(15), RandomNoise(0.1)]
    >>> x, y = augment(np.ones((5, 8, 8, 1)), np.arange(5), parts)
    >>> x.shape, y.shape
    ((20, 8, 8, 1), (20,))
    """
    images, targets = np.asarray(x), np.asarray(y)
    batches = [(images, targets)]
    for step, transform in enumerate(transforms):
        batches.append(transform(images, targets, seed=seed, step=step))
    return (
        np.concatenate([batch[0] for batch in batches]),
        np.concatenate([batch[1] for batch in batches]),
    )


def _boxes_around(
    draws: Draws, n: int, size: tuple[int, int], heights: Array, widths: Array
) -> NDArray[np.int64]:
    """Return boxes (top, left, height, width) around random pixels, cut off."""
    boxes = np.empty((n, 4), np.int64)
    for axis, lengths in enumerate((heights, widths)):
        first = draws.whole(n, 0, size[axis] - 1) - lengths // 2
        boxes[:, axis] = np.maximum(first, 0)
        last = np.minimum(first + lengths, size[axis])
        boxes[:, axis + 2] = np.maximum(last - boxes[:, axis], 0)
    return boxes


def _soft_targets(y: Any, n: int, classes: int | None, name: str) -> Array | None:
    """Return targets that can be mixed: floats; class labels become one-hot rows."""
    if y is None:
        return None
    targets = np.asarray(y)
    if len(targets) != n:
        raise ValueError(
            describe(
                f"{name}: x has {n} samples, y has shape {targets.shape}",
                "Expected one target for every sample",
                "Pass x and y of equal length.",
            )
        )
    if targets.dtype.kind == "f":
        return targets
    if classes is None:
        raise ValueError(
            describe(
                f"{name}: y is an array of {targets.dtype}: class labels",
                "Expected the number of classes, to turn labels into rows",
                f"Pass {name}(..., classes=10), or one-hot targets of floats.",
            )
        )
    return one_hot(targets, classes)
