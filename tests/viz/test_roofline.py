"""The roofline: what is on the axes."""

from __future__ import annotations

import pytest

from pellucid.viz import plot_roofline
from tests.debug.test_profiler import CALM, shaped


def axes():
    return pytest.importorskip("matplotlib.figure").Figure().subplots()


def test_marks_and_the_roof() -> None:
    ax = axes()
    assert plot_roofline(CALM, ax=ax) is ax
    row = CALM.rows[0]
    for marks in ax.collections:  # forward, backward
        assert marks.get_offsets().tolist() == [[100.0, row.forward.gflops]]
    (roof,) = ax.get_lines()
    ridge = CALM.machine.peak / CALM.machine.bandwidth
    assert roof.get_xdata()[1] == ridge
    left = roof.get_xdata()[0]
    assert list(roof.get_ydata()) == [left * 40.0, 200.0, 200.0]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [
        *("forward", "backward", "200 GFLOP/s; 40 GB/s from memory"),
        "1  dense_1, 90 %",
    ]
    assert [text.get_text() for text in ax.texts] == ["1", "1"]


def test_no_roof_where_nothing_was_measured() -> None:
    ax = axes()
    profile = shaped(share=0.01)
    object.__setattr__(profile.machine, "peak", 0.0)
    try:
        plot_roofline(profile, ax=ax)
    finally:
        object.__setattr__(profile.machine, "peak", 200.0)
    assert ax.get_lines() == [] or len(ax.get_lines()) == 0
    assert not ax.texts  # too small a share for a number
