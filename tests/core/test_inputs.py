from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.core import as_float_input, check_number
from tests.support.guard import layouts

X = np.arange(12.0).reshape(4, 3)


def test_the_right_array_is_returned_as_it_is() -> None:
    x = X.astype("float32")
    assert as_float_input(x, "float32", "x") is x
    view = x[:, ::2]
    assert as_float_input(view, "float32", "x") is view


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "x",
    [
        X,
        X.astype("float16"),
        X.astype("float32"),
        X.astype("longdouble"),
        X.astype("int64"),
        X.astype("uint8"),
        X.astype("int8"),
        X.astype(">f4"),
        X.astype(">i2"),
        X.tolist(),
        [[float(v) for v in row] for row in X],
        X.view(np.matrix),
        [np.float32(1.5), 2],
        memoryview(X),
    ],
    ids=lambda x: f"{type(x).__name__} {getattr(x, 'dtype', '')}",
)
def test_numbers_are_converted(x: Any, dtype: str) -> None:
    array = as_float_input(x, dtype, "x")
    assert type(array) is np.ndarray
    assert array.dtype == dtype
    assert array.dtype.isnative
    assert (array == np.asarray(x)).all()


def test_layouts() -> None:
    for _, view in layouts(X):
        assert (as_float_input(view, "float64", "x") == X).all()


class Refuses:
    """Something that numpy makes an object array of."""


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X > 3, "x is a boolean array"),
        (X.astype(complex), "complex128 is not supported"),
        (X.astype("complex64"), "complex64 is not supported"),
        (X.astype(object), "x is an object array"),
        (None, "x is an object array"),
        (Refuses(), "x is an object array"),
        ([2**70], "x is an object array"),
        (X.astype(str), "x is an array of strings"),
        ("abc", "x is an array of strings"),
        (X.astype("S3"), "x is an array of byte strings"),
        (X.astype("datetime64[s]"), "x is an array of dates"),
        (X.astype("timedelta64[s]"), "x is an array of time differences"),
        (np.zeros(3, "f4,i4"), "x is a structured array"),
        (np.ma.masked_array(X, X > 3), r"masked array.*\n?.*\n?.*filled"),
    ],
)
def test_other_kinds_are_refused(x: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message) as caught:
        as_float_input(x, "float32", "x")
    assert "Expected" in str(caught.value)


def test_ragged_lists() -> None:
    with pytest.raises(ValueError, match="x does not form an array"):
        as_float_input([[1.0], [1.0, 2.0]], "float32", "x")


def test_images_of_bytes() -> None:
    images = np.zeros((2, 4, 4, 1), "uint8")
    with pytest.raises(ValueError, match=r"(?s)uint8.*x.astype\(.float32.\) / 255"):
        as_float_input(images, "float32", "x")
    assert as_float_input(images, "float32", "x", keep_bytes=True) is images
    assert as_float_input(images[0], "float32", "x").dtype == np.float32


def test_large_integers_warn() -> None:
    with pytest.warns(UserWarning, match="not exactly representable as float32"):
        as_float_input(np.array([2**24 + 1]), "float32", "x")
    with pytest.warns(UserWarning, match="16777217"):
        as_float_input(np.array([-(2**24) - 1]), "float32", "x")
    with pytest.warns(UserWarning, match="float64"):
        as_float_input(np.array([2**53 + 1]), "float64", "x")
    # no warning (warnings are errors here)
    as_float_input(np.array([2**24, -(2**24)]), "float32", "x")
    as_float_input(np.array([2**53]), "float64", "x")
    as_float_input(np.zeros(0, "int64"), "float32", "x")


@pytest.mark.parametrize(
    "value", [0, 1, 0.5, np.float32(0.25), np.int64(1), np.float64(1)]
)
def test_check_number_accepts(value: Any) -> None:
    number = check_number(value, "rate", at_least=0, at_most=1)
    assert type(number) is float
    assert number == value


@pytest.mark.parametrize("value", [True, np.True_, "0.1", None, 1j, [1], np.ones(1)])
def test_check_number_refuses_kinds(value: Any) -> None:
    with pytest.raises(TypeError, match=r"rate is .*Expected a finite number above 0"):
        check_number(value, "rate", above=0)


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (float("nan"), {}),
        (float("inf"), {}),
        (-0.1, {"at_least": 0}),
        (0, {"above": 0}),
        (1.1, {"at_most": 1}),
    ],
)
def test_check_number_refuses_values(value: float, bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"rate is .*Expected a finite number"):
        check_number(value, "rate", **bounds)
