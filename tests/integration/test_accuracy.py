"""The scripts of examples/ reach their bars; golden numbers of textbooks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pellucid as pl
from examples import mnist_cnn, mnist_mlp, optimizers, overfit, points, regularization
from examples import xor as xor_script


def slow(test):
    """Minutes: only with --run-slow, and with time enough on a busy machine."""
    return pytest.mark.slow(pytest.mark.timeout(3600)(test))


@slow
@pytest.mark.parametrize("name", points.EXPERIMENTS)
def test_points_in_the_plane(name):
    experiment, bar = points.EXPERIMENTS[name]
    for seed in range(3):
        assert experiment(seed) >= bar


@slow
def test_xor_of_fifty_seeds():
    assert xor_script.count(xor_script.wide) >= xor_script.BAR
    # Reported, not required; a ReLU on the output dies more often.
    small = xor_script.count(xor_script.narrow)
    dying = xor_script.count(lambda seed: xor_script.narrow(seed, "relu"))
    assert small > dying


def test_ten_samples_by_heart():
    loss, steps = overfit.run()
    assert loss < overfit.BAR
    assert steps < 1000


@slow
def test_optimizers_are_compared():
    table = optimizers.compare()
    assert set(table) == set(optimizers.KINDS)
    for accuracy, epochs in table.values():
        assert 0.90 < accuracy < 0.925
        assert 1 <= epochs <= 100


@slow
def test_regularization_is_measured():
    plain, held = regularization.compare(regularization.moons)
    assert 0.8 < plain < held < 0.9


@slow
def test_the_mlp_on_mnist(mnist: Path, monkeypatch):
    monkeypatch.setenv("PELLUCID_DATA", str(mnist.parent))
    result = mnist_mlp.run()
    assert result["validation accuracy"] >= 0.98
    for epoch, bar in mnist_mlp.MILESTONES.items():
        assert result["losses"][epoch] <= bar


@slow
@pytest.mark.parametrize("kind", mnist_cnn.BARS)
def test_the_cnn_on_mnist(kind, mnist: Path, monkeypatch):
    monkeypatch.setenv("PELLUCID_DATA", str(mnist.parent))
    assert mnist_cnn.run(kind)["accuracy"] >= mnist_cnn.BARS[kind]


# Golden numbers -------------------------------------------------------------------


def test_golden_losses():
    p = [[0.9, 0.1], [0.2, 0.8]]
    ce = pl.CategoricalCrossEntropy()
    assert ce(p, [0, 1]) == pytest.approx((-np.log(0.9) - np.log(0.8)) / 2, rel=1e-12)
    assert round(ce(p, [0, 1]), 6) == 0.164252
    bce = pl.BinaryCrossEntropy()
    t, q = np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.8, 0.2])
    assert round(bce(q, t), 4) == 0.1643
    targets = bce.check(t, (1,), dtype=np.float64)
    _, gradient = bce.value_and_gradient(q[:, None], targets)
    found = [round(float(g), 5) for g in gradient[:, 0]]
    assert found == [-0.27778, 0.27778, -0.3125, 0.3125]
    mse = pl.MeanSquaredError()
    assert mse(q, t) == pytest.approx(0.025, rel=1e-12)
    _, gradient = mse.value_and_gradient(
        q[:, None], mse.check(t, (1,), dtype=np.float64)
    )
    np.testing.assert_allclose(gradient[:, 0], [-0.05, 0.05, -0.1, 0.1], rtol=1e-12)


def test_golden_sigmoid():
    x = np.array([-2.0, -1, 0, 1, 2])
    layer = pl.Sigmoid().bind(dtype="float64", seed=0)
    y = layer.forward(x[:, None], training=True)
    golden = [0.11920292, 0.26894142, 0.5, 0.73105858, 0.88079708]
    assert [round(float(v), 8) for v in y[:, 0]] == golden
    slope = layer.backward(np.ones((5, 1)))
    golden = [0.10499359, 0.19661193, 0.25, 0.19661193, 0.10499359]
    assert [round(float(v), 8) for v in slope[:, 0]] == golden


@pytest.mark.parametrize(
    ("optimizer", "golden"),
    [
        (lambda: pl.SGD(0.1), 0.0576460752),
        (lambda: pl.SGD(0.1, momentum=0.9), -1.746263083),
        (lambda: pl.Adam(0.1), 3.060338887),
    ],
)
def test_golden_paths_on_a_parabola(optimizer, golden):
    """x**2 from 5, twenty steps of rate 0.1: x is the weight, the target 0."""
    model = pl.Sequential(
        [pl.Dense(1, use_bias=False)], input_shape=(1,), dtype="float64"
    )
    model.compile(optimizer(), "mse")
    model.build()
    (x,) = model.parameters()
    x.value = np.array([[5.0]])
    for _ in range(20):
        model.train_on_batch([[1.0]], [[0.0]])
    assert x.value.item() == pytest.approx(golden, abs=1e-9)


def test_golden_forward_and_backward():
    """The net 2-3-1 of the worked example: x = (1, 2), y = 0.5, half the square."""
    layers = [pl.Dense(3, activation="sigmoid"), pl.Dense(1, activation="sigmoid")]
    model = pl.Sequential(layers, input_shape=(2,), dtype="float64")
    model.build()
    w1, b1, w2, b2 = model.parameters()
    w1.value = np.array([[0.2, 0.4, 0.1], [-0.3, 0.1, 0.5]])
    b1.value = np.array([0.4, 0.8, 0.5])  # z1 = 0, 1.4, 1.6
    w2.value = np.array([[-0.2], [0.4], [0.6]])
    b2.value = np.array([0.3])
    a2 = model.forward([[1.0, 2.0]], training=True)
    assert round(a2.item(), 8) == 0.73498908
    assert round(0.5 * (a2.item() - 0.5) ** 2, 8) == 0.02760993
    model.backward(a2 - 0.5)
    golden = [[0.0228856], [0.03671692], [0.03808248]]
    np.testing.assert_allclose(w2.grad, golden, atol=5e-9)
    np.testing.assert_allclose(b2.grad, [0.0457712], atol=5e-9)
    delta = [-0.00228856, 0.00290528, 0.00383829]
    np.testing.assert_allclose(b1.grad, delta, atol=5e-9)
    golden = [delta, [-0.00457712, 0.00581056, 0.00767659]]
    np.testing.assert_allclose(w1.grad, golden, atol=5e-9)


def test_golden_schedule_and_sizes():
    cosine = pl.CosineAnnealing(1.0, 10)
    assert [round(cosine(t), 12) for t in (0, 10, 15, 20)] == [1, 0, 0.5, 1]
    model = pl.mlp([784, 128, 64, 10])
    table = model.summary()
    assert table.parameters == 109_386
    per_sample = 3 * sum(row.mflop for row in table.rows)  # backward is twice forward
    assert per_sample == pytest.approx(0.655, abs=0.002)
