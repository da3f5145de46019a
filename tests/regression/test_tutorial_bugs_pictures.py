"""Faults of neural-network tutorials that pellucid must not have: benchmarks, pictures.

See test_tutorial_bugs.py.
"""

from __future__ import annotations

import json

import pytest

import pellucid as pl
from pellucid.cli import main
from pellucid.debug.model_bench import benchmark
from pellucid.debug.recommendations import recommend
from pellucid.viz import network_figure
from tests.support.models import mlp


def timed(batch, seconds):
    times = {"seconds": seconds, "low": 0.99 * seconds, "high": 1.01 * seconds}
    return {"batch": batch, "samples_per_second": batch / seconds, **times}


@pytest.mark.parametrize("growth", [1.0, 0.99])
def test_b29_a_net_whose_time_grows_with_the_batch_is_not_called_poor(growth):
    """Samples a second are compared with samples a second, not divided by the batch."""
    rows = [timed(batch, 1e-3 * batch**growth) for batch in (1, 8, 64)]
    found = {
        "system": {"dtype": "float32", "threads": 1},
        "forward": rows,
        "training": rows,
        "memory": [],
        "width": [],
        "dtype": [],
        "threads": [],
    }
    assert recommend(found) == ["nothing stands out: the model uses this machine well."]
    found["training"] = [timed(1, 1e-3), timed(8, 1e-3), timed(64, 1e-3)]
    (advice,) = recommend(found)
    assert "a batch of 64 or more" in advice


def test_b30_times_are_repeated_and_reports_are_written(tmp_path, monkeypatch):
    report = benchmark(mlp(), batches=(1, 4), widths=(1.0,), rounds=3)
    for part in ("forward", "training"):
        for row in report[part]:
            assert 0 < row["low"] <= row["seconds"] <= row["high"]
    monkeypatch.chdir(tmp_path)
    mlp().save("model.safetensors")
    words = ["--batch-sizes", "1", "--rounds", "1", "--output-dir", "out"]
    assert main(["bench", "model.safetensors", *words]) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"report.json", "report.csv", "report.txt"} <= written
    assert json.loads((tmp_path / "out" / "report.json").read_text())["forward"]


def test_b41_the_network_is_drawn_in_few_traces_with_their_places():
    pytest.importorskip("plotly")
    figure = network_figure(pl.mlp([300, 200, 10], seed=0))
    assert len(figure.data) < 40  # not one for each of 62,000 weights
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert lines
    for trace in figure.data:
        assert len(trace.x) == len(trace.y) > 0
    drawn = sum(len(trace.x) // 3 for trace in lines)
    assert 0 < drawn <= 16 * 16 + 16 * 10  # the largest weights
