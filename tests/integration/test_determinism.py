"""The same bits for every thread count, instruction set and NumPy (decision D7)."""

from __future__ import annotations

import json

import pytest

from pellucid import kernels
from tests.integration.processes import THREADED, numpy_features
from tests.integration.training import (
    BATCH,
    DTYPES,
    FUSED,
    HUNDRED,
    MORE_THREADS,
    OPTIMIZED,
    STEPS,
    THREADS,
    TRAININGS,
    fingerprint,
    settings,
    untrained,
)
from tests.support.guard import assert_survives

pytestmark = pytest.mark.skipif(
    kernels.backend() != "compiled", reason="a promise of the compiled kernels"
)

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
from tests.integration.training import TRAININGS, fingerprint
assert numpy_features() == []
print(fingerprint("every kind", "float64"))
print(*(fingerprint(name, "float32") for name in TRAININGS))
"""

Fingerprints = dict[tuple[str, str, str, int], str]


@pytest.fixture(scope="module")
def fingerprints() -> Fingerprints:
    """The fingerprint of each (network, dtype, instruction set, threads)."""
    found = json.loads(assert_survives(ALL, env=THREADED, timeout=280))
    result: Fingerprints = {tuple(setting): digest for *setting, digest in found}
    assert list(result) == list(settings())
    return result


@pytest.mark.parametrize("isa", kernels.isas())
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads(
    fingerprints: Fingerprints, dtype: str, isa: str
) -> None:
    found = {fingerprints["every kind", dtype, isa, threads] for threads in THREADS}
    assert len(found) == 1


@pytest.mark.skipif(len(FUSED) < 2, reason="one instruction set with FMA runs here")
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_instruction_set_with_fma(fingerprints: Fingerprints, dtype: str) -> None:
    assert len({fingerprints["every kind", dtype, isa, 1] for isa in FUSED}) == 1


@pytest.mark.skipif(not FUSED, reason="no instruction set with FMA runs here")
@pytest.mark.parametrize("name", HUNDRED)
def test_a_hundred_steps_with_any_threads_and_instruction_set(
    fingerprints: Fingerprints, name: str
) -> None:
    found = [digest for key, digest in fingerprints.items() if key[0] == name]
    assert len(found) == len(FUSED) * len(MORE_THREADS)
    assert len(set(found)) == 1


@pytest.mark.skipif(not FUSED, reason="no instruction set with FMA runs here")
@pytest.mark.parametrize("name", OPTIMIZED)
def test_every_optimizer(fingerprints: Fingerprints, name: str) -> None:
    found = [digest for key, digest in fingerprints.items() if key[0] == name]
    assert len(found) == len(FUSED) * len(THREADS[1:])
    assert len(set(found)) == 1


def test_the_networks_have_what_is_promised() -> None:
    assert {TRAININGS[name].epochs * STEPS for name in HUNDRED} == {100}
    kinds = {
        name: {type(layer).__name__ for layer in untrained(name).layers}
        for name in HUNDRED
    }
    assert kinds.keys() == {"mlp", "cnn", "vgg"}
    assert {"Dense", "Dropout"} <= kinds["mlp"]
    assert {"Conv2D", "BatchNorm", "Dropout"} <= kinds["cnn"]
    sizes = {"n": BATCH, "h": 8, "w": 8, "c": 32, "kh": 3, "kw": 3}
    text = kernels.explain("conv", **sizes, k=32, padding=1)
    assert text.count(": winograd f(4x4,3x3)") == 3, text


@pytest.mark.skipif(not numpy_features(), reason="NumPy uses none here")
def test_numpy_without_its_own_vector_kernels(fingerprints: Fingerprints) -> None:
    limits = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(numpy_features()),
        "OPENBLAS_CORETYPE": "Nehalem",
    }
    found = assert_survives(WITHOUT_FEATURES, env=THREADED | limits).split()
    isa = kernels.active_isa()
    wanted = [("every kind", "float64"), *((name, "float32") for name in TRAININGS)]
    known = [fingerprints.get((*key, isa, 3)) for key in wanted]
    assert known[:2].count(None) == 0
    for digest, expected in zip(found, known, strict=True):
        assert expected in (None, digest)  # None: portable, which has no FMA


@pytest.mark.parametrize("name", TRAININGS)
def test_a_fingerprint_sees_a_change(name: str) -> None:
    first, second = fingerprint(name, "float32"), fingerprint(name, "float32", seed=1)
    assert first != second


def test_three_threads_run() -> None:
    assert assert_survives(THREE, env=THREADED).split() == ["3", "2"]
