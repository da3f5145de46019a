"""The package where the extension was not built."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import pellucid
from tests.support.guard import assert_survives, run_script


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a process that finds a copy of the package without extension."""
    folder = tmp_path_factory.mktemp("bare")
    skip = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(Path(pellucid.__file__).parent, folder / "pellucid", ignore=skip)
    return {"PYTHONPATH": str(folder), "PELLUCID_BACKEND": ""}


def test_the_reference_trains_the_digits(bare: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    arguments = ["train", "--epochs", "3", "--output-dir", str(folder)]
    printed = assert_survives(
        f"from pellucid.cli import main; main({arguments!r})",
        env={**bare, "PELLUCID_BACKEND": "reference"},
    )
    accuracy = re.search(r"^test accuracy: (0\.\d+)", printed, re.MULTILINE)
    assert accuracy is not None, printed
    assert float(accuracy[1]) >= 0.95
    assert (folder / "model.safetensors").is_file()


def test_it_is_found_without_being_asked_for(bare: dict[str, str]) -> None:
    script = "import pellucid; print(pellucid.kernels.backend(), pellucid.__file__)"
    result = run_script(script, env=bare)
    backend, path = result.stdout.split()
    assert backend == "reference"
    assert path.startswith(bare["PYTHONPATH"])


def test_asking_for_the_compiled_kernels_says_how_to_build_them(
    bare: dict[str, str],
) -> None:
    result = run_script("import pellucid", env={**bare, "PELLUCID_BACKEND": "compiled"})
    assert result.returncode == 1
    assert "ImportError" in result.stderr
    assert "pip install" in result.stderr
