"""The examples in the docstrings of losses, optimizers, metrics and schedules."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pellucid

PARTS = ["losses", "optimizers", "metrics", "schedules"]


def modules():
    for part in PARTS:
        module = importlib.import_module(f"pellucid.{part}")
        yield module.__name__
        for inner in pkgutil.iter_modules(getattr(module, "__path__", [])):
            yield f"{module.__name__}.{inner.name}"


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_class_of_these_has_an_example():
    finder = doctest.DocTestFinder(recurse=False)
    for name in pellucid.__all__:
        thing = getattr(pellucid, name)
        if getattr(thing, "__module__", "").split(".")[1:2] not in [[p] for p in PARTS]:
            continue
        assert any(test.examples for test in finder.find(thing)), name
