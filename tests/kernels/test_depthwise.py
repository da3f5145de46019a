"""Convolution of every channel by itself: the bits of one channel after the other."""

import numpy as np
import pytest

from tests.kernels.exact import (
    Conv,
    core,
    every_dtype,
    every_isa,
    forced,
    same_bits,
)
from tests.support import data
from tests.support.guard import misaligned

PAD = ((1, 1), (1, 1))
SHAPES = {
    "tiles of every width": Conv((2, 5, 23, 18), (3, 3, 1, 18), padding=PAD),
    "a chunk of several images": Conv((19, 3, 4, 5), (3, 3, 1, 5), padding=PAD),
    "wide padding": Conv((1, 4, 3, 16), (3, 3, 1, 16), padding=((3, 2), (4, 3))),
    "strides": Conv((2, 11, 12, 17), (3, 3, 1, 17), (2, 3), PAD),
    "stride of rows": Conv((2, 11, 12, 17), (3, 3, 1, 17), (3, 1), PAD),
    "dilation": Conv((2, 11, 12, 9), (3, 3, 1, 9), (1, 1), PAD, (2, 3)),
    "rectangle": Conv((2, 9, 8, 16), (2, 5, 1, 16), (1, 1), ((1, 0), (2, 2))),
    "one tap": Conv((2, 5, 4, 33), (1, 1, 1, 33), (2, 2)),
    "five by five": Conv((2, 9, 8, 35), (5, 5, 1, 35), (1, 1), ((2, 2), (2, 2))),
    "two filters": Conv((2, 6, 8, 9), (3, 3, 1, 18), (1, 1), PAD),
    "three filters, strides": Conv((3, 7, 8, 6), (3, 2, 1, 18), (2, 1), PAD),
    "nothing padded": Conv((2, 8, 9, 49), (3, 3, 1, 49)),
    "padded left": Conv((2, 4, 8, 20), (3, 3, 1, 20), padding=((0, 1), (1, 0))),
    "padded right": Conv((2, 4, 7, 33), (3, 3, 1, 33), padding=((2, 0), (0, 1))),
    "one column": Conv((2, 3, 1, 5), (3, 3, 1, 5), padding=PAD),
    "three columns": Conv((1, 2, 3, 40), (3, 3, 1, 40), padding=PAD),
    "four columns": Conv((1, 9, 4, 3), (3, 3, 1, 3), padding=PAD),
    "nine taps of a phase": Conv((2, 9, 13, 8), (5, 5, 1, 8), (2, 2), ((2, 2), (2, 2))),
    "bands of rows": Conv((1, 150, 70, 32), (3, 3, 1, 32), padding=PAD),
}


def three(x, w, dy, bias, case, groups):
    """(y, dx, dw)."""
    options = case.options | {"groups": groups, "conv_algo": "direct"}
    y = core.conv2d(x, w, bias, activation="relu", **options)
    dx, dw, _ = core.conv2d_backward(dy, x, w, need_db=False, **options)
    return y, dx, dw


@every_isa
@every_dtype
@pytest.mark.parametrize("name", SHAPES)
def test_the_bits_of_every_channel_alone(isa, dtype, name):
    case = SHAPES[name]
    x, w, dy = case.arrays(make=data.uniform, dtype=dtype)
    bias = data.uniform(w.shape[3:], 5, dtype=dtype)
    c, filters = x.shape[3], w.shape[3] // x.shape[3]
    channels = sorted({0, c // 2, c - 1})
    with forced(isa, 3):
        results = three(x, w, dy, bias, case, c)
        for channel in channels:
            ins = slice(channel, channel + 1)
            outs = slice(channel * filters, (channel + 1) * filters)
            alone = three(
                *(x[..., ins].copy(), w[..., outs].copy(), dy[..., outs].copy()),
                *(bias[outs], case, 1),
            )
            parts = (outs, ins, outs)
            for whole, part, one in zip(results, parts, alone, strict=True):
                assert same_bits(np.ascontiguousarray(whole[..., part]), one)


def test_filters_too_many_for_chunks_are_shared_by_channels(threads):
    case = Conv((3, 5, 6, 7300), (3, 3, 1, 7300), padding=PAD, groups=7300)
    x, w, dy = case.arrays()
    with forced(core.active_isa(), threads):
        _, _, dw = three(x, w, dy, None, case, 7300)
    np.testing.assert_array_equal(dw, exact_weights(x, dy))


def exact_weights(x, dy):
    """The gradient of 3 x 3 filters with a border of 1, exact on whole numbers."""
    padded = np.pad(x, ((0, 0), *PAD, (0, 0)))
    _, oh, ow, c = dy.shape
    dw = np.empty((3, 3, 1, c), x.dtype)
    for u, v in np.ndindex(3, 3):
        dw[u, v, 0] = (padded[:, u : u + oh, v : v + ow] * dy).sum((0, 1, 2))
    return dw


@every_isa
def test_results_written_past_the_caches_have_the_same_bits(isa):
    # Two images are more than 16 MB, each of them is less.
    shape = (2, 190, 185, 64)
    x, w = data.uniform(shape, 1), data.uniform((3, 3, 1, 64), 2)
    options = {"padding": 1, "groups": 64}
    y, dx = misaligned(x, 0), misaligned(x, 0)
    with forced(isa, 2):
        core.conv2d(x, w, out=y, **options)
        core.conv2d_backward(x, x, w, out=(dx, None, None), **options)
        for i in range(2):
            one = x[i : i + 1]
            assert same_bits(core.conv2d(one, w, **options), y[i : i + 1])
            alone, _, _ = core.conv2d_backward(one, one, w, **options)
            assert same_bits(alone, dx[i : i + 1])


def test_who_computes_and_why():
    sizes = {"n": 2, "h": 8, "w": 8, "c": 6, "kh": 3, "kw": 3, "padding": 1}
    text = core.explain("conv", **sizes, k=12, groups=6)
    assert text.count(": direct (depthwise)") == 3
    text = core.explain("conv", **sizes, k=12, groups=3)
    reason = "direct (depthwise): a group has more than one channel"
    assert text.count(reason) == 3
    text = core.explain("conv", **sizes, k=12)
    assert text.count("direct (depthwise): the channels are not grouped") == 3
