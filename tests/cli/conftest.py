"""What the tests of the command share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pellucid as pl
from pellucid.cli import main
from tests.cli.output import FAST


@pytest.fixture(autouse=True)
def in_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    assert main(["train", *FAST, "--quiet", "--output-dir", str(folder)]) == 0
    return folder / "model.safetensors"


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    return pl.data.load_digits()[1]
