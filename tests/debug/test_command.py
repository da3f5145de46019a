"""`pellucid doctor`, as a user types it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pellucid as pl
from pellucid.cli import main
from tests.debug.zoo.cases import SOFTMAX, blobs, mlp


@pytest.fixture(autouse=True)
def in_empty_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def test_a_network_by_name(capsys):
    assert main(["doctor", "mlp", "--steps", "60"]) == 0
    assert capsys.readouterr().out.startswith("no findings")
    assert main(["doctor", "mlp", "--steps", "60", "--learning-rate", "30"]) == 1
    assert "learning rate is too large" in capsys.readouterr().out


def test_a_file_and_own_data(capsys):
    x, y = blobs(0)
    model = pl.Sequential(mlp(16, 4), input_shape=(8,), seed=0)
    model.compile(pl.Adam(3e-3), SOFTMAX)
    model.save("m.safetensors")
    np.savez("good.npz", x=x, y=y)
    np.savez("raw.npz", x=500 * x, y=y)
    np.savetxt("table.csv", np.column_stack([x, y]), delimiter=",")
    command = ["doctor", "m.safetensors", "--data"]
    assert main([*command, "good.npz"]) == 0
    assert main([*command, "table.csv"]) == 0
    capsys.readouterr()
    assert main([*command, "raw.npz", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["findings"][0]["rule"] == "inputs_not_scaled"
    assert main(["doctor", "mlp", "--data", "table.csv", "--steps", "30"]) in (0, 1)


def test_what_cannot_be_done_is_said(capsys):
    np.savez("data.npz", x=np.zeros((4, 3)))
    assert main(["doctor", "missing.safetensors"]) == 2
    assert main(["doctor", "mlp", "--data", "data.npz"]) == 2
    assert 'no array "y"' in capsys.readouterr().err
    x, y = blobs(0)
    np.savez("rows.npz", x=x, y=y)
    assert main(["doctor", "cnn", "--data", "rows.npz"]) == 2
    assert "Use mlp" in capsys.readouterr().err
    np.savetxt("one.csv", y[:, None], delimiter=",")
    assert main(["doctor", "mlp", "--data", "one.csv"]) == 2
    assert "has 1 column" in capsys.readouterr().err
