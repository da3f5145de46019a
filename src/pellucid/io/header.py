"""Reading a safetensors file without trusting a byte of it.

The layout, from the format's description::

    8 bytes    n, the header's length, little-endian
    n bytes    JSON: {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...}
    the rest   the tensors' bytes, C order, little-endian; offsets count from here

The file is read into memory, never mapped: a file that shrinks while it is read then
gives an error instead of killing the process. Everything the header declares is checked
against the size of the file before anything of that size is allocated.
"""

from __future__ import annotations

import json
import math
import os
import re
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from pellucid.core.files import looks_like, regular_descriptor
from pellucid.errors import FormatError, describe

__all__ = [
    "Entry",
    "StoredFile",
    "check_header",
    "parse_json",
    "read_file",
    "refuse",
    "shorten",
]

MINIMUM_BYTES = 16
MAXIMUM_HEADER = 1 << 20
MAXIMUM_TENSORS = 10_000
MAXIMUM_NAME = 256
MAXIMUM_RANK = 8
MAXIMUM_DIMENSION = 1 << 31
MAXIMUM_DEPTH = 16

DTYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "F16": "<f2",
    "U32": "<u4",
    "I32": "<i4",
    "F32": "<f4",
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
}

DAMAGED = "The file is damaged or incomplete: copy or download it again."
# What to do with what people pass by mistake, by the words of `looks_like`.
REPAIRS = {
    "a zip archive": "Unpack it first.",
    "a gzip file": "Unpack it first with gunzip.",
    "an HDF5 file": "Save it as safetensors.",
    "a NumPy .npy file": "Read it with numpy.load.",
    "a PNG picture": "Give it to predict(), and the path of a model here.",
    "a JPEG picture": "Give it to predict(), and the path of a model here.",
    "a Git LFS pointer": "Fetch the file that it points to with git lfs pull.",
    "a Python pickle": "Loading a pickle can run any code: save the model as "
    "safetensors.",
    "an HTML page": "Open the file in a text editor, and download it again.",
}

_NAME = re.compile(r"[A-Za-z0-9_./-]+")
# A string, if need be without its end, so that no text is scanned twice.
_JSON_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


class Entry(NamedTuple):
    """Where a tensor lies in the data area, and how to read it."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class StoredFile(NamedTuple):
    """A file that passed the check: its header, and its tensors' bytes in memory."""

    path: str
    header: bytes
    metadata: dict[str, str]
    entries: dict[str, Entry]
    data: NDArray[np.uint8]

    def tensor(self, name: str) -> NDArray[Any]:
        """Return a tensor as an aligned array of native byte order."""
        entry = self.entries[name]
        array = self.data[entry.begin : entry.end].view(DTYPES[entry.dtype])
        native = array.dtype.newbyteorder("=")
        return np.require(array.reshape(entry.shape), native, "A")


def read_file(path: str | bytes | os.PathLike[Any]) -> StoredFile:
    """Read and check a safetensors file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    StoredFile
        Its header and the bytes of its tensors.

    Raises
    ------
    OSError
        When the file is missing, a directory, or may not be read.
    ValueError
        When it is not a regular file.
    FormatError
        When its content breaks a rule of the format, with the byte or the tensor.
    MemoryError
        When the tensors do not fit into memory.
    """
    path = os.fsdecode(path)
    with open(regular_descriptor(path), "rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(MINIMUM_BYTES + 16)
        _check_look_alike(path, start)
        if size < MINIMUM_BYTES:
            refuse(path, f"file too short: {size} bytes, need {MINIMUM_BYTES}")
        length = int.from_bytes(start[:8], "little")
        if not 2 <= length <= min(MAXIMUM_HEADER, size - 8):
            refuse(
                f"{path}, byte 0",
                f"the header claims {length:,} bytes in a file of {size:,}",
                f"2 to {MAXIMUM_HEADER:,} bytes, and no more than the file holds",
            )
        stream.seek(0)
        header = _read_exactly(path, stream, bytearray(8 + length), 0)
        metadata, entries = check_header(path, header[8:], size - 8 - length)
        data = _allocate(path, size - len(header))
        _read_exactly(path, stream, data.data, len(header))
    return StoredFile(path, bytes(header), metadata, entries, data)


def check_header(
    path: str, text: bytes, data_size: int
) -> tuple[dict[str, str], dict[str, Entry]]:
    """Check the header's JSON text, as in `read_file`; return metadata and entries."""
    header = parse_json(f"{path}, byte 8", text)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        refuse(f"{path}, byte 8", "__metadata__ does not map text to text")
    if len(header) > MAXIMUM_TENSORS:
        refuse(
            f"{path}, byte 8",
            f"the header lists {len(header):,} tensors",
            f"at most {MAXIMUM_TENSORS:,}",
        )
    entries = {}
    for name, fields in header.items():
        _check_name(f"{path}, byte 8", name)
        entries[name] = _check_entry(f"{path}, tensor {name!r}", fields, data_size)
    _check_tiling(path, entries, data_size)
    return metadata, entries


def parse_json(where: str, text: bytes, depth: int = MAXIMUM_DEPTH) -> dict[str, Any]:
    """Parse one JSON object strictly.

    Refused, beside what JSON forbids: duplicate keys, NaN and Infinity, numbers that
    overflow, nesting deeper than ``depth``, and anything but an object.
    """
    try:
        decoded = text.decode("utf-8")
        _check_depth(decoded, depth)
        value = json.loads(
            decoded,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        refuse(where, f"the JSON text is not UTF-8 at byte {error.start} of it")
    except (ValueError, RecursionError) as error:
        refuse(where, f"the JSON text cannot be read: {shorten(error)}")
    if not isinstance(value, dict):
        refuse(where, f"the JSON text holds a {type(value).__name__}", "an object")
    return value


def shorten(value: object) -> str:
    """Return a printable form of something that a file holds, cut to 80 characters."""
    text = ascii(value) if isinstance(value, str) else ascii(str(value))[1:-1]
    return text if len(text) <= 80 else f"{text[:76]}..."


def _read_exactly(path: str, stream: Any, target: Any, offset: int) -> Any:
    view = memoryview(target)
    filled = 0
    while filled < len(view):
        count = stream.readinto(view[filled:])
        if not count:
            refuse(
                f"{path}, byte {offset + filled}", "the file shrank while it was read"
            )
        filled += count
    return target


def _allocate(path: str, size: int) -> NDArray[np.uint8]:
    # The system hands out more memory than it has and kills the process later.
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > physical:
        raise MemoryError(
            describe(
                f"{path} holds {size:,} bytes of tensors",
                f"Expected at most the {physical:,} bytes of this machine's memory",
                "Load it on a larger machine.",
            )
        )
    return np.empty(size, np.uint8)


def _check_look_alike(path: str, start: bytes) -> None:
    # A header of at most 1 MiB leaves these bytes zero, and its JSON text begins with
    # a brace; no other format does both.
    if start[3:8] == bytes(5) and start[8:9] == b"{":
        return
    kind = looks_like(start)
    for words, repair in REPAIRS.items():
        if kind.startswith(words):
            refuse(f"{path}, byte 0", f"this looks like {kind}", repair=repair)


def _check_name(where: str, name: str) -> None:
    """Refuse a tensor name that is too long or holds characters of no use in one."""
    if (
        len(name) > MAXIMUM_NAME
        or not _NAME.fullmatch(name)
        or name.startswith("/")
        or ".." in name.split("/")
    ):
        refuse(
            where,
            f"the tensor name {shorten(name)} is not allowed",
            f"at most {MAXIMUM_NAME} letters, digits, and _ . - /",
            "Rename it, in pellucid by the name of its layer, and save again.",
        )


def _check_entry(where: str, fields: Any, data_size: int) -> Entry:
    keys = {"dtype", "shape", "data_offsets"}
    if not isinstance(fields, dict) or fields.keys() != keys:
        refuse(where, "its description is malformed", "dtype, shape and data_offsets")
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        refuse(where, f"unknown dtype {shorten(dtype)}", f"one of {', '.join(DTYPES)}")
    if not _are_integers(shape, MAXIMUM_DIMENSION) or len(shape) > MAXIMUM_RANK:
        refuse(
            where,
            f"its shape is {shorten(shape)}",
            f"at most {MAXIMUM_RANK} whole numbers from 0 to 2**31",
        )
    if not _are_integers(offsets, data_size) or len(offsets) != 2:
        refuse(
            where,
            f"its data_offsets are {shorten(offsets)}",
            f"two whole numbers from 0 to {data_size:,}, the bytes after the header",
        )
    needed = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    begin, end = offsets
    if end - begin != needed:
        refuse(
            where,
            f"shape {tuple(shape)} of {dtype} needs {needed:,} bytes, data_offsets "
            f"{begin}..{end} hold {end - begin:,}",
        )
    return Entry(dtype, tuple(shape), begin, end)


def _are_integers(values: Any, limit: int) -> bool:
    # bool is a subclass of int, hence the comparison of types.
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value <= limit for value in values
    )


def _check_tiling(path: str, entries: dict[str, Entry], data_size: int) -> None:
    """Refuse gaps, overlaps and trailing bytes; an empty tensor sits on a border."""
    cursor = 0
    spans = sorted((entry.begin, entry.end, name) for name, entry in entries.items())
    for begin, end, name in spans:
        if begin != cursor:
            kind = "overlaps the one before" if begin < cursor else "leaves a gap"
            refuse(
                f"{path}, tensor {name!r}",
                f"it begins at byte {begin} of the data and {kind}, which ends at "
                f"{cursor}",
            )
        cursor = end
    if cursor != data_size:
        refuse(
            path,
            f"the data area has {data_size:,} bytes, the tensors fill {cursor:,}",
        )


def _check_depth(text: str, limit: int) -> None:
    depth = 0
    for match in _JSON_TOKENS.finditer(text):
        token = match[0]
        depth += (token in "{[") - (token in "}]")
        if depth > limit:
            raise ValueError(f"nested deeper than {limit} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"duplicate key {shorten(key)}")
            seen.add(key)
    return result


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not allowed")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{shorten(digits)} is too large")
    return value


def refuse(
    where: str, what: str, expected: str = "a safetensors file", repair: str = DAMAGED
) -> NoReturn:
    """Raise the FormatError of a file."""
    raise FormatError(describe(f"{where}: {what}", f"Expected {expected}", repair))
