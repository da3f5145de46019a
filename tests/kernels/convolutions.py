"""Convolutions of every kind, and their three results."""

import numpy as np
import pytest

from tests.kernels.exact import Conv, core

# One of each kind: what a network has, every option, windows that leave the image on
# every side, bands of rows, several panels of filters, filters too large for chunks.
KINDS = {
    "first layer": Conv((2, 12, 11, 3), (3, 3, 3, 64), padding=((1, 1), (1, 1))),
    "one channel": Conv((3, 12, 13, 1), (5, 5, 1, 6)),
    "few filters": Conv((2, 12, 21, 3), (7, 6, 3, 7), padding=((3, 3), (0, 4))),
    "few filters strided": Conv((2, 9, 12, 2), (3, 4, 2, 9), strides=(2, 2)),
    "few filters dilated": Conv((2, 11, 12, 2), (3, 2, 2, 5), dilation=(2, 1)),
    "few filters far out": Conv((2, 5, 18, 3), (2, 3, 3, 4), padding=((3, 2), (4, 3))),
    "1x1": Conv((2, 5, 6, 17), (1, 1, 17, 33)),
    "1x1 strided": Conv((2, 7, 6, 9), (1, 1, 9, 20), strides=(2, 2)),
    "strided": Conv(
        (2, 11, 9, 8), (3, 3, 8, 24), strides=(2, 3), padding=((0, 1), (1, 0))
    ),
    "long stride": Conv((1, 9, 13, 4), (2, 2, 4, 5), strides=(4, 5)),
    "dilated": Conv(
        (2, 9, 10, 5), (3, 2, 5, 7), dilation=(2, 3), padding=((2, 2), (0, 3))
    ),
    "grouped": Conv((2, 6, 7, 12), (3, 3, 4, 18), groups=3, padding=((1, 1), (1, 1))),
    "depthwise": Conv(
        (2, 7, 6, 19), (3, 3, 1, 19), groups=19, padding=((1, 1), (1, 1))
    ),
    "depthwise tiles": Conv(
        (2, 9, 19, 33), (3, 3, 1, 33), groups=33, padding=((2, 0), (0, 2))
    ),
    "depthwise strided": Conv(
        (3, 9, 12, 17), (3, 3, 1, 17), (2, 3), ((0, 1), (2, 0)), (1, 2), groups=17
    ),
    "depthwise filters": Conv(
        (2, 7, 9, 7), (4, 3, 1, 21), (1, 2), ((2, 1), (1, 1)), groups=7
    ),
    "all options": Conv(
        (2, 9, 12, 6), (2, 3, 3, 10), (2, 1), ((1, 0), (2, 1)), (3, 2), groups=2
    ),
    "only padding": Conv((1, 2, 1, 3), (3, 4, 3, 17), padding=((4, 3), (5, 4))),
    "bands": Conv((1, 70, 40, 40), (3, 3, 40, 9), padding=((1, 1), (1, 1))),
    "panels": Conv((1, 4, 5, 7), (3, 3, 7, 150), padding=((1, 1), (1, 1))),
    "chunks": Conv((19, 4, 5, 5), (3, 3, 5, 18), padding=((1, 1), (1, 1))),
    "large filter": Conv((3, 5, 5, 90), (3, 3, 90, 85), padding=((1, 1), (1, 1))),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def three(x, w, dy, case, **options):
    """(y, dx, dw) by direct convolution."""
    options = {"conv_algo": "direct"} | case.options | options
    y = core.conv2d(x, w, **options)
    dx, dw, _ = core.conv2d_backward(dy, x, w, need_db=False, **options)
    return y, dx, dw


def filled_three(x, w, dy, case):
    """`three` into arrays that hold NaN, after which the inputs must be as before."""
    before = [array.tobytes() for array in (x, w, dy)]
    y, dx, dw = (np.full(array.shape, np.nan, x.dtype) for array in (dy, x, w))
    options = {"conv_algo": "direct"} | case.options
    core.conv2d(x, w, out=y, **options)
    core.conv2d_backward(dy, x, w, need_db=False, out=(dx, dw, None), **options)
    assert [array.tobytes() for array in (x, w, dy)] == before
    return y, dx, dw
