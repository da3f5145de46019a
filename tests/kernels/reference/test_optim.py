import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.reference.gradients import real


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("nesterov", [0.0, 1.0])
def test_sgd_with_momentum_follows_the_rule(nesterov, decay):
    value, velocity = real((9,), 1), np.full(9, np.nan)
    dampening = 0.0 if nesterov else 0.25
    hyper = np.array([0.1, 0.9, dampening, nesterov, decay, 1.0])
    expected, state = value.copy(), None
    for step in range(4):
        grad = real((9,), 10 + step)
        g = grad + decay * expected
        state = g if state is None else 0.9 * state + (1 - dampening) * g
        expected = expected - 0.1 * (g + 0.9 * state if nesterov else state)
        assert reference.sgd_step(value, grad, velocity, hyper) is None
        assert hyper[5] == (step == 0)
        hyper[5] = 0.0
        np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(velocity, state, rtol=1e-13, atol=1e-15)


def test_plain_sgd_needs_no_velocity():
    value, grad = np.array([1.0, 2.0], np.float32), np.array([2.0, -4.0], np.float32)
    reference.sgd_step(value, grad, None, np.array([0.5, 0, 0, 0, 0.5, 0]))
    np.testing.assert_array_equal(value, [-0.25, 3.5])
    with pytest.raises(ValueError, match="velocity is None"):
        reference.sgd_step(value, grad, None, np.array([0.5, 0.9, 0, 0, 0, 0]))
    np.testing.assert_array_equal(value, [-0.25, 3.5])


@pytest.mark.parametrize("decoupled", [0.0, 1.0])
def test_adam_follows_the_rule(decoupled):
    rate, beta_1, beta_2, epsilon, decay = 0.01, 0.9, 0.99, 1e-8, 0.1
    value = real((9,), 1)
    m, v = np.zeros(9), np.zeros(9)
    expected, mean, square = value.copy(), np.zeros(9), np.zeros(9)
    for t in range(1, 5):
        grad = real((9,), 10 + t)
        if decoupled:
            g, expected = grad, expected * (1 - rate * decay)
        else:
            g = grad + decay * expected
        mean = beta_1 * mean + (1 - beta_1) * g
        square = beta_2 * square + (1 - beta_2) * g**2
        c_1, c_2 = 1 - beta_1**t, 1 - beta_2**t
        expected = expected - rate * (mean / c_1) / (np.sqrt(square / c_2) + epsilon)
        hyper = np.array([rate, beta_1, beta_2, epsilon, decay, decoupled, c_1, c_2])
        assert reference.adam_step(value, grad, m, v, hyper) is None
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-15)


def test_float32_stays_float32():
    value, m, v = (np.zeros(3, np.float32) for _ in range(3))
    grad = np.ones(3, np.float32)
    hyper = np.array([0.1, 0.9, 0.999, 1e-8, 0.1, 1.0, 0.1, 0.001])
    reference.adam_step(value, grad, m, v, hyper)
    assert value.dtype == m.dtype == v.dtype == np.float32
    np.testing.assert_allclose(value, -0.1, rtol=1e-6)


def start(count):
    """Value, and states that are not zero, the squares among them positive."""
    value, *states = (real((9,), seed) for seed in range(count + 1))
    return value, [np.abs(state) + 0.1 for state in states]


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop_follows_the_rule(centered, momentum, decay):
    value, (square, velocity, mean) = start(3)
    square += 4  # the spread stays positive
    w, s, b, a = (array.copy() for array in (value, square, velocity, mean))
    for step in range(3):
        grad = real((9,), 10 + step)
        g = grad + decay * w
        s = 0.9 * s + 0.1 * g**2
        a = 0.9 * a + 0.1 * g
        move = g / (np.sqrt(s - a**2 if centered else s) + 1e-3)
        b = momentum * b + move
        w = w - 0.1 * (b if momentum else move)
        reference.rmsprop_step(
            value,
            grad,
            square,
            velocity if momentum else None,
            mean if centered else None,
            np.array([0.1, decay, 0.9, 1e-3, momentum]),
        )
    np.testing.assert_allclose(value, w, rtol=1e-12)
    np.testing.assert_allclose(square, s, rtol=1e-12)
    with pytest.raises(ValueError, match="velocity is None and momentum, hyper"):
        reference.rmsprop_step(value, grad, square, None, None, [0, 0, 0, 0, 0.5])


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adagrad_and_adadelta_follow_their_rules(decay):
    value, (square, moved) = start(2)
    w, s, d = value.copy(), square.copy(), moved.copy()
    grad = real((9,), 10)
    reference.adagrad_step(value, grad, square, [0.1, decay, 1e-3, 4.0])
    g = grad + decay * w
    s = s + g**2
    w = w - 0.1 / 4 * g / (np.sqrt(s) + 1e-3)
    np.testing.assert_allclose(value, w, rtol=1e-12)
    reference.adadelta_step(value, grad, square, moved, [0.5, decay, 0.75, 1e-3])
    g = grad + decay * w
    s = 0.75 * s + 0.25 * g**2
    move = np.sqrt((d + 1e-3) / (s + 1e-3)) * g
    np.testing.assert_allclose(value, w - 0.5 * move, rtol=1e-12)
    np.testing.assert_allclose(moved, 0.75 * d + 0.25 * move**2, rtol=1e-12)


@pytest.mark.parametrize("decoupled", [0.0, 1.0])
def test_nadam_and_lion_follow_their_rules(decoupled):
    value, (v,) = start(1)
    m = real((9,), 3)
    w, a, s = value.copy(), m.copy(), v.copy()
    grad = real((9,), 10)
    hyper = np.array([0.1, 0.2, decoupled, 0.8, 0.9, 1e-3, 0.3, 1.5, 0.25])
    reference.nadam_step(value, grad, m, v, hyper)
    g = grad if decoupled else grad + 0.2 * w
    w = w * (1 - 0.02) if decoupled else w
    a, s = 0.8 * a + 0.2 * g, 0.9 * s + 0.1 * g**2
    w = w - 0.1 * (0.3 * g + 1.5 * a) / (np.sqrt(s / 0.25) + 1e-3)
    np.testing.assert_allclose(value, w, rtol=1e-12)
    reference.lion_step(value, grad, m, [0.1, 0.2, 0.5, 0.7])
    w = w - 0.1 * (np.sign(0.5 * a + 0.5 * grad) + 0.2 * w)
    np.testing.assert_allclose(value, w, rtol=1e-12)
    np.testing.assert_allclose(m, 0.7 * a + 0.3 * grad, rtol=1e-12)
