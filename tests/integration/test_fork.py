"""Kernels in forked and spawned children: right bits, no hang (10 s)."""

from __future__ import annotations

import os
import sys

import pytest

from pellucid import kernels
from tests.integration.processes import HANG, THREADED, product_digest
from tests.support.guard import assert_survives

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

START = """
import threading
from tests.integration.processes import in_child, product_digest
expected = {expected!r}

def right():
    return product_digest() == expected
"""

BEFORE = """
assert in_child(right)
assert right()
"""

AFTER = """
assert right()
assert in_child(right)
assert in_child(lambda: in_child(right) and right())
assert right()
"""

DURING = """
assert right()
stop = threading.Event()

def work():
    while not stop.is_set():
        product_digest(700)

busy = [threading.Thread(target=work) for _ in range(2)]
for thread in busy:
    thread.start()
try:
    for _ in range(10):
        assert in_child(right)
finally:
    stop.set()
    for thread in busy:
        thread.join()
assert right()
"""

TRAINING = """
from tests.integration.training import fingerprint
expected = fingerprint("every kind", "float32")
assert in_child(lambda: fingerprint("every kind", "float32") == expected)
"""

SERIAL = """
from tests.integration.processes import threads_of_process
assert right() and threads_of_process() == 3
assert in_child(lambda: right() and threads_of_process() == 1)
"""

POOL = """
import multiprocessing
if __name__ == "__main__":
    assert right()
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        found = pool.map_async(product_digest, [100] * 8).get({seconds})
    assert set(found) == {{expected}}, found
    print(len(found))
"""


@pytest.fixture(scope="module")
def start() -> str:
    return START.format(expected=product_digest())


@pytest.mark.parametrize(
    "script",
    [BEFORE, AFTER, DURING, TRAINING],
    ids=["before a kernel", "after", "during", "then train"],
)
def test_fork(start: str, script: str) -> None:
    assert_survives(start + script, env=THREADED, timeout=HANG)


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(start: str, method: str) -> None:
    script = start + POOL.format(method=method, seconds=HANG - 2)
    assert assert_survives(script, env=THREADED, timeout=HANG).split() == ["8"]


@pytest.mark.skipif(
    sys.platform != "linux" or kernels.backend() != "compiled",
    reason="counts the threads of the compiled kernels in /proc",
)
def test_a_child_computes_serially(start: str) -> None:
    assert_survives(start + SERIAL, env=THREADED, timeout=HANG)
