"""The profile: whose time is whose, what is counted, what it leaves alone."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest

import pellucid as pl
from pellucid import kernels
from pellucid.debug import advice
from pellucid.debug.profile_table import Cost, Machine, Profile, Row
from pellucid.debug.profiler import algorithms, middle_half
from pellucid.debug.samples import drawn_samples
from pellucid.debug.stepper import Stepper
from pellucid.debug.trace import OUTSIDE, Owner
from pellucid.model.door import Samples
from pellucid.model.sources import ArraySource
from tests.support.models import cnn, mlp

needs_compiled = pytest.mark.skipif(
    kernels.backend() != "compiled", reason="the step is recorded by the extension"
)
SECONDS = 0.02


def batch_of(model: pl.Sequential, n: int = 8):
    return drawn_samples(model, n)


def stepper_of(model: pl.Sequential, n: int = 8) -> Stepper:
    x, y = batch_of(model, n)
    data = Samples(x, y, None)
    return Stepper(model, ArraySource(data, np.arange(n), n, model.dtype, False))


class Sleepy(pl.Layer):
    """Hands its input through, slowly; an own layer, which no step records."""

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x, training=False):
        y = np.array(self.check_input(x))
        time.sleep(0.004)
        if training:
            self.save(y)
        return y

    def backward(self, dy, need_dx=True):
        dy, _ = self.restore(dy)
        time.sleep(0.008)
        self.kept = np.ones(1 << 17)  # a MiB
        return np.array(dy)


# Counting ----------------------------------------------------------------------


def test_flops_and_bytes_are_those_of_the_formulas() -> None:
    n, layers = 8, [pl.Conv2D(8, 3, padding="same"), pl.Flatten(), pl.Dense(4)]
    model = pl.Sequential(layers, input_shape=(6, 5, 2), seed=0)
    model.compile("sgd", "softmax_cross_entropy")
    conv, flat, dense = model.profile(*batch_of(model, n), seconds=SECONDS).rows
    once = 2 * n * 6 * 5 * 8 * 3 * 3 * 2
    assert (conv.forward.flops, conv.backward.flops) == (once, once)  # no dx
    assert flat.flops == flat.bytes == 0
    once = 2 * n * 240 * 4
    assert (dense.forward.flops, dense.backward.flops) == (once, 2 * once)
    x, w, b, y = n * 240, 240 * 4, 4, n * 4
    assert dense.forward.bytes == 4 * (x + w + b + y)
    # dx = dy w', db = sums of dy, dw = x' dy: each call reads and writes its own.
    calls = (y + w + x) + (y + b) + (x + y + w)
    if kernels.backend() == "compiled":
        assert dense.backward.bytes == 4 * calls
    assert (conv.parameters, dense.parameters) == (3 * 3 * 2 * 8 + 8, 240 * 4 + 4)
    assert conv.output == (6, 5, 8)
    assert conv.buffers >= 4 * n * 6 * 5 * 8


@needs_compiled
def test_every_recorded_call_has_its_owner() -> None:
    model = mlp()
    stepper = stepper_of(model)
    stepper.watched()
    forward = [Owner("dense_1", "forward"), Owner("dense_2", "forward")]
    backward = [Owner("dense_2", "backward")] * 3 + [Owner("dense_1", "backward")] * 3
    # The first layer masks by its ReLU and needs no dx.
    assert stepper.owners == [*forward, OUTSIDE, *backward, OUTSIDE]


@needs_compiled
def test_a_container_has_only_its_own_calls() -> None:
    body = [pl.Dense(8), pl.ReLU(), pl.Dense(8)]
    model = pl.Sequential([pl.Residual(body), pl.Dense(2)], input_shape=(8,), seed=0)
    model.compile("sgd", "softmax_cross_entropy")
    stepper = stepper_of(model)
    stepper.watched()
    counts = {owner: stepper.owners.count(owner) for owner in stepper.owners}
    inside = "residual_1.body"
    assert counts[Owner(f"{inside}.dense_1", "forward")] == 1
    assert counts[Owner(f"{inside}.relu_1", "forward")] == 1
    assert counts[Owner("residual_1", "forward")] == 1  # the sum
    names = [name for name, _ in model.walk()]
    rows = model.profile(*batch_of(model), seconds=SECONDS).rows
    assert [row.name for row in rows] == names
    assert sum(row.parameters for row in rows) == model.store.__len__()


def test_time_goes_to_the_layer_and_direction_that_takes_it() -> None:
    model = pl.Sequential([pl.Dense(4), Sleepy(), pl.Dense(2)], input_shape=(4,))
    model.compile("sgd", "mse")
    profile = model.profile(*batch_of(model), seconds=SECONDS)
    assert not profile.recorded
    before, sleepy, after = profile.rows
    assert 0.004 <= sleepy.forward.seconds < 0.008 <= sleepy.backward.seconds
    assert before.seconds + after.seconds < 0.004
    assert sleepy.share > 0.7
    assert sleepy.forward.algorithm == "own code"
    assert sleepy.allocations >= 1 << 20 > before.allocations
    assert any("not pellucid's own" in text for text in profile.advice)


def test_the_parts_make_the_whole() -> None:
    """Within 5 %, beside whatever else the machine does: five attempts."""
    model = cnn()
    found = []
    for _ in range(5):
        profile = model.profile(*batch_of(model, 64), seconds=0.3)
        assert min(profile.outside.values()) >= 0
        assert profile.outside["loss and check"] > 0 < profile.outside["gather"]
        shares = sum(row.share for row in profile.rows) + profile.outside_share
        assert shares == pytest.approx(1)
        found.append(profile.accounted)
        if abs(found[-1] - 1) <= 0.05:
            return
    pytest.fail(f"the parts are {found} of the step")


def test_middle_half() -> None:
    assert middle_half([5.0, 1.0, 3.0, 99.0, 2.0], lambda v: v) == [2.0, 3.0, 5.0]
    assert middle_half([2.0], lambda value: value) == [2.0]


# Leaving alone -----------------------------------------------------------------


def snapshot(model: pl.Sequential) -> dict[str, object]:
    return {
        **{name: value.tobytes() for name, value in model.state_dict().items()},
        "gradients": model.store.gradients.tobytes(),
        "optimizer": {n: a.tobytes() for n, a in model.optimizer.state().items()},
        "counters": model.optimizer.counters(),
        "random": [int(layer.random.counter[0]) for _, layer in model.walk()],
        "epochs": (model.epochs_done, len(model.history)),
        "attributes": [sorted(vars(layer)) for _, layer in model.walk()],
    }


@pytest.mark.parametrize("make", [mlp, cnn])
def test_the_model_stays_bit_for_bit_as_it_was(make) -> None:
    model = make()
    x, y = batch_of(model, 16)
    model.fit(x, y, epochs=2, verbose=0)
    before = snapshot(model)
    model.profile(x, y, seconds=SECONDS)
    assert snapshot(model) == before


def test_a_model_without_shape_stays_unbuilt() -> None:
    model = pl.Sequential([pl.Dense(2)], seed=0)
    model.compile("sgd", "mse")
    profile = model.profile(np.ones((4, 3)), np.ones((4, 2)), seconds=SECONDS)
    assert profile.rows[0].parameters == 8
    assert not model.built


def test_the_weights_of_the_copy_stay_where_they_are() -> None:
    """Many steps at a large rate would blow up; the profile takes them at rate 0."""
    model = mlp()
    model.compile(pl.SGD(1e6), "softmax_cross_entropy")
    assert model.profile(*batch_of(model), seconds=SECONDS).step_seconds > 0


def test_refusals() -> None:
    model = mlp()
    x, y = batch_of(model)
    with pytest.raises(ValueError, match="seconds"):
        model.profile(x, y, seconds=0)
    with pytest.raises(ValueError, match="features"):
        model.profile(x[:, :2], y)
    bare = pl.Sequential([pl.Dense(2)], input_shape=(4,))
    with pytest.raises(RuntimeError, match="compile"):
        bare.profile(x, y)


# Showing -----------------------------------------------------------------------


def test_text_json_and_html_have_the_same_numbers() -> None:
    model = cnn()
    profile = model.profile(*batch_of(model), seconds=SECONDS)
    text = str(profile)
    assert text == repr(profile)
    table = [line for line in text.splitlines() if not line.startswith("advice")]
    assert all(len(line) <= 100 for line in table[2:-1])
    known = json.loads(profile.to_json())
    for row, values in zip(profile.rows, known["rows"], strict=True):
        assert row.name in text
        assert row.name in profile._repr_html_()
        assert values["forward"]["seconds"] == row.forward.seconds
        assert values["gflops"] == row.gflops
    assert known["accounted"] == profile.accounted
    assert known["machine"]["threads"] == kernels.get_num_threads()


@needs_compiled
def test_a_fused_relu_says_so() -> None:
    model = cnn()
    profile = model.profile(*batch_of(model), seconds=SECONDS)
    row = next(row for row in profile.rows if row.kind == "ReLU")
    assert (row.forward.algorithm, row.bound) == ("in its neighbour", "-")


@needs_compiled
def test_the_algorithm_is_what_explain_says() -> None:
    model = pl.Sequential(
        [pl.Conv2D(64, 3, padding="same"), pl.Conv2D(64, 3, strides=2)],
        input_shape=(16, 16, 64),
    )
    model.build()
    first, second = model.layers
    assert algorithms(first, 64)["forward"] == "winograd f(4x4,3x3)"
    assert algorithms(second, 64)["backward"] == "direct (implicit gemm)"
    assert "winograd" in kernels.explain(
        "conv", n=64, h=16, w=16, c=64, kh=3, kw=3, k=64, padding="same"
    )


def test_numpy_is_profiled_layer_by_layer() -> None:
    with kernels.use("reference"):
        model = cnn()
        profile = model.profile(*batch_of(model), seconds=SECONDS)
    assert not profile.recorded
    assert all(row.isa == "reference" for row in profile.rows)
    assert profile.rows[0].forward.seconds > 0
    assert profile.rows[0].forward.bytes == 4 * (8 * 64 + 80 + 8 * 64 * 8)


@pytest.mark.parametrize(
    "loss", ["mse", "softmax_cross_entropy", "binary_crossentropy"]
)
def test_drawn_sampleses_fit_the_loss(loss: str) -> None:
    last = "sigmoid" if loss.startswith("binary") else None
    model = pl.Sequential([pl.Dense(3, activation=last)], input_shape=(4,), seed=0)
    model.compile("sgd", loss)
    assert model.train_on_batch(*drawn_samples(model, 6))["loss"] >= 0


# Advice ------------------------------------------------------------------------

COST = Cost(seconds=1e-3, flops=10**8, bytes=10**6, algorithm="gemm 6x64")
ROW = Row(
    *("dense_1", "Dense", (128,), 1000, COST, COST, 0.9, "compute", 90.0, 4.0, 0, 0),
    isa="avx512",
)
CALM = Profile(
    step_seconds=0.0021,
    batch=64,
    dtype="float32",
    machine=Machine(peak=200.0, bandwidth=40.0, isa="avx512", threads=2),
    rows=[ROW],
    outside={"loss and check": 1e-5, "optimizer": 9e-5},
    recorded=True,
    variation=0.02,
)


def shaped(**changes: object) -> Profile:
    return replace(CALM, rows=[replace(ROW, **changes)])


@needs_compiled
def test_a_calm_profile_gets_no_advice() -> None:
    assert advice.advise(CALM) == ["nothing stands out."]


@needs_compiled
@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (replace(CALM, variation=0.5), "something else uses this machine"),
        (replace(CALM, recorded=False), "not pellucid's own"),
        (replace(CALM, dtype="float64"), "half the lanes"),
        (replace(CALM, outside={"optimizer": 0.004}), "optimizer (67 %)"),
        (replace(CALM, batch=2), "1,000 parameters for 2 samples"),
        (shaped(output=(10,), percent_of_peak=20.0), "it has 10 outputs"),
        (
            shaped(percent_of_peak=130.0, forward=replace(COST, algorithm="winograd")),
            "130 % of the peak because Winograd",
        ),
        (
            shaped(
                percent_of_peak=22.0,
                forward=replace(COST, algorithm="direct (few channels)"),
            ),
            "runs at 22 % of the peak because few input channels",
        ),
        (shaped(forward=replace(COST, algorithm="im2col")), "column matrix"),
        (
            replace(CALM, rows=[ROW, replace(ROW, name="relu_1", kind="ReLU")]),
            'Dense(..., activation="relu")',
        ),
    ],
)
def test_each_rule_says_what_it_saw(profile: Profile, words: str) -> None:
    found = advice.advise(profile)
    assert len(found) == 1
    assert words in found[0]


def test_one_thread_where_more_would_run(monkeypatch) -> None:
    machine = replace(CALM.machine, threads=1)
    for possible, expected in ((4, True), (1, False)):
        monkeypatch.setattr(advice, "default_threads", lambda n=possible: n)
        found = advice.advise(replace(CALM, machine=machine))
        assert any("pl.set_num_threads(4)" in text for text in found) == expected


def test_layers_that_take_no_time_get_no_advice() -> None:
    assert not any("10 outputs" in t for t in advice.advise(shaped(share=0.01)))
