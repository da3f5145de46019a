import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.reference.gradients import check_gradient, like, real

CLASS_LOSSES = ["softmax_cross_entropy", "categorical_cross_entropy"]
ELEMENT_LOSSES = [
    "binary_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "hinge",
    "kl_divergence",
]
SMOOTHING = {"binary_cross_entropy", "sigmoid_binary_cross_entropy", *CLASS_LOSSES}


def prediction(name, shape):
    if name in ("categorical_cross_entropy", "binary_cross_entropy", "kl_divergence"):
        return real(shape, 1, low=0.0) * 0.8 + 0.1
    return 3 * real(shape, 1)


def options_of(name, smoothing):
    return {"label_smoothing": smoothing} if name in SMOOTHING else {}


def check(name, p, targets, weights, options):
    loss = getattr(reference, name)

    def value(p):
        t = targets if targets.dtype.kind == "i" else like(targets, p)
        w = None if weights is None else like(weights, p)
        return loss(p, t, weights=w, **options)[0][0]

    value_array, gradient = loss(p, targets, weights=weights, **options)
    assert value_array.dtype == np.float64
    assert value_array.shape == (1,)
    check_gradient(value, p, gradient)
    return float(value_array[0])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 3)])
@pytest.mark.parametrize("name", CLASS_LOSSES)
def test_class_losses(name, shape, weighted, smoothing, reduction):
    p = prediction(name, shape)
    labels = np.arange(p.size // 3).reshape(shape[:-1]) % 3
    weights = real(shape[:1], 2, low=0.0) if weighted else None
    options = {"reduction": reduction, "label_smoothing": smoothing}
    value = check(name, p, labels, weights, options)
    assert value == pytest.approx(check(name, p, np.eye(3)[labels], weights, options))
    check(name, p, real(shape, 3, low=0.0), weights, options)

    q = reference.softmax(p) if name == "softmax_cross_entropy" else p
    t = np.eye(3)[labels] * (1 - smoothing) + smoothing / 3
    losses = -(t * np.log(q)).sum(axis=-1)
    if weighted:
        losses = losses * weights.reshape(-1, *[1] * (losses.ndim - 1))
    expected = losses.sum() / (losses.size if reduction == "mean" else 1)
    assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(6,), (4, 1), (2, 2, 3)])
@pytest.mark.parametrize("name", ELEMENT_LOSSES)
def test_element_losses(name, shape, weighted, smoothing, reduction):
    if name == "kl_divergence" and len(shape) == 1:
        shape = (2, 3)
    p, t = prediction(name, shape), real(shape, 4, low=0.0)
    if name == "hinge":
        t = np.where(t < 0.5, -1.0, 1.0)
    weights = real(shape[:1], 2, low=0.0) if weighted else None
    options = {"reduction": reduction, **options_of(name, smoothing)}
    value = check(name, p, t, weights, options)

    if name == "mean_squared_error":
        losses = (p - t) ** 2
    elif name == "mean_absolute_error":
        losses = np.abs(p - t)
    elif name == "huber":
        near = np.abs(p - t) <= 1
        losses = np.where(near, (p - t) ** 2 / 2, np.abs(p - t) - 0.5)
        assert near.any()
        assert not near.all()
    elif name == "hinge":
        losses = np.maximum(0, 1 - p * t)
    elif name == "kl_divergence":
        losses = (t * np.log(t / p)).sum(axis=-1)
    else:
        q = 1 / (1 + np.exp(-p)) if name.startswith("sigmoid") else p
        s = t * (1 - smoothing) + smoothing / 2
        losses = -(s * np.log(q) + (1 - s) * np.log(1 - q))
    if weighted:
        losses = losses * weights.reshape(-1, *[1] * (losses.ndim - 1))
    expected = losses.sum() / (losses.size if reduction == "mean" else 1)
    assert value == pytest.approx(expected, rel=1e-12)


def test_large_logits_stay_finite():
    z = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    value, gradient = reference.softmax_cross_entropy(z, np.array([0, 0]))
    assert value[0] == 1e4
    np.testing.assert_array_equal(gradient, [[0, 0], [-0.5, 0.5]])
    value, gradient = reference.sigmoid_binary_cross_entropy(z, np.ones_like(z))
    assert value[0] == 5e3
    np.testing.assert_array_equal(gradient, [[0, -0.25], [-0.25, 0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_certain_wrong_prediction_still_learns(dtype):
    epsilon = np.dtype(dtype).type(1e-7 if dtype == "float32" else 1e-15)
    p = np.array([[0.0, 1.0]], dtype)
    value, gradient = reference.categorical_cross_entropy(p, np.array([0]))
    assert value[0] == pytest.approx(-np.log(epsilon))
    assert gradient[0, 0] == -1 / epsilon
    value, gradient = reference.binary_cross_entropy(p, np.ones_like(p))
    assert gradient[0, 0] == -1 / epsilon / 2


def test_nan_reaches_the_value():
    p = np.array([[np.nan, 0.5]])
    for name in CLASS_LOSSES:
        assert np.isnan(getattr(reference, name)(p, np.array([1]))[0][0])
    for name in ELEMENT_LOSSES:
        assert np.isnan(getattr(reference, name)(p, np.ones((1, 2)))[0][0])
