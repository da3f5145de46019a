"""CIFAR-10, binary version: from its files or straight from the archive."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.core.files import looks_like, open_regular
from pellucid.data.download import fetch
from pellucid.data.files import data_homes
from pellucid.errors import FormatError, describe

Part = tuple[NDArray[Any], NDArray[np.int64]]

_FOLDER = "cifar-10-batches-bin"
_TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_TEST = ("test_batch.bin",)
_ARCHIVE = "cifar-10-binary.tar.gz"
_URL = f"https://www.cs.toronto.edu/~kriz/{_ARCHIVE}"
_ARCHIVE_BYTES = 170_052_171
_ARCHIVE_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"

_RECORD = 1 + 3 * 32 * 32  # label, then the planes red, green, blue
_LARGEST_FILE = 10_000 * _RECORD
_LARGEST_ARCHIVE = 2**28  # unpacked: the set is 184 MB

CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def load_cifar10(
    path: str | os.PathLike[str] | None = None,
    *,
    normalize: bool = True,
    download: bool = True,
) -> tuple[Part, Part]:
    """Load CIFAR-10: 50,000 small pictures to train and 10,000 to test, ten classes.

    Only the binary version is read; the "python version" is made of pickles, which
    can run code. The archive need not be unpacked.

    Parameters
    ----------
    path : str or path, optional
        The folder that holds the six .bin files (or the folder above them), the folder
        of the archive, or the archive itself. Without it they are looked for in
        `cifar10/` under the folder that the environment variable `PELLUCID_DATA` names,
        then under the user's cache folder.
    normalize : bool
        Divide by 255 into float32; False keeps the bytes.
    download : bool
        Without `path`, fetch the archive (170 MB, checked by SHA-256) once. With
        `path` nothing is ever downloaded.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images `(n, 32, 32, 3)`, float32 in [0, 1] or uint8; labels int64 `(n,)`, in
        the order of `CIFAR10_CLASSES`.

    Raises
    ------
    FileNotFoundError
        The set is missing; the message says which file to put where.
    FormatError
        A file is damaged, or is the python version.

    Example
    -------
    >>> from pellucid.data import load_cifar10
    >>> (x_train, y_train), (x_test, y_test) = load_cifar10()      # doctest: +SKIP
    >>> x_train.shape                                              # doctest: +SKIP
    (50000, 32, 32, 3)

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    if path is None:
        folders = [home / "cifar10" for home in data_homes()]
    else:
        folders = [Path(path), Path(path) / "cifar10"]
    contents = _read(folders, download and path is None)
    train = [_parse(name, contents[name], normalize) for name in _TRAIN]
    images, labels = zip(*train, strict=True)
    test = _parse(_TEST[0], contents[_TEST[0]], normalize)
    return (np.concatenate(images), np.concatenate(labels)), test


def _read(folders: list[Path], download: bool) -> dict[str, bytes]:
    """Return the six files' contents, from wherever they lie."""
    for folder in folders:
        if folder.is_file():
            return _read_archive(folder)
        for place in (folder, folder / _FOLDER):
            if (place / _TEST[0]).exists():
                return {name: _read_file(place / name) for name in _TRAIN + _TEST}
        if (folder / _ARCHIVE).exists():
            return _read_archive(folder / _ARCHIVE)
        _refuse_pickles(folder)
    target = folders[0] / _ARCHIVE
    reason = ""
    if download:
        try:
            fetch(_URL, str(target), size=_ARCHIVE_BYTES, sha256=_ARCHIVE_SHA256)
        except OSError as error:
            reason = f"; the download failed ({error})"
        else:
            return _read_archive(target)
    raise FileNotFoundError(
        describe(
            "CIFAR-10 was not found in "
            f"{' or '.join(str(folder) for folder in folders)}{reason}",
            f"Expected the file {target}, or the .bin files out of it in that folder",
            f"Download it from {_URL} and put it there, or pass the folder it is in.",
        )
    )


def _refuse_pickles(folder: Path) -> None:
    """Say so when only the python version lies there."""
    names = ("cifar-10-python.tar.gz", "cifar-10-batches-py", "data_batch_1")
    for name in names:
        if (folder / name).exists():
            raise _pickle_version(str(folder / name))


def _pickle_version(name: str) -> FormatError:
    return FormatError(
        describe(
            f"{name} is the python version of CIFAR-10, which is made of pickles: "
            "pickle version refused, they can run code",
            "Expected the binary version",
            f"Download the binary version, {_URL}",
        )
    )


def _read_file(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(_LARGEST_FILE + 1)


class _Capped(gzip.GzipFile):
    """A gzip stream that ends with an error where it unpacks to too much."""

    left = _LARGEST_ARCHIVE

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes."""
        data = super().read(size)
        self.left -= len(data)
        if self.left < 0:
            raise tarfile.ReadError(f"it unpacks to more than {_LARGEST_ARCHIVE:,}")
        return data


def _read_archive(path: Path) -> dict[str, bytes]:
    """Read the six members by their exact names; others, links, devices are ignored."""
    name = str(path)
    wanted = {f"{_FOLDER}/{member}": member for member in _TRAIN + _TEST}
    found: dict[str, bytes] = {}
    try:
        with (
            open_regular(path) as raw,
            _Capped(fileobj=raw, mode="rb") as unpacked,
            tarfile.open(fileobj=unpacked, mode="r|") as archive,
        ):
            for member in archive:
                if member.name.startswith("cifar-10-batches-py/"):
                    raise _pickle_version(name)
                key = wanted.get(member.name)
                if key is None or not member.isreg():
                    continue
                if key in found:
                    raise _damaged(name, f"it holds {member.name} twice")
                content = archive.extractfile(member)
                if content is None or member.size > _LARGEST_FILE:
                    raise _damaged(name, f"{member.name} has {member.size:,} bytes")
                found[key] = content.read()
            while unpacked.read(1 << 20):  # to the end, where the checksum stands
                continue
    except (EOFError, gzip.BadGzipFile, zlib.error, tarfile.TarError) as error:
        raise _damaged(name, str(error)) from error
    missing = sorted(set(wanted.values()) - set(found))
    if missing:
        raise _damaged(name, f"it has no {', '.join(missing)}")
    return found


def _damaged(name: str, reason: str) -> FormatError:
    return FormatError(
        describe(
            f"{name} is not the archive of CIFAR-10: {reason}",
            f"Expected {_ARCHIVE}, of {_ARCHIVE_BYTES:,} bytes",
            f"Download it again from {_URL}",
        )
    )


def _parse(name: str, content: bytes, normalize: bool) -> Part:
    """Turn the records of one file into images and labels."""
    if content[:1] == b"\x80" and looks_like(content[:2]).startswith("a Python"):
        raise _pickle_version(name)
    if not content or len(content) % _RECORD or len(content) > _LARGEST_FILE:
        raise FormatError(
            describe(
                f"{name} has {len(content):,} bytes, no multiple of {_RECORD}"
                if len(content) <= _LARGEST_FILE
                else f"{name} has more than {_LARGEST_FILE:,} bytes",
                f"Expected records of {_RECORD} bytes: a label, then 32 x 32 pixels "
                "of red, green and blue",
                f"Fetch the file again: {_URL}",
            )
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        bad = int(np.argmax(labels > 9))
        raise FormatError(
            describe(
                f"{name}: record {bad} has label {labels[bad]}",
                "Expected labels from 0 to 9",
                f"Fetch the file again: {_URL}",
            )
        )
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    if not normalize:
        return np.ascontiguousarray(pixels), labels
    x = pixels.astype(np.float32, order="C")
    x /= np.float32(255)
    return x, labels
