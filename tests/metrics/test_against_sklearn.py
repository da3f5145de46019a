"""Every metric equals scikit-learn's, on random inputs and in the corners."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from pellucid import metrics

theirs = pytest.importorskip("sklearn.metrics")
calibration = pytest.importorskip("sklearn.calibration")

CASES = range(30)


def quietly(function, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def in_batches(metric, y, p, kind, from_logits=False):
    """The metric of the samples, which arrive in batches of several sizes."""
    metric.configure(kind, from_logits)
    start = 0
    for size in (1, 7, 2, 1000):
        if start < len(y):
            metric.update(y[start : start + size], p[start : start + size])
        start += size
    return metric.result()


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sample(seed):
    """Labels and logits of 2 to 7 classes; some are missing, some scores tie."""
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 8))
    n = int(rng.integers(1, 60))
    used = rng.permutation(classes)[: int(rng.integers(1, classes + 1))]
    labels = rng.choice(used, n)
    logits = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[labels]
    if seed % 2:
        logits = np.round(logits * 2) / 2
    return labels, logits, classes


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("zero_division", [0.0, 1.0, math.nan])
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_precision_recall_and_f1(name, zero_division, seed):
    labels, logits, classes = sample(seed)
    chosen = logits.argmax(axis=1)
    function = getattr(theirs, f"{name}_score")
    cls = {"precision": metrics.Precision, "recall": metrics.Recall, "f1": metrics.F1}
    for average in ("macro", "micro", "weighted", None):
        options = {"average": average, "zero_division": zero_division}
        every = {"labels": range(classes)} if average is None else {}
        want = quietly(function, labels, chosen, **options, **every)
        own = getattr(metrics, name)(labels, chosen, n_classes=classes, **options)
        np.testing.assert_allclose(own, want, rtol=1e-13, atol=1e-15)
        metric = cls[name](**options)
        np.testing.assert_allclose(
            in_batches(metric, labels, logits, "categorical"),
            want,
            rtol=1e-13,
            atol=1e-15,
        )
        one_hot = in_batches(cls[name](**options), np.eye(classes)[labels], logits, "")
        np.testing.assert_allclose(one_hot, want, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_one_column_is_a_yes_or_no(name, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, (40, 1)) if seed else np.zeros((40, 1), int)
    p = rng.random((40, 1))
    function = getattr(theirs, f"{name}_score")
    cls = {"precision": metrics.Precision, "recall": metrics.Recall, "f1": metrics.F1}
    for average in ("auto", "binary", "macro", "weighted"):
        wanted = "binary" if average == "auto" else average
        want = function(y[:, 0], p[:, 0] >= 0.3, average=wanted, zero_division=0)
        metric = cls[name](average, threshold=0.3)
        assert in_batches(metric, y, p, "binary") == pytest.approx(want, rel=1e-13)
    logits = np.log(p / (1 - p))
    metric = cls[name]("auto", threshold=0.3)
    want = function(y[:, 0], p[:, 0] >= 0.3, zero_division=0)
    assert in_batches(metric, y, logits, "binary", True) == pytest.approx(want)
    if seed:
        own = getattr(metrics, name)(y, (p >= 0.3).astype(int), average="binary")
        assert own == pytest.approx(want)


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_several_yes_or_no_outputs(name, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random((30, 4)) < [0.5, 0.1, 0.0, 0.9]).astype(int)
    p = rng.random((30, 4))
    function = getattr(theirs, f"{name}_score")
    cls = {"precision": metrics.Precision, "recall": metrics.Recall, "f1": metrics.F1}
    for average in ("macro", "micro", "weighted", None):
        want = function(y, p >= 0.5, average=average, zero_division=1)
        own = in_batches(cls[name](average, 1), y, p, "binary")
        np.testing.assert_allclose(own, want, rtol=1e-13)


@pytest.mark.parametrize("seed", CASES)
def test_confusion_matrices(seed):
    labels, logits, classes = sample(seed)
    chosen = logits.argmax(axis=1)
    want = theirs.confusion_matrix(labels, chosen, labels=range(classes))
    got = metrics.confusion_matrix(labels, chosen, n_classes=classes)
    np.testing.assert_array_equal(got, want)
    assert metrics.accuracy(labels, chosen) == theirs.accuracy_score(labels, chosen)


@pytest.mark.parametrize("seed", CASES)
def test_top_k_accuracy(seed):
    rng = np.random.default_rng(seed)
    scores, y = rng.normal(size=(50, 9)), rng.integers(0, 9, 50)
    for k in (1, 3, 5, 8):
        want = theirs.top_k_accuracy_score(y, scores, k=k, labels=range(9))
        assert metrics.top_k_accuracy(y, scores, k=k) == want
        metric = metrics.TopKAccuracy(k)
        assert in_batches(metric, y, scores, "categorical") == want
        assert in_batches(metric, np.eye(9)[y], scores, "") == pytest.approx(want)


@pytest.mark.parametrize("seed", CASES)
def test_log_loss(seed):
    labels, logits, classes = sample(seed)
    p = softmax(logits)
    want = theirs.log_loss(labels, p, labels=range(classes))
    assert metrics.log_loss(labels, p) == pytest.approx(want, rel=1e-12)
    metric = metrics.LogLoss()
    own = in_batches(metric, labels, logits, "categorical", from_logits=True)
    assert own == pytest.approx(want, rel=1e-12)
    metric.reset()
    assert in_batches(metric, labels, p, "categorical") == pytest.approx(want)
    y, q = (labels > 0).astype(int), p[:, 1]
    want = theirs.log_loss(y, q, labels=[0, 1])
    assert metrics.log_loss(y, q) == pytest.approx(want, rel=1e-12)
    metric.reset()
    column = (y[:, None], np.log(q / (1 - q))[:, None])
    own = in_batches(metric, *column, "binary", from_logits=True)
    assert own == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("seed", CASES)
def test_roc_auc_of_yes_and_no(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 80)
    scores = rng.normal(size=80) + y
    if seed % 2:
        scores = np.round(scores)  # many ties
    want = theirs.roc_auc_score(y, scores)
    assert metrics.roc_auc(y, scores) == pytest.approx(want, rel=1e-13)
    own = in_batches(metrics.RocAuc(), y[:, None], scores[:, None], "binary", True)
    assert own == pytest.approx(want, rel=1e-13)


@pytest.mark.parametrize("seed", CASES)
def test_roc_auc_of_classes(seed):
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(3, 7))
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, 60)])
    logits = rng.normal(size=(len(y), classes)) + np.eye(classes)[y]
    if seed % 2:
        logits = np.round(logits)
    p = softmax(logits)
    want = theirs.roc_auc_score(y, p, multi_class="ovr", average="macro")
    assert metrics.roc_auc(y, p) == pytest.approx(want, rel=1e-13)
    own = in_batches(metrics.RocAuc(), y, p, "categorical")
    assert own == pytest.approx(want, rel=1e-13)
    # Our softmax may round two equal probabilities apart, or together.
    own = in_batches(metrics.RocAuc(), y, logits, "categorical", from_logits=True)
    assert own == pytest.approx(want, abs=2e-3)
    yes = np.eye(classes)[y]
    want = theirs.roc_auc_score(yes, p, average="macro")
    assert in_batches(metrics.RocAuc(), yes, p, "binary") == pytest.approx(want)


def test_roc_auc_leaves_out_what_has_no_pairs():
    p = softmax(np.random.default_rng(0).normal(size=(20, 4)))
    y = np.arange(20) % 3  # class 3 is absent
    areas = [theirs.roc_auc_score(y == i, p[:, i]) for i in range(3)]
    assert metrics.roc_auc(y, p) == pytest.approx(np.mean(areas), rel=1e-13)
    assert math.isnan(metrics.roc_auc([1, 1], [0.1, 0.9]))
    assert math.isnan(metrics.roc_auc([0, 1], [0.1, math.nan]))
    assert metrics.roc_auc([0, 1, 0], [0.5, 0.5, 0.5]) == 0.5


@pytest.mark.parametrize("seed", CASES)
def test_regression(seed):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(2, 50)), int(rng.integers(1, 4)))
    y = 100 + rng.normal(size=shape)
    p = y + rng.normal(size=shape)
    if seed % 3 == 0:
        y[:, 0] = 0.1  # a column of equal targets
        p[:, 0] = 0.1 if seed % 2 else 0.2
    want = theirs.r2_score(y, p)
    if seed % 3 == 0:  # theirs sees a spread of rounding errors in such a column
        rest = theirs.r2_score(y[:, 1:], p[:, 1:]) if shape[1] > 1 else 0.0
        want = (rest * (shape[1] - 1) + (1.0 if seed % 2 else 0.0)) / shape[1]
    for name, cls, wanted in [
        ("r2", metrics.R2, want),
        ("mean_absolute_error", metrics.MeanAbsoluteError, None),
        ("mean_squared_error", metrics.MeanSquaredError, None),
    ]:
        wanted = getattr(theirs, name)(y, p) if wanted is None else wanted
        assert getattr(metrics, name)(y, p) == pytest.approx(wanted, rel=1e-11)
        own = in_batches(cls(), y, p, "regression")
        assert own == pytest.approx(wanted, rel=1e-11)


def test_r2_in_the_corners():
    assert math.isnan(metrics.r2([1.0], [2.0]))
    assert metrics.r2([2.0, 2.0], [2.0, 2.0]) == theirs.r2_score([2, 2], [2, 2]) == 1
    assert metrics.r2([2.0, 2.0], [2.0, 3.0]) == theirs.r2_score([2, 2], [2, 3]) == 0
    assert math.isnan(metrics.r2([1.0, 2.0], [1.0, math.nan]))
    far = 1e9 + np.arange(5.0)
    want = theirs.r2_score(far, far[::-1])
    assert metrics.r2(far, far[::-1]) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error(bins, seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, 300), rng.random(300)
    p[:3] = 0, 1, 0.2  # edges of bins
    hit, sure = calibration.calibration_curve(y, p, n_bins=bins)
    edges = np.linspace(0, 1, bins + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], p), minlength=bins)
    want = (np.abs(hit - sure) * counts[counts > 0]).sum() / 300
    assert metrics.calibration_error(y, p, bins=bins) == pytest.approx(want)
    own = in_batches(metrics.CalibrationError(bins), y[:, None], p[:, None], "binary")
    assert own == pytest.approx(want)
    labels, logits, _ = sample(seed)
    chosen, confidence = logits.argmax(axis=1), softmax(logits).max(axis=1)
    right = (chosen == labels).astype(int)
    want = metrics.calibration_error(right, confidence, bins=bins)
    metric = metrics.CalibrationError(bins)
    own = in_batches(metric, labels, logits, "categorical", from_logits=True)
    assert own == pytest.approx(want, abs=1e-12)
