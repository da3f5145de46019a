"""Losses: golden numbers, gradients, and what they say to bad targets."""

from __future__ import annotations

import re

import numpy as np
import pytest

import pellucid as pl
from pellucid.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Hinge,
    Huber,
    KLDivergence,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidBinaryCrossEntropy,
    SoftmaxCrossEntropy,
    get_loss,
)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sample(name, n=6, k=4, seed=0):
    """A prediction and targets in the domain of a loss."""
    rng = np.random.default_rng(seed)
    if name in ("mean_squared_error", "mean_absolute_error", "huber"):
        return rng.normal(size=(n, k)), rng.normal(size=(n, k))
    if name == "hinge":
        return rng.normal(size=(n, k)), rng.integers(0, 2, (n, k))
    logits = rng.normal(size=(n, k))
    if name == "softmax_cross_entropy":
        return logits, rng.integers(0, k, n)
    if name in ("categorical_cross_entropy", "kl_divergence"):
        return softmax(logits), softmax(rng.normal(size=(n, k)))
    targets = rng.random((n, k))
    if name == "binary_cross_entropy":
        return rng.uniform(0.05, 0.95, (n, k)), targets
    return logits, targets


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", list(LOSSES))
def test_gradient_is_that_of_the_value(name, weighted, reduction):
    smoothing = {"label_smoothing": 0.1} if name.endswith("entropy") else {}
    loss = LOSSES[name](reduction=reduction, **smoothing)
    p, y = sample(name)
    w = np.array([0.0, 1.0, 2.0, 0.5, 1.0, 3.0]) if weighted else None
    checked = loss.check(y, p.shape[1:], dtype="float64")
    _, gradient = loss.value_and_gradient(p, checked, weights=w)
    for index in np.ndindex(p.shape):
        values = []
        for sign in (1, -1):
            moved = p.copy()
            moved[index] += sign * 1e-6
            value, _ = loss.value_and_gradient(moved, checked, weights=w)
            values.append(value[0])
        assert gradient[index] == pytest.approx(
            (values[0] - values[1]) / 2e-6, rel=1e-6, abs=1e-8
        )


def test_the_tutorials_golden_numbers():
    p, t = [[0.9], [0.1], [0.8], [0.2]], [1, 0, 1, 0]
    assert MeanSquaredError()(p, t) == pytest.approx(0.025)
    assert BinaryCrossEntropy()(p, t) == pytest.approx(0.164252, abs=1e-6)
    assert MeanSquaredError()([[1.0, 2.0]], [[1.0, 4.0]]) == 2.0


def test_means_are_over_all_elements_so_output_width_does_not_scale_the_gradient():
    for k in (1, 2, 3):
        p, t = np.full((5, k), 2.0), np.zeros((5, k))
        value, gradient = MeanSquaredError().value_and_gradient(p, t)
        assert value[0] == 4.0
        np.testing.assert_allclose(gradient, 2 * p / p.size)


def test_weights_divide_by_the_count_not_by_their_sum():
    loss = MeanSquaredError()
    assert loss([[1.0], [1.0]], [0.0, 0.0], weights=[2.0, 0.0]) == 1.0


def test_huber_is_square_near_and_linear_far():
    loss = Huber(delta=2.0, reduction="sum")
    assert loss([[0.5]], [0.0]) == 0.125
    assert loss([[3.0], [-7.0]], [1.0, 3.0]) == 2.0 + 2 * 9.0
    assert loss.config() == {"delta": 2.0, "reduction": "sum"}
    for delta in (0, -1, np.nan):
        with pytest.raises(ValueError, match="Huber: delta"):
            Huber(delta)


def test_hinge_takes_both_kinds_of_labels():
    z = np.array([[0.5, -2.0], [3.0, 0.25]])
    signs = np.array([[1, -1], [1, -1]])
    assert Hinge()(z, signs) == Hinge()(z, (signs + 1) // 2) == (0.5 + 1.25) / 4
    assert Hinge()(z, (signs > 0)) == (0.5 + 1.25) / 4
    assert Hinge()([[1.0], [0.5]], [1, 1]) == 0.25
    words = "-1 and 1, or of 0 and 1"
    for targets, found in [
        ([[1, 0], [0.5, 1]], r"y is 0.5 at index \(1, 0\)"),
        ([[1, 0], [1, -1]], r"y is 0 beside -1 at index \(0, 1\)"),
        ([[np.nan, 1], [1, 1]], "y is nan"),
    ]:
        with pytest.raises(ValueError, match=found + f"(.|\n)*{words}"):
            Hinge()(z, targets)


def test_divergence_is_zero_at_the_target():
    rows = softmax(np.random.default_rng(0).normal(size=(7, 5)))
    assert KLDivergence()(rows, rows) == 0.0
    other = softmax(np.random.default_rng(1).normal(size=(7, 5)))
    entropy = -(rows * np.log(rows)).sum() / 7
    expected = CategoricalCrossEntropy()(other, rows) - entropy
    assert KLDivergence()(other, rows) == pytest.approx(expected, rel=1e-12)
    assert KLDivergence()([[0.0, 1.0]], [[0.0, 1.0]]) == 0.0
    with pytest.raises(ValueError, match="row 0 of y sums to 2"):
        KLDivergence()(other[:1, :2], [[1.0, 1.0]])
    with pytest.raises(ValueError, match="not a probability"):
        KLDivergence()([[1.5, -0.5]], [[0.5, 0.5]])


def test_a_model_learns_with_a_hinge():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype("float32")
    y = (x[:, 0] > x[:, 1]).astype(int)
    model = pl.Sequential([pl.Dense(1)], seed=0)
    model.compile(pl.SGD(0.1), "hinge", ["accuracy"])
    history = model.fit(x, y, epochs=20, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    assert history["loss"][-1] < history["loss"][0] / 2
    right = (model.predict(x)[:, 0] >= 0) == (y == 1)
    assert model.evaluate(x, 2 * y - 1)["accuracy"] == right.mean()
    with pytest.raises(RuntimeError, match="not known to be a probability"):
        model.predict_proba(x)


def test_logit_losses_do_not_overflow():
    z = np.array([[1000.0, -1000.0]])
    assert SoftmaxCrossEntropy()(z, [1]) == 2000.0
    assert SigmoidBinaryCrossEntropy()(z, [[0.0, 1.0]]) == 1000.0


def test_labels_one_hot_and_columns_agree():
    rng = np.random.default_rng(1)
    z, labels = rng.normal(size=(8, 5)), rng.integers(0, 5, 8)
    loss = SoftmaxCrossEntropy()
    expected = loss(z, labels)
    assert loss(z, np.eye(5)[labels]) == pytest.approx(expected, rel=1e-12)
    for form in (labels.astype("uint8"), labels.astype(float), labels[:, None]):
        assert loss(z, form) == expected
    assert loss(z, list(labels)) == expected


def test_a_column_of_targets_never_broadcasts():
    p = np.array([[1.0], [2.0], [3.0]])
    assert MeanSquaredError()(p, [1.0, 2.0, 3.0]) == 0.0
    assert MeanSquaredError()(p, [[1.0], [2.0], [3.0]]) == 0.0


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ([0, 1, 4], "label 4 at index 2 is out of range: the model has 3 outputs"),
        ([0, -1, 2], "label -1 at index 1"),
        ([1, 2, 3], "If your labels start at 1, pass y - 1."),
        ([0, 1.5, 2], "label 1.5 at index 1 is not a class number"),
        ([0, np.nan, 2], "label nan at index 1"),
        ([0, np.inf, 2], "label inf at index 1"),
        ([0, 1], "3 samples and y has 2"),
        ([[1, 0, 0], [0, 1, 0], [0, 1, 1]], "row 2 of y sums to 2"),
        ([[2, -1, 0], [0, 1, 0], [0, 1, 0]], "row 0 of y sums to 1 and has a negative"),
        ([[1, 0], [0, 1], [0, 1]], "y has shape (3, 2)"),
    ],
)
def test_bad_class_targets(targets, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        SoftmaxCrossEntropy()(np.zeros((3, 3)), targets)


@pytest.mark.parametrize(
    "targets", [["a", "b", "c"], np.array([1, 2, None]), [1j, 2, 3]]
)
def test_targets_that_are_not_numbers(targets):
    with pytest.raises(TypeError, match="y is an array of dtype"):
        SoftmaxCrossEntropy()(np.zeros((3, 3)), targets)
    masked = np.ma.masked_array([0, 1, 2], mask=[0, 1, 0])
    with pytest.raises(TypeError, match="masked"):
        SoftmaxCrossEntropy()(np.zeros((3, 3)), masked)


def test_bad_binary_targets_and_predictions():
    with pytest.raises(ValueError, match="y is -1 at index \\(1, 0\\)"):
        SigmoidBinaryCrossEntropy()([[0.0], [0.0]], [1, -1])
    with pytest.raises(ValueError, match="not a probability"):
        BinaryCrossEntropy()([[0.5], [1.5]], [1, 0])
    with pytest.raises(ValueError, match="not a probability"):
        CategoricalCrossEntropy()([[0.5, -0.5]], [1])
    with pytest.raises(ValueError, match="shape"):
        SigmoidBinaryCrossEntropy()(np.zeros((2, 3)), [0, 1])


def test_one_class_alone_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        SoftmaxCrossEntropy()([[0.0]], [0])


def test_regression_targets_of_another_shape():
    with pytest.raises(ValueError, match="softmax_cross_entropy"):
        MeanSquaredError()(np.zeros((3, 10)), [1, 2, 3])
    with pytest.raises(ValueError, match="Reshape y"):
        MeanSquaredError()(np.zeros((3, 1)), np.zeros((3, 4)))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1, -1, 1], "sample_weight[1] is -1"),
        ([1, np.nan, 1], "sample_weight[1] is nan"),
        ([0, 0, 0], "0 for every sample"),
        ([1, 1], "Expected (3,)"),
    ],
)
def test_bad_weights(weights, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        MeanSquaredError()(np.zeros((3, 1)), np.zeros(3), weights=weights)


def test_empty_batch():
    with pytest.raises(ValueError, match="empty batch"):
        MeanSquaredError()(np.zeros((0, 1)), np.zeros(0))


def test_names():
    for name, cls in LOSSES.items():
        assert type(get_loss(name)) is cls
        assert type(cls(**get_loss(name).config())) is cls
    assert isinstance(get_loss("mse"), MeanSquaredError)
    assert isinstance(get_loss("mae"), MeanAbsoluteError)
    assert isinstance(get_loss("kl_divergence"), KLDivergence)
    assert isinstance(get_loss("binary_crossentropy"), BinaryCrossEntropy)
    assert isinstance(get_loss("categorical_crossentropy"), CategoricalCrossEntropy)
    with pytest.raises(ValueError, match="softmax_cross_entropy"):
        get_loss("softmax_crossentropy")
    for bad in (MeanSquaredError, 3, None):
        with pytest.raises(TypeError, match="loss is"):
            get_loss(bad)
    with pytest.raises(ValueError, match="reduction"):
        MeanSquaredError(reduction="average")
    with pytest.raises(ValueError, match="label_smoothing"):
        SoftmaxCrossEntropy(label_smoothing=1.0)
