"""Running the same code on every instruction set and with several thread counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pellucid import kernels
from pellucid.kernels.dispatch import share_all_work

THREADS = (1, 2, 3)
"""Thread counts of the tests: serial, the machine's, and one that divides badly."""


def isas() -> list[str]:
    """Return the instruction sets that run here, best first."""
    return list(kernels.isas())


def fused() -> list[str]:
    """Return those with fused multiply-add, which all give the same bits."""
    return [name for name in isas() if name != "portable"]


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


@contextmanager
def forced(name: str, count: int) -> Iterator[None]:
    """Use one instruction set and this many threads, however small the work."""
    with isa(name), threads(count), share_all_work():
        yield
