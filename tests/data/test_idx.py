"""IDX files: what is read, and what is refused before it can do harm."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from pellucid.core.files import looks_like
from pellucid.data.idx import read_idx
from pellucid.errors import FormatError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    code = CODES[array.dtype.str[1:]]
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (0, 7)])
def test_reads_what_was_written(
    tmp_path: Path, code: str, shape: tuple[int, ...]
) -> None:
    array = (np.arange(np.prod(shape)) - 3).reshape(shape).astype(code)
    for content in (idx_bytes(array), gzip.compress(idx_bytes(array))):
        read = read_idx(write(tmp_path, content))
        assert read.dtype == array.dtype
        assert read.dtype.isnative
        np.testing.assert_array_equal(read, array)
        assert read.flags.writeable


@pytest.mark.parametrize("packed", [False, True])
def test_every_truncation_is_refused(tmp_path: Path, packed: bool) -> None:
    content = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    if packed:
        content = gzip.compress(content)
    for length in range(len(content)):
        with pytest.raises(FormatError, match=r"Expected the bytes 00 00"):
            read_idx(write(tmp_path, content[:length]))


@pytest.mark.parametrize("packed", [False, True])
def test_trailing_bytes_are_refused(tmp_path: Path, packed: bool) -> None:
    content = idx_bytes(np.arange(5, dtype=np.uint8)) + b"!"
    with pytest.raises(FormatError, match="more bytes follow the 5"):
        read_idx(write(tmp_path, gzip.compress(content) if packed else content))


def test_a_damaged_gzip_checksum_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(idx_bytes(np.arange(50, dtype=np.uint8))))
    content[-6] ^= 1
    with pytest.raises(FormatError, match="gzip stream is damaged"):
        read_idx(write(tmp_path, bytes(content)))


@pytest.mark.parametrize("kind", [0x00, 0x07, 0x0A, 0x0F, 0xFF])
def test_an_unknown_type_byte_is_refused(tmp_path: Path, kind: int) -> None:
    with pytest.raises(FormatError, match="first four bytes"):
        read_idx(write(tmp_path, bytes([0, 0, kind, 1, 0, 0, 0, 1, 5])))


@pytest.mark.parametrize("rank", [0, 9, 255])
def test_a_rank_out_of_range_is_refused(tmp_path: Path, rank: int) -> None:
    with pytest.raises(FormatError, match="first four bytes"):
        read_idx(write(tmp_path, bytes([0, 0, 8, rank]) + bytes(4 * rank)))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "shape", [(2**32 - 1,), (2**32 - 1, 2**32 - 1), (2**16, 2**16, 2**16, 2**16)]
)
def test_sizes_beyond_the_limit_take_no_memory(
    tmp_path: Path, shape: tuple[int, ...], packed: bool
) -> None:
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
    with pytest.raises(FormatError, match="the limit is"):
        read_idx(write(tmp_path, gzip.compress(content) if packed else content))


def test_sizes_beyond_the_file_take_no_memory(tmp_path: Path) -> None:
    content = struct.pack(">BBBBI", 0, 0, 8, 1, 2**30)
    for packed in (content, gzip.compress(content)):
        with pytest.raises(FormatError, match="more than the file can hold"):
            read_idx(write(tmp_path, packed))


def test_a_gzip_bomb_is_cut_off(tmp_path: Path) -> None:
    bomb = gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 10) + bytes(50_000_000))
    assert len(bomb) < 100_000
    with pytest.raises(FormatError, match="more bytes follow the 10"):
        read_idx(write(tmp_path, bomb))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + bytes(30), "zip archive"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\x80\x04\x95" + bytes(30), "pickle files are not supported"),
        (b"\x93NUMPY\x01\x00" + bytes(30), "NumPy .npy"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (gzip.compress(gzip.compress(b"twice", mtime=0), mtime=0), "a gzip file"),
    ],
)
def test_the_error_says_what_the_file_looks_like(
    tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(FormatError, match=words):
        read_idx(write(tmp_path, content))


def test_plain_data_look_like_nothing() -> None:
    assert looks_like(b"1,2,3\n") == ""


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        read_idx(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        read_idx(tmp_path)
    with pytest.raises(ValueError, match="null"):
        read_idx("a\0b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipes_and_devices_are_refused_without_reading(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (str(pipe), os.devnull):
        with pytest.raises(ValueError, match="not a regular file"):
            read_idx(path)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = write(tmp_path, b"")
    path.chmod(0)
    with pytest.raises(PermissionError):
        read_idx(path)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    listing = Path("/proc/self/fd")
    if not listing.exists():
        pytest.skip("no /proc on this system")
    before = len(list(listing.iterdir()))
    for content in (b"", b"\x1f\x8b", idx_bytes(np.zeros(3, np.uint8))):
        try:
            read_idx(write(tmp_path, content))
        except FormatError:
            continue
    for path in (tmp_path, os.devnull):
        with pytest.raises((IsADirectoryError, ValueError)):
            read_idx(path)
    assert len(list(listing.iterdir())) == before
