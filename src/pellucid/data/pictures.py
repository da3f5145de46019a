"""Pictures in folders, one folder for each class (needs the extra `image`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from pellucid.core.files import open_regular
from pellucid.errors import FormatError, check_choice, describe
from pellucid.shapes import pair

_ENDINGS = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pgm"),
    *(".png", ".ppm", ".tif", ".tiff", ".webp"),
)
_MODES = {"rgb": ("RGB", 3), "gray": ("L", 1)}


class ImageFolder:
    """The pictures below a folder: `folder/<class>/<picture>.png`, read when asked for.

    It is indexed like an array of shape `(n, h, w, c)`: `images[3:7]`,
    `images[[5, 2]]`. `Batches(images, images.labels)` reads a batch at a time, so a
    set may be larger than the memory; `np.asarray(images)` reads all of it.

    Parameters
    ----------
    path : str or path
        The folder. Its folders, in alphabetical order, are the classes; files whose
        names begin with a dot or do not end like a picture's are passed over.
    size : int or (h, w)
        Pictures are resized to it.
    color : {"rgb", "gray"}
        Three channels, or one.
    normalize : bool
        Divide by 255 into float32; False keeps the bytes.

    Attributes
    ----------
    classes : list of str
    files : list of path
    labels : int64 array (n,)
        Indices into `classes`.
    shape, dtype

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        There is no such folder.
    ValueError
        The folder has no folders with pictures.
    FormatError
        On reading: a file is no picture that Pillow can read, or is one of more than
        179 million pixels.

    Example
    -------
    >>> from pellucid.data import Batches, ImageFolder
    >>> images = ImageFolder("flowers", (64, 64))                  # doctest: +SKIP
    >>> train = Batches(images, images.labels, shuffle=True)       # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: SupportsIndex | Sequence[int],
        color: str = "rgb",
        *,
        normalize: bool = True,
    ) -> None:
        folder = Path(path)
        self._mode, channels = _MODES[check_choice(color, "color", tuple(_MODES))]
        height, width = pair(size, "size", 1)
        entries = [entry for entry in sorted(folder.iterdir()) if entry.is_dir()]
        found = {entry: _pictures(entry) for entry in entries}
        found = {entry: files for entry, files in found.items() if files}
        if not found:
            raise ValueError(
                describe(
                    f"{folder} has no folders with pictures in them",
                    "Expected a folder for each class: "
                    f"{folder / 'cat' / '1.png'}, {folder / 'dog' / '2.png'}",
                    f"Sort the pictures ({' '.join(_ENDINGS)}) into such folders.",
                )
            )
        self.classes = [entry.name for entry in found]
        self.files = [file for files in found.values() for file in files]
        counts = [len(files) for files in found.values()]
        self.labels: NDArray[np.int64] = np.repeat(np.arange(len(counts)), counts)
        self.shape = (len(self.files), height, width, channels)
        self.dtype: np.dtype[Any] = np.dtype(np.float32 if normalize else np.uint8)
        _pillow()

    ndim = 4

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.files)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Read pictures: one by its number, several by a slice or numbers."""
        chosen = np.arange(len(self))[rows]
        pictures = [self._load(self.files[i]) for i in chosen.reshape(-1)]
        stacked = np.stack(pictures) if pictures else np.empty((0, *self.shape[1:]))
        pixels = stacked.astype(self.dtype)
        if self.dtype == np.float32:
            pixels /= np.float32(255)
        return pixels.reshape(*chosen.shape, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all pictures."""
        if copy is False:
            raise ValueError("pictures in files can't be an array without a copy")
        return self[:].astype(dtype or self.dtype, copy=False)

    def _load(self, path: Path) -> NDArray[np.uint8]:
        """Read one picture, turned upright and fitted, as bytes `(h, w, c)`."""
        image, ops = _pillow()
        _, height, width, channels = self.shape
        try:
            with (
                open_regular(path) as file,
                image.open(file) as picture,
            ):
                upright = ops.exif_transpose(picture).convert(self._mode)
                fitted = upright.resize((width, height), image.Resampling.BILINEAR)
        except (
            image.DecompressionBombError,
            OSError,  # Pillow's word for pictures that it can't read
            SyntaxError,
            ValueError,
        ) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the file itself: not there, not allowed
            raise FormatError(
                describe(
                    f"{path} is not a picture that Pillow can read ({error})",
                    "Expected PNG, JPEG, ...",
                    "Remove the file, or save the picture again.",
                )
            ) from error
        return np.asarray(fitted, np.uint8).reshape(height, width, channels)


def load_image_folder(
    path: str | os.PathLike[str],
    size: SupportsIndex | Sequence[int],
    color: str = "rgb",
    *,
    normalize: bool = True,
) -> tuple[NDArray[Any], NDArray[np.int64], list[str]]:
    """Read all pictures below a folder into memory.

    Parameters and errors are those of `ImageFolder`.

    Returns
    -------
    x : array (n, h, w, c)
    y : int64 array (n,)
    classes : list of str

    Example
    -------
    >>> from pellucid.data import load_image_folder
    >>> x, y, classes = load_image_folder("flowers", 64)           # doctest: +SKIP
    """
    images = ImageFolder(path, size, color, normalize=normalize)
    return np.asarray(images), images.labels, images.classes


def _pictures(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _ENDINGS and not path.name.startswith(".")
    ]


def _pillow() -> tuple[Any, Any]:
    """Return Pillow's modules, or say how to get them."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError(
            describe(
                "pictures are read with Pillow, which is not installed",
                "Expected the extra `image`",
                'Run: python -m pip install "pellucid[image]"',
            )
        ) from error
    return Image, ImageOps
