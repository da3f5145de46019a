from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from pellucid.core import Parameter


def parameter() -> Parameter:
    return Parameter(np.arange(6, dtype="float32").reshape(2, 3), "weight")


def test_assignment_copies_into_the_same_memory() -> None:
    p = parameter()
    memory = p.value
    p.value = np.ones((2, 3))
    p.value += 1
    assert p.value is memory
    assert (memory == 2).all()
    p.grad = [[1, 2, 3], [4, 5, 6]]
    assert p.grad.dtype == np.float32


@pytest.mark.parametrize("attribute", ["value", "grad"])
def test_078_a_wrong_array_changes_nothing(attribute: str) -> None:
    p = parameter()
    before = getattr(p, attribute).copy()
    # (3,) would broadcast: the classic silent mistake
    for bad in (np.zeros(3), np.zeros((3, 2)), np.zeros(())):
        with pytest.raises(
            ValueError, match=rf"(?s)weight.{attribute}.*Expected \(2, 3\)"
        ):
            setattr(p, attribute, bad)
    for bad in (np.zeros((2, 3), complex), np.full((2, 3), "a"), None):
        with pytest.raises(TypeError, match=f"weight.{attribute}"):
            setattr(p, attribute, bad)
    assert (getattr(p, attribute) == before).all()


def test_rebind_moves_the_memory() -> None:
    p = parameter()
    flat = np.zeros(12, "float32")
    p.rebind(flat[:6].reshape(2, 3), flat[6:].reshape(2, 3))
    assert flat[:6].tolist() == [0, 1, 2, 3, 4, 5]
    p.value[0, 0] = 9
    assert flat[0] == 9
    with pytest.raises(ValueError, match="new memory"):
        p.rebind(flat[:6], flat[6:])


def test_copies_are_independent() -> None:
    p = parameter()
    p.trainable = False
    for again in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert again.name == "weight"
        assert not again.trainable
        assert (again.value == p.value).all()
        assert not np.shares_memory(again.value, p.value)


def test_repr_and_sizes() -> None:
    p = parameter()
    assert repr(p) == "Parameter('weight', shape=(2, 3))"
    assert (p.size, p.shape) == (6, (2, 3))
    p.trainable = False
    assert "trainable=False" in repr(p)
