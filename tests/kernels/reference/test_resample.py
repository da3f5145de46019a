"""Up-sampling, adaptive pooling and padding against loops, and their gradients."""

import math

import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.reference.gradients import check_gradient, real


def blend(line, i, factor):
    """Linear interpolation between the centres of pixels, at output i."""
    at = max((i + 0.5) / factor - 0.5, 0.0)
    below = min(math.floor(at + 1e-9), len(line) - 1)
    above = min(below + 1, len(line) - 1)
    return line[below] + (at - below) * (line[above] - line[below])


@pytest.mark.parametrize("size", [1, 2, (3, 1), (1, 4), (5, 3)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_upsampling_is_the_formula(size, interpolation):
    x = real((2, 3, 4, 2))
    s, t = size if isinstance(size, tuple) else (size, size)
    y = reference.upsample2d(x, size, interpolation=interpolation)
    for n, i, j, c in np.ndindex(y.shape):
        if interpolation == "nearest":
            want = x[n, i // s, j // t, c]
        else:
            columns = [blend(row, j, t) for row in x[n, :, :, c]]
            want = blend(columns, i, s)
        assert abs(y[n, i, j, c] - want) < 1e-15


@pytest.mark.parametrize("size", [1, 3, (2, 5), (9, 1)])
def test_adaptive_pooling_is_the_formula(size):
    x = real((2, 7, 5, 3))
    oh, ow = size if isinstance(size, tuple) else (size, size)
    y = reference.adaptive_avg_pool2d(x, size)
    assert y.shape == (2, oh, ow, 3)
    for i, j in np.ndindex(oh, ow):
        rows = range(math.floor(i * 7 / oh), math.ceil((i + 1) * 7 / oh))
        columns = range(math.floor(j * 5 / ow), math.ceil((j + 1) * 5 / ow))
        taps = [x[:, r, q] for r in rows for q in columns]
        assert abs(y[:, i, j] - sum(taps) / len(taps)).max() < 1e-15


CASES = [
    ("upsample2d", (2, 3, 2, 2), ((2, 3),), {}),
    ("upsample2d", (2, 3, 2, 2), ((2, 3),), {"interpolation": "bilinear"}),
    ("upsample2d", (1, 1, 4, 1), (4,), {"interpolation": "bilinear"}),
    ("adaptive_avg_pool2d", (2, 5, 4, 2), ((3, 3),), {}),
    ("adaptive_avg_pool2d", (1, 2, 3, 2), ((5, 1),), {}),
    ("zero_pad2d", (2, 2, 3, 2), (((1, 0), (2, 1)),), {}),
]


@pytest.mark.parametrize(("op", "shape", "args", "options"), CASES)
def test_gradients(op, shape, args, options):
    x = real(shape)
    forward = getattr(reference, op)
    r = real(forward(x, *args, **options).shape, seed=1)
    given = (shape,) if op == "adaptive_avg_pool2d" else args
    dx = getattr(reference, f"{op}_backward")(r, *given, **options)
    check_gradient(lambda z: (forward(z, *args, **options) * r).sum(), x, dx)
