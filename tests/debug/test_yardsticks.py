"""Yardsticks and contests."""

from __future__ import annotations

import pytest

from pellucid import kernels
from pellucid.debug import yardsticks


def test_contestants_take_turns() -> None:
    order: list[str] = []

    def contestant(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    times = yardsticks.contest(
        {"a": lambda: contestant("a", 1.0), "b": lambda: contestant("b", 4.0)}, 2
    )
    assert order == ["a", "b", "b", "a"]
    assert times == {"a": [1.0, 1.0], "b": [4.0, 4.0]}
    assert yardsticks.median_ratio(times, "b", "a") == 4.0


def test_ratios_never_divide_by_zero() -> None:
    assert yardsticks.ratios([1.0, 2.0], [0.0, 4.0]) == [0.5]


def test_spread_of_one_value_is_the_value() -> None:
    assert yardsticks.spread([2.5]) == (2.5, 2.5)
    assert yardsticks.spread([4.0, 1.0, 2.0, 3.0, 5.0]) == (1.5, 4.5)


def test_repeat_keeps_to_its_bounds() -> None:
    calls: list[int] = []

    def call() -> float:
        calls.append(1)
        return 0.1

    assert yardsticks.repeat(call, 1.0) == [0.1] * 10
    assert len(yardsticks.repeat(call, 0.0)) == 5
    assert len(yardsticks.repeat(call, 1e9, most=7)) == 7
    assert len(calls) == 22


@pytest.mark.skipif(kernels.backend() != "compiled", reason="needs the extension")
def test_the_machine_can_do_something() -> None:
    for dtype in ("float32", "float64"):
        assert yardsticks.fma_peak(dtype, seconds=0.002) > 0.1
    assert yardsticks.copy_bandwidth(1 << 16, seconds=0.002) > 0.01


def test_nothing_is_known_without_the_extension(monkeypatch) -> None:
    monkeypatch.setattr(yardsticks, "compiled", lambda: None)
    assert yardsticks.fma_peak() == yardsticks.copy_bandwidth(1 << 20) == 0.0
