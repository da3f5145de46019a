"""The examples in the docstrings of the pictures."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pellucid.viz
from pellucid import viz

MODULES = [
    f"pellucid.viz.{module.name}" for module in pkgutil.iter_modules(viz.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("plotly")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_function_has_an_example() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True, recurse=False)
    for name in viz.__all__:
        (found,) = finder.find(getattr(pellucid.viz, name), name)
        assert found.examples, name
        assert not any("+SKIP" in example.source for example in found.examples), name
