"""The examples in the docstrings of core and layers."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pellucid.core
import pellucid.layers

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (pellucid.core, pellucid.layers)
    for module in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in MODULES:
        module = importlib.import_module(name)
        tests = finder.find(module, name)
        if name != "pellucid.layers.affine":
            assert any(test.examples for test in tests), name
