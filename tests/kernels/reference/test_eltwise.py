import math

import numpy as np
import pytest

from pellucid.kernels import ACTIVATIONS, reference
from tests.kernels.reference.gradients import check_gradient, like, real
from tests.support.data import integers


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("alpha", [None, 0.01, 0.5, 0.0])
@pytest.mark.parametrize("size", [1, 5])
def test_activation_gradients(name, alpha, size):
    x, dy = size * real((3, 7), 1), real((3, 7), 2)
    saved = saved_for(name, x, reference.activation(x, name, alpha=alpha))
    dx = reference.activation_backward(dy, saved, name, alpha=alpha)
    check_gradient(
        lambda x: (reference.activation(x, name, alpha=alpha) * dy).sum(), x, dx
    )


def saved_for(name, x, y):
    return x if ACTIVATIONS[name].saves == "x" else y


@pytest.mark.parametrize(("c", "shared"), [(1, False), (7, False), (7, True)])
def test_prelu_gradients(c, shared):
    x, dy = real((4, 3, c), 1), real((4, 3, c), 2)
    alpha = real((1 if shared else c,), 3)
    dx, dalpha = reference.prelu_backward(dy, x, alpha)
    assert dalpha.shape == alpha.shape

    def loss(x, alpha):
        return (reference.prelu(x, alpha) * dy).sum()

    check_gradient(lambda x: loss(x, like(alpha, x)), x, dx)
    check_gradient(lambda a: loss(like(x, a), a), alpha, dalpha)


def test_prelu_with_one_slope_is_leaky_relu():
    x, dy = real((5, 6), 1), real((5, 6), 2)
    y = reference.activation(x, "leaky_relu", alpha=0.3)
    np.testing.assert_array_equal(reference.prelu(x, [0.3]), y)
    dx, dalpha = reference.prelu_backward(dy, x, [0.3])
    want = reference.activation_backward(dy, y, "leaky_relu", alpha=0.3)
    np.testing.assert_array_equal(dx, want)
    np.testing.assert_allclose(dalpha, [(dy * x)[x <= 0].sum()], rtol=1e-14)


@pytest.mark.parametrize("name", ["elu", "selu", "softplus", "gelu", "silu", "mish"])
def test_smooth_activations_by_the_functions_of_the_standard_library(name):
    scale, depth = 1.0507009873554805, 1.6732632423543772
    formulas = {
        "elu": lambda x: x if x > 0 else math.expm1(x),
        "selu": lambda x: scale * (x if x > 0 else depth * math.expm1(x)),
        "softplus": lambda x: math.log1p(math.exp(x)),
        "gelu": lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
        "silu": lambda x: x / (1 + math.exp(-x)),
        "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    }
    x = np.concatenate([np.linspace(-12, 12, 997), [-1e-9, 1e-9]])
    want = [formulas[name](float(number)) for number in x]
    np.testing.assert_allclose(reference.activation(x, name), want, rtol=2e-13)


def test_limits_of_smooth_activations():
    x = np.array([-np.inf, -1e30, -0.0, 0.0, 1e30, np.inf, np.nan])
    for name in ("gelu", "silu", "mish", "hard_swish"):
        y = reference.activation(x, name)
        np.testing.assert_array_equal(y, [0, 0, 0, 0, 1e30, np.inf, np.nan], name)
        dx = reference.activation_backward(np.ones(7), x, name)
        np.testing.assert_array_equal(dx[[0, 1, 4, 5, 6]], [0, 0, 1, 1, np.nan], name)
    y = reference.activation(x, "softplus")
    half = np.log(2)
    np.testing.assert_allclose(y, [0, 0, half, half, 1e30, np.inf, np.nan])
    np.testing.assert_array_equal(reference.activation(x, "elu", alpha=3)[:2], [-3, -3])


def test_activation_values():
    x = np.array([-np.inf, -2.0, -0.0, 0.0, 2.0, np.inf, np.nan], np.float32)
    relu = reference.activation(x, "relu")
    np.testing.assert_array_equal(relu, [0, 0, 0, 0, 2, np.inf, np.nan])
    assert not np.signbit(relu[:4]).any()
    leaky = reference.activation(x, "leaky_relu", alpha=0.5)
    np.testing.assert_array_equal(leaky, [-np.inf, -1, 0, 0, 2, np.inf, np.nan])
    sigmoid = reference.activation(x, "sigmoid")
    np.testing.assert_array_equal(sigmoid[[0, 2, 3, 5, 6]], [0, 0.5, 0.5, 1, np.nan])
    tanh = reference.activation(x, "tanh")
    np.testing.assert_array_equal(tanh[[0, 2, 3, 5, 6]], [-1, 0, 0, 1, np.nan])
    dy = np.ones_like(x)
    slope = reference.activation_backward(dy, relu, "relu")
    np.testing.assert_array_equal(slope, [0, 0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_work_in_place(name):
    x, dy = real((40,), 1).astype(np.float32), real((40,), 2).astype(np.float32)
    y = reference.activation(x, name)
    saved = saved_for(name, x.copy(), y)
    dx = reference.activation_backward(dy, saved, name)
    assert reference.activation(x, name, out=x) is x
    assert reference.activation_backward(dy, saved, name, out=dy) is dy
    np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(dy, dx)


def test_sigmoid_and_softmax_do_not_overflow():
    x = np.array([[-1e4, 0.0, 1e4]], np.float32)
    np.testing.assert_array_equal(reference.activation(x, "sigmoid"), [[0, 0.5, 1]])
    np.testing.assert_array_equal(reference.softmax(x), [[0, 0, 1]])


def test_softmax_gradient():
    x, dy = real((2, 3, 5), 1), real((2, 3, 5), 2)
    y = reference.softmax(x)
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-14)
    dx = reference.softmax_backward(dy, y)
    check_gradient(lambda x: (reference.softmax(x) * dy).sum(), x, dx)


def test_log_softmax_and_its_gradient():
    x, dy = real((2, 3, 5), 1), real((2, 3, 5), 2)
    y = reference.log_softmax(x)
    np.testing.assert_allclose(np.exp(y), reference.softmax(x), rtol=1e-14)
    dx = reference.log_softmax_backward(dy, y)
    check_gradient(lambda x: (reference.log_softmax(x) * dy).sum(), x, dx)
    far = reference.log_softmax(np.array([[-1e4, 0.0, 1e4]], np.float32))
    np.testing.assert_array_equal(far, [[-2e4, -1e4, 0]])


def test_argmax_takes_the_first_maximum():
    x = np.array([[1, 3, 3], [2, 2, 1], [0, np.nan, 9]], np.float32)
    place = reference.argmax(x)
    assert place.dtype == np.int64
    np.testing.assert_array_equal(place, [1, 0, 1])
    assert reference.argmax(x[0]).shape == ()


@pytest.mark.parametrize("size", [1, 8, 13, 256])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.5, 1.0])
def test_dropout_follows_the_words(size, rate):
    x, counter = integers((size,), 1) + 20, np.array([5], np.uint64)
    y, mask = reference.dropout(x, rate, seed=3, stream=7, counter=counter)
    assert counter[0] == 6
    words = reference.philox(size, seed=3, stream=7, step=5)
    kept = words.astype(np.float64) >= round(rate * 2**32)
    np.testing.assert_array_equal(y != 0, kept)
    np.testing.assert_array_equal(
        np.unpackbits(mask, bitorder="little")[:size].astype(bool), kept
    )
    factor = np.float32(1 / (1 - rate) if rate < 1 else 0)
    np.testing.assert_array_equal(y, np.where(kept, x * factor, 0))
    dy = integers((size,), 2)
    dx = reference.dropout_backward(dy, mask, rate)
    np.testing.assert_array_equal(dx, np.where(kept, dy * factor, 0))


def test_dropout_gradient():
    x, dy = real((3, 5), 1), real((3, 5), 2)

    def loss(x):
        step = np.zeros(1, np.uint64)
        y, _ = reference.dropout(x, 0.4, seed=1, stream=1, counter=step)
        return (y * dy).sum()

    _, mask = reference.dropout(
        x, 0.4, seed=1, stream=1, counter=np.zeros(1, np.uint64)
    )
    check_gradient(loss, x, reference.dropout_backward(dy, mask, 0.4))


def test_sums_and_scalings():
    x, y = integers((37,), 1), integers((37,), 2)
    before = y.copy()
    np.testing.assert_array_equal(reference.add(x, y), x + y)
    assert reference.add_scaled(y, x, 0.5) is None
    np.testing.assert_array_equal(y, before + x / 2)
    reference.scale(y, 4.0)
    np.testing.assert_array_equal(y, 4 * before + 2 * x)
    total = reference.sum_of_squares(x)
    assert type(total) is float
    assert total == (x.astype(np.int64) ** 2).sum()


@pytest.mark.parametrize("source", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("target", [None, "float32", "float64"])
def test_gather(source, target):
    x = np.arange(24).reshape(4, 3, 2).astype(source)
    rows = np.array([3, 0, 3])
    out = None if target is None else np.empty((3, 3, 2), target)
    y = reference.gather(x, rows, scale=0.5, out=out)
    assert y.dtype == (target or ("float32" if source == "uint8" else source))
    np.testing.assert_array_equal(y, x[rows] / 2)


def test_complex_numbers_choose_by_the_real_part():
    x = np.array([-1 + 1j, 1 - 1j])
    np.testing.assert_array_equal(reference.activation(x, "relu"), [0, 1 - 1j])
    assert like(np.ones(1), x).dtype == np.complex128
