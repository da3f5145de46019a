"""Augmentation: transforms of image batches, random in a way that can be repeated.

A transform maps a batch `(x, y)` to a batch `(x, y)`. What it draws is keyed by
(seed, step): the same batch at the same step gives the same bits, on any number of
threads. `Batches(x, y, transform=...)` counts the steps. The arithmetic is done by
`pellucid.kernels`; transforms only draw angles, places and weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.core.shown import shown_call
from pellucid.data.draws import Draws
from pellucid.data.maths import unit_circle
from pellucid.errors import check_choice, describe
from pellucid.shapes import pair

Array = NDArray[Any]
Batch = tuple[Array, Any]

_BORDERS = ("constant", "edge", "reflect")


class Transform(ABC):
    """Base class: a subclass defines `apply(x, y, draws)`.

    Parameters of a call
    --------------------
    x : array (n, h, w, c)
        float32 or float64, never written.
    y : array, optional
        Targets; only `Mixup` and `CutMix` change them.
    seed, step : int, default 0
        The key of everything random.

    Returns
    -------
    x, y
    """

    takes_bytes = False

    def __call__(
        self, x: ArrayLike, y: Any = None, *, seed: int = 0, step: int = 0
    ) -> Batch:
        """Transform one batch."""
        return self.apply(self.check(np.asarray(x)), y, Draws(seed, step))

    def check(self, x: Array) -> Array:
        """Return x unless it holds bytes, which must be scaled first."""
        if x.dtype != np.uint8 or self.takes_bytes:
            return x
        raise ValueError(
            describe(
                f"{type(self).__name__}: x is an array of uint8 images, "
                f"shape {x.shape}",
                "Expected float32 or float64",
                "Make Rescale(1 / 255) the first transform of a Compose.",
            )
        )

    @abstractmethod
    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Return the batch transformed; `draws` gives the random numbers."""

    def __repr__(self) -> str:
        return shown_call(self, vars(self))


class Compose(Transform):
    """Apply transforms one after the other.

    Example
    -------
    >>> from pellucid.data import Compose, RandomCrop, RandomFlip
    >>> augment = Compose([RandomFlip(), RandomCrop(8, padding=1)])
    >>> x, y = augment(np.ones((5, 8, 8, 3), np.float32), np.arange(5), seed=1)
    >>> x.shape
    (5, 8, 8, 3)
    """

    takes_bytes = True  # the first one may

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)
        for transform in self.transforms:
            if not isinstance(transform, Transform):
                raise TypeError(
                    describe(
                        f"transforms holds {transform!r}",
                        "Expected transforms, such as RandomFlip()",
                        "Subclass Transform and define apply(x, y, draws).",
                    )
                )

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Apply all."""
        for transform in self.transforms:
            x, y = transform.apply(transform.check(x), y, draws)
        return x, y


class Rescale(Transform):
    """Turn bytes into float32: y = factor * x; put it first when x is uint8.

    Floats keep their dtype.

    Example
    -------
    >>> x, _ = Rescale(1 / 255)(np.full((1, 1, 1, 1), 255, np.uint8))
    >>> x.dtype, float(x[0, 0, 0, 0])
    (dtype('float32'), 1.0)
    """

    takes_bytes = True

    def __init__(self, factor: float = 1 / 255) -> None:
        self.factor = check_number(factor, "factor")

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Multiply."""
        return kernels.gather(x, np.arange(len(x)), scale=self.factor), y


class RandomFlip(Transform):
    """Mirror images: left and right, top and bottom, each with a probability.

    Parameters
    ----------
    horizontal, vertical : float, default 0.5 and 0
        The probabilities.

    Example
    -------
    >>> x = np.arange(3.0).reshape(1, 1, 3, 1)
    >>> RandomFlip(horizontal=1)(x)[0].ravel()
    array([2., 1., 0.])
    """

    def __init__(self, horizontal: float = 0.5, vertical: float = 0.0) -> None:
        self.horizontal = check_probability(horizontal, "horizontal")
        self.vertical = check_probability(vertical, "vertical")

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Flip."""
        n = len(x)
        across = draws.chosen(n, self.horizontal)
        down = draws.chosen(n, self.vertical)
        flip = across.astype(np.uint8) + 2 * down.astype(np.uint8)
        corner = np.zeros(n, np.int64)
        return kernels.image_crop(x, corner, corner, flip, x.shape[1:3]), y


class RandomCrop(Transform):
    """Cut a window of a fixed size out of each image, at a random place.

    Parameters
    ----------
    size : int or (height, width)
        The window.
    padding : int or (vertical, horizontal), default 0
        Pixels by which the images are first widened on every side.
    border : {"constant", "edge", "reflect"}
        What the padding shows.
    fill : float, default 0.0
        The constant.

    Example
    -------
    >>> RandomCrop(24)(np.ones((2, 28, 28, 1)))[0].shape
    (2, 24, 24, 1)
    """

    def __init__(
        self,
        size: SupportsIndex | Sequence[int],
        padding: SupportsIndex | Sequence[int] = 0,
        border: str = "constant",
        fill: float = 0.0,
    ) -> None:
        self.size = pair(size, "size", 1)
        self.padding = pair(padding, "padding", 0)
        self.border = check_choice(border, "border", _BORDERS)
        self.fill = check_number(fill, "fill")

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Crop."""
        top, left = (self._places(x, axis, draws) for axis in (0, 1))
        flip = np.zeros(len(x), np.uint8)
        window = kernels.image_crop(
            x, top, left, flip, self.size, border=self.border, fill=self.fill
        )
        return window, y

    def _places(self, x: Array, axis: int, draws: Draws) -> NDArray[np.int64]:
        """Return where the windows begin on an axis."""
        padding = self.padding[axis]
        last = x.shape[1 + axis] + padding - self.size[axis]
        if last < -padding:
            raise ValueError(
                describe(
                    f"RandomCrop: size {self.size} is larger than images of "
                    f"{x.shape[1]} x {x.shape[2]} with padding {self.padding}",
                    "Expected a window that fits the padded image",
                    "Lower size, or raise padding.",
                )
            )
        return draws.whole(len(x), -padding, last)


class RandomAffine(Transform):
    """Rotate, zoom and shift images by random amounts, in one bilinear pass.

    A point p of the result shows the image at c + R(-angle) (p - c - shift) / zoom,
    c the center.

    Parameters
    ----------
    rotation : float, default 0
        Angles are drawn from -rotation to rotation, in degrees; positive turns
        counter-clockwise.
    shift : float, default 0
        Shifts are drawn up to this fraction of height and width, both ways.
    zoom : float, default 0
        Factors are drawn from 1 - zoom to 1 + zoom, zoom < 1.
    border : {"constant", "edge", "reflect"}
        What lies beyond the image.
    fill : float, default 0.0
        The constant.

    Example
    -------
    >>> augment = RandomAffine(rotation=15, shift=0.1, zoom=0.1)
    >>> augment(np.ones((2, 28, 28, 1), np.float32), seed=3)[0].shape
    (2, 28, 28, 1)
    """

    def __init__(
        self,
        rotation: float = 0.0,
        shift: float = 0.0,
        zoom: float = 0.0,
        border: str = "constant",
        fill: float = 0.0,
    ) -> None:
        self.rotation = check_number(rotation, "rotation", at_least=0)
        self.shift = check_number(shift, "shift", at_least=0, at_most=1)
        self.zoom = check_number(zoom, "zoom", at_least=0, at_most=0.99)
        self.border = check_choice(border, "border", _BORDERS)
        self.fill = check_number(fill, "fill")

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Warp."""
        n, h, w, _ = x.shape
        turns = draws.uniform(n, -1, 1) * (self.rotation / 360)
        down = draws.uniform(n, -1, 1) * (self.shift * h)
        right = draws.uniform(n, -1, 1) * (self.shift * w)
        factor = 1 + draws.uniform(n, -1, 1) * self.zoom
        matrix = affine_matrix((h, w), turns, down, right, factor)
        warped = kernels.image_affine(
            x, matrix, (h, w), border=self.border, fill=self.fill
        )
        return warped, y


class RandomRotation(RandomAffine):
    """Rotate images about their center by up to `degrees`, bilinearly.

    Border and fill are those of `RandomAffine`, which also shifts and zooms.

    Example
    -------
    >>> RandomRotation(15)(np.ones((2, 8, 8, 1)))[0].shape
    (2, 8, 8, 1)
    """

    def __init__(
        self, degrees: float, border: str = "constant", fill: float = 0.0
    ) -> None:
        super().__init__(rotation=degrees, border=border, fill=fill)


class RandomZoom(RandomAffine):
    """Zoom images by factors from 1 - zoom to 1 + zoom, bilinearly.

    Border and fill are those of `RandomAffine`, which also rotates and shifts.

    Example
    -------
    >>> RandomZoom(0.1)(np.ones((2, 8, 8, 1)))[0].shape
    (2, 8, 8, 1)
    """

    def __init__(
        self, zoom: float, border: str = "constant", fill: float = 0.0
    ) -> None:
        super().__init__(zoom=zoom, border=border, fill=fill)


class RandomShift(Transform):
    """Shift images by whole pixels: exact, unlike the shifts of `RandomAffine`.

    Parameters
    ----------
    pixels : int or (vertical, horizontal)
        The most, in both directions.
    border : {"constant", "edge", "reflect"}
        What comes in.
    fill : float, default 0.0
        The constant.

    Example
    -------
    >>> RandomShift(2)(np.ones((2, 8, 8, 1)))[0].shape
    (2, 8, 8, 1)
    """

    def __init__(
        self,
        pixels: SupportsIndex | Sequence[int],
        border: str = "constant",
        fill: float = 0.0,
    ) -> None:
        self.pixels = pair(pixels, "pixels", 0)
        self.border = check_choice(border, "border", _BORDERS)
        self.fill = check_number(fill, "fill")

    def apply(self, x: Array, y: Any, draws: Draws) -> Batch:
        """Shift."""
        crop = RandomCrop(x.shape[1:3], self.pixels, self.border, self.fill)
        return crop.apply(x, y, draws)


def affine_matrix(
    size: tuple[int, int], turns: Array, down: Array, right: Array, zoom: Array
) -> NDArray[np.float64]:
    """Return the matrices (n, 2, 3) that `kernels.image_affine` rotates and zooms by.

    Example
    -------
    >>> quarter, nothing = np.array([0.25]), np.zeros(1)
    >>> affine_matrix((3, 3), quarter, nothing, nothing, nothing + 1)[0].tolist()
    [[0.0, 1.0, 0.0], [-1.0, 0.0, 2.0]]
    """
    cosine, sine = (unit_circle(turns) / zoom[:, None]).T
    # Rows grow downwards, so that counter-clockwise on the screen means:
    # (row, column) of the image = [[cos, sin], [-sin, cos]] (row, column) of the result
    linear = np.stack([cosine, sine, -sine, cosine], axis=1).reshape(-1, 2, 2) + 0.0
    center = [(size[0] - 1) / 2, (size[1] - 1) / 2]
    row, column = center[0] + down, center[1] + right
    matrix = np.empty((len(turns), 2, 3))
    matrix[:, :, :2] = linear
    for axis in (0, 1):
        moved = linear[:, axis, 0] * row + linear[:, axis, 1] * column
        matrix[:, axis, 2] = center[axis] - moved
    return matrix


def check_probability(value: object, name: str) -> float:
    return check_number(value, name, at_least=0, at_most=1)
