"""Real data sets: the embedded digits, MNIST and Fashion-MNIST."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.download import fetch
from pellucid.data.files import data_homes
from pellucid.data.idx import read_idx
from pellucid.errors import FormatError, describe

Part = tuple[NDArray[Any], NDArray[np.int64]]


def load_digits() -> tuple[Part, Part]:
    """Load the 1,797 real handwritten digits of 8x8 pixels that come with pellucid.

    The split is fixed: 1,437 digits to train and 360 to test, the classes in the
    same proportions in both.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images float32 `(n, 8, 8, 1)` in [0, 1], labels int64 `(n,)` from 0 to 9.

    Example
    -------
    >>> from pellucid.data import load_digits
    >>> (x_train, y_train), (x_test, y_test) = load_digits()
    >>> x_train.shape, y_test.shape
    ((1437, 8, 8, 1), (360,))

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits,
    UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, CC BY 4.0.
    """
    with (
        files("pellucid.data").joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        train, test = (
            (
                stored[f"x_{part}"][..., None].astype(np.float32) / np.float32(16),
                stored[f"y_{part}"].astype(np.int64),
            )
            for part in ("train", "test")
        )
    return train, test


@dataclass(frozen=True)
class _File:
    """One file of a set as its authors publish it: name, bytes, SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class _IdxSet:
    """Four IDX files in a folder of their own, and where they can be had."""

    folder: str
    mirrors: tuple[str, ...]
    train_images: _File
    train_labels: _File
    test_images: _File
    test_labels: _File


_TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
_TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
_TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
_TEST_LABELS = "t10k-labels-idx1-ubyte.gz"

_MNIST = _IdxSet(
    "mnist",
    (
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    _File(
        _TRAIN_IMAGES,
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    _File(
        _TRAIN_LABELS,
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    _File(
        _TEST_IMAGES,
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    _File(
        _TEST_LABELS,
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)

_FASHION_MNIST = _IdxSet(
    "fashion_mnist",
    (
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    _File(
        _TRAIN_IMAGES,
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    _File(
        _TRAIN_LABELS,
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    _File(
        _TEST_IMAGES,
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    _File(
        _TEST_LABELS,
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)


def load_mnist(
    path: str | os.PathLike[str] | None = None,
    *,
    normalize: bool = True,
    download: bool = True,
) -> tuple[Part, Part]:
    """Load MNIST: 60,000 handwritten digits to train and 10,000 to test.

    Parameters
    ----------
    path : str or path, optional
        The folder that holds the four IDX files, plain or gzip (or the folder above,
        where they lie in `mnist/`). Without it they are looked for in `mnist/` under
        the folder that the environment variable `PELLUCID_DATA` names, then under
        the user's cache folder.
    normalize : bool
        Divide by 255 into float32; False keeps the bytes.
    download : bool
        Without `path`, fetch missing files (11 MB, checked by SHA-256) once into
        the first of those two folders. With `path` nothing is ever downloaded.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images `(n, 28, 28, 1)`, float32 in [0, 1] or uint8; labels int64 `(n,)`.

    Raises
    ------
    FileNotFoundError
        A file is missing; the message names it, its folder and its address.
    FormatError
        A file is damaged or is not IDX.
    ValueError
        Images and labels differ in number.

    Example
    -------
    >>> from pellucid.data import load_mnist
    >>> (x_train, y_train), (x_test, y_test) = load_mnist()        # doctest: +SKIP
    >>> x_train.shape                                              # doctest: +SKIP
    (60000, 28, 28, 1)

    Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database, 1998.
    """
    return _load_idx_set(_MNIST, path, normalize, download)


def load_fashion_mnist(
    path: str | os.PathLike[str] | None = None,
    *,
    normalize: bool = True,
    download: bool = True,
) -> tuple[Part, Part]:
    """Load Fashion-MNIST: pictures of clothes in MNIST's format and numbers.

    Parameters, returns and errors are those of `load_mnist`; the folder is
    `fashion_mnist/` and a download takes 31 MB.

    Source: H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747, 2017 (MIT licence).
    """
    return _load_idx_set(_FASHION_MNIST, path, normalize, download)


def _load_idx_set(
    idx_set: _IdxSet,
    path: str | os.PathLike[str] | None,
    normalize: bool,
    download: bool,
) -> tuple[Part, Part]:
    if path is None:
        homes = data_homes()
        folders = [home / idx_set.folder for home in homes]
    else:
        folders = [Path(path), Path(path) / idx_set.folder]
        download = False
    names = ("train_images", "train_labels", "test_images", "test_labels")
    paths = [
        _locate(getattr(idx_set, name), idx_set, folders, download) for name in names
    ]
    train = _load_part(paths[0], paths[1], normalize)
    test = _load_part(paths[2], paths[3], normalize)
    return train, test


def _locate(file: _File, idx_set: _IdxSet, folders: list[Path], download: bool) -> Path:
    """Find one file of a set, or fetch it, or say which file to put where."""
    plain = file.name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")  # as some archives of the set spell it
    for folder in folders:
        for name in (file.name, plain, f"{dotted}.gz", dotted):
            if (folder / name).exists():
                return folder / name
    target = folders[0] / file.name
    failures = []
    for mirror in idx_set.mirrors if download else ():
        try:
            fetch(mirror + file.name, str(target), size=file.size, sha256=file.sha256)
        except OSError as error:
            failures.append(f"{mirror}: {error}")
        else:
            return target
    tried = "; a download failed (" + "; ".join(failures) + ")" if failures else ""
    raise FileNotFoundError(
        describe(
            f"{file.name} of {idx_set.folder} was not found"
            f" in {' or '.join(str(folder) for folder in folders)}{tried}",
            f"Expected the file {target} (gzip), or {plain} (plain) in the same folder",
            f"Download it from {idx_set.mirrors[0]}{file.name}"
            " and put it there, or pass the folder that holds the four files.",
        )
    )


def _load_part(images_path: Path, labels_path: Path, normalize: bool) -> Part:
    """Read images and labels of one part, which must agree in number."""
    images = _read_bytes(images_path, 3, "images (n, h, w)")
    labels = _read_bytes(labels_path, 1, "labels (n,)")
    if len(images) != len(labels):
        raise ValueError(
            describe(
                f"{images_path} holds {len(images):,} images, "
                f"{labels_path} holds {len(labels):,} labels",
                "Expected as many labels as images",
                "Put the two files of the same part of the same set there.",
            )
        )
    x: NDArray[Any] = images[..., None]
    if normalize:
        x = x.astype(np.float32)
        x /= np.float32(255)
    return x, labels.astype(np.int64)


def _read_bytes(path: Path, rank: int, what: str) -> NDArray[Any]:
    array = read_idx(path)
    if array.ndim != rank or array.dtype != np.uint8:
        raise FormatError(
            describe(
                f"{path} holds {array.dtype} data of shape {array.shape}",
                f"Expected bytes: {what}",
                "Put the file of that name from the original set there.",
            )
        )
    return array
