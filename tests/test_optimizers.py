"""Optimizers: PyTorch's rules on flat memory, and refused arguments."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

from pellucid.optimizers import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    NAdam,
    RAdam,
    RMSprop,
    get_optimizer,
)


def train(optimizer, gradients, start, runs=None, dtype="float64"):
    value = np.array(start, dtype)
    grad = np.zeros_like(value)
    optimizer.build(value, grad, runs)
    for g in gradients:
        grad[:] = g
        optimizer.step()
    return value


def sgd_by_hand(w, gradients, lr, momentum, dampening, nesterov, decay):
    w, v = w.copy(), None
    for g in gradients:
        g = g + decay * w
        if momentum:
            v = g.copy() if v is None else momentum * v + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
        w = w - lr * g
    return w


def adam_by_hand(w, gradients, lr, b1, b2, eps, decay, decoupled):
    w, m, v = w.copy(), np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        if decoupled:
            w = w * (1 - lr * decay)
        else:
            g = g + decay * w
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        denominator = np.sqrt(v) / math.sqrt(1 - b2**t) + eps
        w = w - lr / (1 - b1**t) * m / denominator
    return w


def rmsprop_by_hand(w, gradients, lr, alpha, eps, decay, momentum, centered):
    w, s, b, a = w.copy(), 0.0, 0.0, 0.0
    for g in gradients:
        g = g + decay * w
        s, a = alpha * s + (1 - alpha) * g * g, alpha * a + (1 - alpha) * g
        b = momentum * b + g / (np.sqrt(s - a * a if centered else s) + eps)
        w = w - lr * b
    return w


def adagrad_by_hand(w, gradients, lr, rate_decay, decay, start, eps):
    w, s = w.copy(), start
    for t, g in enumerate(gradients):
        g = g + decay * w
        s = s + g * g
        w = w - lr / (1 + t * rate_decay) * g / (np.sqrt(s) + eps)
    return w


def adadelta_by_hand(w, gradients, lr, rho, eps, decay):
    w, s, d = w.copy(), 0.0, 0.0
    for g in gradients:
        g = g + decay * w
        s = rho * s + (1 - rho) * g * g
        move = np.sqrt(d + eps) / np.sqrt(s + eps) * g
        d = rho * d + (1 - rho) * move * move
        w = w - lr * move
    return w


def nadam_by_hand(w, gradients, lr, b1, b2, eps, decay, momentum_decay, decoupled):
    w, m, v, product = w.copy(), 0.0, 0.0, 1.0

    def mu(t):
        return b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    for t, g in enumerate(gradients, 1):
        g, w = (g, w * (1 - lr * decay)) if decoupled else (g + decay * w, w)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        product *= mu(t)
        share = mu(t + 1) * m / (1 - product * mu(t + 1))
        share = share + (1 - mu(t)) * g / (1 - product)
        w = w - lr * share / (np.sqrt(v / (1 - b2**t)) + eps)
    return w


def radam_by_hand(w, gradients, lr, b1, b2, eps, decay, decoupled):
    w, m, v, rho = w.copy(), 0.0, 0.0, 2 / (1 - b2) - 1
    for t, g in enumerate(gradients, 1):
        g, w = (g, w * (1 - lr * decay)) if decoupled else (g + decay * w, w)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        move = m / (1 - b1**t)
        r = rho - 2 * t * b2**t / (1 - b2**t)
        if r > 5:
            factor = (r - 4) * (r - 2) * rho / ((rho - 4) * (rho - 2) * r)
            move = move * np.sqrt(factor * (1 - b2**t)) / (np.sqrt(v) + eps)
        w = w - lr * move
    return w


def lion_by_hand(w, gradients, lr, b1, b2, decay):
    w, m = w.copy(), np.zeros_like(w)
    for g in gradients:
        w = w - lr * (np.sign(b1 * m + (1 - b1) * g) + decay * w)
        m = b2 * m + (1 - b2) * g
    return w


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    return rng.normal(size=37), rng.normal(size=(50, 37))


@pytest.mark.parametrize(
    ("momentum", "dampening", "nesterov", "decay"),
    [
        (0.0, 0.0, False, 0.0),
        (0.0, 0.0, False, 0.1),
        (0.9, 0.0, False, 0.0),
        (0.9, 0.9, False, 0.01),
        (0.5, 0.0, True, 0.1),
    ],
)
def test_sgd(problem, momentum, dampening, nesterov, decay):
    start, gradients = problem
    arguments = (0.01, momentum, dampening, nesterov, decay)
    got = train(SGD(*arguments), gradients, start)
    np.testing.assert_allclose(
        got, sgd_by_hand(start, gradients, *arguments), rtol=1e-12
    )


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("cls", [Adam, AdamW])
def test_adam(problem, cls, decay):
    start, gradients = problem
    arguments = (0.02, 0.8, 0.95, 1e-6, decay)
    got = train(cls(*arguments), gradients, start)
    expected = adam_by_hand(start, gradients, *arguments, cls is AdamW)
    np.testing.assert_allclose(got, expected, rtol=1e-11)


@pytest.mark.parametrize(
    ("cls", "by_hand", "arguments"),
    [
        (RMSprop, rmsprop_by_hand, (0.01, 0.9, 1e-6, 0.0, 0.0, False)),
        (RMSprop, rmsprop_by_hand, (0.01, 0.9, 1e-6, 0.1, 0.9, False)),
        (RMSprop, rmsprop_by_hand, (0.01, 0.9, 1e-2, 0.1, 0.0, True)),
        (RMSprop, rmsprop_by_hand, (0.01, 0.9, 1e-2, 0.0, 0.5, True)),
        (Adagrad, adagrad_by_hand, (0.1, 0.0, 0.0, 0.0, 1e-10)),
        (Adagrad, adagrad_by_hand, (0.1, 0.05, 0.1, 0.3, 1e-3)),
        (Adadelta, adadelta_by_hand, (1.0, 0.9, 1e-6, 0.0)),
        (Adadelta, adadelta_by_hand, (0.5, 0.8, 1e-3, 0.1)),
        (NAdam, nadam_by_hand, (0.02, 0.8, 0.95, 1e-6, 0.1, 0.01, False)),
        (NAdam, nadam_by_hand, (0.02, 0.8, 0.95, 1e-6, 0.1, 1.7, True)),
        (RAdam, radam_by_hand, (0.02, 0.8, 0.95, 1e-6, 0.1, False)),
        (RAdam, radam_by_hand, (0.02, 0.9, 0.999, 1e-8, 0.1, True)),
        (RAdam, radam_by_hand, (0.02, 0.0, 0.0, 1e-8, 0.0, False)),
        (Lion, lion_by_hand, (0.01, 0.9, 0.99, 0.0)),
        (Lion, lion_by_hand, (0.01, 0.5, 0.7, 0.1)),
    ],
)
def test_the_other_rules(problem, cls, by_hand, arguments):
    start, gradients = problem
    got = train(cls(*arguments), gradients, start)
    np.testing.assert_allclose(got, by_hand(start, gradients, *arguments), rtol=1e-10)


def test_defaults_are_those_of_pytorch():
    wanted = {
        RMSprop: (0.01, 0.99, 1e-8, 0.0, 0.0, False),
        Adagrad: (0.01, 0.0, 0.0, 0.0, 1e-10),
        Adadelta: (1.0, 0.9, 1e-6, 0.0),
        NAdam: (0.002, 0.9, 0.999, 1e-8, 0.0, 0.004, False),
        RAdam: (0.001, 0.9, 0.999, 1e-8, 0.0, False),
        Lion: (0.0001, 0.9, 0.99, 0.0),
    }
    for cls, arguments in wanted.items():
        assert cls().config() == cls(*arguments).config()


def test_reset_starts_again(problem):
    start, gradients = problem
    for make in OPTIMIZERS.values():
        optimizer = make()
        first = train(optimizer, gradients[:4], start)
        optimizer.reset()
        assert train(optimizer, gradients[:4], start).tobytes() == first.tobytes()


def test_first_adam_step_has_the_size_of_the_rate():
    value = train(Adam(0.1), [np.array([1e-3, -5.0])], [0.0, 0.0])
    np.testing.assert_allclose(value, [-0.1, 0.1], rtol=1e-4)


def test_one_counter_for_all_parameters():
    """Known bug B-05: a counter per layer makes the bias correction too weak."""
    split = Adam(0.1)
    whole = train(Adam(0.1), [np.ones(32)] * 3, np.zeros(32))
    parts = train(split, [np.ones(32)] * 3, np.zeros(32), [slice(0, 16), slice(16, 32)])
    assert split.iterations == 3
    assert whole.tobytes() == parts.tobytes()


def test_frozen_stretches_stay():
    value = train(Adam(0.1), [np.ones(48)] * 2, np.zeros(48), [slice(16, 32)])
    assert (value[:16] == 0).all()
    assert (value[32:] == 0).all()
    assert (value[16:32] < 0).all()


def test_zero_learning_rate_changes_nothing(problem):
    start, gradients = problem
    rates = [make(0.0) for make in OPTIMIZERS.values()]
    for optimizer in (SGD(0), SGD(0.0, 0.9), *rates):
        assert (train(optimizer, gradients, start) == start).all()


def test_rate_may_change_between_steps():
    optimizer = SGD(1.0)
    value, grad = np.zeros(4), np.ones(4)
    optimizer.build(value, grad)
    optimizer.step()
    optimizer.learning_rate = 0.5
    optimizer.step()
    assert (value == -1.5).all()
    with pytest.raises(ValueError, match="learning_rate"):
        optimizer.learning_rate = -1
    assert optimizer.learning_rate == 0.5


@pytest.mark.parametrize("rate", [math.nan, math.inf, -0.1])
@pytest.mark.parametrize("cls", OPTIMIZERS.values())
def test_bad_rates(cls, rate):
    with pytest.raises(ValueError, match="learning_rate"):
        cls(rate)


@pytest.mark.parametrize("rate", ["0.1", None, True, [0.1], 1j])
@pytest.mark.parametrize("cls", OPTIMIZERS.values())
def test_rates_that_are_not_numbers(cls, rate):
    with pytest.raises(TypeError, match="learning_rate"):
        cls(rate)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: SGD(0.1, momentum=1.0), "momentum"),
        (lambda: SGD(0.1, momentum=-0.1), "momentum"),
        (lambda: SGD(0.1, momentum=math.nan), "momentum"),
        (lambda: SGD(0.1, dampening=2), "dampening"),
        (lambda: SGD(0.1, weight_decay=-1), "weight_decay"),
        (lambda: SGD(0.1, weight_decay=math.nan), "weight_decay"),
        (lambda: SGD(0.1, nesterov=True), "nesterov"),
        (lambda: SGD(0.1, 0.9, 0.1, True), "nesterov"),
        (lambda: Adam(beta_1=1.0), "beta_1"),
        (lambda: Adam(beta_2=-0.5), "beta_2"),
        (lambda: Adam(epsilon=0), "epsilon"),
        (lambda: Adam(epsilon=-1e-8), "epsilon"),
        (lambda: AdamW(weight_decay=-0.01), "weight_decay"),
        (lambda: RMSprop(alpha=1.0), "RMSprop: alpha"),
        (lambda: RMSprop(momentum=-0.1), "RMSprop: momentum"),
        (lambda: RMSprop(epsilon=0), "RMSprop: epsilon"),
        (lambda: Adagrad(rate_decay=-1), "Adagrad: rate_decay"),
        (lambda: Adagrad(initial_accumulator_value=-1), "initial_accumulator"),
        (lambda: Adagrad(epsilon=0), "Adagrad: epsilon"),
        (lambda: Adadelta(rho=1), "Adadelta: rho"),
        (lambda: Adadelta(epsilon=0), "Adadelta: epsilon"),
        (lambda: NAdam(beta_1=1), "NAdam: beta_1"),
        (lambda: NAdam(beta_2=1), "NAdam: beta_2"),
        (lambda: NAdam(momentum_decay=-1), "NAdam: momentum_decay"),
        (lambda: NAdam(epsilon=0), "NAdam: epsilon"),
        (lambda: RAdam(beta_1=1), "RAdam: beta_1"),
        (lambda: RAdam(beta_2=1), "RAdam: beta_2"),
        (lambda: RAdam(epsilon=0), "RAdam: epsilon"),
        (lambda: Lion(beta_1=1), "Lion: beta_1"),
        (lambda: Lion(beta_2=-1), "Lion: beta_2"),
    ],
)
def test_bad_arguments(make, word):
    with pytest.raises(ValueError, match=word):
        make()


def test_names():
    assert isinstance(get_optimizer("sgd"), SGD)
    assert get_optimizer("momentum").config()["momentum"] == 0.9
    for name, cls in OPTIMIZERS.items():
        assert type(get_optimizer(name)) is cls
        assert cls.__name__.lower() == name
    adam = Adam()
    assert get_optimizer(adam) is adam
    with pytest.raises(ValueError, match='Did you mean "adam"'):
        get_optimizer("adams")
    for bad in (Adam, 0.1, None):
        with pytest.raises(TypeError, match="optimizer is"):
            get_optimizer(bad)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(0.1, 0.9),
        lambda: RMSprop(momentum=0.9, centered=True),
        lambda: Adagrad(rate_decay=0.1, initial_accumulator_value=0.5),
        *(make for name, make in OPTIMIZERS.items() if name != "sgd"),
    ],
)
def test_configs_and_copies(make, problem):
    start, gradients = problem
    optimizer = make()
    assert type(optimizer)(**optimizer.config()).config() == optimizer.config()
    value = train(optimizer, gradients[:5], start)
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert twin.iterations == 5
        again, grad = value.copy(), np.empty_like(value)
        twin.build(again, grad)
        grad[:] = gradients[5]
        twin.step()
        assert again.tobytes() == train_one_more(optimizer, value, gradients[5])


def train_one_more(optimizer, value, gradient):
    """One step of a copy of the optimizer, on a copy of the value; the bytes."""
    optimizer = copy.deepcopy(optimizer)
    value, gradient = value.copy(), gradient.copy()
    optimizer.build(value, gradient)
    optimizer.step()
    return value.tobytes()


def test_step_before_build():
    with pytest.raises(RuntimeError, match="build"):
        Adam().step()
