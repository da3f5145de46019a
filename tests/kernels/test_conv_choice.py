"""The algorithm of a convolution: chosen by shape alone, explained, or requested."""

import pytest

from tests.kernels.exact import (
    FMA_ISAS,
    THREADS,
    core,
    forced,
    one_result,
    same_bits,
)
from tests.support import data

LETTERS = ("n", "h", "w", "c", "kh", "kw", "k")
SIZES = {"n": 4, "h": 16, "w": 16, "c": 32, "kh": 3, "kw": 3, "k": 32, "padding": 1}
REFUSALS = [
    ({"dtype": "float64"}, "float64 is always direct"),
    ({"kh": 5, "kw": 5}, "the filter is not 3 x 3"),
    ({"kh": 3, "kw": 1}, "the filter is not 3 x 3"),
    ({"strides": 2}, "the stride is not 1"),
    ({"strides": (1, 2)}, "the stride is not 1"),
    ({"dilation": (2, 1)}, "the filter is dilated"),
    ({"groups": 2}, "the channels are grouped"),
    ({"padding": 3}, "the padding is wider than 2"),
    ({"padding": ((0, 0), (3, 0))}, "the padding is wider than 2"),
    ({"c": 31}, "fewer than 32 channels or filters"),
    ({"k": 31}, "fewer than 32 channels or filters"),
    ({"h": 5, "w": 1, "n": 64}, "more than half of the 4 x 4 tiles would be waste"),
    ({"n": 1, "h": 7, "w": 9}, "too few outputs to repay the transform of the filters"),
]


def explained(**shape):
    """Per direction what computes, and the refusals of Winograd."""
    lines = core.explain("conv", **(SIZES | shape)).splitlines()[1:]
    chosen = dict(line.strip().split(": ", 1) for line in lines if ": not " not in line)
    refused = [line for line in lines if ": not winograd" in line]
    return chosen, refused


def directions(shape, conv_algo):
    """(y, dx, dw) of a convolution with these sizes."""
    options = SIZES | shape | {"conv_algo": conv_algo}
    n, h, w, c, kh, kw, k = (options.pop(letter) for letter in LETTERS)
    dtype = options.pop("dtype", "float32")
    x = data.uniform((n, h, w, c), 1, dtype=dtype)
    filters = (kh, kw, c // options.get("groups", 1), k)
    filters = data.uniform(filters, 2, dtype=dtype)
    y = core.conv2d(x, filters, **options)
    dx, dw, _ = core.conv2d_backward(y, x, filters, **options)
    return y, dx, dw


@pytest.mark.parametrize(("shape", "reason"), REFUSALS, ids=str)
def test_shapes_that_winograd_refuses_are_direct(shape, reason):
    chosen, refused = explained(**shape)
    assert set(chosen) == {"forward", "backward-data", "backward-weights"}
    assert set(chosen.values()) == {"direct (implicit gemm)"}
    assert [line.endswith(f": {reason}") for line in refused] == [True] * 3
    one_result({name: directions(shape, name) for name in ("auto", "direct")})


@pytest.mark.parametrize("channels", [32, 512])
def test_forward_half_as_many_outputs_are_enough(channels):
    few = {"n": 1, "h": 8, "w": 8, "c": channels, "k": channels}
    chosen, refused = explained(**few)
    assert chosen["forward"] == "winograd f(4x4,3x3)"
    assert len(refused) == 2
    assert len(explained(**few | {"h": 7})[1]) == 3
    assert not explained(**few | {"n": 2})[1]


def test_winograd_is_not_used_when_another_algorithm_is_requested():
    for conv_algo, directions_left in (("direct", 3), ("im2col", 2)):
        _, refused = explained(conv_algo=conv_algo)
        assert len(refused) == directions_left
        assert refused[-1].endswith(": another algorithm was requested")


def test_shapes_that_winograd_takes():
    assert set(explained()[0].values()) == {"winograd f(4x4,3x3)"}
    one_result(
        {algorithm: directions({}, algorithm) for algorithm in ("auto", "winograd")}
    )
    direct, winograd = directions({}, "direct"), directions({}, "winograd")
    for a, b in zip(direct, winograd, strict=True):
        assert not same_bits(a, b)


@pytest.mark.parametrize(
    "shape", [{"c": 1, "k": 1}, {"n": 1, "h": 7, "w": 9}, {"h": 3, "w": 3}], ids=str
)
def test_winograd_on_request_computes_what_auto_leaves(shape):
    assert all(name.startswith("direct") for name in explained(**shape)[0].values())
    chosen, _ = explained(**shape, conv_algo="winograd")
    assert set(chosen.values()) == {"winograd f(4x4,3x3)"}


@pytest.mark.parametrize("isa", FMA_ISAS)
@pytest.mark.parametrize("threads", THREADS)
def test_the_choice_does_not_depend_on_isa_or_threads(isa, threads):
    expected = explained()[0], explained(n=1)[0], explained(c=31)[0]
    with forced(isa, threads):
        assert (explained()[0], explained(n=1)[0], explained(c=31)[0]) == expected


def test_im2col_only_on_request_and_only_forward():
    chosen, _ = explained(conv_algo="im2col")
    assert chosen == {
        "forward": "im2col",
        "backward-data": "direct (implicit gemm)",
        "backward-weights": "direct (implicit gemm)",
    }
    chosen, _ = explained(conv_algo="im2col", groups=2)
    assert chosen["forward"] == "direct (implicit gemm)"
