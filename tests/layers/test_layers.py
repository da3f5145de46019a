"""Every check on every row of the table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pellucid.core.registry import LAYERS
from tests.layers.cases import CASES, Case
from tests.layers.check_layer import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_layer(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


def test_every_layer_has_several_rows() -> None:
    own = {cls for cls in LAYERS.values() if cls.__module__.startswith("pellucid.")}
    assert own
    for cls in own:
        rows = [case for case in CASES if case.layer is cls]
        assert len(rows) >= 2, cls
