"""The examples in the docstrings of debug."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pellucid.debug

MODULES = [
    f"pellucid.debug.{module.name}"
    for module in pkgutil.iter_modules(pellucid.debug.__path__)
]


@pytest.mark.parametrize("name", [*MODULES, "pellucid.debug"])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
