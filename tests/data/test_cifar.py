"""CIFAR-10 from files and archives that may hold anything."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from pellucid import data
from pellucid.data import cifar
from pellucid.errors import FormatError

NAMES = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(url: str, path: str, *, size: int, sha256: str) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr(cifar, "fetch", refuse)
    monkeypatch.delenv("PELLUCID_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def records(count: int, seed: int) -> bytes:
    rows = np.random.default_rng(seed).integers(0, 256, (count, 3073), dtype=np.uint8)
    rows[:, 0] = np.arange(count) % 10
    return rows.tobytes()


CONTENT = {name: records(3, seed) for seed, name in enumerate(NAMES)}


def write_files(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return folder


def member(name: str, content: bytes, kind: bytes = tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size, info.type = len(content), kind
    if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        info.linkname, info.size = "/etc/passwd", 0
    return info, content


def whole() -> list:
    return [member(f"cifar-10-batches-bin/{name}", CONTENT[name]) for name in NAMES]


def write_archive(path: Path, members: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def check(parts) -> None:
    (x, y), (x_test, y_test) = parts
    assert x.shape == (15, 32, 32, 3)
    assert x.dtype == np.float32
    assert y.tolist() == [0, 1, 2] * 5
    assert y_test.dtype == np.int64
    first = np.frombuffer(CONTENT[NAMES[-1]], np.uint8)[1:3073].reshape(3, 32, 32)
    for channel in range(3):
        np.testing.assert_array_equal(
            x_test[0, :, :, channel],
            first[channel].astype(np.float32) / np.float32(255),
        )


def test_files_are_found_in_their_folder_and_above(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "cifar10" / "cifar-10-batches-bin")
    for path in (folder, folder.parent, tmp_path, str(tmp_path)):
        check(data.load_cifar10(path))
    (x, _), _ = data.load_cifar10(tmp_path, normalize=False)
    assert x.dtype == np.uint8


def test_the_archive_is_read_as_it_is(tmp_path: Path, monkeypatch) -> None:
    path = write_archive(tmp_path / "cifar10" / "cifar-10-binary.tar.gz", whole())
    for place in (path, path.parent, tmp_path):
        check(data.load_cifar10(place))
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
    check(data.load_cifar10())
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_strange_members_are_passed_over(tmp_path: Path) -> None:
    name = f"cifar-10-batches-bin/{NAMES[0]}"
    strange = [
        member(f"/{name}", b"absolute"),
        member(f"../{name}", b"above"),
        member(name, b"", tarfile.SYMTYPE),
        member(name, b"", tarfile.LNKTYPE),
        member(name, b"", tarfile.CHRTYPE),
        member(name, b"", tarfile.FIFOTYPE),
        member("cifar-10-batches-bin/readme.html", b"<html>"),
    ]
    path = write_archive(tmp_path / "a.tar.gz", strange + whole())
    check(data.load_cifar10(path))


def test_members_twice_or_missing_or_too_long(tmp_path: Path) -> None:
    for members, words in (
        (whole() + whole()[:1], "twice"),
        (whole()[1:], "has no data_batch_1.bin"),
        ([member(f"cifar-10-batches-bin/{NAMES[0]}", bytes(30_730_001))], "30,730,001"),
    ):
        path = write_archive(tmp_path / "a.tar.gz", members)
        with pytest.raises(FormatError, match=words):
            data.load_cifar10(path)


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cifar._Capped, "left", 1 << 20)
    bomb = [member("zeros", bytes(1 << 22)), *whole()]
    with pytest.raises(FormatError, match="unpacks to more"):
        data.load_cifar10(write_archive(tmp_path / "a.tar.gz", bomb))


def test_damaged_archives(tmp_path: Path) -> None:
    content = write_archive(tmp_path / "a.tar.gz", whole()).read_bytes()
    for bad in (content[: len(content) // 2], b"<html>", b"", content[:-9] + b"x" * 9):
        (tmp_path / "a.tar.gz").write_bytes(bad)
        with pytest.raises(FormatError, match="Download it again"):
            data.load_cifar10(tmp_path / "a.tar.gz")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (records(3, 0)[:-1], "9,218 bytes, no multiple of 3073"),
        (b"", "0 bytes"),
        (b"\x0a" + bytes(3072), "record 0 has label 10"),
        (pickle.dumps({b"data": 1}), "pickle version refused"),
    ],
)
def test_files_of_another_kind(tmp_path: Path, content: bytes, words: str) -> None:
    folder = write_files(tmp_path / "set")
    (folder / NAMES[2]).write_bytes(content)
    with pytest.raises(FormatError, match=words):
        data.load_cifar10(folder)


def test_the_python_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(FormatError, match="Download the binary version"):
        data.load_cifar10(tmp_path)
    python = [member("cifar-10-batches-py/data_batch_1", pickle.dumps({}))]
    with pytest.raises(FormatError, match="pickle version refused"):
        data.load_cifar10(write_archive(tmp_path / "b.tar.gz", python))


def test_a_missing_set_is_named_with_its_address(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="cifar-10-binary") as caught:
        data.load_cifar10(tmp_path / "nowhere")
    assert "no network" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="no network in tests"):
        data.load_cifar10()
    folder = write_files(tmp_path / "part")
    (folder / NAMES[0]).unlink()
    with pytest.raises(FileNotFoundError, match=NAMES[0]):
        data.load_cifar10(folder)
