"""docs/tutorial-map.md: every topic once, every name and every test really there."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

import pellucid as pl

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial-map.md"
TOPICS = {0: 60, 1: 20, 2: 29, 3: 20, 4: 15}
"""How many topics each tutorial has; they are numbered from 1."""
IDS = [f"S{t}.{n:02}" for t, count in TOPICS.items() for n in range(1, count + 1)]
COMMANDS = {"pellucid bench", "pellucid profile"}
NOT_YET = "not yet: "


def rows() -> list[list[str]]:
    lines = PAGE.read_text().splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| S")]


ROWS = {row[0]: row for row in rows()}


def found(name: str) -> object:
    """The object that a dotted name below ``pellucid`` stands for."""
    value: object = pl
    for part in name.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            if not inspect.ismodule(value):
                raise
            value = importlib.import_module(f"{value.__name__}.{part}")
    return value


def keywords(value: object) -> set[str]:
    """The arguments of a function or a class, those behind ``**`` included."""
    names = set(inspect.signature(value).parameters)
    if "common" in names:
        names |= set(inspect.signature(pl.optimizers.Optimizer).parameters)
    return names


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(n.name for n in tree.body if isinstance(n, ast.FunctionDef))


def test_every_topic_has_one_row():
    assert [row[0] for row in rows()] == IDS
    assert len(IDS) == 144


@pytest.mark.parametrize("topic", IDS)
def test_a_row_holds(topic):
    _, what, names, tests = ROWS[topic]
    assert what.strip()
    assert names.strip()
    for quoted in [] if tests.startswith(NOT_YET) else re.findall("`(.+?)`", names):
        if quoted in COMMANDS:
            assert quoted in PAGE.read_text()
        elif "/" in quoted:
            assert (ROOT / quoted).is_file(), quoted
        else:
            name, _, arguments = quoted.rstrip(")").partition("(")
            words = set(re.findall(r"(\w+)=", arguments))
            assert words <= (keywords(found(name)) if words else set()), quoted
            found(name)
    if tests.startswith(NOT_YET):
        assert len(tests) > len(NOT_YET)
        return
    named = re.findall("`(.+?)`", tests)
    assert "<br>".join(f"`{one}`" for one in named) == tests
    for one in named:
        path, _, test = one.partition("::")
        assert test in functions_of(path), one


@pytest.mark.parametrize("name", ["Conv2", "Sequential.fitt", "data.make_moon"])
def test_a_wrong_name_is_seen(name):
    with pytest.raises((AttributeError, ImportError)):
        found(name)


def test_what_is_out_of_scope_is_said():
    text = (ROOT / "docs" / "scope.md").read_text()
    for word in (
        *("recurrent", "LSTM", "attention", "transformers", "spectral normalization"),
        *("second-order", "meta-learning", "reinforcement learning", "GPUs"),
    ):
        assert word in text
