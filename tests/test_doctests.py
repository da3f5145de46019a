"""The examples in all docstrings run as written."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import pellucid

PARTS = ["layers", "losses", "optimizers", "metrics", "schedules", "callbacks"]
MODULES = [
    "pellucid",
    *(
        module.name
        for module in pkgutil.walk_packages(pellucid.__path__, "pellucid.")
        if not module.name.endswith((".__main__", "._core"))
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.startswith("pellucid.viz"):
        pytest.importorskip("matplotlib")
        pytest.importorskip("plotly")
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_they_are_found() -> None:
    """The walk reaches every package, and a broken example counts."""
    packages = {name.split(".")[1] for name in MODULES if name.count(".") > 1}
    assert {*PARTS, "builders", "core", "data", "io", "kernels", "model"} <= packages
    finder = doctest.DocTestFinder()
    (broken,) = finder.find(broken_example, globs={})
    assert doctest.DocTestRunner(verbose=False).run(broken, out=str).failed == 1


def broken_example() -> None:
    """
    >>> 1 + 1
    3
    """


def test_every_public_class_of_these_has_an_example() -> None:
    finder = doctest.DocTestFinder(recurse=False)
    for name in pellucid.__all__:
        thing = getattr(pellucid, name)
        if getattr(thing, "__module__", "").split(".")[1:2] not in [[p] for p in PARTS]:
            continue
        assert any(test.examples for test in finder.find(thing)), name


def test_methods_of_a_model_have_examples() -> None:
    names = (
        "compile fit evaluate predict predict_proba predict_classes train_on_batch "
        "forward state_dict summary averaged_weights find_learning_rate diagnose "
        "gradcheck profile"
    )
    for name in names.split():
        assert ">>> " in getattr(pellucid.Sequential, name).__doc__, name
