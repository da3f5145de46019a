"""The zoo: sick trainings whose cause is named, healthy ones that are left alone."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

import pellucid as pl
from pellucid.debug.guessing import guess_and_floor
from pellucid.debug.rules import ORDER
from tests.debug.zoo import (  # noqa: F401  (they fill the tables)
    healthy,
    healthy_kinds,
    sick,
    sick_kinds,
)
from tests.debug.zoo.cases import HEALTHY, SICK, Patient

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


def treated(patient: Patient, line: str) -> Patient:
    """Run a line that a finding proposes, as its reader would."""
    options = dict(patient.options)
    if line.startswith("model.fit(x, y, "):
        options |= eval(line.replace("model.fit(x, y, ", "dict("))
        return patient._replace(options=options)
    names = {"np": np, "pl": pl, **patient._asdict()}
    names["x_val"], names["y_val"] = options.get("validation_data", (None, None))
    exec(line, names)
    if names["x_val"] is not None:
        options["validation_data"] = names["x_val"], names["y_val"]
    return Patient(names["model"], names["x"], names["y"], options)


def skill(patient: Patient) -> float:
    """1 - loss / loss of guessing after a training as long as the watched one."""
    model, x, y = patient.model, patient.x, patient.y
    epochs = -(-200 // -(-len(x) // 32))
    model.fit(x, y, epochs=epochs, verbose=0, on_nan="stop", **patient.options)
    checked = model.door(x).targets(y, model.loss, len(x))
    guess, floor = guess_and_floor(model.loss, checked, model.inner_shapes[-1][-1])
    return (guess - model.evaluate(x, y)["loss"]) / (guess - floor)


@pytest.mark.parametrize("name", CURED)
def test_the_line_to_try_heals(name: str) -> None:
    entry = SICK[name]
    patient = entry.make(0)
    first = patient.diagnose().findings
    line = next(f.repair for f in islice(first, 2) if f.rule in entry.causes)
    healed = treated(patient, line)
    after = healed.diagnose()
    again = [f.rule for f in after.findings if f.level != "note"]
    repeated = set(again) & {f.rule for f in first[:1]}
    if repeated and "no_activation" in repeated:  # one line, one layer: go on
        healed = treated(healed, after.findings[0].repair)
    else:
        assert not repeated, str(after)
    assert skill(healed) > 0.3
