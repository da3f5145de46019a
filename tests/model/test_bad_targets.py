"""What a model answers to bad targets and weights: type, message, nothing has changed.

The numbers are those of the project's catalogue of bad inputs.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.models import assert_refused, blobs, mlp, regression, snapshot

X, Y = blobs(12)


BAD_Y = [
    (39, np.full(12, 1.5), ValueError, ["label 1.5 at index 0"]),
    (40, np.full(12, np.nan), ValueError, ["label nan at index 0"]),
    (41, np.full(12, 3), ValueError, ["label 3 at index 0", "labels from 0 to 2"]),
    (42, np.full(12, -1), ValueError, ["label -1 at index 0"]),
    (45, np.zeros(11, int), ValueError, ["12 samples", "11"]),
    (46, np.ones((12, 3)), ValueError, ["row 0 of y sums to 3"]),
    (47, np.eye(5)[np.zeros(12, int)], ValueError, ["(12, 5)", "one unit per class"]),
    (44, np.zeros((12, 2), int), ValueError, ["(12, 2)"]),
    (94, np.arange(12) % 4, ValueError, ["label 3 at index 3", "3 outputs"]),
    (17, np.array(["a"] * 12), TypeError, ["return_inverse"]),
    (0, None, TypeError, ["y is missing"]),
]


@pytest.mark.parametrize(("item", "y", "error", "words"), BAD_Y)
@pytest.mark.parametrize("use", ["fit", "evaluate", "train_on_batch"])
def test_items_of_the_targets(model, use, item, y, error, words):
    assert_refused(model, lambda: getattr(model, use)(X, y), error, *words)


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y.astype("uint8"),
        lambda y: y.astype("float64"),
        lambda y: y.reshape(-1, 1),
        lambda y: y.tolist(),
    ],
)
def test_039_043_044_forms_of_the_same_labels(convert):
    one, two = mlp(), mlp()
    one.fit(X, Y, verbose=0)
    two.fit(X, convert(Y), verbose=0)
    assert snapshot(one) == snapshot(two)


def test_049_a_column_is_a_column():
    target = X[:, 0]
    one, two = regression(), regression()
    one.fit(X, target, verbose=0)
    two.fit(X, target[:, None], verbose=0)
    assert snapshot(one) == snapshot(two)
    model = regression(units=2)
    assert_refused(model, lambda: model.fit(X, target), ValueError, "(12,)", "(n, 2)")


def test_048_targets_of_binary_losses():
    for loss in ("sigmoid_binary_cross_entropy", "binary_cross_entropy"):
        model = regression(loss)
        y = np.where(Y > 0, 1, -1)
        assert_refused(
            model, lambda m=model, t=y: m.fit(X, t), ValueError, "(y + 1) / 2"
        )


def test_048_predictions_that_are_no_probabilities():
    model = regression("binary_cross_entropy")
    assert_refused(
        model,
        lambda: model.fit(10 * X, Y > 0),
        ValueError,
        "not a probability",
        'activation="sigmoid"',
    )


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.full(12, -1.0), "sample_weight[0] is -1"),
        (np.full(12, np.nan), "sample_weight[0] is nan"),
        (np.zeros(12), "0 for every sample"),
        (np.ones(11), "Expected (12,)"),
        (np.ones((12, 2)), "Expected (12,)"),
    ],
)
@pytest.mark.parametrize("use", ["fit", "evaluate", "train_on_batch"])
def test_050_sample_weights(model, use, weights, words):
    call = getattr(model, use)
    assert_refused(model, lambda: call(X, Y, sample_weight=weights), ValueError, words)


def test_class_weights(model):
    def fit(weights):
        return lambda: model.fit(X, Y, class_weight=weights)

    assert_refused(model, fit({3: 1.0}), ValueError, "class 3", "from 0 to 2")
    assert_refused(model, fit({0: -1.0}), ValueError, "class_weight[0]")
    assert_refused(model, fit({"a": 1.0}), TypeError, "'a'")
    assert_refused(model, fit("even"), TypeError, '"balanced"')
    assert_refused(model, fit([1, 2, 3]), TypeError, "class_weight is [1, 2, 3]")
    other = regression()
    assert_refused(
        other,
        lambda: other.fit(X, X[:, 0], class_weight="balanced"),
        ValueError,
        "sample_weight",
    )
