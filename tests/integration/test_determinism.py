"""The same bits for every thread count, instruction set and NumPy (decision D7)."""

from __future__ import annotations

import json
from itertools import product

import pytest

from pellucid import kernels
from tests.integration.processes import THREADED, numpy_features
from tests.integration.training import DTYPES, THREADS, fingerprint
from tests.support.guard import assert_survives

pytestmark = pytest.mark.skipif(
    kernels.backend() != "compiled", reason="a promise of the compiled kernels"
)
FUSED = [name for name in kernels.isas() if name != "portable"]
"""Instruction sets with fused multiply-add."""

ALL = """
from tests.integration.training import print_fingerprints
print_fingerprints()
"""

THREE = """
from tests.integration.processes import product_digest, threads_of_process
from pellucid import kernels
before = threads_of_process()
kernels.set_num_threads(3)
product_digest()
print(kernels._core.last_region_threads(), threads_of_process() - before)
"""

WITHOUT_FEATURES = """
from tests.integration.processes import numpy_features
from tests.integration.training import DTYPES, fingerprint
assert numpy_features() == []
print(*map(fingerprint, DTYPES))
"""


@pytest.fixture(scope="module")
def fingerprints() -> dict[str, str]:
    """The fingerprint of each "dtype isa threads"."""
    found: dict[str, str] = json.loads(assert_survives(ALL, env=THREADED))
    expected = product(DTYPES, kernels.isas(), map(str, THREADS))
    assert set(found) == {" ".join(setting) for setting in expected}
    return found


@pytest.mark.parametrize("isa", kernels.isas())
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads(
    fingerprints: dict[str, str], dtype: str, isa: str
) -> None:
    assert len({fingerprints[f"{dtype} {isa} {threads}"] for threads in THREADS}) == 1


@pytest.mark.skipif(len(FUSED) < 2, reason="one instruction set with FMA runs here")
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_instruction_set_with_fma(fingerprints: dict[str, str], dtype: str) -> None:
    assert len({fingerprints[f"{dtype} {isa} 1"] for isa in FUSED}) == 1


@pytest.mark.skipif(not numpy_features(), reason="NumPy uses none here")
def test_numpy_without_its_own_vector_kernels(fingerprints: dict[str, str]) -> None:
    limits = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(numpy_features()),
        "OPENBLAS_CORETYPE": "Nehalem",
    }
    found = assert_survives(WITHOUT_FEATURES, env=THREADED | limits).split()
    isa = kernels.active_isa()
    assert found == [fingerprints[f"{dtype} {isa} 3"] for dtype in DTYPES]


def test_three_threads_run() -> None:
    assert assert_survives(THREE, env=THREADED).split() == ["3", "2"]


def test_a_fingerprint_sees_a_change() -> None:
    assert fingerprint("float32", seed=0) != fingerprint("float32", seed=1)
