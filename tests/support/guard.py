"""Arrays between memory pages that nobody may touch, and a place to fault safely.

A kernel that reads or writes one element too far works by luck on ordinary memory, and
sanitizers do not see masked, gathered or broadcast vector accesses. Here such an access
kills the process, so it belongs into a script that `run_script` runs in a child.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Side = Literal["end", "start"]
SIDES: tuple[Side, ...] = ("end", "start")
ROOT = Path(__file__).resolve().parents[2]

# 256 KiB on both sides, so that a stride too far is met as well as an element.
_GUARD = 64 * mmap.PAGESIZE
_PROT_NONE = 0
_FILL = 0xFF  # NaN as float32 and float64: what a kernel forgets to write shows

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def guarded(
    shape: int | tuple[int, ...], dtype: DTypeLike = np.float32, side: Side = "end"
) -> NDArray[Any]:
    """Return an array, filled with NaN, that ends at or starts after a guard page.

    ``side="end"`` finds what runs over the end, ``side="start"`` what begins too early.
    The memory goes back to the system with the last view of the array.
    """
    return _map(shape, dtype, side)[0]


def guarded_copy(array: ArrayLike, side: Side = "end") -> NDArray[Any]:
    """Return a guarded copy in memory that must not be written either: an input."""
    source = np.asarray(array)
    copy, body, size = _map(source.shape, source.dtype, side)
    copy[...] = source
    if _libc.mprotect(body, size, mmap.PROT_READ):
        raise OSError(ctypes.get_errno(), "mprotect failed")
    copy.flags.writeable = False
    return copy


def _map(
    shape: int | tuple[int, ...], dtype: DTypeLike, side: Side
) -> tuple[NDArray[Any], int, int]:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    dtype = np.dtype(dtype)
    count = math.prod(shape) * dtype.itemsize
    size = max(1, -(-count // mmap.PAGESIZE)) * mmap.PAGESIZE
    total = size + 2 * _GUARD
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    base = _libc.mmap(None, total, _PROT_NONE, flags, -1, 0)
    if base in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap failed")
    body = base + _GUARD
    if _libc.mprotect(body, size, mmap.PROT_READ | mmap.PROT_WRITE):
        raise OSError(ctypes.get_errno(), "mprotect failed")
    ctypes.memset(body, _FILL, size)
    owner = (ctypes.c_ubyte * size).from_address(body)
    # Arrays may outlive this at the end of the process, so not at exit.
    weakref.finalize(owner, _libc.munmap, base, total).atexit = False
    start = size - count if side == "end" else 0
    flat = np.frombuffer(owner, np.uint8)[start : start + count]
    return flat.view(dtype).reshape(shape), body, size


def misaligned(array: ArrayLike, offset: int = 1) -> NDArray[Any]:
    """Return a copy whose first byte lies ``offset`` bytes after a 64-byte border."""
    source = np.asarray(array)
    raw = np.empty(source.nbytes + 64 + offset, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    copy = raw[start : start + source.nbytes].view(source.dtype).reshape(source.shape)
    copy[...] = source
    return copy


def layouts(array: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield ``(name, view)``: equal arrays in the layouts that callers pass."""
    yield "contiguous", array.copy()
    yield "fortran", np.asfortranarray(array)
    wide = np.repeat(array, 2, axis=-1)
    yield "strided", wide[..., ::2]
    yield "reversed", array[..., ::-1].copy()[..., ::-1]
    yield "misaligned", misaligned(array)
    yield "big-endian", array.astype(array.dtype.newbyteorder(">"))
    frozen = array.copy()
    frozen.flags.writeable = False
    yield "read-only", frozen


def run_script(
    code: str, *, env: dict[str, str] | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a child process under faulthandler.

    The child imports pellucid and ``tests`` from where the parent does. A hang raises
    ``subprocess.TimeoutExpired`` after ``timeout`` seconds, and the child is gone.
    """
    paths = [str(ROOT), *(entry for entry in sys.path if entry)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(env or {})}
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        timeout=timeout,
        check=False,
    )


def assert_survives(
    code: str, *, env: dict[str, str] | None = None, timeout: float = 60
) -> str:
    """Run a script in a child, fail with its traceback unless it ends well.

    Returns what it printed.
    """
    result = run_script(code, env=env, timeout=timeout)
    if result.returncode:
        how = (
            f"was killed by signal {-result.returncode}"
            if result.returncode < 0
            else f"ended with status {result.returncode}"
        )
        raise AssertionError(f"the script {how}\n{code}\n{result.stderr}")
    return result.stdout
