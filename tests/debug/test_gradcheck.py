"""`model.gradcheck` and the check of the library."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import pellucid as pl
from pellucid import kernels
from pellucid.cli import main
from pellucid.core.registry import LAYERS
from pellucid.debug.configurations import COUNT, LAYER_TABLE, kinds, problems
from pellucid.debug.differences import COMPLEX_TOLERANCE, TOLERANCE, central, judge
from pellucid.debug.gradcheck import GradientCheck
from pellucid.debug.library import check_library, check_problem
from pellucid.losses import LOSSES


def digits(n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    x, y = pl.data.load_digits()[0]
    return x[:n], y[:n]


def small_cnn(dtype: str = "float32", **options) -> pl.Sequential:
    model = pl.Sequential(
        [
            pl.Conv2D(4, 3, padding="same", use_bias=False),
            pl.BatchNorm(),
            pl.ReLU(),
            pl.MaxPool2D(2),
            pl.Conv2D(3, 3, activation="relu", kernel_regularizer=pl.L2(0.1)),
            pl.Residual(pl.Conv2D(3, 1)),
            pl.Flatten(),
            pl.Dropout(0.5),
            pl.Dense(10),
        ],
        input_shape=(8, 8, 1),
        seed=0,
        dtype=dtype,
        **options,
    )
    model.compile("adam", "softmax_cross_entropy")
    return model


def bits(model: pl.Sequential) -> dict[str, bytes]:
    grads = {f"grad {i}": p.grad.tobytes() for i, p in enumerate(model.parameters())}
    counters = {name: one.random.counter.tobytes() for name, one in model.walk()}
    state = {name: array.tobytes() for name, array in model.state_dict().items()}
    return grads | counters | state


# A model -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_right_model_passes_and_stays_as_it_was(dtype) -> None:
    model = small_cnn(dtype)
    x, y = digits()
    model.train_on_batch(x, y)
    before = bits(model)
    report = model.gradcheck(x, y, samples=40)
    assert report.passed, str(report)
    assert bits(model) == before
    names = [f"{row.layer}.{row.parameter}" for row in report.rows]
    assert names == [*(f"{n}" for n in _parameter_names(model)), "input.x"]
    assert all(row.checked + row.kinks == min(row.total, 40) for row in report.rows)
    assert all(row.complex_error is not None for row in report.rows)
    assert len(report.singles) == 9
    assert all(0 <= one.worst <= 1 for one in report.singles)
    assert any(one.worst > 0 for one in report.singles)


def _parameter_names(model: pl.Sequential) -> list[str]:
    return [
        f"{layer.name}.{name}"
        for layer in model.layers
        for name in layer.named_parameters()
    ]


def test_the_report_reads_as_a_table() -> None:
    model = pl.Sequential([pl.Dense(3, "tanh"), pl.Dense(2)], input_shape=(4,), seed=0)
    model.compile("sgd", "mse")
    report = model.gradcheck(np.ones((2, 4)), np.zeros((2, 2)))
    lines = str(report).splitlines()
    assert lines[0].split()[:3] == ["layer", "parameter", "checked"]
    assert lines[1].split()[:3] == ["dense_1", "weight", "12/12"]
    assert lines[5].split()[:3] == ["input", "x", "8/8"]
    assert lines[6].startswith("passed: 5 of 5 (float64, central differences, step")
    assert max(map(len, lines)) <= 100
    content = json.loads(report.to_json())
    assert content["passed"] is True
    assert content["rows"][0]["checked"] == 12
    assert "<td>dense_1</td>" in report._repr_html_()
    assert repr(report) == "<GradientCheck: passed, 5 arrays>"


def test_samples_are_drawn_by_the_seed() -> None:
    model = small_cnn()
    x, y = digits()
    errors = [
        model.gradcheck(x, y, samples=5, seed=s).rows[-1].max_error for s in (0, 0, 1)
    ]
    assert errors[0] == errors[1] != errors[2]


def test_channels_first_and_fused_losses() -> None:
    model = pl.Sequential(
        [pl.Conv2D(2, 3, activation="tanh"), pl.Flatten(), pl.Dense(1, "sigmoid")],
        input_shape=(3, 5, 6),
        data_format="channels_first",
        seed=0,
    )
    model.compile("adam", "binary_cross_entropy")
    x = np.random.default_rng(0).normal(size=(3, 3, 5, 6))
    report = model.gradcheck(x, [0, 1, 1], sample_weight=[1.0, 0.5, 2.0])
    assert report.passed, str(report)


class Wrong(pl.Layer):
    """y = x**2 with dx = x dy: the 2 is missing."""

    factor = 1.0

    def forward(self, x, training=False):
        x = self.check_input(x)
        if training:
            self.save(x, x)
        return x * x

    def backward(self, dy, need_dx=True):
        dy, (x,) = self.restore(dy)
        return self.factor * x * dy


class Right(Wrong):
    factor = 2.0


class OnKinks(pl.Layer):
    """y = |x|, called at 0."""

    def forward(self, x, training=False):
        x = self.check_input(x)
        if training:
            self.save(x, x)
        return np.abs(x)

    def backward(self, dy, need_dx=True):
        dy, (x,) = self.restore(dy)
        return np.sign(x) * dy + (x == 0) * dy


@pytest.mark.parametrize("own", [Wrong, Right])
def test_own_layers(own) -> None:
    model = pl.Sequential([pl.Dense(3), own(), pl.Dense(2)], input_shape=(4,), seed=1)
    model.compile("sgd", "mse")
    report = model.gradcheck(np.ones((2, 4)), np.zeros((2, 2)))
    verdicts = {(row.layer, row.parameter): row.verdict for row in report.rows}
    assert report.passed is (own is Right)
    assert verdicts["dense_2", "weight"] == "passed"
    expected = "passed" if own is Right else "failed"
    assert verdicts["dense_1", "weight"] == verdicts["input", "x"] == expected
    # No complex step through a layer that may not be analytic.
    by_name = {(row.layer, row.parameter): row for row in report.rows}
    assert by_name["dense_1", "weight"].complex_error is None
    assert by_name["dense_2", "weight"].complex_error is not None
    if own is Wrong:
        assert re.search("dense_1 weight: wrong, .* off central diff", str(report))
        assert "FAILED: 2 of 5" in str(report)


class WrongOnKinks(OnKinks):
    """y = |x| with the sign of the gradient turned."""

    def backward(self, dy, need_dx=True):
        return -super().backward(dy, need_dx)


@pytest.mark.parametrize("own", [OnKinks, WrongOnKinks])
def test_a_model_that_stands_on_kinks_is_checked_beside_them(own) -> None:
    model = pl.Sequential([own()], input_shape=(3,), seed=0)
    model.compile("sgd", "mse")
    report = model.gradcheck(np.zeros((2, 3)), np.ones((2, 3)))
    assert report.passed is (own is OnKinks)
    assert report.rows[0].kinks == report.rows[0].checked == 6
    assert "input x: every element is at a kink; checked with all" in str(report)


def test_what_could_not_be_checked_has_not_passed() -> None:
    row = small_cnn().gradcheck(*digits(), samples=1).rows[0]
    report = GradientCheck([row._replace(verdict="not checked")], [])
    assert not report.passed
    assert "not checked, every element is at a kink" in str(report)
    assert not GradientCheck([], []).passed


def test_bad_input_says_what_to_do() -> None:
    model = pl.Sequential([pl.Dense(2)])
    with pytest.raises(RuntimeError, match=r"(?s)gradcheck was asked.*model\.build"):
        model.gradcheck([[1.0]], [0])
    model.build((1,))
    with pytest.raises(RuntimeError, match=r"(?s)not compiled.*model\.compile"):
        model.gradcheck([[1.0]], [0])
    model.compile("sgd", "softmax_cross_entropy")
    with pytest.raises(ValueError, match="empty dataset"):
        model.gradcheck(np.zeros((0, 1)), [])
    with pytest.raises(ValueError, match=r"label 7 .*out of range"):
        model.gradcheck([[1.0]], [7])
    with pytest.raises(ValueError, match="samples"):
        model.gradcheck([[1.0]], [0], samples=0)


# Differences ---------------------------------------------------------------------


def test_central_differences_follow_their_formula() -> None:
    seen: list[float] = []

    def f(t: float) -> float:
        seen.append(t)
        return t**3

    assert central(f, 10.0, 1e-3) == pytest.approx(300 + 1e-4, rel=1e-9)
    assert seen == [10.01, 9.99]


@pytest.mark.parametrize("error", [0.0, 1e-5, -1.0, 1.0])
@pytest.mark.parametrize("at", [-2e-6, 2e-6, 1e-7, 0.3, 5.0])
def test_a_kink_nearby_hides_no_fault(at, error) -> None:
    def f(t: float) -> float:
        return max(t, 0.0) * 3.0

    right = 3.0 if at > 0 else 0.0
    verdict = judge(f, at, right + error, scale=3.0, size=1.0)
    if abs(at) > 1e-6:
        assert (verdict.word in ("passed", "near")) is (error == 0)
    elif error == 0:
        assert verdict.word in ("near", "kink")


def test_tiny_gradients_are_told_from_rounding() -> None:
    def f(t: float) -> float:
        return 1.0 + 1e-6 * np.sin(t)

    slope = 1e-6 * np.cos(0.7)
    assert judge(f, 0.7, slope, scale=1e-5, size=1.0).word == "passed"
    assert judge(f, 0.7, -slope, scale=1e-5, size=1.0).word == "failed"
    assert judge(f, 0.7, float("nan"), scale=1e-5, size=1.0).word == "failed"


# The library ---------------------------------------------------------------------


def test_every_public_layer_and_loss_has_configurations() -> None:
    own = {
        name
        for name, cls in LAYERS.items()
        if cls.__module__.startswith("pellucid.") and hasattr(pl, name)
    }
    assert own - set(LAYER_TABLE) == set()
    assert {loss.__name__ for loss in LOSSES.values()} <= set(kinds())


@pytest.mark.parametrize("kind", kinds())
def test_configurations_differ_and_repeat(kind) -> None:
    drawn = problems(kind, range(20))
    again = problems(kind, range(20))
    data = {problem.title + str(problem.x.sum()) for problem in drawn}
    assert len(data) == 20
    assert [p.x.tobytes() for p in drawn] == [p.x.tobytes() for p in again]


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_passes(kind) -> None:
    for problem in problems(kind, range(COUNT)):
        found = check_problem(problem)
        assert found.passed, f"{problem.title}\n{found}"


@pytest.mark.slow
def test_the_library_passes_everywhere() -> None:
    report = check_library()
    assert report.passed, str(report)
    assert {row.isa for row in report.rows} == set(kernels.isas())
    assert {row.threads for row in report.rows} == {1, 2}
    assert min(row.configurations for row in report.rows) >= 20


def test_the_report_of_the_library() -> None:
    places: list[str] = []
    report = check_library(
        ["Dense", "MeanSquaredError"], count=2, progress=places.append
    )
    assert report.passed
    assert len(places) == 2 * len(kernels.isas())
    assert [row.kind for row in report.rows[:2]] == ["Dense", "MeanSquaredError"]
    assert json.loads(report.to_json())["passed"] is True
    assert report.to_html().startswith("<!DOCTYPE html>")
    assert max(len(line) for line in str(report).splitlines()) <= 100
    failed = report.rows[0]._replace(failures=["Dense(units=1): wrong"])
    worse = type(report)([failed], 0)
    assert not worse.passed
    assert "Dense(units=1): wrong" in str(worse)
    assert "1 FAILED" in str(worse)
    assert not type(report)([report.rows[0]._replace(checked=0)], 0).passed
    assert not type(report)([], 0).passed
    with pytest.raises(ValueError, match='layer is "Dens"'):
        check_library(["Dens"])


def test_bars() -> None:
    assert (TOLERANCE, COMPLEX_TOLERANCE) == (1e-7, 1e-12)
    assert COUNT >= 20


# The command ---------------------------------------------------------------------


def test_command_for_the_library(tmp_path, capsys) -> None:
    options = ["--layer", "ReLU", "--count", "2", "--output-dir", str(tmp_path)]
    assert main(["gradcheck", *options]) == 0
    out = capsys.readouterr().out
    assert "ReLU" in out
    assert "passed:" in out
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"gradcheck.txt", "gradcheck.json", "gradcheck.html"}
    assert (tmp_path / "gradcheck.txt").read_text() in out


def test_command_for_a_model(tmp_path, capsys) -> None:
    x, y = digits()
    model = small_cnn()
    path, data = tmp_path / "model.safetensors", tmp_path / "data.npz"
    model.save(path)
    np.savez(data, x=x, y=y)
    options = ["--samples", "5", "--output-dir", str(tmp_path)]
    assert main(["gradcheck", str(path), *options]) == 0
    assert main(["gradcheck", str(path), "--data", str(data), *options]) == 0
    assert capsys.readouterr().out.count("passed: 10 of 10") == 2
    assert main(["gradcheck", "--data", str(data)]) == 2
    assert "Name the model first" in capsys.readouterr().err
    assert main(["gradcheck", str(path), "--layer", "ReLU"]) == 2


def test_command_fails_when_a_gradient_is_wrong(tmp_path, capsys, monkeypatch) -> None:
    right = kernels.activation_backward

    def wrong(*args, **options):
        result = right(*args, **options)
        result *= -1
        return result

    monkeypatch.setattr(kernels, "activation_backward", wrong)
    options = ["--layer", "Tanh", "--count", "1", "--output-dir", str(tmp_path)]
    assert main(["gradcheck", *options]) == 2
    captured = capsys.readouterr()
    assert "FAILED" in captured.out
    assert "checks failed" in captured.err
    assert (tmp_path / "gradcheck.json").exists()
