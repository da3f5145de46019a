"""IDX files (the format of MNIST), plain or gzip, read without trusting them."""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib

import numpy as np
from numpy.typing import NDArray

from pellucid.core.files import looks_like, open_regular
from pellucid.errors import FormatError, describe

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

# Deflate can't shrink data by more than this, so a larger ratio between the
# size a header claims and the size of the file is a lie, known before allocating.
_DEFLATE_RATIO = 1032


def read_idx(
    path: str | os.PathLike[str], *, max_bytes: int = 2**31
) -> NDArray[np.generic]:
    """Read one IDX file into an array.

    A file is `00 00 TT NN`, NN big-endian 32-bit sizes, then exactly
    `d_1 * ... * d_NN * itemsize` bytes. It may be compressed with gzip, whatever
    its name.

    Parameters
    ----------
    path : str or path
        The file.
    max_bytes : int
        Refuse data larger than this, in bytes, before any memory is taken.

    Returns
    -------
    array
        Of the file's shape and dtype, in native byte order.

    Raises
    ------
    FormatError
        The content is not exactly one IDX array.
    OSError, ValueError
        The file can't be opened, or is not a regular file.

    Example
    -------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "labels-idx1-ubyte")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 1, 4]))
    ...     read_idx(path)
    array([7, 1, 4], dtype=uint8)

    Source: the IDX description on the MNIST page of LeCun, Cortes and Burges.
    """
    name = os.fspath(path)
    with open_regular(path) as raw:
        size = os.fstat(raw.fileno()).st_size
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not compressed:
            return _parse(name, raw, size, max_bytes)
        try:
            with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                return _parse(name, stream, size * _DEFLATE_RATIO, max_bytes)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _refuse(name, f"its gzip stream is damaged ({error})") from error


def _parse(
    name: str, stream: io.BufferedReader | gzip.GzipFile, available: int, max_bytes: int
) -> NDArray[np.generic]:
    """Read header, data and end of `stream`, which holds at most `available` bytes."""
    head = stream.read(4)
    if len(head) < 4:
        raise _refuse(name, f"it is too short: {len(head)} bytes, the header needs 4")
    kind, rank = head[2], head[3]
    if head[:2] != b"\0\0" or kind not in _DTYPES or not 1 <= rank <= 8:
        guess = looks_like(head + stream.read(20))
        hint = f"; it looks like {guess}" if guess else ""
        raise _refuse(name, f"its first four bytes are {head.hex(' ')}{hint}")
    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise _refuse(
            name,
            f"it is too short: {4 + len(sizes)} bytes, the header needs {4 + 4 * rank}",
        )
    shape = tuple(
        int.from_bytes(sizes[i : i + 4], "big") for i in range(0, 4 * rank, 4)
    )
    dtype = np.dtype(_DTYPES[kind])
    total = math.prod(shape) * dtype.itemsize
    if total > max_bytes:
        raise _refuse(
            name, f"its header claims {total:,} bytes, the limit is {max_bytes:,}"
        )
    if total > available:
        raise _refuse(
            name, f"its header claims {total:,} bytes, more than the file can hold"
        )
    data: NDArray[np.uint8] = np.empty(total, np.uint8)
    filled = 0
    while filled < total:
        got = stream.readinto(data[filled:].data)
        if not got:
            raise _refuse(
                name, f"it ends after {filled:,} of {total:,} bytes: truncated"
            )
        filled += got
    if stream.read(1):
        raise _refuse(name, f"more bytes follow the {total:,} that its header claims")
    return data.view(dtype).astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def _refuse(name: str, reason: str) -> FormatError:
    """Build the error for a file that is not what it should be."""
    return FormatError(
        describe(
            f"{name} is not a whole IDX file: {reason}",
            "Expected the bytes 00 00, a type, a number of dimensions, "
            "their sizes, and exactly that much data",
            "Fetch or copy the file again; plain and gzip files are both read.",
        )
    )
