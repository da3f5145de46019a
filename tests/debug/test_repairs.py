"""Every rule that proposes code: the code is run, the finding goes, the model learns.

The zoo has the rules whose findings keep a network from learning; here are the notes,
and rules that the zoo's cases meet second.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pellucid as pl
from pellucid.debug.rules import RULES
from tests.debug.zoo.cases import (
    SOFTMAX,
    Patient,
    blobs,
    case,
    curve,
    digits,
    mlp,
)
from tests.debug.zoo.tables import SICK
from tests.debug.zoo.treatment import skill, treated

ELSEWHERE = {
    "metric_misfit": "test_diagnose.test_a_metric_that_does_not_fit_is_found",
    "overfits": "test_stopping_early_keeps_what_holds",
}
QUESTIONS = ("print(", "model.find_learning_rate(")
"""What a line starts with that looks closer and changes nothing."""

PATIENTS: dict[str, Callable[[], Patient]] = {}


def patient(make: Callable[[], Patient]) -> Callable[[], Patient]:
    PATIENTS[make.__name__] = make
    return make


@patient
def bias_before_batch_norm() -> Patient:
    x, y = blobs(0)
    layers = [pl.Dense(32), pl.BatchNorm(), pl.ReLU(), pl.Dense(4)]
    return case(layers, x, y, pl.Adam(3e-3), SOFTMAX, 0)


@patient
def pooling_drops_rows() -> Patient:
    x, y = digits(0)
    layers = [pl.Conv2D(8, 3, padding="same", activation="relu"), pl.MaxPool2D(3)]
    return case([*layers, pl.Flatten(), pl.Dense(10)], x, y, pl.Adam(1e-2), SOFTMAX, 0)


@patient
def tail_of_one() -> Patient:
    x, y = blobs(0, n=321)
    layers = [pl.Dense(32), pl.BatchNorm(), pl.ReLU(), pl.Dense(4)]
    return case(layers, x, y, pl.Adam(3e-3), SOFTMAX, 0)


@patient
def saturating_stack() -> Patient:
    x, y = blobs(0)
    layers = mlp(16, 16, 16, 16, 4, activation="tanh")
    return case(layers, x, y, pl.Adam(3e-3), SOFTMAX, 0)


@patient
def rate_unusual() -> Patient:
    x, y = blobs(0)
    return case(mlp(32, 4), x, y, pl.Lion(0.02), SOFTMAX, 0)


@patient
def units_unused() -> Patient:
    x, y = blobs(0)
    return case(mlp(32, 9), x, y, pl.Adam(1e-2), SOFTMAX, 0)


@patient
def columns_constant() -> Patient:
    x, y = blobs(0)
    x[:, 2] = 1
    return case(mlp(32, 4), x, y, pl.Adam(3e-3), SOFTMAX, 0)


@patient
def gradient_noise() -> Patient:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8)).astype("float32")
    y = (x[:, 0] + 1.2 * rng.normal(size=400)).astype("float32")
    return case(mlp(1), x, y, pl.SGD(3e-2), "mse", 0, batch_size=2)


@patient
def loss_at_start() -> Patient:
    x, y = blobs(0)
    loud = pl.Dense(4, kernel_initializer=pl.RandomNormal(std=4.0))
    return case([pl.Dense(32, "relu"), loud], x, y, pl.Adam(1e-2), SOFTMAX, 0)


@patient
def first_nan() -> Patient:
    x, y = curve(0)
    return case(mlp(64, 64, 1), x, y, pl.SGD(5.0, momentum=0.9), "mse", 0)


@patient
def exploding_gradient() -> Patient:
    x, y = blobs(0)
    small, large = pl.RandomNormal(std=0.01), pl.RandomNormal(std=500.0)
    layers = [pl.Dense(32, "tanh", kernel_initializer=small) for _ in range(2)]
    layers += [pl.Dense(4, kernel_initializer=large)]
    return case(layers, x, y, pl.Adam(3e-3), SOFTMAX, 0)


@patient
def saturated_units() -> Patient:
    x, y = blobs(0)
    return case(mlp(32, 4, activation="tanh"), 40 * x, y, pl.Adam(3e-3), SOFTMAX, 0)


@pytest.mark.parametrize("rule", PATIENTS)
def test_the_line_of_a_rule_is_run_and_the_finding_goes(rule: str) -> None:
    patient = PATIENTS[rule]()
    found = [f for f in patient.diagnose().findings if f.rule == rule]
    assert found
    for _ in patient.model.layers:  # one line, one layer
        patient = treated(patient, found[0].repair)
        found = [f for f in patient.diagnose().findings if f.rule == rule]
        if not found:
            break
    assert not found
    assert skill(patient) > 0.3


def test_stopping_early_keeps_what_holds() -> None:
    """The line against learning by heart is an argument of fit."""

    def fitted(callbacks: list[pl.Callback]) -> float:
        patient = SICK["forty_noisy_rows"].make(0)
        x, y = patient.x, patient.y
        patient.model.fit(
            x[:45],
            y[:45],
            epochs=100,
            validation_data=(x[45:], y[45:]),
            callbacks=callbacks,
            verbose=0,
        )
        return patient.model.evaluate(x[45:], y[45:])["loss"]

    found = SICK["forty_noisy_rows"].make(0).diagnose().findings
    line = next(f.repair for f in found if f.rule == "overfits")
    names = {"pl": pl}
    exec(line, names)
    assert fitted(names["callbacks"]) < 0.5 * fitted([])


def test_every_rule_that_proposes_code_is_applied_somewhere() -> None:
    cured = {entry.causes[0] for entry in SICK.values() if entry.cure}
    applied = cured | set(PATIENTS) | set(ELSEWHERE)
    left = {rule.__name__ for rule in RULES} - applied
    assert left == {  # they ask a question
        "inputs_constant",
        "targets_constant",
        "labels_look_random",
        "one_answer",
        "not_learning",
    }


@pytest.mark.parametrize(
    "name", ["the_same_row_everywhere", "one_class_only", "labels_shuffled"]
)
def test_what_is_not_applied_is_a_question(name: str) -> None:
    found = SICK[name].make(0).diagnose().findings
    finding = next(f for f in found if f.rule in SICK[name].causes)
    assert finding.repair.startswith(QUESTIONS)
