"""Child processes start from an environment that asks for nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def neutral_environment() -> Iterator[None]:
    """Take what was set for this test run away; the kernels chosen for it stay."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            if name.startswith(("OMP_", "GOMP_", "PELLUCID_NUM", "PELLUCID_GRAIN")):
                patch.delenv(name)
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        yield
