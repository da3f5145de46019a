"""The examples in the docstrings of the kernels, errors and shapes."""

import doctest
import importlib
import pkgutil

import pytest

from pellucid.kernels import reference

OPS = [
    f"{reference.__name__}.{m.name}" for m in pkgutil.iter_modules(reference.__path__)
]
OTHERS = ["pellucid.errors", "pellucid.shapes", "pellucid.kernels.dispatch"]


@pytest.mark.parametrize("name", OPS + OTHERS)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("name", reference.__all__)
def test_every_op_has_an_example(name):
    docstring = getattr(reference, name).__doc__
    for section in ("Parameters", "Raises", "Example"):
        assert f"\n    {section}\n    ---" in docstring
