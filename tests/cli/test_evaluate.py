"""The command `pellucid evaluate`."""

from __future__ import annotations

from pathlib import Path

from pellucid.cli import main
from tests.cli.output import FAST, accuracy_of
from tests.data.test_datasets import write_set


def test_evaluate_repeats_what_train_found(capsys, tmp_path: Path) -> None:
    assert main(["train", *FAST, "--quiet", "--output-dir", "out"]) == 0
    trained = accuracy_of(capsys)
    assert main(["evaluate", "out/model.safetensors"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("digits: 1,437 training")
    assert f"test accuracy: {trained:.4f}" in out
    assert f"accuracy {trained:.4f}" in out


def test_evaluate_refuses_another_kind_of_data(capsys, model_path, tmp_path) -> None:
    write_set(tmp_path / "mine")
    command = ["evaluate", str(model_path), "--dataset", "mnist", "--data-dir", "mine"]
    assert main(command) == 2
    err = capsys.readouterr().err
    assert "(3, 2, 3, 1)" in err
    assert "Traceback" not in err
