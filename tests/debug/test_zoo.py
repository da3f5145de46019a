"""The zoo: sick trainings whose cause is named, healthy ones that are left alone."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pellucid.debug import Finding
from pellucid.debug.rules import ORDER
from tests.debug.zoo.tables import HEALTHY, SICK
from tests.debug.zoo.treatment import skill, treated

SEEDS = range(5)
CURED = [name for name, entry in SICK.items() if entry.cure]


def named(name: str, seed: int) -> bool:
    found = [f.rule for f in SICK[name].make(seed).diagnose().findings]
    return bool(set(found[:2]) & set(SICK[name].causes))


def test_the_zoo_is_as_large_as_promised() -> None:
    assert len(SICK) >= 40
    assert len(HEALTHY) >= 15
    assert all(cause in ORDER for entry in SICK.values() for cause in entry.causes)


@pytest.mark.parametrize("name", SICK)
def test_the_cause_is_named(name: str) -> None:
    assert named(name, seed=0)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_is_left_alone(name: str) -> None:
    report = HEALTHY[name](0).diagnose()
    assert report.healthy, str(report)
    assert report.steps == 200


@pytest.mark.slow
def test_nine_of_ten_causes_are_named() -> None:
    right = [named(name, seed) for name in SICK for seed in SEEDS]
    assert np.mean(right) >= 0.9


@pytest.mark.slow
def test_at_most_two_of_a_hundred_healthy_runs_are_called_sick() -> None:
    well = [make(s).diagnose().healthy for make in HEALTHY.values() for s in SEEDS]
    assert np.mean(well) >= 0.98


# What is proposed works -------------------------------------------------------


def same(one: Finding, two: Finding) -> bool:
    return (one.rule, one.where) == (two.rule, two.where)


@pytest.mark.parametrize("name", CURED)
def test_the_line_to_try_heals(name: str) -> None:
    entry = SICK[name]
    patient = entry.make(0)
    found = patient.diagnose().findings
    first = next(f for f in islice(found, 2) if f.rule in entry.causes)
    finding = first
    for _ in patient.model.layers:  # one line, one layer: go on with the next
        patient = treated(patient, finding.repair)
        after = patient.diagnose()
        finding = next((f for f in after.findings if f.level != "note"), None)
        if finding is None or (finding.rule, finding.where) == (
            first.rule,
            first.where,
        ):
            break
    assert first.rule not in {f.rule for f in after.findings if f.level != "note"}
    assert skill(patient) > 0.3, str(after)


def test_the_page_has_every_case() -> None:
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text("utf-8")
    for name, entry in SICK.items():
        assert f"| {name} | {' or '.join(entry.causes)} | " in page, name
    for name in HEALTHY:
        assert f"| {name} | 0 of " in page, name
