"""The README's Python example runs as written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
