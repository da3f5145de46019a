"""Opening files that somebody else made: checked before a byte is believed."""

from __future__ import annotations

import errno
import io
import os
import stat

from pellucid.errors import describe

# The first bytes of what people pass by mistake, and what it is.
_MAGICS = (
    (b"PK\x03\x04", "a zip archive (.npz, .keras, PyTorch)"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras .h5)"),
    (b"\x93NUMPY", "a NumPy .npy file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    *(
        (bytes([0x80, protocol]), "a Python pickle; pickle files are not supported")
        for protocol in range(2, 6)
    ),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)


def looks_like(head: bytes) -> str:
    """Say in words what a file that begins with `head` probably is, or ''.

    Example
    -------
    >>> looks_like(b"<html>"), looks_like(b"1,2,3")
    ('an HTML page (did a download fail?)', '')
    """
    for magic, name in _MAGICS:
        if head.startswith(magic):
            return name
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, name in _MAGICS:
        if magic.isascii() and text.startswith(magic):
            return name
    return "an HTML page (did a download fail?)" if text[:1] == b"<" else ""


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a regular file for reading; a pipe or a device is refused, not read.

    Raises
    ------
    FileNotFoundError, PermissionError
        From the operating system, with the file's name.
    IsADirectoryError
        The path is a folder.
    ValueError
        The path is a pipe, a socket or a device, or holds a NUL character.
    """
    return os.fdopen(regular_descriptor(path), "rb")


def regular_descriptor(path: str | os.PathLike[str]) -> int:
    """The descriptor of a file opened as by ``open_regular``, which raises the same."""
    name = os.fspath(path)
    # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    flags = os.O_RDONLY
    for flag in ("O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):  # not all on every system
        flags |= getattr(os, flag, 0)
    try:
        descriptor = os.open(name, flags)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise _special(name) from None
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    raise _special(name)


def _special(name: str) -> ValueError:
    return ValueError(
        describe(
            f"{name} is not a regular file",
            "Expected a file on disk, not a pipe, a socket or a device",
            "Copy the data into a file and pass its path.",
        )
    )
