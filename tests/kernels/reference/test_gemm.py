import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.reference.gradients import check_gradient, like, real
from tests.support.data import integers


@pytest.mark.parametrize("trans_a", [False, True])
@pytest.mark.parametrize("trans_b", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 7, 3), (4, 0, 2), (0, 3, 2)])
def test_gemm_is_the_sum_of_products(trans_a, trans_b, sizes):
    m, k, n = sizes
    a, b = integers((m, k), 1), integers((k, n), 2)
    expected = np.zeros((m, n), np.float32)
    for i in range(m):
        for j in range(n):
            for step in range(k):
                expected[i, j] += a[i, step] * b[step, j]
    stored_a, stored_b = a.T if trans_a else a, b.T if trans_b else b
    out = np.full((m, n), np.nan, np.float32)
    c = reference.gemm(stored_a, stored_b, trans_a=trans_a, trans_b=trans_b, out=out)
    assert c is out
    np.testing.assert_array_equal(c, expected)


@pytest.mark.parametrize("activation", [None, "relu", "leaky_relu", "sigmoid", "tanh"])
def test_dense_fuses_bias_and_activation(activation):
    x, w, b = real((3, 4), 1), real((4, 5), 2), real((5,), 3)
    plain = x @ w + b
    expected = reference.activation(plain, activation) if activation else plain
    np.testing.assert_array_equal(
        reference.dense(x, w, b, activation=activation), expected
    )


def test_dense_gradients():
    x, w, b, dy = real((3, 4), 1), real((4, 5), 2), real((5,), 3), real((3, 5), 4)
    dx, dw, db = reference.dense_backward(dy, x, w)

    def loss(x, w, b):
        kind = np.result_type(x, w, b)
        x, w, b = (array.astype(kind) for array in (x, w, b))
        return (reference.dense(x, w, b) * dy).sum()

    check_gradient(lambda x: loss(x, w, b), x, dx)
    check_gradient(lambda w: loss(x, w, b), w, dw)
    check_gradient(lambda b: loss(like(x, b), w, b), b, db)


def test_gradients_that_are_not_needed_are_not_computed():
    dy, x, w = integers((3, 5), 1), integers((3, 4), 2), integers((4, 5), 3)
    dx, dw, db = reference.dense_backward(dy, x, w, need_dx=False, need_db=False)
    assert dx is None
    assert db is None
    np.testing.assert_array_equal(dw, x.T @ dy)


def test_out_is_a_tuple_where_the_result_is_one():
    dy, x, w = integers((3, 5), 1), integers((3, 4), 2), integers((4, 5), 3)
    target = np.full((4, 5), np.nan, np.float32)
    dx, dw, db = reference.dense_backward(dy, x, w, out=(None, target, None))
    assert dw is target
    np.testing.assert_array_equal(dx, dy @ w.T)
    np.testing.assert_array_equal(db, dy.sum(axis=0))
