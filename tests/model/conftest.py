"""What the tests of models share."""

from __future__ import annotations

import pytest

import pellucid as pl
from tests.support.models import blobs, mlp


@pytest.fixture
def model() -> pl.Sequential:
    """A network that has learnt a little."""
    trained = mlp()
    trained.fit(*blobs(), epochs=1, verbose=0)
    return trained
