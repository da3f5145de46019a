"""Optimizer steps: bits of the reference, every ISA, many steps against longdouble."""

import itertools

import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.exact import (
    ISAS,
    core,
    every_dtype,
    every_isa,
    forced,
    forced_results,
    one_result,
)
from tests.support.bounds import assert_exact, assert_within, unit_roundoff
from tests.support.data import VECTOR_SIZES, uniform
from tests.support.guard import SIDES, assert_survives

SIZES = [0, *VECTOR_SIZES, 4095, 4097, 3 * 4096 + 5]
SGD = {
    "plain": [0.1, 0, 0, 0, 0, 0],
    "decay": [0.1, 0, 0, 0, 0.01, 0],
    "first": [0.1, 0.9, 0.5, 0, 0, 1],
    "momentum": [0.1, 0.9, 0, 0, 0, 0],
    "dampening": [0.1, 0.9, 0.3, 0, 0.01, 0],
    "nesterov": [0.1, 0.9, 0, 1, 0.01, 0],
    "nesterov first": [0.1, 0.9, 0, 1, 0, 1],
}
ADAM = {
    "first": [1e-3, 0.9, 0.999, 1e-8, 0, 0, 0.1, 0.001],
    "later": [1e-2, 0.9, 0.999, 1e-8, 0, 0, 0.65, 0.01],
    "decay": [1e-2, 0.8, 0.99, 1e-3, 0.1, 0, 0.65, 0.01],
    "decoupled": [1e-2, 0.9, 0.999, 1e-8, 0.1, 1, 0.65, 0.01],
}


# What the other rules do to value, grad and states: op, states, hyper. States whose
# name has a None are left out.
RULES = {
    "rmsprop": ("rmsprop_step", ["square", None, None], [0.1, 0, 0.9, 1e-8, 0]),
    "rmsprop decay": ("rmsprop_step", ["square", None, None], [0.1, 0.2, 0.9, 1e-3, 0]),
    "rmsprop momentum": (
        "rmsprop_step",
        ["square", "velocity", None],
        [0.1, 0.2, 0.99, 1e-8, 0.9],
    ),
    "rmsprop centered": (
        "rmsprop_step",
        ["square", None, "mean"],
        [0.1, 0, 0.6, 1e-8, 0],
    ),
    "rmsprop all": (
        "rmsprop_step",
        ["square", "velocity", "mean"],
        [0.1, 0.1, 0.7, 1e-8, 0.5],
    ),
    "adagrad": ("adagrad_step", ["square"], [0.1, 0, 1e-10, 1]),
    "adagrad decay": ("adagrad_step", ["square"], [0.1, 0.3, 1e-2, 7]),
    "adadelta": ("adadelta_step", ["square", "square"], [1, 0, 0.9, 1e-6]),
    "adadelta decay": ("adadelta_step", ["square", "square"], [0.5, 0.1, 0.5, 1e-2]),
    "nadam": (
        "nadam_step",
        ["mean", "square"],
        [0.01, 0, 0, 0.9, 0.999, 1e-8, 0.3, 1.4, 0.01],
    ),
    "nadam decay": (
        "nadam_step",
        ["mean", "square"],
        [0.01, 0.1, 0, 0.8, 0.99, 1e-3, 0.3, 1.4, 0.1],
    ),
    "nadam decoupled": (
        "nadam_step",
        ["mean", "square"],
        [0.01, 0.1, 1, 0.8, 0.99, 1e-3, 0.3, 1.4, 0.1],
    ),
    "lion": ("lion_step", ["mean"], [0.01, 0, 0.9, 0.99]),
    "lion decay": ("lion_step", ["mean"], [0.01, 0.5, 0.3, 0.6]),
}


def rule_arrays(kind, size, dtype):
    """Value, grad and the states of a rule, some of them None."""
    made = arrays(size, dtype, 2)
    for seed, name in enumerate(RULES[kind][1], 10):
        state = None if name is None else uniform((size,), seed, dtype=dtype)
        made.append(np.abs(state) if name == "square" else state)
    return made


def take(twin, kind, made):
    op, _, hyper = RULES[kind]
    getattr(twin, op)(*made, np.array(hyper, np.float64))


def arrays(size, dtype, count):
    made = [uniform((size,), seed, dtype=dtype) for seed in range(count)]
    if count == 4:
        made[3] = np.abs(made[3])  # a mean of squares
    return made


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", SGD)
def test_sgd_has_the_bits_of_the_reference(kind, dtype, isa, threads):
    hyper = np.array(SGD[kind], np.float64)
    with forced(isa, threads):
        for size in SIZES:
            got, want = arrays(size, dtype, 3), arrays(size, dtype, 3)
            velocity = hyper[1] != 0
            core.sgd_step(*got[:2], got[2] if velocity else None, hyper)
            reference.sgd_step(*want[:2], want[2] if velocity else None, hyper)
            for a, b in zip(got, want, strict=True):
                assert_exact(a, b)


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", ADAM)
def test_adam_agrees_with_the_reference(kind, dtype, isa, threads):
    hyper = np.array(ADAM[kind], np.float64)
    with forced(isa, threads):
        for size in SIZES:
            got, want = arrays(size, dtype, 4), arrays(size, dtype, 4)
            before = got[0].astype(np.float64)
            core.adam_step(*got, hyper)
            reference.adam_step(*want, hyper)
            for a, b in zip(got[1:], want[1:], strict=True):  # grad, m and v
                assert_exact(a, b)
            # The step itself has one multiplication in place of a division.
            size = np.abs(want[0] - before) + np.abs(before)
            bound = 4 * unit_roundoff(dtype) * size
            assert_within(got[0], want[0], bound)


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", RULES)
def test_the_other_rules_have_the_bits_of_the_reference(kind, dtype, isa, threads):
    with forced(isa, threads):
        for size in SIZES:
            got, want = rule_arrays(kind, size, dtype), rule_arrays(kind, size, dtype)
            take(core, kind, got)
            take(reference, kind, want)
            for a, b in zip(got, want, strict=True):
                assert (a is None) == (b is None)
                if a is not None:
                    assert_exact(a, b)


@every_isa
def test_a_mean_of_squares_below_the_square_of_the_mean_counts_as_zero(isa):
    value, grad, square, _, mean = rule_arrays("rmsprop centered", 40, "float32")
    square[:], mean[:] = 0, 20
    before = value.copy()
    with forced(isa):
        hyper = np.array([0.5, 0, 0.5, 0.25, 0])
        core.rmsprop_step(value, grad, square, None, mean, hyper)
    np.testing.assert_array_equal(value, before - np.float32(0.5) * (grad / 0.25))


@every_isa
def test_lion_moves_by_the_rate_or_not_at_all(isa):
    value, m = np.zeros(37, np.float32), np.zeros(37, np.float32)
    grad = np.resize(np.array([3, 0, -1e-30, np.nan], np.float32), 37)
    with forced(isa):
        core.lion_step(value, grad, m, np.array([0.5, 0, 0.9, 0.99]))
    assert_exact(value, np.resize(np.array([-0.5, 0, 0.5, np.nan], np.float32), 37))


@every_isa
def test_many_steps_of_adam_stay_close_to_higher_precision(isa):
    size, steps, rate, beta_1, beta_2, epsilon = 1000, 50, 1e-2, 0.9, 0.999, 1e-8
    value, m, v = uniform((size,), 1), np.zeros(size, "f4"), np.zeros(size, "f4")
    w, mean, square = (array.astype(np.longdouble) for array in (value, m, v))
    hyper = np.array([rate, beta_1, beta_2, epsilon, 0, 0, 0, 0])
    moved = np.zeros(size)
    with forced(isa):
        for t in range(1, steps + 1):
            grad = uniform((size,), 100 + t)
            hyper[6:] = 1 - beta_1**t, 1 - beta_2**t
            core.adam_step(value, grad, m, v, hyper)
            g = grad.astype(np.longdouble)
            mean = beta_1 * mean + (1 - beta_1) * g
            square = beta_2 * square + (1 - beta_2) * g * g
            deviation = np.sqrt(square / hyper[7]) + epsilon
            step = rate * (mean / hyper[6]) / deviation
            w -= step
            moved += np.abs(step).astype(np.float64)
    u = unit_roundoff(np.float32)
    assert_within(value, w, 4 * steps * u * (np.abs(w).astype(np.float64) + moved))
    assert moved.min() > 0.01


@every_isa
def test_sgd_without_momentum_leaves_the_velocity_alone(isa):
    value, grad, velocity = arrays(37, "float32", 3)
    kept = velocity.copy()
    with forced(isa):
        core.sgd_step(value, grad, velocity, np.array([0.1, 0, 0, 0, 0, 0.0]))
    assert_exact(velocity, kept)


@every_dtype
def test_the_same_bits_with_every_fma_and_thread_count(dtype):
    def steps():
        made = arrays(3 * 4096 + 77, dtype, 4)
        for hyper in ADAM.values():
            core.adam_step(*made, np.array(hyper, np.float64))
        for hyper in SGD.values():
            core.sgd_step(*made[:3], np.array(hyper, np.float64))
        for kind in RULES:
            more = rule_arrays(kind, 3 * 4096 + 77, dtype)
            take(core, kind, more)
            made += [array for array in more if array is not None]
        return tuple(made)

    one_result(forced_results(steps))


@every_isa
def test_nan_stays_in_its_parameter(isa):
    for step, hyper in itertools.product((0, 1), (3, 20)):
        got, want = arrays(41, "float32", 4), arrays(41, "float32", 4)
        got[1][hyper] = np.nan
        with forced(isa):
            for made in (got, want):
                if step:
                    core.adam_step(*made, np.array(ADAM["later"]))
                else:
                    core.sgd_step(*made[:3], np.array(SGD["momentum"]))
        assert np.isnan(got[0][hyper])
        assert_exact(np.delete(got[0], hyper), np.delete(want[0], hyper))


def test_recorded_steps_read_hyper_again():
    value, grad = np.ones(20, np.float32), np.ones(20, np.float32)
    hyper = np.array([0.5, 0, 0, 0, 0, 0])
    plan = core.Plan()
    with plan.record():
        core.sgd_step(value, grad, None, hyper)
    hyper[0] = 0.25
    plan.run()
    assert (value == 0.25).all()


@every_isa
@pytest.mark.parametrize("kind", RULES)
def test_nan_stays_in_its_parameter_with_every_rule(kind, isa):
    for at in (3, 20):
        got, want = (rule_arrays(kind, 41, "float32") for _ in range(2))
        got[1][at] = np.nan
        with forced(isa):
            take(core, kind, got)
            take(core, kind, want)
        assert np.isnan(got[0][at])
        assert_exact(np.delete(got[0], at), np.delete(want[0], at))


GUARDED = """
import numpy as np
from pellucid.kernels import _core as core
from tests.support.guard import guarded, guarded_copy
core.set_num_threads(1)
for isa in {isas}:
    core.use_isa(isa)
    for dtype in ("float32", "float64"):
        for n in [*range(1, 36), 4097]:
            value, m, v, more = (guarded(n, dtype, {side!r}) for _ in range(4))
            value[:], m[:], v[:], more[:] = 1, 2, 3, 2
            grad = guarded_copy(np.ones(n, dtype), {side!r})
            for hyper in {sgd}:
                hyper = guarded_copy(np.array(hyper), {side!r})
                core.sgd_step(value, grad, m, hyper)
            for hyper in {adam}:
                hyper = guarded_copy(np.array(hyper), {side!r})
                core.adam_step(value, grad, m, v, hyper)
            for op, states, hyper in {rules}:
                hyper = guarded_copy(np.array(hyper), {side!r})
                free = [m, v, more]
                for array in free:
                    array[:] = 2
                states = [name and free.pop() for name in states]
                getattr(core, op)(value, grad, *states, hyper)
            assert not np.isnan(value).any()
"""


@pytest.mark.parametrize("side", SIDES)
def test_nothing_is_touched_outside_the_arrays(side):
    sgd = [[float(number) for number in hyper] for hyper in SGD.values()]
    adam = [[float(number) for number in hyper] for hyper in ADAM.values()]
    rules = [
        (op, states, [float(number) for number in hyper])
        for op, states, hyper in RULES.values()
    ]
    assert_survives(
        GUARDED.format(isas=ISAS, side=side, sgd=sgd, adam=adam, rules=rules)
    )
