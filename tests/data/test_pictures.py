"""Folders of pictures, one for each class."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from pellucid import data
from pellucid.errors import FormatError

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(["dog", "cat"]):
        (tmp_path / name).mkdir()
        for i in range(3):
            pixels = np.full((6, 4, 3), 10 * i + 100 * number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
        (tmp_path / name / ".hidden.png").write_bytes(b"")
        (tmp_path / name / "notes.txt").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_classes_labels_and_pixels(folder: Path) -> None:
    images = data.ImageFolder(folder, (5, 7))
    assert images.classes == ["cat", "dog"]
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.shape == (6, 5, 7, 3)
    x = np.asarray(images)
    assert x.dtype == np.float32
    values = np.array([100, 110, 120, 0, 10, 20], np.float32) / np.float32(255)
    np.testing.assert_array_equal(x[:, 2, 3, 1], values)
    np.testing.assert_array_equal(images[[4, 0]], x[[4, 0]])
    np.testing.assert_array_equal(images[1:3], x[1:3])
    np.testing.assert_array_equal(images[5], x[5])
    assert images[:0].shape == (0, 5, 7, 3)


def test_gray_bytes_in_memory(folder: Path) -> None:
    x, y, classes = data.load_image_folder(folder, 4, "gray", normalize=False)
    assert x.shape == (6, 4, 4, 1)
    assert x.dtype == np.uint8
    assert len(y) == 6
    assert classes == ["cat", "dog"]


def test_batches_read_as_they_go(folder: Path) -> None:
    images = data.ImageFolder(folder, 4)
    batches = data.Batches(images, images.labels, batch_size=4, shuffle=True)
    whole = np.asarray(images)
    order = [x for x, _ in data.Prefetch(batches, threshold=0)]
    assert sum(map(len, order)) == 6
    assert sorted(x[0, 0, 0] for part in order for x in part) == (
        sorted(whole[:, 0, 0, 0])
    )


def test_a_picture_that_is_none(folder: Path) -> None:
    (folder / "cat" / "bad.png").write_bytes(b"\x89PNG and nothing")
    images = data.ImageFolder(folder, 4)
    with pytest.raises(FormatError, match=r"bad\.png is not a picture"):
        np.asarray(images)
    good = (folder / "cat" / "0.png").read_bytes()
    (folder / "cat" / "bad.png").write_bytes(good[: len(good) // 2])
    with pytest.raises(FormatError, match=r"bad\.png"):
        np.asarray(images)
    (folder / "cat" / "bad.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"bad\.png"):
        np.asarray(images)
    os.mkfifo(folder / "cat" / "bad.png")
    with pytest.raises((FormatError, ValueError), match=r"bad\.png"):
        np.asarray(images)


def test_folders_that_hold_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no folders with pictures"):
        data.ImageFolder(folder / "empty", 4)
    with pytest.raises(FileNotFoundError):
        data.ImageFolder(tmp_path / "nowhere", 4)
    with pytest.raises(NotADirectoryError):
        data.ImageFolder(folder / "cat" / "0.png", 4)


@pytest.mark.parametrize(
    ("size", "color", "error"),
    [
        (0, "rgb", ValueError),
        ("big", "rgb", (TypeError, ValueError)),
        (4, "cmyk", ValueError),
    ],
)
def test_sizes_and_colors(folder: Path, size, color, error) -> None:
    with pytest.raises(error):
        data.ImageFolder(folder, size, color)


def test_without_pillow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pellucid\[image\]"):
        data.ImageFolder(folder, 4)
