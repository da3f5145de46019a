"""Schedules: their values, PyTorch's values, how optimizers and files use them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pellucid as pl
from pellucid.core.elementary import cosine, power
from pellucid.schedules import SCHEDULES, make_schedule
from tests.support.models import blobs, mlp, snapshot

EXAMPLES = {
    "StepDecay": pl.StepDecay(0.3, 7, 0.5),
    "MultiStepDecay": pl.MultiStepDecay(0.3, [3, 11, 11, 30], 0.2),
    "ExponentialDecay": pl.ExponentialDecay(0.3, 0.93),
    "CosineAnnealing": pl.CosineAnnealing(0.3, 13, 0.01),
    "CosineWarmRestarts": pl.CosineWarmRestarts(0.3, 5, 2, 0.01),
    "OneCycle": pl.OneCycle(0.3, 50),
    "PolynomialDecay": pl.PolynomialDecay(0.3, 20, 1.7, 0.01),
    "Warmup": pl.Warmup(pl.StepDecay(0.3, 7), 5),
}


def test_the_functions_are_accurate():
    rng = np.random.default_rng(0)
    for u in rng.uniform(0, 4, 2000):
        assert abs(cosine(u) - math.cos(math.pi * (u % 2))) < 1e-15
    for base, exponent in zip(
        rng.uniform(0, 2, 2000), rng.uniform(0, 9, 2000), strict=False
    ):
        assert power(base, exponent) == pytest.approx(base**exponent, rel=4e-15)
    assert power(0.99, 100_000) == pytest.approx(0.99**100_000, rel=1e-10)
    for k in range(9):
        assert cosine(k / 2) == [1, 0, -1, 0][k % 4]


def test_every_schedule_has_an_example():
    assert EXAMPLES.keys() == SCHEDULES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_config_and_equality(name):
    schedule = EXAMPLES[name]
    again = make_schedule({"kind": name, "config": schedule.config()})
    assert again == schedule
    assert [again(t) for t in range(60)] == [schedule(t) for t in range(60)]
    assert again != pl.StepDecay(1.0, 1)
    assert repr(schedule).startswith(f"{name}(")
    assert all(0 <= schedule(t) <= 0.3 for t in range(100))


def test_the_tutorials_values():
    """S0.28 to S0.30; the cosine goes on past its period."""
    assert pl.CosineAnnealing(1.0, 10)(15) == 0.5
    assert pl.StepDecay(0.001, 30, 0.1)(30) == pytest.approx(0.0001)
    assert pl.ExponentialDecay(0.001)(2) == pytest.approx(0.001 * 0.95**2)


def test_one_cycle_goes_up_and_down_once():
    schedule = pl.OneCycle(1.0, 100, rise=0.4)
    rates = [schedule(t) for t in range(100)]
    top = rates.index(max(rates))
    assert top == 39
    assert rates[:40] == sorted(rates[:40])
    assert rates[39:] == sorted(rates[39:], reverse=True)
    assert rates[0] == 1 / 25
    assert rates[99] == schedule(1000) == 1 / 25 / 1e4


def test_warmup_ends_in_the_other_schedule():
    after = pl.CosineAnnealing(0.5, 10)
    schedule = pl.Warmup(after, 4, start=0.25)
    assert schedule(0) == 0.125
    assert [schedule(4 + t) for t in range(10)] == [after(t) for t in range(10)]
    assert pl.Warmup(0.1, 3, by="step")(50) == 0.1
    assert pl.Warmup(pl.OneCycle(0.1, 9), 3).by == "step"


BAD = [
    (lambda: pl.StepDecay("0.1", 3), TypeError, "learning_rate"),
    (lambda: pl.StepDecay(math.nan, 3), ValueError, "learning_rate"),
    (lambda: pl.StepDecay(-0.1, 3), ValueError, "learning_rate"),
    (lambda: pl.StepDecay(0.1, 0), ValueError, "step_size"),
    (lambda: pl.StepDecay(0.1, 2.5), TypeError, "step_size"),
    (lambda: pl.StepDecay(0.1, 3, by="batch"), ValueError, "by"),
    (lambda: pl.StepDecay(0.1, 3, -1), ValueError, "factor"),
    (lambda: pl.MultiStepDecay(0.1, [5, 3]), ValueError, "milestones"),
    (lambda: pl.CosineAnnealing(0.1, 0), ValueError, "period"),
    (lambda: pl.CosineWarmRestarts(0.1, 5, 0), ValueError, "multiplier"),
    (lambda: pl.OneCycle(0.1, 1), ValueError, "total"),
    (lambda: pl.OneCycle(0.1, 10, rise=1.0), ValueError, "rise"),
    (lambda: pl.OneCycle(0.1, 10, rise=0.6, three_phases=True), ValueError, "rise"),
    (lambda: pl.OneCycle(0.1, 10, shape="round"), ValueError, "shape"),
    (lambda: pl.PolynomialDecay(0.1, 10, 0), ValueError, "exponent"),
    (lambda: pl.Warmup(0.1, 5, 1.5), ValueError, "start"),
    (lambda: pl.Warmup(pl.StepDecay(0.1, 3), 5, by="step"), ValueError, "by"),
    (lambda: pl.Warmup("fast", 5), TypeError, "after"),
    (lambda: pl.StepDecay(0.1, 3)(-1), ValueError, "t is"),
    (lambda: make_schedule({"kind": "Nonsense", "config": {}}), ValueError, "unknown"),
]


@pytest.mark.parametrize(("call", "error", "words"), BAD)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=rf"(?s){words}.*Expected"):
        call()


# In training -----------------------------------------------------------------------


def test_by_epoch():
    x, y = blobs(20)
    model = mlp()
    schedule = pl.StepDecay(0.1, 2, 0.5)
    model.compile(pl.SGD(schedule), "softmax_cross_entropy")
    first = model.fit(x, y, epochs=3, batch_size=5, verbose=0)
    second = model.fit(x, y, epochs=2, batch_size=5, verbose=0)
    rates = first.history["learning_rate"] + second.history["learning_rate"]
    assert rates == [schedule(t) for t in range(5)]
    model.compile(pl.SGD(schedule), "softmax_cross_entropy")  # starts anew
    third = model.fit(x, y, verbose=0)
    assert third.history["learning_rate"] == [0.1]


def test_by_step_equals_setting_the_rate_by_hand():
    x, y = blobs(20)
    schedule = pl.CosineAnnealing(0.1, 6, by="step")
    scheduled, by_hand = mlp(), mlp()
    scheduled.compile(pl.SGD(schedule, momentum=0.9), "softmax_cross_entropy")
    by_hand.compile(pl.SGD(momentum=0.9), "softmax_cross_entropy")

    def set_rate(batch, logs):
        by_hand.optimizer.learning_rate = schedule(by_hand.optimizer.iterations)

    history = scheduled.fit(x, y, epochs=2, batch_size=5, verbose=0)
    callback = pl.LambdaCallback(on_batch_begin=set_rate)
    by_hand.fit(x, y, epochs=2, batch_size=5, verbose=0, callbacks=[callback])
    for one, two in zip(scheduled.parameters(), by_hand.parameters(), strict=True):
        assert (one.value == two.value).all()
    assert history.history["learning_rate"] == [schedule(3), schedule(7)]


def test_setting_the_rate_ends_the_schedule():
    optimizer = pl.Adam(pl.StepDecay(0.1, 1))
    assert optimizer.learning_rate == 0.1
    optimizer.learning_rate = 0.02
    assert optimizer.learning_rate == 0.02
    assert optimizer.schedule is None
    assert optimizer.config()["learning_rate"] == 0.02


@pytest.mark.parametrize("name", EXAMPLES)
def test_files(name, tmp_path):
    x, y = blobs(20)
    model = mlp()
    model.compile(pl.Adam(EXAMPLES[name]), "softmax_cross_entropy")
    model.fit(x, y, epochs=2, batch_size=5, verbose=0)
    model.save(tmp_path / "model.safetensors")
    again = pl.load_model(tmp_path / "model.safetensors")
    assert again.optimizer.schedule == EXAMPLES[name]
    for one in (model, again):
        one.fit(x, y, epochs=2, batch_size=5, verbose=0)
    assert snapshot(model) == snapshot(again)


def test_an_own_schedule():
    class Halve(pl.schedules.Schedule):
        def value(self, t):
            return 0.1 / (1 + t)

    x, y = blobs(20)
    model = mlp()
    model.compile(pl.SGD(Halve()), "softmax_cross_entropy")
    history = model.fit(x, y, epochs=2, verbose=0)
    assert history.history["learning_rate"] == [0.1, 0.05]
    assert model.compile_config() is None  # a file names pellucid's classes only


# PyTorch -----------------------------------------------------------------------------

STEPS = 50


def torch_pair(name, rng, torch):
    """A schedule, and the PyTorch scheduler that it must follow, at random."""
    schedulers = torch.optim.lr_scheduler
    rate, length = float(rng.uniform(1e-4, 1)), int(rng.integers(1, 30))
    factor, low = float(rng.uniform(0.05, 1)), float(rng.uniform(0, 1e-4))
    total = int(rng.integers(STEPS, 3 * STEPS))
    times = sorted(int(t) for t in rng.integers(1, STEPS, 4))
    power_ = float(rng.choice([0.5, 1, 2, 0.9, 3.3]))
    start = float(rng.uniform(0.01, 1))
    linear, phases = bool(rng.integers(2)), bool(rng.integers(2))
    rise = float(rng.uniform(0.1, 0.45))
    if name == "StepDecay":
        ours = pl.StepDecay(rate, length, factor)

        def theirs(o):
            return schedulers.StepLR(o, length, factor)
    elif name == "MultiStepDecay":
        ours = pl.MultiStepDecay(rate, times, factor)

        def theirs(o):
            return schedulers.MultiStepLR(o, times, factor)
    elif name == "ExponentialDecay":
        ours = pl.ExponentialDecay(rate, factor)

        def theirs(o):
            return schedulers.ExponentialLR(o, factor)
    elif name == "CosineAnnealing":
        ours = pl.CosineAnnealing(rate, length, low)

        def theirs(o):
            return schedulers.CosineAnnealingLR(o, length, low)
    elif name == "CosineWarmRestarts":
        times_ = int(rng.integers(1, 4))
        ours = pl.CosineWarmRestarts(rate, length, times_, low)

        def theirs(o):
            return schedulers.CosineAnnealingWarmRestarts(o, length, times_, low)
    elif name == "OneCycle":
        shape = "linear" if linear else "cosine"
        ours = pl.OneCycle(rate, total, rise=rise, shape=shape, three_phases=phases)

        def theirs(o):
            return schedulers.OneCycleLR(
                o,
                rate,
                total_steps=total,
                pct_start=rise,
                anneal_strategy="linear" if linear else "cos",
                three_phase=phases,
            )
    elif name == "PolynomialDecay":
        ours = pl.PolynomialDecay(rate, length, power_)

        def theirs(o):
            return schedulers.PolynomialLR(o, length, power_)
    else:
        ours = pl.Warmup(pl.StepDecay(rate, 9, factor), length, start)

        def theirs(o):
            return schedulers.SequentialLR(
                o,
                [
                    schedulers.LinearLR(o, start, total_iters=length),
                    schedulers.StepLR(o, 9, factor),
                ],
                [length],
            )

    return ours, theirs, rate


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(sum(map(ord, name)))
    for _ in range(30):
        ours, theirs, rate = torch_pair(name, rng, torch)
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
        scheduler = theirs(optimizer)
        for t in range(STEPS):
            want = optimizer.param_groups[0]["lr"]
            assert ours(t) == pytest.approx(want, rel=1e-9, abs=1e-9 * rate), (ours, t)
            optimizer.step()
            scheduler.step()
