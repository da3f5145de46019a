"""The examples in the docstrings of the pictures."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from pellucid import viz

MODULES = [
    f"pellucid.viz.{module.name}" for module in pkgutil.iter_modules(viz.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("plotly")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


FAMILIES = {
    *("classes", "features", "functions", "history", "network", "points"),
    *("saliency", "topology", "weights"),
}


def test_every_public_function_has_an_example() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True, recurse=False)
    functions = {name: getattr(viz, name) for name in viz.__all__}
    seen = set()
    for name, function in functions.items():
        family = function.__module__.rpartition(".")[2]
        if family not in FAMILIES:
            continue
        seen.add(family)
        (found,) = finder.find(function, name)
        assert found.examples, name
        assert not any("+SKIP" in example.source for example in found.examples), name
    assert seen == FAMILIES
