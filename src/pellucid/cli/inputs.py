"""Reading what a user wants predicted: arrays, tables, pictures."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from pellucid.core.files import looks_like, open_regular
from pellucid.errors import FormatError, describe

Array = NDArray[Any]

_TABLES = (".npy", ".npz", ".csv")


def read_inputs(
    paths: Sequence[str],
    shape: tuple[int, ...],
    *,
    key: str | None,
    divide: float,
    invert: bool,
) -> tuple[Array, list[str]]:
    """Read files into one batch `(n, *shape)` and a name for each sample.

    Parameters
    ----------
    paths : sequence of str
        Files; the end of a name says what one is.
    shape : tuple
        What the model takes, without the batch.
    key : str, optional
        Which array of an .npz file.
    divide : float
        Divides arrays and tables.
    invert : bool
        Takes the negative of pictures.

    Raises
    ------
    FormatError
        Content that is not what the name says.
    OSError, ValueError
        A file that can't be read, or samples of another shape.
    """
    if divide == 0:
        raise ValueError(
            describe(
                "--divide is 0", "Expected a number other than 0", "Try --divide 255."
            )
        )
    batches, names = [], []
    for path in paths:
        if Path(path).suffix.lower() in _TABLES:
            batch = _as_batch(read_table(path, key), shape, path) / divide
            names += [
                str(i) if len(paths) == 1 else f"{path}:{i}" for i in range(len(batch))
            ]
        else:
            batch = _read_picture(path, shape, invert)[None]
            names.append(path)
        batches.append(batch)
    return np.concatenate(batches), names


def read_table(path: str, key: str | None) -> Array:
    """Read numbers from an .npy, .npz or .csv file; never from a pickle."""
    with open_regular(path) as file:
        if path.lower().endswith(".csv"):
            return _read_csv(path, file)
        head = file.read(32)
        file.seek(0)
        if not head.startswith((b"\x93NUMPY", b"PK\x03\x04")):
            guess = looks_like(head)
            raise _not_numpy(
                path, f"looks like {guess}" if guess else "is no such file"
            )
        try:
            content = np.load(file, allow_pickle=False)
            arrays = (
                {"x": content} if isinstance(content, np.ndarray) else dict(content)
            )
        except (EOFError, OSError, ValueError, BadZipFile) as error:
            raise _not_numpy(path, f"can't be read: {error}") from error
    return _choose(path, arrays, key)


def _not_numpy(path: str, reason: str) -> FormatError:
    return FormatError(
        describe(
            f"{path} {reason}",
            "Expected numbers as numpy.save or numpy.savez writes them",
            "Save them again with numpy.save(path, array).",
        )
    )


def _choose(path: str, arrays: dict[str, Array], key: str | None) -> Array:
    if key is None and len(arrays) == 1:
        return next(iter(arrays.values()))
    name = key or "x"
    if name in arrays:
        return arrays[name]
    raise FormatError(
        describe(
            f'{path} has no array "{name}"',
            "Expected one of " + ", ".join(f'"{name}"' for name in arrays),
            "Name the array with --key.",
        )
    )


def _read_csv(path: str, file: Any) -> Array:
    """Read rows of numbers; a first row of words is the header."""
    try:
        first = file.readline().decode("utf-8-sig").split(",")
        header = not all(_is_number(cell) for cell in first)
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no rows: said below
            table = np.loadtxt(
                file,
                dtype=np.float64,
                delimiter=",",
                skiprows=int(header),
                ndmin=2,
                encoding="utf-8-sig",
            )
        if table.size == 0:
            raise ValueError("no rows of numbers")
    except ValueError as error:
        raise FormatError(
            describe(
                f"{path} can't be read: {error}",
                "Expected rows of numbers with commas between them, one sample a row",
                "Fill the gaps, and leave only numbers below the header.",
            )
        ) from error
    return table


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _as_batch(array: Array, shape: tuple[int, ...], path: str) -> Array:
    """Bring an array to `(n, *shape)` where that is plain: flat rows, one channel."""
    if array.dtype.kind not in "fiub":
        raise TypeError(
            describe(
                f"{path} holds data of dtype {array.dtype}",
                "Expected real numbers",
                "Convert it with array.astype('float32').",
            )
        )
    x = array.astype(np.result_type(array.dtype, np.float32), copy=False)
    size = int(np.prod(shape))
    alike = (shape, shape[:-1] if shape[-1] == 1 else shape)
    if x.ndim > 1 and x.shape[1:] in (*alike, (size,)):
        return x.reshape(len(x), *shape)
    if x.shape in (*alike, (size,)):
        return x.reshape(1, *shape)
    raise ValueError(
        describe(
            f"{path} holds an array of shape {x.shape}",
            f"Expected samples of shape {shape}, or of {size} numbers in a row",
            "Reshape the data to (n, ...); channels come last.",
        )
    )


def _read_picture(path: str, shape: tuple[int, ...], invert: bool) -> Array:
    """Read a picture, fitted to `(h, w, c)`, as float32 from 0 to 1."""
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ValueError(
            describe(
                f"{path} was given to a model whose input has shape {shape}",
                "Expected a model of pictures, (height, width, 1 or 3), or a file "
                "ending in " + ", ".join(_TABLES),
                "Save the samples with numpy.save and pass that file.",
            )
        )
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise ImportError(
            describe(
                f"{path} is read with Pillow, which is not installed",
                "Expected the extra `image`, or a file ending in " + ", ".join(_TABLES),
                'Run: python -m pip install "pellucid[image]"',
            )
        ) from error
    height, width, channels = shape
    try:
        with open_regular(path) as file, Image.open(file) as picture:
            fitted = picture.convert("L" if channels == 1 else "RGB").resize(
                (width, height), Image.Resampling.BOX
            )
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise FormatError(
            describe(
                f"{path} is not a picture that Pillow can read",
                "Expected PNG, JPEG, ...; or a file ending in " + ", ".join(_TABLES),
                "Check the file, or save its data with numpy.save.",
            )
        ) from error
    pixels = np.asarray(fitted, np.float32).reshape(shape) / np.float32(255)
    if invert:
        return np.float32(1) - pixels
    if channels == 1 and np.median(pixels) > 0.5:
        print(
            f"note: {os.path.basename(path)} is mostly light; the digits of MNIST and "
            "of `pellucid train` are white on black: --invert turns it",
            file=sys.stderr,
        )
    return pixels
