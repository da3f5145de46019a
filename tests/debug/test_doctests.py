"""The examples in the docstrings of debug."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pellucid.debug
from pellucid.model import sequential

MODULES = [
    f"pellucid.debug.{module.name}"
    for module in pkgutil.iter_modules(pellucid.debug.__path__)
]


@pytest.mark.parametrize("name", [*MODULES, "pellucid.debug"])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", ["diagnose", "profile"])
def test_the_examples_of_methods(name: str) -> None:
    method = getattr(sequential.Sequential, name)
    (test,) = doctest.DocTestFinder().find(method, globs=vars(sequential))
    assert doctest.DocTestRunner().run(test).failed == 0
