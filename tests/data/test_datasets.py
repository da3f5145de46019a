"""The embedded digits, and MNIST from files that may be anywhere or nowhere."""

from __future__ import annotations

import gzip
import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from pellucid import data
from pellucid.data import datasets
from pellucid.errors import FormatError
from tests.data.test_idx import idx_bytes

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
SPLIT_DIGEST = "3cc232bd25364446c8646cd9434a26e35ea92e20045d395b2fdd2232a75c9b8f"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test here may reach the network or the user's own data."""

    def refuse(url: str, path: str, *, size: int, sha256: str) -> None:
        raise OSError(f"no network in tests: {url}")

    monkeypatch.setattr(datasets, "fetch", refuse)
    monkeypatch.delenv("PELLUCID_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))


def write_set(folder: Path, *, packed: bool = True, names: tuple[str, ...] = NAMES):
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for count, (image_name, label_name) in ((4, names[:2]), (3, names[2:])):
        images = np.arange(count * 6, dtype=np.uint8).reshape(count, 2, 3) * 10
        labels = np.arange(count, dtype=np.uint8)
        for name, array in ((image_name, images), (label_name, labels)):
            content = idx_bytes(array)
            (folder / (name + (".gz" if packed else ""))).write_bytes(
                gzip.compress(content) if packed else content
            )
        parts.append((images, labels))
    return parts


def test_digits_are_the_uci_digits() -> None:
    sklearn = pytest.importorskip("sklearn.datasets").load_digits()
    (x_train, y_train), (x_test, y_test) = data.load_digits()
    assert x_train.shape == (1437, 8, 8, 1)
    assert x_test.shape == (360, 8, 8, 1)
    assert x_train.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.int64
    ours = np.concatenate([x_train, x_test]).reshape(1797, 64) * 16
    rows = np.column_stack([ours, np.concatenate([y_train, y_test])])
    theirs = np.column_stack([sklearn.data, sklearn.target])
    order = [np.lexsort(each.T) for each in (rows, theirs)]
    np.testing.assert_array_equal(rows[order[0]], theirs[order[1]])


def test_the_split_of_the_digits_is_stratified_and_fixed() -> None:
    (x_train, y_train), (x_test, y_test) = data.load_digits()
    counts = np.bincount(y_train) + np.bincount(y_test)
    assert np.abs(np.bincount(y_test) - counts * 360 / 1797).max() < 1
    digest = hashlib.sha256((x_test * 16).astype(np.uint8).tobytes()).hexdigest()
    assert digest == SPLIT_DIGEST
    assert x_train.min() == 0.0
    assert x_train.max() == 1.0


def test_the_digits_carry_their_licence() -> None:
    with (
        files("pellucid.data").joinpath("digits.npz").open("rb") as file,
        np.load(file) as stored,
    ):
        attribution = str(stored["attribution"])
    assert "CC BY 4.0" in attribution
    assert "Optical Recognition of Handwritten Digits" in attribution


@pytest.mark.parametrize("load", [data.load_mnist, data.load_fashion_mnist])
@pytest.mark.parametrize("packed", [True, False])
def test_a_set_loads_from_its_folder_or_the_one_above(
    tmp_path: Path, load, packed: bool
) -> None:
    above = "fashion_mnist" if load is data.load_fashion_mnist else "mnist"
    parts = write_set(tmp_path / above, packed=packed)
    for path in (tmp_path / above, tmp_path, str(tmp_path)):
        for (x, y), (images, labels) in zip(load(path), parts, strict=True):
            assert x.dtype == np.float32
            np.testing.assert_array_equal(
                x, images[..., None].astype(np.float32) / np.float32(255)
            )
            assert y.dtype == np.int64
            np.testing.assert_array_equal(y, labels)


def test_bytes_stay_bytes_without_normalize(tmp_path: Path) -> None:
    parts = write_set(tmp_path)
    (x, _), _ = data.load_mnist(tmp_path, normalize=False)
    assert x.dtype == np.uint8
    np.testing.assert_array_equal(x[..., 0], parts[0][0])


def test_the_names_with_a_dot_are_found(tmp_path: Path) -> None:
    names = tuple(name.replace("-idx", ".idx") for name in NAMES)
    write_set(tmp_path, packed=False, names=names)
    assert len(data.load_mnist(tmp_path)[0][1]) == 4


def test_the_environment_goes_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(tmp_path / "cache" / "pellucid" / "mnist")
    assert len(data.load_mnist()[0][1]) == 4
    home = tmp_path / "home"
    monkeypatch.setenv("PELLUCID_DATA", str(home))
    write_set(home / "mnist")
    (home / "mnist" / f"{NAMES[0]}.gz").write_bytes(b"damaged")
    with pytest.raises(FormatError, match="home"):
        data.load_mnist()


def test_a_missing_file_is_named_with_its_folder_and_address(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / f"{NAMES[3]}.gz").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        data.load_mnist(tmp_path)
    message = str(caught.value)
    assert str(tmp_path / f"{NAMES[3]}.gz") in message
    assert "https://" in message
    assert "Expected the file" in message
    assert "no network" not in message, "an explicit path must never download"


def test_a_failed_download_says_why_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no network in tests") as caught:
        data.load_mnist()
    assert str(tmp_path / "cache" / "pellucid" / "mnist") in str(caught.value)
    with pytest.raises(FileNotFoundError) as caught:
        data.load_mnist(download=False)
    assert "download failed" not in str(caught.value)


def test_a_download_goes_to_the_first_folder_and_the_second_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "home"))
    source = tmp_path / "source"
    write_set(source)
    asked = []

    def fetch(url: str, path: str, *, size: int, sha256: str) -> None:
        asked.append(url)
        if "ossci" not in url:
            raise OSError("the first mirror is down")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes((source / url.rpartition("/")[2]).read_bytes())

    monkeypatch.setattr(datasets, "fetch", fetch)
    assert len(data.load_mnist()[1][1]) == 3
    assert len(asked) == 8
    assert sorted(path.name for path in (tmp_path / "home" / "mnist").iterdir()) == (
        sorted(f"{name}.gz" for name in NAMES)
    )
    data.load_mnist()
    assert len(asked) == 8, "the second call must find the files"


def test_images_and_labels_must_agree(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / f"{NAMES[1]}.gz").write_bytes(idx_bytes(np.zeros(5, np.uint8)))
    with pytest.raises(ValueError, match=r"4 images.*5 labels"):
        data.load_mnist(tmp_path)


@pytest.mark.parametrize(
    "array", [np.zeros((4, 2), np.uint8), np.zeros((4, 2, 3), np.int32)]
)
def test_files_of_another_kind_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    write_set(tmp_path)
    (tmp_path / f"{NAMES[0]}.gz").write_bytes(idx_bytes(array))
    with pytest.raises(FormatError, match="Expected bytes"):
        data.load_mnist(tmp_path)


def test_mnist_itself(mnist: Path) -> None:
    (x_train, y_train), (x_test, y_test) = data.load_mnist(mnist)
    assert x_train.shape == (60_000, 28, 28, 1)
    assert x_test.shape == (10_000, 28, 28, 1)
    assert x_train.dtype == np.float32
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(y_test).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]
    assert 0.13 < x_train.mean() < 0.131
