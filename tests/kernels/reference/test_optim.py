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
