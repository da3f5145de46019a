"""``fit(callbacks=[pl.Doctor()])``: it sees, it says, and it changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from pellucid.debug.monitor import Monitor
from tests.debug.zoo.cases import SIGMOID, SOFTMAX, blobs, case, digits, mlp
from tests.support.models import cnn, strokes


def fit(patient, **options):
    doctor = options.pop("doctor", None) or pl.Doctor(every=20)
    options = {"epochs": 15, "verbose": 0} | options
    patient.model.fit(patient.x, patient.y, callbacks=[doctor], **options)
    return doctor


def rules_of(doctor):
    return [finding.rule for finding in doctor.diagnosis.findings]


@pytest.mark.parametrize("every", [None, 1, 7])
def test_training_does_not_change_by_a_bit(every):
    x, y = strokes(80)
    plain, watched = cnn(), cnn()
    plain.fit(x, y, epochs=3, validation_split=0.2, verbose=0)
    doctor = pl.Doctor(every)
    watched.fit(x, y, epochs=3, validation_split=0.2, verbose=0, callbacks=[doctor])
    assert doctor.diagnosis is not None
    for name, value in plain.state_dict().items():
        assert watched.state_dict()[name].tobytes() == value.tobytes(), name
    assert plain.history.history["val_loss"] == watched.history.history["val_loss"]


def test_a_healthy_training_is_left_alone():
    x, y = blobs(0)
    doctor = fit(case(mlp(32, 4), x, y, pl.Adam(3e-3), SOFTMAX, 0))
    assert doctor.diagnosis.healthy, str(doctor.diagnosis)
    assert doctor.diagnosis.steps == 15 * 13


def test_static_rules_are_applied():
    x, y = digits(0)
    layers = [pl.Flatten(), *mlp(32, 10, out="softmax")]
    doctor = fit(case(layers, 255 * x, y, pl.Adam(3e-3), SOFTMAX, 0))
    assert rules_of(doctor)[:2] == ["output_and_loss", "inputs_not_scaled"]


def test_dying_units_are_seen_with_their_history():
    x, y = blobs(0)
    dead = pl.Dense(32, activation="relu", bias_initializer=pl.Constant(-20.0))
    doctor = fit(case([dead, pl.Dense(4)], x, y, pl.Adam(3e-3), SOFTMAX, 0))
    assert rules_of(doctor)[0] == "dead_units"
    assert "100 % of its 32 ReLU units" in doctor.diagnosis.findings[0].what


def test_rates_far_off_are_seen_without_trials():
    x, y = blobs(0)
    doctor = fit(case(mlp(32, 4), x, y, pl.SGD(1e-7), SOFTMAX, 0))
    assert rules_of(doctor)[0] == "rate_too_small"
    doctor = fit(case(mlp(64, 1), x, 1.0 * y, pl.SGD(0.3), "mse", 0), on_nan="stop")
    assert rules_of(doctor)[0] == "rate_too_large"


def test_a_refused_step_carries_the_report():
    x, y = blobs(0)
    x[40, 1] = np.inf
    doctor = pl.Doctor()
    patient = case(mlp(16, 4), x, y, pl.Adam(3e-3), SOFTMAX, 0)
    with pytest.raises(pl.NumericsError) as error:
        fit(patient, doctor=doctor)
    assert rules_of(doctor)[0] == "values_missing"
    assert "row 40, column 1" in doctor.diagnosis.findings[0].evidence
    assert error.value.__notes__ == [str(doctor.diagnosis)]
    nan = next(f for f in doctor.diagnosis.findings if f.rule == "first_nan")
    assert "1 row" in nan.evidence


def test_the_report_is_shown_unless_fit_is_silent(capsys):
    x, y = blobs(0)
    patient = case(mlp(16, 4), x, y, pl.Adam(3e-3), SOFTMAX, 0)
    fit(patient)
    assert capsys.readouterr() == ("", "")
    fit(patient, verbose="auto", epochs=1)
    assert "no findings" in capsys.readouterr().err


def test_batches_frozen_layers_and_a_second_fit():
    x, y = blobs(0)
    patient = case(mlp(16, 4), x, y, pl.Adam(3e-3), SOFTMAX, 0)
    patient.model.layers[0].trainable = False
    doctor = pl.Doctor(every=5)
    batches = pl.data.Batches(x, y, batch_size=50)
    patient.model.fit(batches, epochs=3, verbose=0, callbacks=[doctor])
    first = doctor.diagnosis
    assert first.steps == 24
    patient.model.fit(x, y, epochs=2, verbose=0, callbacks=[doctor])
    assert doctor.diagnosis is not first
    assert doctor.diagnosis.steps == 26


def test_validation_rows_are_compared():
    x, y = blobs(0, n=600, classes=2)
    patient = case(mlp(16, 1), x[:400], y[:400], pl.Adam(3e-3), SIGMOID, 0)
    doctor = fit(patient, validation_data=(x[300:500], y[300:500]))
    assert rules_of(doctor)[0] == "validation_leaks"


def test_looking_is_sampled_and_counted():
    x, y = blobs(0)
    patient = case(mlp(16, 4), x, y, pl.Adam(3e-3), SOFTMAX, 0)
    counts = fit(patient, doctor=pl.Doctor(every=50), epochs=40).diagnosis.counts
    assert counts["steps"] == 520
    # before the first step, after it, and every 50 steps from there
    assert counts["observations"] == 1 + 1 + (520 - 1) // 50
    assert counts["samples"] == 40 * 400
    assert counts["observed"] <= Monitor.BATCH_ROWS * counts["observations"]
    # A forward pass is a third of a step: 0.8 % of the arithmetic.
    assert counts["observed"] / counts["samples"] / 3 < 0.05


PASSES = 15
"""Operations on each weight in one observation: three root mean squares, two copies, a
difference and three scalar products."""
STEP_PASSES = 10
"""Operations of Adam on each weight."""


def arithmetic(model: pl.Sequential, counts: dict[str, int]) -> tuple[float, float]:
    """Floating-point operations of observing, and of the steps."""
    shapes = [model.input_shape, *model.inner_shapes[:-1]]
    forward = sum(
        layer.flops(shape) for layer, shape in zip(model.layers, shapes, strict=True)
    )
    weights = sum(p.size for p in model.parameters())
    watched = counts["observed"] * forward + counts["observations"] * PASSES * weights
    trained = counts["samples"] * 3 * forward + counts["steps"] * STEP_PASSES * weights
    return watched, trained


@pytest.mark.parametrize("batch_size", [1, 8, 32, 256])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_default_sampling_costs_less_than_five_per_cent(kind, batch_size, monkeypatch):
    """By counting, where the clock asks for as many looks as there can be."""
    x, y = digits(0, 512)
    x, y = np.resize(x, (300 * batch_size, 8, 8, 1)), np.resize(y, 300 * batch_size)
    layers = [pl.Flatten(), *mlp(64, 32, 10)]
    if kind == "cnn":
        layers = [pl.Conv2D(16, 3, activation="relu"), pl.MaxPool2D(2)]
        layers += [pl.Conv2D(16, 3, activation="relu"), pl.Flatten(), pl.Dense(10)]
    patient = case(layers, x, y, pl.Adam(1e-3), SOFTMAX, 0)
    monkeypatch.setattr("pellucid.debug.doctor.perf_counter", lambda: 0.0)
    doctor = fit(patient, doctor=pl.Doctor(), epochs=1, batch_size=batch_size)
    counts = doctor.diagnosis.counts
    assert counts["steps"] == 300
    assert counts["observations"] == 1 + 1 + (300 - 1) // 40
    watched, trained = arithmetic(patient.model, counts)
    assert watched / trained < 0.05


def test_the_pause_keeps_to_the_budget():
    doctor = pl.Doctor(budget=0.02)
    x, y = blobs(0)
    fit(case(mlp(16, 4), x, y, pl.Adam(3e-3), SOFTMAX, 0), doctor=doctor, epochs=1)
    doctor._started, doctor._spent = 0.0, 0.5
    looks = len(doctor._monitor.record.observations)
    # 100 steps in 10.5 s, 0.5 s of them spent looking: 0.1 s a step.
    assert doctor._pause(10.5, 100) == max(40, -(-int(0.5e6 / looks) // 2000))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"every": 0}, ValueError, "Doctor: every is 0"),
        ({"every": "often"}, TypeError, "Doctor: every"),
        ({"budget": 0}, ValueError, "Doctor: budget"),
        ({"budget": 2}, ValueError, "Doctor: budget"),
    ],
)
def test_bad_arguments(options, error, words):
    with pytest.raises(error, match=words):
        pl.Doctor(**options)


def test_callbacks_see_steps_and_refusals():
    x, y = blobs(0, n=64)
    seen = []

    class Spy(pl.Callback):
        def attach(self, loop):
            seen.append(("attach", loop.model is patient.model))

        def on_train_begin(self, logs):
            seen.append("begin")

        def on_step(self, loss, x, y):
            seen.append((x.shape, y.shape, loss > 0))

        def on_refused(self, error, x, y):
            seen.append(("refused", np.isnan(x).any()))

    patient = case(mlp(8, 4), x, y, pl.Adam(3e-3), SOFTMAX, 0)
    patient.model.fit(x, y, callbacks=[Spy()], verbose=0)
    batch = ((32, 8), (32,), True)
    assert seen == [("attach", True), "begin", batch, batch]
    x[:] = np.nan
    patient.model.fit(x, y, callbacks=[Spy()], verbose=0, on_nan="stop")
    assert seen[-1] == ("refused", True)
