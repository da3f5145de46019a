"""Arrays that every twin refuses, as inputs and as `out`; see `bad_calls.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Call = tuple[str, tuple[Any, ...], dict[str, Any], type[Exception], str]


def ones(*shape: int, dtype: str = "float32") -> np.ndarray[Any, Any]:
    return np.ones(shape, dtype)


def read_only() -> np.ndarray[Any, Any]:
    array = ones(2, 2)
    array.flags.writeable = False
    return array


def gemm(error: type[Exception], words: str, a: Any, **options: Any) -> Any:
    return lambda: ("gemm", (a, ones(2, 2)), options, error, words)


def pool(error: type[Exception], words: str, **options: Any) -> Callable[[], Call]:
    size = options.pop("pool_size", 2)
    return lambda: ("max_pool2d", (ones(2, 5, 5, 3), size), options, error, words)


def shared() -> Call:
    a = ones(2, 2)
    return "gemm", (a, ones(2, 2)), {"out": a}, ValueError, "shares memory"


def half_in_place() -> Call:
    x = ones(9)
    return "activation", (x[:8], "relu"), {"out": x[1:]}, ValueError, "shares memory"


def masked() -> Any:
    return np.ma.masked_array(ones(2, 2), mask=[[0, 1], [0, 0]])


ARRAYS: dict[str, Callable[[], Call]] = {
    # arrays
    "rank": gemm(ValueError, r"a has shape \(2,\), 1 dimensions", ones(2)),
    "scalar": gemm(ValueError, r"a has shape \(\), 0 dimensions", 1.0),
    "ragged": gemm(ValueError, "a does not form an array", [[1.0], [1.0, 2.0]]),
    "inner": gemm(ValueError, "3 is not 2", ones(2, 3)),
    "integers": gemm(TypeError, "a is an array of int64", np.ones((2, 2), int)),
    "bytes": gemm(TypeError, "a is an array of uint8", np.ones((2, 2), np.uint8)),
    "half": gemm(TypeError, "a is an array of float16", np.ones((2, 2), np.float16)),
    "bool": gemm(TypeError, "a is an array of bool", np.ones((2, 2), bool)),
    "objects": gemm(TypeError, "a is an array of object", np.ones((2, 2), object)),
    "strings": gemm(TypeError, "a is an array of <U1", np.full((2, 2), "1")),
    "masked": gemm(TypeError, "masked array", masked()),
    "mixed": gemm(TypeError, "b is an array of float32", ones(2, 2, dtype="float64")),
    "flag": gemm(TypeError, "trans_a is 1", ones(2, 2), trans_a=1),
    # out
    "out list": gemm(TypeError, "out is a list", ones(2, 2), out=[1]),
    "out shape": gemm(ValueError, r"out has shape \(2,\)", ones(2, 2), out=ones(2)),
    "out dtype": gemm(
        ValueError, "out is an array of float64", ones(2, 2), out=np.ones((2, 2))
    ),
    "out byte order": gemm(
        ValueError, "out is an array of >f4", ones(2, 2), out=np.ones((2, 2), ">f4")
    ),
    "out read-only": gemm(ValueError, "out is read-only", ones(2, 2), out=read_only()),
    "out strided": gemm(
        ValueError, "out is not C-contiguous", ones(2, 2), out=ones(2, 4)[:, ::2]
    ),
    "out fortran": gemm(
        ValueError, "out is not C-contiguous", ones(2, 2), out=ones(2, 2).copy("F").T.T
    ),
    "out misaligned": gemm(
        ValueError,
        "out is misaligned",
        ones(2, 2),
        out=np.zeros(17, np.uint8)[1:].view(np.float32).reshape(2, 2),
    ),
    "out broadcast": gemm(
        ValueError,
        "out overlaps itself",
        ones(2, 2),
        out=np.lib.stride_tricks.as_strided(ones(2), (2, 2), (0, 4)),
    ),
    "out shared": shared,
    "out half in place": half_in_place,
    "out no tuple": pool(TypeError, "out is a ndarray", out=ones(2, 2, 2, 3)),
    "out short tuple": pool(ValueError, "out has 1 items", out=(None,)),
}
