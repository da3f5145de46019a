"""The examples in the docstrings of data, cli and viz."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pellucid.cli
import pellucid.data
import pellucid.viz

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (pellucid.cli, pellucid.data, pellucid.viz)
    for module in pkgutil.iter_modules(package.__path__)
] + ["pellucid.cli"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
