"""Files that are not what they claim: every fault has its FormatError."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import socket
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from pellucid.errors import FormatError
from pellucid.io import header
from pellucid.io.header import read_file
from tests.support.guard import assert_survives

TENSORS = {
    "conv2d_1.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "conv2d_1.bias": np.linspace(0, 1, 5),
    "step": np.array(7, np.uint64),
    "empty": np.zeros((0, 3), np.float32),
    "labels": np.array([-1, 0, 1], np.int64),
}


def write(path: Path, text: bytes | dict[str, Any], data: bytes = b"") -> Path:
    """Write a file with this header, whatever it says, and this data."""
    if isinstance(text, dict):
        text = json.dumps(text).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype: Any, shape: Any, begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def test_reads_what_the_library_writes(path: Path) -> None:
    path.write_bytes(save(TENSORS, {"author": "somebody"}))
    file = read_file(path)
    assert file.metadata == {"author": "somebody"}
    assert file.entries.keys() == TENSORS.keys()
    for name, expected in TENSORS.items():
        array = file.tensor(name)
        assert array.dtype == expected.dtype
        assert array.shape == expected.shape
        assert array.flags.aligned
        assert array.flags.c_contiguous
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_kinds_of_path(path: Path, kind: Any) -> None:
    path.write_bytes(save(TENSORS))
    assert read_file(kind(path)).path == str(path)


def test_paths_that_are_none(path: Path) -> None:
    with pytest.raises(ValueError, match="null"):
        read_file(f"{path}\0")
    with pytest.raises(TypeError):
        read_file(3)


def test_misaligned_data_is_copied(path: Path) -> None:
    """Old writers do not pad the header, and order tensors as they come."""
    fields = {"a": entry("U8", [1], 0, 1), "b": entry("F64", [2], 1, 17)}
    write(path, fields, b"\x05" + np.array([1.0, 2.0]).tobytes())
    array = read_file(path).tensor("b")
    assert array.flags.aligned
    np.testing.assert_array_equal(array, [1.0, 2.0])


# Not a readable regular file ----------------------------------------------------


def test_missing_directory_permission(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(path)):
        read_file(path)
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        read_file(tmp_path)


def test_no_permission(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *_: object) -> None:
        raise PermissionError(13, "Permission denied", name)

    path.write_bytes(save(TENSORS))
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError, match=str(path)):
        read_file(path)


@pytest.mark.timeout(10)
def test_special_files(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    before = os.listdir("/proc/self/fd")
    with socket.socket(socket.AF_UNIX) as server:
        address = tmp_path / "socket"
        server.bind(str(address))
        for path in (pipe, address, Path("/dev/zero"), Path("/dev/null")):
            with pytest.raises(ValueError, match="is not a regular file") as caught:
                read_file(path)
            assert not isinstance(caught.value, FormatError)
    assert os.listdir("/proc/self/fd") == before


# Other formats ------------------------------------------------------------------


def zip_bytes() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", "b")
    return stream.getvalue()


def npz_bytes() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, a=np.zeros(3))
    return stream.getvalue()


def npy_bytes() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


OTHERS = {
    "zip": (zip_bytes(), "looks like a zip archive"),
    "npz": (npz_bytes(), "looks like a zip archive"),
    "npy": (npy_bytes(), "looks like a NumPy .npy file"),
    # A gzip file without a time could pass for a header of 559,903 bytes.
    "gzip": (gzip.compress(bytes(600_000), mtime=0), "looks like a gzip file"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "looks like an HDF5 file"),
    "HTML": (b"<!DOCTYPE html><html>Not Found</html>", "HTML page(.|\n)*download"),
    "HTML after a mark": (b"\xef\xbb\xbf\n <html></html>  ", "looks like an HTML page"),
    "short HTML": (b"<html>", "looks like an HTML page"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    **{
        f"pickle {protocol}": (
            pickle.dumps({"weight": [1.0] * 300}, protocol),
            "[Pp]ickle files are not supported",
        )
        for protocol in (2, 3, 4, 5)
    },
    "short pickle": (pickle.dumps({}), "pickle files are not supported"),
}


@pytest.mark.parametrize(("content", "message"), OTHERS.values(), ids=OTHERS.keys())
def test_other_formats_are_named(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as caught:
        read_file(path)
    assert str(path) in str(caught.value)


def test_tar_and_json_are_refused(path: Path) -> None:
    with tarfile.open(path, "w"):
        pass
    with pytest.raises(FormatError, match="byte 0"):
        read_file(path)
    path.write_text('{"message": "Not Found", "status": "404"}')
    with pytest.raises(FormatError, match="byte 0: the header claims"):
        read_file(path)


# Lengths ------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(16))
def test_too_short(path: Path, size: int) -> None:
    path.write_bytes(save(TENSORS)[:size])
    with pytest.raises(FormatError, match=f"too short: {size} bytes, need 16"):
        read_file(path)


def test_truncated_everywhere_and_extended(path: Path) -> None:
    content = save(TENSORS)
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(FormatError, match=str(path)):
            read_file(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(FormatError, match="has 121 bytes, the tensors fill 120"):
        read_file(path)


@pytest.mark.parametrize(
    "length", [0, 1, 1 << 20, (1 << 20) + 1, 1 << 63, (1 << 64) - 1]
)
def test_header_length(path: Path, length: int) -> None:
    path.write_bytes(length.to_bytes(8, "little") + b"{}" + bytes(200))
    with pytest.raises(FormatError, match=f"byte 0: the header claims {length:,} byte"):
        read_file(path)


def test_header_of_more_than_one_mebibyte(path: Path) -> None:
    write(path, b"{}" + b" " * (1 << 20), bytes(100))
    with pytest.raises(FormatError, match="2 to 1,048,576 bytes"):
        read_file(path)


def test_file_shrinks_while_it_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No mapping, hence no SIGBUS: the missing bytes are an error like any other."""
    content = save(TENSORS)
    path.write_bytes(content)
    allocate = header._allocate

    def truncate(name: str, size: int) -> Any:
        os.truncate(path, len(content) - 3)
        return allocate(name, size)

    monkeypatch.setattr(header, "_allocate", truncate)
    with pytest.raises(FormatError, match=rf"byte {len(content) - 3}: the file shrank"):
        read_file(path)


def test_more_than_the_memory(path: Path) -> None:
    """A sparse file: its claim is true, but nothing of that size is allocated."""
    rows = 1 << 31
    write(path, {"a": entry("F32", [rows, 1024], 0, rows * 4096)})
    size = path.stat().st_size
    try:
        os.truncate(path, size + rows * 4096)
    except OSError:  # this file system has no files of 8 TB
        return
    with pytest.raises(MemoryError, match="holds 8,796,093,022,208 bytes"):
        read_file(path)


# The header's text --------------------------------------------------------------

NESTED = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
TEXTS = {
    "not UTF-8": (b'{"\xff": 1}      ', "not UTF-8 at byte 2"),
    "UTF-16": ('{"a": 1}'.encode("utf-16-le"), "cannot be read"),
    "not JSON": (b"{'a': 1}        ", "cannot be read"),
    "a list": (b"[1, 2, 3]       ", "the JSON text holds a list"),
    "a number": (b"12345678        ", "the JSON text holds a int"),
    "empty": (b"                ", "cannot be read"),
    "two objects": (b'{"a": 1}{"b": 2}', "Extra data"),
    "nested": (NESTED, "nested deeper than 16 levels"),
    "unbalanced": (b"[" * 200_000, "nested deeper than 16 levels"),
    "unterminated": (b'{"' + b'\\"' * 400_000, "cannot be read"),
    "duplicate tensor": (
        b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
        b'"a":{"dtype":"U8","shape":[1],"data_offsets":[0,0]}}',
        "duplicate key 'a'",
    ),
    "duplicate field": (
        b'{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}',
        "duplicate key 'dtype'",
    ),
    "NaN": (b'{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,0]}}', "NaN"),
    "Infinity": (b'{"a":{"dtype":"U8","shape":[Infinity]}}', "Infinity"),
    "1e400": (b'{"a":{"dtype":"U8","shape":[1e400]}}', "1e400' is too large"),
    "5000 digits": (b'{"a":' + b"9" * 5000 + b"}", "cannot be read"),
    "byte order mark": (b'\xef\xbb\xbf{"a": 1}   ', "cannot be read"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("text", "message"), TEXTS.values(), ids=TEXTS.keys())
def test_header_text(path: Path, text: bytes, message: str) -> None:
    write(path, text)
    with pytest.raises(FormatError, match=message) as caught:
        read_file(path)
    assert f"{path}, byte 8" in str(caught.value)


# Tensors ------------------------------------------------------------------------

BIG = 10**30
ENTRIES = {
    "unknown dtype": (entry("F8", [1], 0, 1), "unknown dtype 'F8'"),
    "object dtype": (entry("O", [1], 0, 8), "unknown dtype 'O'"),
    "big-endian": (entry(">f4", [1], 0, 4), "unknown dtype '>f4'"),
    "dtype a list": (entry(["F32"], [1], 0, 4), "unknown dtype"),
    "negative": (entry("F32", [-1], 0, 4), r"its shape is \[-1\]"),
    "two negatives": (entry("F32", [-1, -1], 0, 4), "its shape is"),
    "bool": (entry("F32", [True], 0, 4), r"its shape is \[True\]"),
    "float": (entry("F32", [1.0], 0, 4), r"its shape is \[1.0\]"),
    "text": (entry("F32", ["1"], 0, 4), "its shape is"),
    "no list": (entry("F32", 1, 0, 4), "its shape is 1"),
    "huge": (entry("F32", [BIG], 0, 4), "its shape is"),
    "rank 1000": (entry("F32", [1] * 1000, 0, 4), "its shape is"),
    "product 2**64": (entry("F32", [1 << 31, 1 << 31, 4], 0, 4), "needs 73,786,976"),
    "product wraps": (entry("F32", [1 << 31, 1 << 31, 4, 0], 0, 4), "needs 0 bytes"),
    "wrong length": (entry("F32", [2], 0, 4), "needs 8 bytes"),
    "reversed": (entry("F32", [1], 4, 0), "needs 4 bytes"),
    "past the end": (entry("F32", [1], 4, 8), "its data_offsets are"),
    "offset negative": (entry("F32", [1], -4, 0), "its data_offsets are"),
    "offset bool": (entry("U8", [1], False, True), "its data_offsets are"),
    "offset huge": (entry("F32", [1], BIG, BIG + 4), "its data_offsets are"),
    "offset NaN": (entry("F32", [1], 0, "4"), "its data_offsets are"),
    "three offsets": (
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 4]},
        "its data_offsets are",
    ),
    "extra key": (entry("F32", [1], 0, 4) | {"extra": 1}, "malformed"),
    "missing key": ({"dtype": "F32", "shape": [1]}, "malformed"),
    "no object": ([1, 2], "malformed"),
}


@pytest.mark.parametrize(("fields", "message"), ENTRIES.values(), ids=ENTRIES.keys())
def test_tensor_description(path: Path, fields: Any, message: str) -> None:
    write(path, {"conv.weight": fields}, bytes(4))
    with pytest.raises(FormatError, match=message) as caught:
        read_file(path)
    assert f"{path}, tensor 'conv.weight'" in str(caught.value)


TILINGS = {
    "overlap": ([(0, 8), (4, 12)], "overlaps"),
    "same span": ([(0, 12), (0, 12)], "overlaps"),
    "gap": ([(0, 4), (8, 12)], "leaves a gap"),
    "gap at the start": ([(4, 8), (8, 12)], "leaves a gap"),
    "trailing bytes": ([(0, 4), (4, 8)], "has 12 bytes, the tensors fill 8"),
    "empty inside another": ([(0, 12), (4, 4)], "overlaps"),
}


@pytest.mark.parametrize(("spans", "message"), TILINGS.values(), ids=TILINGS.keys())
def test_tensors_tile_the_data(
    path: Path, spans: list[tuple[int, int]], message: str
) -> None:
    fields = {
        f"t{number}": entry("U8", [end - begin], begin, end)
        for number, (begin, end) in enumerate(spans)
    }
    write(path, fields, bytes(12))
    with pytest.raises(FormatError, match=message):
        read_file(path)


def test_empty_tensors_sit_on_borders(path: Path) -> None:
    fields = {
        "first": entry("F32", [0], 0, 0),
        "also first": entry("F32", [0], 0, 0),
        "middle": entry("U8", [4], 0, 4),
        "last": entry("F32", [3, 0], 4, 4),
    }
    fields["also_first"] = fields.pop("also first")
    write(path, fields, bytes(4))
    assert read_file(path).tensor("last").shape == (3, 0)


NAMES = ["../x", "a/../b", "..", "/etc/passwd", "a b", "a\n", "\x00", "", "n\u00e4me"]
NAMES += ["a" * 257, "a" * 100_000, "\ud800", "a\\b", "C:x"]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names(path: Path, name: str) -> None:
    write(path, {name: entry("U8", [1], 0, 1)}, b"\0")
    with pytest.raises(FormatError, match=r"tensor name .* is not allowed") as caught:
        read_file(path)
    message = str(caught.value)
    assert message.isascii()
    assert len(message) < 500 + len(str(path))


def test_number_of_tensors(path: Path) -> None:
    fields = {f"{number:x}": entry("U8", [0], 0, 0) for number in range(10_001)}
    write(path, json.dumps(fields, separators=(",", ":")).encode())
    with pytest.raises(FormatError, match="lists 10,001 tensors"):
        read_file(path)


@pytest.mark.parametrize("metadata", [1, None, [], {"a": 1}, {"a": None}, {"a": {}}])
def test_metadata_maps_text_to_text(path: Path, metadata: Any) -> None:
    write(path, {"__metadata__": metadata, "a": entry("U8", [1], 0, 1)}, b"\0")
    with pytest.raises(FormatError, match="__metadata__ does not map text to text"):
        read_file(path)


# A fault anywhere ---------------------------------------------------------------


def test_random_changes_raise_only_format_errors(path: Path) -> None:
    """Bytes changed, removed, doubled: a file is read or refused, nothing else."""
    content = save(TENSORS, {"author": "somebody"})
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(1000):
        changed = bytearray(content)
        for _ in range(random.integers(1, 4)):
            place = int(random.integers(len(changed)))
            kind = random.integers(4)
            if kind == 0:
                changed[place] = int(random.integers(256))
            elif kind == 1:
                del changed[place : place + int(random.integers(1, 20))]
            elif kind == 2:
                changed[place:place] = changed[place : place + 10]
            else:
                changed[place:place] = bytes(random.integers(48, 58, 3, np.uint8))
        path.write_bytes(changed)
        try:
            file = read_file(path)
        except FormatError:
            refused += 1
        else:
            for name in file.entries:
                file.tensor(name)
    assert refused > 500


def test_reading_does_not_need_the_size_that_a_header_claims(path: Path) -> None:
    write(path, {"a": entry("F32", [1 << 31, 1 << 29], 0, 1 << 62)}, bytes(64))
    assert_survives(
        "import resource\n"
        "from pellucid.errors import FormatError\n"
        "from pellucid.io.header import read_file\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "try:\n"
        f"    read_file({str(path)!r})\n"
        "except FormatError:\n"
        "    pass\n"
        "else:\n"
        "    raise SystemExit('read it')\n"
    )
