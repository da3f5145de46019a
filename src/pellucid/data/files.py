"""Opening files that somebody else made: checked before a byte is believed."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from pathlib import Path

from pellucid.errors import describe

_MAGICS = (
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a zip archive (.npz is one)"),
    (b"\x93NUMPY", "a NumPy .npy file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x80\x02", "a Python pickle; pickle files are not supported"),
    (b"\x80\x03", "a Python pickle; pickle files are not supported"),
    (b"\x80\x04", "a Python pickle; pickle files are not supported"),
    (b"\x80\x05", "a Python pickle; pickle files are not supported"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)


def looks_like(head: bytes) -> str:
    """Say in words what a file that begins with `head` probably is, or ''."""
    for magic, name in _MAGICS:
        if head.startswith(magic):
            return name
    if head.lstrip()[:1] == b"<":
        return "an HTML or XML page (did a download fail?)"
    return ""


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
    name = os.fspath(path)
    # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(name, flags)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    raise ValueError(
        describe(
            f"{name} is not a regular file",
            "Expected a file on disk, not a pipe or a device",
            "Copy the data into a file and pass its path.",
        )
    )


def data_homes() -> list[Path]:
    """List the folders that hold data sets: PELLUCID_DATA, then the user's cache."""
    homes = []
    if os.environ.get("PELLUCID_DATA"):
        homes.append(Path(os.environ["PELLUCID_DATA"]).expanduser())
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    homes.append(Path(cache).expanduser() / "pellucid")
    return homes
