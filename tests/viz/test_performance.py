"""Pictures of a benchmark: what is on the axes."""

from __future__ import annotations

import pytest

from pellucid.viz import plot_memory, plot_throughput, plot_width

SPEED = [
    {"batch": 1, "seconds": 0.5, "low": 0.25, "high": 1.0, "samples_per_second": 2.0},
    {"batch": 8, "seconds": 1.0, "low": 0.5, "high": 2.0, "samples_per_second": 8.0},
]
SIZES = {"parameters": 1e6, "gradients": 1e6, "optimizer": 2e6, "buffers": 3e6}
TIMES = {"forward": {"seconds": 0.001}, "training": {"seconds": 0.003}}
REPORT = {
    "forward": SPEED,
    "training": SPEED,
    "memory": [{"batch": 1, **SIZES}, {"batch": 8, **SIZES}],
    "width": [{"factor": 2.0, "parameters": 100, **TIMES}],
}


@pytest.fixture
def ax():
    return pytest.importorskip("matplotlib.figure").Figure().subplots()


def test_throughput(ax) -> None:
    assert plot_throughput(REPORT, ax=ax) is ax
    forward, training = ax.get_lines()
    assert forward.get_xydata().tolist() == [[1, 2.0], [8, 8.0]]
    assert training.get_label() == "training"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "8"]


def test_memory(ax) -> None:
    assert plot_memory(REPORT, ax=ax) is ax
    assert len(ax.patches) == 8
    top = max(bar.get_y() + bar.get_height() for bar in ax.patches)
    assert top == pytest.approx(7.0)  # MB
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["parameters", "gradients", "optimizer", "buffers"]


def test_width(ax) -> None:
    assert plot_width(REPORT, ax=ax) is ax
    forward, training = ax.get_lines()
    assert training.get_xydata().tolist() == [[100, 3.0]]
    assert forward.get_xydata().tolist() == [[100, 1.0]]
    assert [text.get_text() for text in ax.texts] == ["x2"]
