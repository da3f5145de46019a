"""What the tests of kernels share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def always_threaded() -> Iterator[None]:
    """Small arrays open a parallel region as well."""
    from tests.kernels.exact import GRAIN, core

    core.set_grain(0)
    yield
    core.set_grain(GRAIN)
