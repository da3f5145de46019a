"""What the environment asks of the compiled kernels: instruction set, threads, grain.

PELLUCID_ISA forces an instruction set, PELLUCID_NUM_THREADS (else OMP_NUM_THREADS) the
number of threads, PELLUCID_GRAIN the least work, in nanoseconds, that is shared between
threads (0 shares all: thread tests run with it).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from pellucid.errors import describe

MOST_THREADS = 64
_CPUS = "/sys/devices/system/cpu"
_CGROUP = "/sys/fs/cgroup"


SPINS = "6000"


@contextmanager
def short_spins() -> Iterator[None]:
    """Let libgomp's threads wait 100 to 300 us in a loop before they sleep.

    Left alone they wait for milliseconds, and beside a busy process every region then
    takes a time slice. libgomp reads the variable when it is loaded, once.
    """
    chosen = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    if not chosen:
        os.environ["GOMP_SPINCOUNT"] = SPINS
    try:
        yield
    finally:
        if not chosen:
            del os.environ["GOMP_SPINCOUNT"]


def configure(core: ModuleType) -> None:
    """Set up the compiled module at import.

    Raises
    ------
    ImportError
        PELLUCID_ISA names an instruction set that does not run here, or PELLUCID_GRAIN
        is not a number.
    """
    core.set_num_threads(default_threads())
    isa = os.environ.get("PELLUCID_ISA", "")
    if isa:
        try:
            core.use_isa(isa)
        except ValueError as error:
            raise ImportError(f"PELLUCID_ISA: {error}") from None
    grain = os.environ.get("PELLUCID_GRAIN", "")
    if grain:
        if not grain.isdecimal():
            what = f'PELLUCID_GRAIN is "{grain}"'
            repair = "Unset it, or set PELLUCID_GRAIN=0"
            raise ImportError(describe(what, "Expected whole nanoseconds", repair))
        core.set_grain(min(int(grain), 10**15))


def default_threads() -> int:
    """Return how many threads kernels use when nobody chose a number.

    A valid PELLUCID_NUM_THREADS, else a valid OMP_NUM_THREADS, else the smallest of
    the CPUs that this process may run on, its cgroup's CPU quota, its physical cores
    and 64.
    A value that is no whole number >= 1 is passed over with one RuntimeWarning; a
    larger one than 64 counts as 64.

    Example
    -------
    >>> 1 <= default_threads() <= 64
    True
    """
    for name in ("PELLUCID_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").strip()
        # OMP_NUM_THREADS may list one number for each level of nesting.
        first = text.split(",")[0].strip() if name.startswith("OMP") else text
        if first.isdecimal() and first.isascii() and first.strip("0"):
            return MOST_THREADS if len(first) > 4 else min(int(first), MOST_THREADS)
        if text:
            what = f'{name} is "{text}" and was not used'
            repair = f"Set {name}={_available()} or unset it"
            expected = f"Expected a whole number from 1 to {MOST_THREADS}"
            message = describe(what, expected, repair)
            warnings.warn(message, RuntimeWarning, stacklevel=2)
    return _available()


def _available() -> int:
    if hasattr(os, "sched_getaffinity"):
        allowed = os.sched_getaffinity(0)
    else:
        allowed = set(range(os.cpu_count() or 1))
    return max(1, min(_physical_cores(allowed), _cgroup_quota(), MOST_THREADS))


def _physical_cores(cpus: set[int]) -> int:
    """Count the cores behind these logical CPUs; hyper-threads share one core."""
    cores = set()
    for cpu in cpus:
        siblings = _read(f"{_CPUS}/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings or str(cpu))
    return len(cores)


def _cgroup_quota() -> int:
    """Return the whole CPUs that the process's cgroup (version 2 or 1) allows."""
    group = ""
    for line in _read("/proc/self/cgroup").splitlines():
        if line.startswith("0::"):
            group = line[3:].strip().strip("/")
    limit = MOST_THREADS
    folders = [_CGROUP]
    for part in group.split("/"):
        folders.append(f"{folders[-1]}/{part}")
    for folder in folders:
        quota, _, period = _read(f"{folder}/cpu.max").partition(" ")
        limit = min(limit, _whole_cpus(quota, period))
    quota = _read(f"{_CGROUP}/cpu/cpu.cfs_quota_us")
    period = _read(f"{_CGROUP}/cpu/cpu.cfs_period_us")
    return min(limit, _whole_cpus(quota, period))


def _whole_cpus(quota: str, period: str) -> int:
    if not (quota.isdecimal() and period.isdecimal() and int(period) > 0):
        return MOST_THREADS
    return max(1, int(quota) // int(period))


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return ""
