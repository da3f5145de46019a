"""Faults of neural-network tutorials that pellucid must not have: measures and starts.

See test_tutorial_bugs.py.
"""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

import pellucid as pl
from pellucid.about import configuration


def test_b27_a_multiply_add_is_two_operations_and_every_layer_has_its_row():
    model = pl.Sequential(
        [pl.Conv2D(4, 3), pl.Flatten(), pl.Dense(5), pl.Dense(5), pl.Dense(5)],
        input_shape=(6, 6, 2),
        seed=0,
    )
    rows = {row.name: row.mflop * 1e6 for row in model.summary().rows}
    assert len(rows) == 5
    assert rows["conv2d_1"] == pytest.approx(2 * (4 * 4 * 4) * (3 * 3 * 2))
    assert rows["dense_1"] == pytest.approx(2 * 64 * 5)
    assert rows["dense_2"] == rows["dense_3"] == pytest.approx(2 * 5 * 5)
    mnist = pl.mlp([784, 128, 64, 10], seed=0)
    table = mnist.summary()
    assert table.parameters == 109_386
    weights = 784 * 128 + 128 * 64 + 64 * 10
    assert sum(row.mflop for row in table.rows) == pytest.approx(2e-6 * weights)
    code = "import sys, pellucid as p; p.mlp([2, 2]); print('psutil' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_b28_the_python_version_is_pythons():
    found = configuration()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["numpy"] == np.__version__


DISTRIBUTIONS = [
    (pl.HeNormal, "normal", lambda i, o: math.sqrt(2 / i)),
    (pl.GlorotNormal, "normal", lambda i, o: math.sqrt(2 / (i + o))),
    (pl.LeCunNormal, "normal", lambda i, o: math.sqrt(1 / i)),
    (pl.HeUniform, "uniform", lambda i, o: math.sqrt(2 / i)),
    (pl.GlorotUniform, "uniform", lambda i, o: math.sqrt(2 / (i + o))),
    (pl.LeCunUniform, "uniform", lambda i, o: math.sqrt(1 / i)),
]


def weights(kind, inputs=200, units=300):
    layer = pl.Dense(units, kernel_initializer=kind())
    layer.bind(dtype="float64", seed=3, name="dense")
    layer.build((inputs,))
    return np.sort(layer.weight.value.ravel())


def distance(values, kind, std):
    """Kolmogorov and Smirnov's: the largest gap between the two distributions."""
    if kind == "normal":
        want = np.array([0.5 * (1 + math.erf(v / std / math.sqrt(2))) for v in values])
    else:
        limit = math.sqrt(3) * std
        want = np.clip((values + limit) / (2 * limit), 0, 1)
    n = len(values)
    return max(
        np.abs(want - np.arange(n) / n).max(),
        np.abs(want - np.arange(1, n + 1) / n).max(),
    )


@pytest.mark.parametrize(("kind", "shape", "std"), DISTRIBUTIONS)
def test_b32_initial_weights_follow_the_distribution_that_their_name_says(
    kind, shape, std
):
    values = weights(kind)
    limit = 1.95 / math.sqrt(len(values))  # exceeded once in a thousand
    assert distance(values, shape, std(200, 300)) < limit
    other = "uniform" if shape == "normal" else "normal"
    assert distance(values, other, std(200, 300)) > 2 * limit
    if shape == "uniform":
        assert np.abs(values).max() <= math.sqrt(3) * std(200, 300)


@pytest.mark.parametrize(("kind", "shape", "std"), DISTRIBUTIONS)
def test_b36_initialisers_have_the_deviation_of_their_papers(kind, shape, std):
    values = weights(kind)
    # He, Glorot and LeCun differ by a factor of 1.1 at least for 200 to 300.
    assert values.std() == pytest.approx(std(200, 300), rel=0.02)
    assert abs(values.mean()) < 4 * std(200, 300) / math.sqrt(len(values))
    name = kind.__name__
    assert (
        pl.Dense(3, kernel_initializer=_snake(name)).config()["kernel_initializer"]
        == pl.Dense(3, kernel_initializer=kind()).config()["kernel_initializer"]
    )


def _snake(name: str) -> str:
    for word in ("Normal", "Uniform"):
        name = name.replace(word, "_" + word)
    return name.lower().replace("le_cun", "lecun")
