"""Mistakes that people make, and what the library tells them to do."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from tests.support.models import blobs, mlp, snapshot

X, Y = blobs(30)


class Iterable:
    """Batches without a length."""

    def __iter__(self):
        yield X, Y


MISTAKES = {
    "lr": (lambda: pl.Adam(lr=0.1), TypeError, "Did you mean learning_rate?"),
    "betas": (lambda: pl.Lion(beta1=0.5), TypeError, "Did you mean beta_1?"),
    "fraction": (lambda: pl.Adam(beta_1=1.0), ValueError, "\nLower beta_1."),
    "constant": (
        lambda: pl.Dense(1, kernel_initializer="constant"),
        TypeError,
        "Pass an object: kernel_initializer=Constant(...)",
    ),
    "one layer": (
        lambda: pl.Sequential(pl.Dense(3)),
        TypeError,
        "Write Sequential([Dense(units=3)])",
    ),
    "a number of layers": (lambda: pl.Sequential(3), TypeError, "layers is 3"),
    "a model as layer": (
        lambda: pl.Sequential([pl.Sequential([pl.Dense(3)])]),
        TypeError,
        "Residual or Concat",
    ),
    "metric": (
        lambda: mlp().compile("adam", "mse", ["auc"]),
        ValueError,
        'Did you mean "roc_auc"?',
    ),
    "metric's name": (lambda: pl.Accuracy(name=3), TypeError, "name is 3"),
    "average": (
        lambda: pl.metrics.precision([0], [0], average="mean"),
        ValueError,
        "\nChoose average from the list.",
    ),
    "classes": (
        lambda: pl.metrics.confusion_matrix([0], [0], n_classes=2.5),
        TypeError,
        "n_classes is 2.5",
    ),
    "logits": (
        lambda: pl.metrics.log_loss([0, 1], [[3.0, -1.0], [0.0, 1.0]]),
        ValueError,
        "Pass model.predict_proba(x)",
    ),
    "calibration of logits": (
        lambda: pl.metrics.calibration_error([0, 1], [0.5, 1.5]),
        ValueError,
        "y_pred holds 1.5",
    ),
    "probabilities as labels": (
        lambda: pl.metrics.accuracy([0, 1], [0.2, 0.9]),
        ValueError,
        "(y_pred >= 0.5).astype(int)",
    ),
    "explain": (
        lambda: pl.mlp([4, 3]).layers[0].explain(),
        RuntimeError,
        "Call model.build() first",
    ),
}
FITS = {
    "nothing": ((None, Y), {}, "Pass the array of the samples"),
    "dictionary": (({"x": X}, Y), {}, "x is a dict"),
    "generator": (((batch for batch in [(X, Y)]),), {}, "would end after one epoch"),
    "no length": ((Iterable(),), {}, "Put the batches in a list"),
    "batches and y": ((pl.data.Batches(X, Y), Y), {}, "without y="),
    "shuffle": ((X, Y), {"shuffle": "no"}, "Expected True or False"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    make, error, words = MISTAKES[name]
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value)
    assert "Expected" in str(caught.value)


@pytest.mark.parametrize("name", FITS)
def test_data_and_options_of_fit(name):
    data, options, words = FITS[name]
    model = mlp()
    model.fit(X, Y, verbose=0)
    before = snapshot(model)
    with pytest.raises(TypeError) as caught:
        model.fit(*data, **options, verbose=0)
    assert words in str(caught.value)
    assert snapshot(model) == before


def test_evaluate_takes_arrays_only():
    with pytest.raises(TypeError, match="fit alone also takes batches"):
        mlp().evaluate(pl.data.Batches(X, Y), None)


def test_a_list_of_batches_trains_as_the_arrays():
    whole, parts = mlp(), mlp()
    whole.fit(X, Y, batch_size=10, shuffle=False, verbose=0)
    parts.fit([(X[i : i + 10], Y[i : i + 10]) for i in (0, 10, 20)], verbose=0)
    for name, array in whole.state_dict().items():
        assert np.array_equal(array, parts.state_dict()[name])
