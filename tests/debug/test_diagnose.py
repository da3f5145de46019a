"""``model.diagnose``: what it reports, what it refuses, what it leaves alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import pellucid as pl
from pellucid.debug import Diagnosis, Finding
from pellucid.debug.rules import RULES
from pellucid.debug.thresholds import TABLE
from tests.debug.zoo.cases import SOFTMAX, blobs, case, digits, mlp
from tests.support.models import cnn, strokes

DOCS = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"


def rules_of(report: Diagnosis) -> list[str]:
    return [finding.rule for finding in report.findings]


# The report ------------------------------------------------------------------


def test_the_report_reads_as_the_specimen() -> None:
    report = Diagnosis(
        [
            Finding(
                "dead_units",
                "error",
                "dense_1",
                "dense_1 is dying",
                "83 % of its 128 ReLU units gave 0 for every sample since step 40.",
                "dead share 12 % at step 10",
                "model.fit(x, y)",
            )
        ],
        steps=200,
        seconds=1.92,
    )
    assert str(report) == (
        "1 finding (static rules, then 200 steps watched, 1.9 s)\n"
        "\n"
        "1. dense_1 is dying (error, sure)\n"
        "   83 % of its 128 ReLU units gave 0 for every sample since step 40.\n"
        "   evidence: dead share 12 % at step 10\n"
        "   try: model.fit(x, y)"
    )
    assert not report.healthy
    assert "dead_units" in repr(report)


def test_lines_fit_and_levels_are_in_order() -> None:
    x, y = blobs(0)
    layers = [pl.Dense(32), pl.BatchNorm(), pl.ReLU(), pl.Dense(9)]
    report = case(layers, 1000 * x, y, pl.SGD(5.0), SOFTMAX, 0).diagnose()
    levels = ["error", "warning", "note"]
    found = [levels.index(finding.level) for finding in report.findings]
    assert found == sorted(found)
    assert {"units_unused", "bias_before_batch_norm"} <= set(rules_of(report))
    for line in str(report).splitlines():
        assert len(line) <= 100 or line.startswith("   try: ")
    for finding in report.findings:
        assert finding.confidence in ("sure", "likely", "possible")
        assert finding.what.endswith((".", ":")), finding.what
        assert finding.evidence
        assert finding.repair
    data = json.loads(report.to_json())
    assert [row["rule"] for row in data["findings"]] == rules_of(report)
    assert data["steps"] == report.steps
    html = report._repr_html_()
    assert html.count("<li>") == len(report)


def test_html_is_escaped() -> None:
    finding = Finding("a", "note", "x", "<b>", "a < b", "", "x[x < 3]")
    html = Diagnosis([finding])._repr_html_()
    assert "&lt;b&gt;" in html
    assert "x[x &lt; 3]" in html


def test_every_rule_and_threshold_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for rule in RULES:
        assert f"`{rule.__name__}`" in text, rule.__name__
        assert rule.__doc__
    for row in TABLE:
        assert f"| `{row.name}` | {row.value:g} |" in text, row.name


def test_every_threshold_is_used() -> None:
    folder = Path(pl.__file__).parent / "debug"
    code = "".join(p.read_text() for p in folder.rglob("*.py"))
    for row in TABLE:
        assert f'"{row.name}"' in code.replace(f'Threshold("{row.name}"', ""), row.name


# What it leaves alone ---------------------------------------------------------


def test_the_model_stays_bit_for_bit_as_it_was() -> None:
    x, y = strokes(80)
    model, other = cnn(), cnn()
    model.fit(x, y, epochs=1, verbose=0)
    other.fit(x, y, epochs=1, verbose=0)
    rate = model.optimizer.learning_rate
    model.diagnose(x * 1e4, y, steps=20)
    assert model.optimizer.learning_rate == rate
    assert model.epochs_done == 1
    for name, value in other.state_dict().items():
        assert model.state_dict()[name].tobytes() == value.tobytes(), name
    model.fit(x, y, epochs=1, verbose=0)
    other.fit(x, y, epochs=1, verbose=0)
    for name, value in other.state_dict().items():
        assert model.state_dict()[name].tobytes() == value.tobytes(), name


def test_a_model_without_shape_is_not_built_by_it() -> None:
    x, y = blobs(0, n=60)
    model = pl.Sequential(mlp(8, 4), seed=0)
    model.compile("adam", SOFTMAX)
    assert model.diagnose(x, y, steps=10).steps == 10
    assert not model.built


def test_it_repeats_itself() -> None:
    x, y = blobs(0)
    patient = case(mlp(16, 4), x, y, pl.Adam(1e-5), SOFTMAX, 0)
    one, two = patient.diagnose(), patient.diagnose()
    assert one.findings == two.findings
    assert one.counts == two.counts


# Ways in ----------------------------------------------------------------------


def test_batches_channels_first_and_lists_come_in() -> None:
    x, y = blobs(0)
    patient = case(mlp(16, 4), x, y, pl.Adam(3e-3), SOFTMAX, 0)
    batches = pl.data.Batches(x, y, batch_size=50)
    assert patient.model.diagnose(batches).healthy
    assert patient.model.diagnose(x.tolist(), y.tolist()).healthy
    images, labels = digits(0)
    layers = [pl.Conv2D(8, 3, activation="relu"), pl.Flatten(), pl.Dense(10)]
    model = pl.Sequential(
        layers, input_shape=(1, 8, 8), data_format="channels_first", seed=0
    )
    model.compile(pl.Adam(3e-3), SOFTMAX)
    assert model.diagnose(images.transpose(0, 3, 1, 2), labels).healthy


def test_bad_input_says_what_to_do() -> None:
    x, y = blobs(0, n=60)
    model = pl.Sequential(mlp(8, 4), input_shape=(8,), seed=0)
    with pytest.raises(RuntimeError, match=r"not compiled(.|\n)*model\.compile"):
        model.diagnose(x, y)
    model.compile("adam", SOFTMAX)
    with pytest.raises(TypeError, match=r"no y(.|\n)*diagnose\(x, y\)"):
        model.diagnose(x)
    with pytest.raises(ValueError, match="empty dataset"):
        model.diagnose(x[:0], y[:0])
    with pytest.raises(ValueError, match="no batches"):
        model.diagnose(pl.data.Batches(x, y) and _Empty())
    with pytest.raises(ValueError, match=r"59(.|\n)*as many targets"):
        model.diagnose(x, y[:59])
    with pytest.raises(ValueError, match="steps is 0"):
        model.diagnose(x, y, steps=0)
    with pytest.raises(TypeError, match="validation_data is a list"):
        model.diagnose(x, y, validation_data=[x, y])
    with pytest.raises(ValueError, match="5 features"):
        model.diagnose(x[:, :5], y)
    empty = pl.Sequential([], seed=0)
    with pytest.raises(ValueError, match="without layers"):
        empty.diagnose(x, y)


class _Empty:
    def __len__(self) -> int:
        return 0

    def __iter__(self):
        return iter(())


def test_one_sample_and_steps_of_one_work() -> None:
    x, y = blobs(0, n=60)
    patient = case(mlp(8, 4), x, y, pl.Adam(3e-3), SOFTMAX, 0)
    assert patient.diagnose(steps=1).steps == 1
    patient.model.diagnose(x[:1], y[:1], steps=5)
    patient.model.diagnose(x[:3], y[:3], steps=5)


# Notes ------------------------------------------------------------------------


def test_what_is_only_worth_knowing_is_a_note() -> None:
    x, y = digits(0, 321)
    layers = [
        pl.Conv2D(8, 3, padding="same"),
        pl.BatchNorm(),
        pl.ReLU(),
        pl.MaxPool2D(3),
        pl.Flatten(),
        pl.Dense(12),
    ]
    report = case(layers, x, y, pl.Adam(1e-2), SOFTMAX, 0).diagnose()
    notes = {"bias_before_batch_norm", "pooling_drops_rows", "tail_of_one"}
    assert notes <= set(rules_of(report))
    assert "units_unused" in rules_of(report)
    assert report.healthy
    assert re.match(r"no findings, \d notes \(static rules, then 200", str(report))
    x, y = blobs(0)
    x[:, 2] = 7
    layers = mlp(16, 16, 16, 16, 4, activation="tanh")
    report = case(layers, x, y, pl.Adam(0.5e-5), SOFTMAX, 0).diagnose()
    assert {"columns_constant", "saturating_stack", "rate_unusual"} <= set(
        rules_of(report)
    )


def test_code_reaches_layers_inside_containers() -> None:
    x, y = blobs(0)
    body = [pl.Dense(8), pl.Dense(8)]
    model = case([pl.Residual(body), pl.Dense(4)], x, y, "adam", SOFTMAX, 0)
    finding = model.diagnose(steps=20).findings[0]
    assert finding.rule == "no_activation"
    exec(finding.repair, {"model": model.model})
    assert body[0].activation == "relu"


def test_a_metric_that_does_not_fit_is_found() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    model = pl.Sequential([pl.Dense(1)], input_shape=(3,), seed=0)
    model.compile("adam", "mse", ["accuracy"])
    report = model.diagnose(x, x[:, 0])
    assert rules_of(report) == ["metric_misfit"]
    exec(report.findings[0].repair, {"model": model, "pl": pl})
    assert "metric_misfit" not in rules_of(model.diagnose(x, x[:, 0]))
