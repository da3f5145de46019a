"""The examples run, and the documents quote what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS = {  # minutes each; tests/integration/test_accuracy.py runs them
    *("mnist_cnn", "mnist_mlp", "optimizers"),
    *("overfit", "points", "regularization", "xor"),
}
EXAMPLES = sorted(
    path for path in (ROOT / "examples").glob("*.py") if path.stem not in EXPERIMENTS
)
QUOTED = {"gradcheck", "selftest", "explain"}


def run(path: Path, folder: Path) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", path],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "agg"},
    ).stdout


def words(text: str) -> list[str]:
    """The words without numbers and kernels, which depend on the machine."""
    text = text.split("\n  conv: ")[0]
    return [word for word in text.split() if re.fullmatch(r"[A-Za-z_][\w.,:]*", word)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path, tmp_path) -> None:
    printed = run(path, tmp_path)
    assert printed.strip()
    if path.stem in QUOTED:
        document = (ROOT / "docs" / "see-inside.md").read_text(encoding="utf-8")
        quotes = re.findall(r"```\n(.*?)```", document, re.DOTALL)
        mine = [quote for quote in quotes if words(quote)[:4] == words(printed)[:4]]
        assert mine
        assert words(mine[0]) == words(printed)[: len(words(mine[0]))]
