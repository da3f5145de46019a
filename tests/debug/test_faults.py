"""The gradient check finds every fault that is injected."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import kernels
from pellucid.debug.configurations import problems
from pellucid.debug.library import check_problem
from tests.debug.faults import FAULTS, caught, injected, negative, on, replaced, users

BACKENDS = ["compiled", "reference"]
KINDS = {"sign", "scale", "off by one", "missing term", "wrong axis", "transposed"}
FEW = FAULTS[::6]


def test_there_are_enough_faults_of_every_kind() -> None:
    assert len(FAULTS) >= 50
    assert {fault.kind for fault in FAULTS} == KINDS
    assert len(set(map(str, FAULTS))) == len(FAULTS)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("fault", FEW, ids=str)
def test_a_fault_is_caught(fault, backend) -> None:
    with kernels.use(backend):
        assert caught(fault)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_every_fault_is_caught(fault, backend) -> None:
    with kernels.use(backend):
        assert caught(fault)


def test_without_a_fault_nothing_is_caught() -> None:
    right = FAULTS[0]._replace(change=lambda right, arguments, result: result)
    assert users(right.op) == ("Concat", "Dense", "Residual")
    assert caught(right) is None


def test_a_fault_of_float32_alone_is_caught_by_its_bound() -> None:
    (problem,) = problems("Dense", [3])
    wrong = on(1, negative)
    right = kernels.dense_backward

    def only_single(dy, x, w, **options):
        result = right(dy, x, w, **options)
        return wrong(right, {}, result) if w.dtype == np.float32 else result

    with replaced("dense_backward", only_single):
        found = check_problem(problem)
        assert not check_problem(problem).passed
        assert check_problem(problem, single=False).passed
    assert "dense: the float32 gradient of weight leaves its bound" in str(found)


def test_the_door_is_put_back_after_the_complex_step() -> None:
    with kernels.use("compiled"), injected(FAULTS[0]):
        wrong = kernels.dense
        (problem,) = problems("Dense", [0])
        check_problem(problem, complex_step=True)
        assert kernels.dense is wrong
    assert kernels.dense is not wrong
