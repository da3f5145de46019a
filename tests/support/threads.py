"""Running the same code on every instruction set and with several thread counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pellucid import kernels

THREADS = (1, 2, 3)
"""Thread counts of the tests: serial, the machine's, and one that divides badly."""


def isas() -> list[str]:
    """Return the instruction sets that run here, best first."""
    return list(kernels.isas())


@contextmanager
def isa(name: str) -> Iterator[None]:
    """Force one instruction set inside the block, and prove that it is in use."""
    with kernels.use_isa(name):
        if kernels.active_isa() != name:
            raise AssertionError(f"{name} was forced, {kernels.active_isa()} is active")
        yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Use this many threads inside the block."""
    before = kernels.get_num_threads()
    kernels.set_num_threads(count)
    try:
        yield
    finally:
        kernels.set_num_threads(before)
