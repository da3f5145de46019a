"""Writing a file so that it is complete or absent, whatever happens meanwhile.

The bytes go to a temporary file beside the target, are flushed to the disk, and only
then take the target's name. A reader, a crash or a full disk therefore meets the old
file or the new one, never a mixture.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any

from pellucid.errors import describe

__all__ = ["write_atomically"]

_STEM = 100  # characters of the target's name that a temporary name repeats


def write_atomically(
    path: str | bytes | os.PathLike[Any], chunks: Iterable[bytes | memoryview]
) -> None:
    """Write ``chunks`` to ``path`` so that the file is complete or unchanged.

    An existing file keeps its permissions. A symbolic link at ``path`` is replaced by
    the new file; what it pointed to stays as it was.

    Parameters
    ----------
    path : path-like
        The file to create or replace; its directory must exist.
    chunks : iterable of bytes
        The content, in order.

    Raises
    ------
    OSError
        With the path, when the file cannot be written; the old file is intact and no
        temporary file is left.
    ValueError
        When ``path`` names something that is not a file, such as a device.
    """
    target = os.fsdecode(path)
    mode = _replaceable_mode(target)
    directory, name = os.path.split(target)
    directory = directory or os.curdir
    _remove_stale(directory, name)
    try:
        with _temporary(directory, name, mode) as (descriptor, temporary):
            for chunk in chunks:
                _write_all(descriptor, memoryview(chunk).cast("B"))
            os.fsync(descriptor)
            os.replace(temporary, target)
        _sync_directory(directory)
    except OSError as error:
        raise OSError(error.errno, error.strerror, target) from error


def _replaceable_mode(target: str) -> int | None:
    """Return the permissions of the file to replace, None where there is none."""
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if stat.S_ISLNK(mode):
        return None
    if not stat.S_ISREG(mode):
        raise ValueError(
            describe(
                f"{target} is not a regular file",
                "Expected a path to a new file or to a file that may be replaced",
                "Choose another path: a device, pipe or socket would be destroyed.",
            )
        )
    return stat.S_IMODE(mode)


@contextlib.contextmanager
def _temporary(
    directory: str, name: str, mode: int | None
) -> Iterator[tuple[int, str]]:
    """Open a new file beside the target; unless it was renamed, it goes again."""
    temporary = os.path.join(
        directory, f"{_prefix(name)}{os.getpid()}-{os.urandom(6).hex()}"
    )
    # O_EXCL and O_NOFOLLOW: never write through a link that somebody planted here.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o666)
    try:
        try:
            if mode is not None:
                os.fchmod(descriptor, mode)
            yield descriptor, temporary
        finally:
            os.close(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _prefix(name: str) -> str:
    return f".{name[:_STEM]}.tmp-"


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        written = os.write(descriptor, data)
        if written == 0:
            raise OSError(errno.EIO, "the device accepted no bytes")
        data = data[written:]


def _sync_directory(directory: str) -> None:
    """Make the new name itself durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot do it
            raise
    finally:
        os.close(descriptor)


def _remove_stale(directory: str, name: str) -> None:
    """Remove temporary files of this target whose process was killed."""
    prefix = _prefix(name)
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            process = entry.name.removeprefix(prefix).partition("-")[0]
            if entry.name.startswith(prefix) and process.isdecimal():
                with contextlib.suppress(OSError):
                    if not _alive(int(process)):
                        os.unlink(entry.path)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
