"""Metrics: exact over batches, the right kind of accuracy, refused arguments."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pellucid as pl
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


@pytest.mark.parametrize("name", metrics.METRICS)
def test_every_metric_starts_again(name):
    (metric,) = get_metrics([name])
    assert math.isnan(metric.result())
    y, p = np.array([[0.0], [1.0], [1.0]]), np.array([[0.4], [0.3], [0.8]])
    if name == "top_k_accuracy":
        y, p = np.array([0, 6]), np.eye(7)[[0, 0]]
    metric.configure("categorical" if name == "top_k_accuracy" else "binary", False)
    metric.update(y, p)
    first = metric.result()
    assert math.isfinite(first)
    metric.update(y[:1], p[:1])
    metric.reset()
    metric.update(y, p)
    assert metric.result() == first


def test_a_metric_keeps_what_it_was_shown():
    metric, scores = metrics.RocAuc(), np.array([[0.1], [0.9]])
    metric.update(np.array([[0], [1]]), scores)
    scores[:] = scores[::-1].copy()  # the model's memory, rewritten by the next batch
    assert metric.result() == 1.0


def test_top_k_is_refused_where_it_is_always_right():
    for k, shape in [(5, (3, 5)), (3, (3, 2)), (1, (3, 1))]:
        with pytest.raises(
            ValueError, match=f"k is {k} and the output has {shape[1]} columns"
        ):
            metrics.TopKAccuracy(k).update(np.zeros(3, int), np.zeros(shape))
    with pytest.raises(ValueError, match="TopKAccuracy: k"):
        metrics.TopKAccuracy(0)
    ties = np.array([[0.5, 0.5, 0.1]] * 3)
    assert metrics.top_k_accuracy([0, 1, 2], ties, k=1) == 1 / 3
    assert metrics.accuracy([0, 1, 2], ties.argmax(axis=1)) == 1 / 3
    assert metrics.top_k_accuracy([0], [[math.nan, 0.1, 0.2]], k=2) == 0.0


def test_refused_averages():
    with pytest.raises(ValueError, match="Precision: average"):
        metrics.Precision("mean")
    with pytest.raises(ValueError, match="F1: zero_division"):
        metrics.F1(zero_division=2)
    with pytest.raises(TypeError, match="Recall: zero_division"):
        metrics.Recall(zero_division="warn")
    with pytest.raises(ValueError, match="a number for each class"):
        get_metrics([metrics.Precision(None)])
    with pytest.raises(ValueError, match="there are 3 classes"):
        metrics.f1([0, 1, 2], [0, 1, 2], average="binary")
    with pytest.raises(ValueError, match="average"):
        metrics.recall([0, 1], [0, 1], average="auto")
    for function in (metrics.precision, metrics.log_loss, metrics.roc_auc, metrics.r2):
        with pytest.raises(ValueError, match="empty"):
            function([], [])
    with pytest.raises(ValueError, match="labels from 0 to 3"):
        metrics.log_loss([0, 3], [[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(ValueError, match="measured values"):
        metrics.log_loss([0.3, 0.5], [0.5, 0.5])
    with pytest.raises(ValueError, match="as many predictions"):
        metrics.r2([1.0, 2.0], [1.0])


@pytest.mark.parametrize("average", ["auto", "macro", "micro", "weighted"])
def test_metrics_in_training(average):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 4)).astype("float32")
    y = x[:, :3].argmax(axis=1)
    model = pl.Sequential([pl.Dense(3)], seed=0)
    wanted = [
        "accuracy",
        pl.TopKAccuracy(2),
        pl.Precision(average),
        pl.Recall(average),
        pl.F1(average),
        "log_loss",
        "roc_auc",
        "calibration_error",
    ]
    model.compile(pl.Adam(0.05), "softmax_cross_entropy", wanted)
    history = model.fit(x, y, epochs=8, validation_data=(x, y), verbose=0).history
    last = model.evaluate(x, y, batch_size=7)
    labels, p = model.predict_classes(x), model.predict_proba(x)
    assert last["precision"] == pytest.approx(
        metrics.precision(y, labels, average="macro" if average == "auto" else average)
    )
    assert last["log_loss"] == pytest.approx(last["loss"], rel=1e-6)
    assert last["roc_auc"] == pytest.approx(metrics.roc_auc(y, p), abs=1e-3)
    assert last["calibration_error"] == pytest.approx(
        metrics.calibration_error(y, p), abs=1e-6
    )
    assert last["top_k_accuracy"] > last["accuracy"] > 0.5
    assert history["val_f1"][-1] > history["val_f1"][0]
    assert history["val_f1"][-1] == pytest.approx(last["f1"])
