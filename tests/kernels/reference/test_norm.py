import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.reference.gradients import check_gradient, like, real


def make(shape):
    c = shape[-1:]
    return real(shape, 1), real(c, 2), real(c, 3), real(c, 4), real(c, 5, low=0.5)


def training(x, gamma, beta, activation=None):
    kind = np.result_type(x, gamma, beta)
    x, gamma, beta = (array.astype(kind) for array in (x, gamma, beta))
    mean, variance = np.zeros_like(gamma), np.ones_like(gamma)
    return reference.batch_norm_training(
        x, gamma, beta, mean, variance, activation=activation
    )


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 2, 4), (2, 1)])
def test_training_normalizes_and_keeps_running_values(shape):
    x, gamma, beta, mean, variance = make(shape)
    axes = tuple(range(x.ndim - 1))
    old = mean.copy(), variance.copy()
    y, batch_mean, inv_std = reference.batch_norm_training(
        x, gamma, beta, mean, variance, momentum=0.75, epsilon=1e-3
    )
    np.testing.assert_allclose(batch_mean, x.mean(axes), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(inv_std, (x.var(axes) + 1e-3) ** -0.5, rtol=1e-13)
    expected = (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-3) * gamma + beta
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(mean, 0.75 * old[0] + 0.25 * x.mean(axes), atol=1e-14)
    np.testing.assert_allclose(variance, 0.75 * old[1] + 0.25 * x.var(axes), atol=1e-14)
    relu, _, _ = training(x, gamma, beta, activation="relu")
    np.testing.assert_array_equal(relu, np.maximum(training(x, gamma, beta)[0], 0))


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 2, 2)])
def test_training_gradients(shape):
    x, gamma, beta, _, _ = make(shape)
    dy = real(shape, 6)
    _, mean, inv_std = training(x, gamma, beta)
    dx, dgamma, dbeta = reference.batch_norm_backward(dy, x, gamma, mean, inv_std)
    check_gradient(lambda x: (training(x, gamma, beta)[0] * dy).sum(), x, dx)
    check_gradient(
        lambda gamma: (training(x, gamma, beta)[0] * dy).sum(), gamma, dgamma
    )
    check_gradient(lambda beta: (training(x, gamma, beta)[0] * dy).sum(), beta, dbeta)


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 2, 2), (1, 4)])
def test_inference_gradients(shape):
    x, gamma, beta, mean, variance = make(shape)
    dy = real(shape, 6)

    def loss(x, gamma, beta):
        moved = max((x, gamma, beta), key=lambda array: array.dtype.num)
        arrays = (like(array, moved) for array in (x, gamma, beta, mean, variance))
        return (reference.batch_norm_inference(*arrays) * dy).sum()

    dx, dgamma, dbeta = reference.batch_norm_inference_backward(
        dy, x, gamma, mean, variance
    )
    check_gradient(lambda x: loss(x, gamma, beta), x, dx)
    check_gradient(lambda gamma: loss(x, gamma, beta), gamma, dgamma)
    check_gradient(lambda beta: loss(x, gamma, beta), beta, dbeta)


def test_inference_agrees_with_training_on_the_same_statistics():
    x, gamma, beta, _, _ = make((6, 3))
    y, mean, _ = training(x, gamma, beta)
    again = reference.batch_norm_inference(x, gamma, beta, mean, x.var(axis=0))
    np.testing.assert_allclose(again, y, rtol=1e-12, atol=1e-14)


def test_one_value_per_channel_is_refused_and_nothing_changes():
    mean, variance = np.zeros(3), np.ones(3)
    with pytest.raises(ValueError, match="more than one value per channel"):
        reference.batch_norm_training(
            np.ones((1, 3)), np.ones(3), np.ones(3), mean, variance
        )
    assert not mean.any()
    assert (variance == 1).all()
