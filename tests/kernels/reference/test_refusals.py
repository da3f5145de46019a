"""Bad arguments: the right error, three parts, and nothing has changed."""

import copy

import numpy as np
import pytest

from pellucid.kernels import checks, reference
from tests.kernels.reference.bad_arrays import ones
from tests.kernels.reference.bad_calls import BAD_CALLS


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_calls_are_refused(case):
    name, args, options, error, words = BAD_CALLS[case]()
    before = copy.deepcopy((args, options))
    with pytest.raises(error, match=words) as caught:
        getattr(reference, name)(*args, **options)
    assert type(caught.value) is error
    message = str(caught.value)
    assert "Expected " in message
    assert message.endswith((".", "?"))
    np.testing.assert_equal((args, options), before)


def test_the_compiled_twin_refuses_complex_numbers():
    with pytest.raises(TypeError, match="a is an array of complex128"):
        checks.gemm(ones(2, 2, dtype="complex128"), ones(2, 2), False, False, None)


AWKWARD = {
    "list": lambda a: a.astype(np.float64).tolist(),
    "big-endian": lambda a: a.astype(">f8"),
    "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "fortran": np.asfortranarray,
    "negative strides": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "matrix": lambda a: np.asarray(a).view(type("Sub", (np.ndarray,), {})),
    "misaligned": lambda a: (
        np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape)
    ),
}


@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_inputs_give_the_right_result(kind):
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    awkward = AWKWARD[kind](a)
    c = reference.gemm(awkward, b)
    assert type(c) is np.ndarray
    np.testing.assert_array_equal(c, a @ b)


def test_read_only_and_broadcast_inputs_work():
    a, b = np.ones((2, 3)), np.broadcast_to(np.arange(4.0), (3, 4))
    a.flags.writeable = False
    np.testing.assert_array_equal(reference.gemm(a, b), a @ b)


def test_a_good_array_is_not_copied():
    x = ones(3, 4)
    assert checks.softmax(x, None)[0] is x


def test_running_statistics_and_counters_keep_when_refused():
    counter = np.array([3], np.uint64)
    with pytest.raises(ValueError, match=r"rate is 2\.0"):
        reference.dropout(ones(4), 2.0, seed=1, stream=1, counter=counter)
    assert counter[0] == 3
