"""The command `pellucid bench`."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

from pellucid.cli import bench, main
from tests.cli.output import rows_of


def test_bench_of_a_model_writes_a_report(capsys, model_path) -> None:
    brief = ["--batch-sizes", "1", "4", "--rounds", "1", "--output-dir", "out"]
    assert main(["bench", str(model_path), *brief]) == 0
    out = capsys.readouterr().out
    report = json.loads(Path("out/report.json").read_text())
    assert [row["batch"] for row in report["training"]] == [1, 4]
    assert out.splitlines()[-1].startswith("wrote out")
    assert "1. " + report["recommendations"][0] in out
    rows = rows_of(Path("out/report.csv").read_text())
    seconds = [r for r in rows if (r["part"], r["quantity"]) == ("forward", "seconds")]
    assert [float(r["value"]) for r in seconds] == [
        row["seconds"] for row in report["forward"]
    ]
    if find_spec("matplotlib"):
        assert Path("out/memory.png").read_bytes().startswith(b"\x89PNG")


def test_bench_says_what_its_pictures_need(capsys, model_path, monkeypatch) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    command = ["bench", str(model_path), "--batch-sizes", "1", "--rounds", "1"]
    assert main(command) == 0
    assert 'pip install "pellucid[plot]"' in capsys.readouterr().out
    folder = Path("pellucid-runs/bench-model-1")
    assert sorted(path.name for path in folder.iterdir()) == [
        *("report.csv", "report.json", "report.txt"),
    ]


def test_bench_of_the_machine(capsys, monkeypatch) -> None:
    monkeypatch.setattr(bench, "CASES", [c for c in bench.CASES if c.name == "relu"])
    command = ["bench", "--rounds", "1", "--seconds", "5", "--output-dir", "k"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert re.search(r"^activations +relu .* GB/s", out, re.MULTILINE)
    known = json.loads(Path("k/kernels.json").read_text())
    assert [row["name"] for row in known["kernels"]] == ["relu"]


def test_bench_refuses_bad_numbers(capsys, model_path) -> None:
    for option in ("--rounds", "--batch-sizes", "--seconds"):
        assert main(["bench", str(model_path), option, "0"]) == 2
        assert option in capsys.readouterr().err
    assert main(["bench", "nothing.safetensors"]) == 2
    assert not Path("pellucid-runs").exists()
