"""Metrics: exact over an epoch, and functions of (y_true, y_pred).

| file | what it has |
|---|---|
| accuracy.py | accuracy, top-k accuracy |
| confusion.py | confusion matrix, precision, recall, F1 |
| counts.py | hits of each class, and their averages |
| probability.py | log loss, ROC AUC, calibration error |
| regression.py | mean absolute and squared error, R2 |

What a metric counts follows from the shapes of output and target: one column is a yes
or no, several are classes, unless the loss is binary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pellucid.errors import describe, unknown
from pellucid.metrics.accuracy import (
    Accuracy,
    TopKAccuracy,
    accuracy,
    top_k_accuracy,
)
from pellucid.metrics.base import Kind, Metric
from pellucid.metrics.confusion import (
    F1,
    Precision,
    Recall,
    confusion_matrix,
    f1,
    precision,
    recall,
)
from pellucid.metrics.probability import (
    CalibrationError,
    LogLoss,
    RocAuc,
    calibration_error,
    log_loss,
    roc_auc,
)
from pellucid.metrics.regression import (
    R2,
    MeanAbsoluteError,
    MeanSquaredError,
    mean_absolute_error,
    mean_squared_error,
    r2,
)

__all__ = [
    "F1",
    "R2",
    "Accuracy",
    "CalibrationError",
    "Kind",
    "LogLoss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "RocAuc",
    "TopKAccuracy",
    "accuracy",
    "calibration_error",
    "confusion_matrix",
    "f1",
    "get_metrics",
    "log_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "precision",
    "r2",
    "recall",
    "roc_auc",
    "top_k_accuracy",
]

METRICS: dict[str, type[Any]] = {
    "accuracy": Accuracy,
    "top_k_accuracy": TopKAccuracy,
    "precision": Precision,
    "recall": Recall,
    "f1": F1,
    "log_loss": LogLoss,
    "roc_auc": RocAuc,
    "calibration_error": CalibrationError,
    "r2": R2,
    "mean_absolute_error": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
}
ALIASES = {
    "acc": "accuracy",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
}


def get_metrics(metrics: object) -> list[Metric]:
    """Return the metrics that names and objects stand for.

    Raises
    ------
    ValueError
        Unknown name (the message has the list and the closest one), or one name twice.
    TypeError
        Not a sequence, or an object without the methods of a metric.

    Example
    -------
    >>> get_metrics(["acc"])
    [Accuracy(name='accuracy', threshold=0.5)]
    """
    if isinstance(metrics, str) or not isinstance(metrics, Sequence):
        raise TypeError(
            describe(
                f"metrics is {metrics!r}",
                "Expected a list of names or Metric objects",
                'Pass metrics=["accuracy"].',
            )
        )
    found = [_get_metric(metric) for metric in metrics]
    names = ["loss"]
    for metric in found:
        if metric.name in names:
            raise ValueError(
                describe(
                    f'two values would be called "{metric.name}"',
                    "Expected metrics with names of their own",
                    'Leave one out, or name it: Accuracy(name="...").',
                )
            )
        names.append(metric.name)
    return found


def _get_metric(metric: object) -> Metric:
    if isinstance(metric, str):
        name = ALIASES.get(metric, metric)
        if name not in METRICS:
            what = f'metric "{metric}" is not known'
            raise ValueError(unknown(what, metric, METRICS, also=ALIASES))
        return cast(Metric, METRICS[name](name=name))
    wanted = ("name", "reset", "update", "result")
    if isinstance(metric, type) or not all(hasattr(metric, word) for word in wanted):
        raise TypeError(
            describe(
                f"a metric is {metric!r}",
                "Expected the name of a metric or an object with "
                "name, reset, update, result",
                'Pass metrics=["accuracy"] or metrics=[Accuracy()].',
            )
        )
    if getattr(metric, "average", "") is None:
        raise ValueError(
            describe(
                f"{metric!r} has a number for each class",
                "Expected one number: the history has one for each epoch",
                'Pass average="macro", or call pellucid.metrics after predict_classes.',
            )
        )
    return cast(Metric, metric)
