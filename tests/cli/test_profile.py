"""The command `pellucid profile`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pellucid as pl
from pellucid.cli import main


def test_profile_of_a_network_and_of_a_file(capsys, model_path, tmp_path: Path) -> None:
    brief = ["--batch-size", "4", "--seconds", "0.02"]
    before = model_path.read_bytes()
    command = ["profile", str(model_path), *brief, "--json", "p.json"]
    assert main([*command, "--threads", str(pl.get_num_threads())]) == 0
    out = capsys.readouterr().out
    assert out.startswith("pellucid 0.1.0")
    assert "one training step" in out
    known = json.loads(Path("p.json").read_text())
    assert known["batch"] == 4
    names = [name for name, _ in pl.load_model(model_path).walk()]
    assert [row["name"] for row in known["rows"]] == names
    assert model_path.read_bytes() == before
    assert main(["profile", "--model", "mlp", *brief]) == 0
    assert "dense_3" in capsys.readouterr().out


def test_profile_draws_where_matplotlib_is(model_path) -> None:
    pytest.importorskip("matplotlib").use("agg")
    brief = ["--batch-size", "2", "--seconds", "0.01"]
    assert main(["profile", str(model_path), *brief, "--plot", "roof.png"]) == 0
    assert Path("roof.png").read_bytes().startswith(b"\x89PNG")


def test_profile_of_a_model_without_training_state(capsys) -> None:
    pl.Sequential([pl.Dense(2)], input_shape=(3,), seed=0).save("bare.safetensors")
    assert main(["profile", "bare.safetensors", "--seconds", "0.01"]) == 0
    assert "stand in" in capsys.readouterr().err


def test_profile_refuses_bad_numbers(capsys, model_path) -> None:
    for option, words in (("--batch-size", "--batch-size"), ("--seconds", "--seconds")):
        assert main(["profile", str(model_path), option, "0"]) == 2
        assert words in capsys.readouterr().err
