"""What the command is given and what it prints, for its tests."""

from __future__ import annotations

import csv
import re

FAST = ["--model", "mlp", "--epochs", "2"]
"""Options of `pellucid train` for a network that need not be good."""


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def accuracy_of(capsys) -> float:
    return float(re.search(r"test accuracy: (\S+)", capsys.readouterr().out)[1])
