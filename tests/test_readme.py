"""The README's Python example runs as written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pellucid as pl

README = Path(__file__).parents[1] / "README.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert "epochs=20" in example
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(example.replace("epochs=20", "epochs=1"), names)
    assert (tmp_path / "digits.safetensors").is_file()
    assert names["history"].epoch == [0]


def test_it_has_the_two_commands() -> None:
    text = README.read_text()
    assert "python -m pip install . && python -m pellucid train" in text
    assert 'python -m pip install -e ".[test]" && python -m pytest' in text


def test_the_changelog_has_every_public_name_once_in_its_lists() -> None:
    """Every layer, loss, optimizer and the like; nothing is announced twice."""
    text = (README.parent / "CHANGELOG.md").read_text()
    added = text.partition("### Performance")[0]
    plain = {"FormatError", "NumericsError", "Parameter", "Layer"}
    names = {name for name in pl.__all__ if name[0].isupper()} - plain
    lists = re.findall(r"`([^`]+)`", added)
    words = [word for one in lists for word in one.split()]
    assert names <= set(words)
    kinds = (pl.layers, pl.losses, pl.optimizers, pl.schedules, pl.callbacks)
    classes = {name for module in kinds for name in dir(module)} & names
    assert classes - {"SiLU", "PReLU", "Concat", "Callback"} <= {
        word for word in words if words.count(word) == 1
    }
