"""Metrics: exact over batches, the right kind of accuracy, refused arguments."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pellucid import metrics
from pellucid.metrics import Accuracy, get_metrics


def collect(metric, y, p, size):
    metric.reset()
    for start in range(0, len(y), size):
        metric.update(y[start : start + size], p[start : start + size])
    return metric.result()


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("name", ["accuracy", "mae", "mse"])
def test_batches_do_not_matter(name, size):
    rng = np.random.default_rng(0)
    (metric,) = get_metrics([name])
    if name == "accuracy":
        y, p = rng.integers(0, 3, 100), rng.normal(size=(100, 3))
        expected = float((p.argmax(axis=1) == y).mean())
    else:
        y, p = rng.normal(size=(100, 2)), rng.normal(size=(100, 2))
        power = 1 if name == "mae" else 2
        expected = float((np.abs(p - y) ** power).mean())
    assert collect(metric, y, p, size) == pytest.approx(expected, rel=1e-12)


def test_nothing_seen_is_nan():
    assert math.isnan(Accuracy().result())


def test_accuracy_of_one_column_is_binary():
    """Known bug B-11: argmax over one column is always right."""
    metric = Accuracy()
    metric.update(np.array([[1], [0], [1]]), np.array([[0.9], [0.8], [0.1]]))
    assert metric.result() == pytest.approx(1 / 3)


def test_accuracy_of_logits_has_its_limit_at_zero():
    metric = Accuracy()
    metric.configure("binary", from_logits=True)
    metric.update(np.array([[1], [0], [1]]), np.array([[0.1], [-0.1], [0.4]]))
    assert metric.result() == 1.0
    strict = Accuracy(threshold=0.9)
    strict.configure("binary", from_logits=True)
    strict.update(np.array([[1.0], [1.0]]), np.array([[2.0], [2.5]]))
    assert strict.result() == 0.5


def test_accuracy_of_several_yes_or_no_outputs():
    metric = Accuracy()
    metric.configure("binary", from_logits=False)
    metric.update(np.array([[1, 0], [1, 1]]), np.array([[0.9, 0.1], [0.9, 0.1]]))
    assert metric.result() == 0.75


def test_accuracy_refuses_measured_values():
    metric = Accuracy()
    metric.configure("regression", from_logits=False)
    with pytest.raises(ValueError, match="measured values"):
        metric.update(np.array([[0.3]]), np.array([[0.2]]))
    metric.reset()
    metric.update(np.array([[1.0], [0.0]]), np.array([[0.7], [0.2]]))
    assert metric.result() == 1.0


def test_one_hot_and_labels():
    metric = Accuracy()
    p = np.array([[0.1, 0.9], [0.8, 0.2]])
    metric.update(np.array([1, 1]), p)
    metric.update(np.eye(2)[[1, 1]], p)
    assert metric.result() == 0.5


def test_confusion_matrix():
    matrix = metrics.confusion_matrix([0, 1, 2, 2], [0, 2, 2, 1], n_classes=4)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert metrics.confusion_matrix([], []).shape == (0, 0)
    with pytest.raises(ValueError, match="y_pred has the label 3 at index 1"):
        metrics.confusion_matrix([0, 1], [0, 3], n_classes=2)
    with pytest.raises(ValueError, match="2 labels and y_pred has 3"):
        metrics.confusion_matrix([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="argmax"):
        metrics.confusion_matrix([0, 1], [[0.1, 0.9], [0.2, 0.8]])


def test_accuracy_function():
    assert metrics.accuracy(np.array([[0], [1]]), [0, 0]) == 0.5
    with pytest.raises(ValueError, match="empty"):
        metrics.accuracy([], [])


def test_names():
    assert [m.name for m in get_metrics(["acc", "mse"])] == [
        "accuracy",
        "mean_squared_error",
    ]
    for name, cls in metrics.METRICS.items():
        made = get_metrics([name])[0]
        assert type(cls(**made.config())) is cls
    with pytest.raises(ValueError, match='Did you mean "accuracy"'):
        get_metrics(["accurcy"])
    with pytest.raises(ValueError, match='two values would be called "accuracy"'):
        get_metrics(["acc", "accuracy"])
    with pytest.raises(ValueError, match='"loss"'):
        get_metrics([Accuracy(name="loss")])
    for bad in ("accuracy", 3, None):
        with pytest.raises(TypeError, match="metrics is"):
            get_metrics(bad)
    with pytest.raises(TypeError, match="a metric is"):
        get_metrics([Accuracy])
    for threshold in (0, -1, 2, "0.5"):
        with pytest.raises((ValueError, TypeError), match="threshold"):
            Accuracy(threshold=threshold)
