"""Every item of the catalogue of bad inputs, from 1 to 96, has a test.

Tests carry the numbers in their names, `test_023_...` or `test_087_088_...`, and tables
of cases in their rows.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.layers.test_bad_input import ARGUMENTS, SHAPES
from tests.model.test_bad_input import BAD_X
from tests.model.test_bad_targets import BAD_Y


def numbers() -> set[int]:
    found = {item for item, *_ in [*BAD_X, *BAD_Y]}
    for name, *_ in [*ARGUMENTS, *SHAPES]:
        found |= {int(word) for word in name.split()[:1] if word.isdigit()}
    for path in Path(__file__).parent.rglob("test_*.py"):
        for name in re.findall(r"^def test_((?:\d{3}_)+)", path.read_text(), re.M):
            found |= {int(number) for number in name.split("_") if number}
    return found


def test_every_item_of_arrays_hyperparameters_and_training_is_held() -> None:
    assert sorted(set(range(1, 97)) - numbers()) == []
