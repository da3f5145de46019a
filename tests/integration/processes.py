"""What the tests in child processes share: an environment, work, a fork."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pellucid import kernels

HANG = 10
"""Seconds after which a child counts as hung."""

THREADED = {
    "PELLUCID_NUM_THREADS": "3",
    "PELLUCID_GRAIN": "0",
    "OMP_WAIT_POLICY": "passive",
}
"""Three threads, even for the smallest work, that do not spin while they wait."""


def product_digest(size: int = 100) -> str:
    """SHA-256 of a matrix product that is worth several threads."""
    a = np.sin(np.arange(size * size, dtype=np.float64)).astype(np.float32)
    a = a.reshape(size, size)
    return hashlib.sha256(kernels.gemm(a, a).tobytes()).hexdigest()


def threads_of_process() -> int:
    """Threads of this process, as the operating system counts them."""
    return len(list(Path("/proc/self/task").iterdir()))


def numpy_features() -> list[str]:
    """Vector extensions that NumPy uses here beyond those of every machine."""
    umath = (getattr(np, "_core", None) or np.core)._multiarray_umath
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]]


def in_child(right: Callable[[], bool]) -> bool:
    """Fork; True when `right` is, in the child, in time."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    signal.alarm(HANG // 2)  # ends a child that hangs, even inside a kernel
    status = 1
    try:
        status = 0 if right() else 2
    finally:
        os._exit(status)
