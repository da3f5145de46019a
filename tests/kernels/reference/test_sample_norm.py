"""Layer and group normalization against plain statistics, and their gradients."""

import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.reference.gradients import check_gradient, like, real


def test_layer_normalization_is_that_of_each_row():
    x, gamma, beta = real((3, 2, 7)), real((7,), 1), real((7,), 2)
    y, mean, inv_std = reference.layer_norm(x, gamma, beta, epsilon=0.1)
    for place in np.ndindex(3, 2):
        row = x[place]
        assert abs(mean[place] - row.mean()) < 1e-15
        assert abs(inv_std[place] - (row.var() + 0.1) ** -0.5) < 1e-14
        want = (row - row.mean()) / np.sqrt(row.var() + 0.1) * gamma + beta
        assert abs(y[place] - want).max() < 1e-14


def test_group_normalization_is_that_of_each_sample_and_group():
    x, gamma, beta = real((3, 2, 4, 6)), real((6,), 1), real((6,), 2)
    y, mean, inv_std = reference.group_norm(x, gamma, beta, 3, epsilon=0.1)
    for n, group in np.ndindex(3, 3):
        channels = slice(2 * group, 2 * group + 2)
        part = x[n, ..., channels]
        assert abs(mean[n, group] - part.mean()) < 1e-15
        assert abs(inv_std[n, group] - (part.var() + 0.1) ** -0.5) < 1e-14
        z = (part - part.mean()) / np.sqrt(part.var() + 0.1)
        want = z * gamma[channels] + beta[channels]
        assert abs(y[n, ..., channels] - want).max() < 1e-14


CASES = {
    "layer": ((3, 2, 5), 0),
    "one row": ((1, 4), 0),
    "groups": ((2, 3, 2, 6), 3),
    "one group": ((2, 4), 1),
    "channels": ((2, 5, 3), 3),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients(case):
    shape, groups = CASES[case]
    x, gamma, beta, r = (
        real(shape),
        real(shape[-1:], 1),
        real(shape[-1:], 2),
        real(shape),
    )

    def loss(x, gamma, beta):
        if groups:
            y = reference.group_norm(x, gamma, beta, groups, epsilon=0.1)[0]
        else:
            y = reference.layer_norm(x, gamma, beta, epsilon=0.1)[0]
        return (y * r).sum()

    if groups:
        _, *kept = reference.group_norm(x, gamma, beta, groups, epsilon=0.1)
        got = reference.group_norm_backward(r, x, gamma, *kept)
    else:
        _, *kept = reference.layer_norm(x, gamma, beta, epsilon=0.1)
        got = reference.layer_norm_backward(r, x, gamma, *kept)
    check_gradient(lambda z: loss(z, like(gamma, z), like(beta, z)), x, got[0])
    check_gradient(lambda z: loss(like(x, z), z, like(beta, z)), gamma, got[1])
    check_gradient(lambda z: loss(like(x, z), like(gamma, z), z), beta, got[2])
