"""What training answers to bad arguments and to numbers that are not finite.

The numbers are those of the project's catalogue of bad inputs.
"""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from tests.support.models import (
    assert_refused,
    blobs,
    cnn,
    mlp,
    regression,
    snapshot,
    strokes,
)

X, Y = blobs(12)


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"batch_size": -1}, ValueError, "batch_size"),
        ({"batch_size": 32.0}, TypeError, "batch_size"),
        ({"batch_size": True}, TypeError, "batch_size"),
        ({"epochs": -1}, ValueError, "epochs"),
        ({"epochs": 1.5}, TypeError, "epochs"),
        ({"validation_split": 1.0}, ValueError, "validation_split"),
        ({"validation_split": -0.1}, ValueError, "validation_split"),
        ({"validation_split": 0.001}, ValueError, "leaves 12 for training and 0"),
        ({"validation_split": "0.1"}, TypeError, "validation_split"),
        ({"accumulate_steps": 0}, ValueError, "accumulate_steps"),
        ({"on_nan": "warn"}, ValueError, "on_nan"),
        ({"verbose": 3}, ValueError, "verbose"),
        ({"callbacks": [pl.EarlyStopping]}, TypeError, "callbacks"),
        ({"callbacks": 3}, TypeError, "callbacks"),
        ({"validation_data": [X, Y]}, TypeError, "validation_data"),
        ({"validation_data": (X,)}, TypeError, "validation_data"),
        ({"validation_data": (X, Y[:5])}, ValueError, "5"),
        ({"validation_data": (X[:, :3], Y)}, ValueError, "validation x"),
        ({"validation_data": (X, Y + 9)}, ValueError, "label"),
        ({"validation_data": (X, Y), "validation_split": 0.5}, ValueError, "both"),
    ],
)
def test_082_083_093_arguments_of_fit(model, arguments, error, word):
    assert_refused(model, lambda: model.fit(X, Y, **arguments), error, word)


def test_082_full_batch_and_larger_than_the_data():
    models = [mlp() for _ in range(3)]
    for model, size in zip(models, (0, 12, 1000), strict=True):
        model.fit(X, Y, batch_size=size, epochs=2, shuffle=False, verbose=0)
        assert model.optimizer.iterations == 2
    assert snapshot(models[0]) == snapshot(models[1]) == snapshot(models[2])


def test_083_no_epochs(model):
    before = snapshot(model)
    history = model.fit(X, Y, epochs=0, verbose=0)
    assert history.history == {}
    assert history.epoch == []
    assert history.best_epoch is None
    assert snapshot(model) == before


def test_084_a_last_batch_of_one_with_batch_norm():
    layers = [pl.Dense(4), pl.BatchNorm(), pl.Dense(3)]
    model = pl.Sequential(layers, input_shape=(4,), seed=0)
    model.compile("adam", "softmax_cross_entropy")
    model.fit(X[:9], Y[:9], batch_size=4, verbose=0)
    assert model.optimizer.iterations == 2
    plain = mlp()
    plain.fit(X[:9], Y[:9], batch_size=4, verbose=0)
    assert plain.optimizer.iterations == 3
    assert_refused(
        model,
        lambda: model.fit(X, Y, batch_size=1),
        ValueError,
        "batch_norm_1",
        "more than one value per channel",
    )


def test_085_nan_names_step_rate_and_layer():
    model = mlp()
    model.fit(X, Y, batch_size=4, verbose=0)
    bad = X.copy()
    bad[7, 2] = np.nan
    before = snapshot(model)
    with pytest.raises(pl.NumericsError) as caught:
        model.fit(bad, Y, batch_size=12, shuffle=False, verbose=0)
    for word in ("step 3", "learning rate 0.01", "sample 7"):
        assert word in str(caught.value)
    assert snapshot(model) == before
    model.parameters()[0].value[0, 0] = np.inf
    with pytest.raises(pl.NumericsError, match=r"dense_1 \(Dense\) is the first layer"):
        model.fit(X, Y, verbose=0)


def test_085_nan_names_the_row_and_not_the_rate():
    bad = X[:, 0].copy()
    bad[5] = np.nan
    for x, y, words in ((X, bad, "the target of sample 5"), (bad, X[:, 0], "sample 5")):
        model = regression()
        x = np.repeat(x[:, None], 4, axis=1) if x is bad else x
        assert_refused(
            model,
            lambda m=model, x=x, y=y: m.fit(x, y, shuffle=False, verbose=0),
            pl.NumericsError,
            f": {words} of the batch holds NaN or infinity",
            "Leave such rows out",
        )


def test_085_keeps_running_statistics_and_random_counters():
    model = cnn()
    x, y = strokes(24)
    model.fit(x, y, verbose=0)
    before = snapshot(model)
    x[5] = np.inf
    with pytest.raises(pl.NumericsError):
        model.fit(x, y, batch_size=24, verbose=0)
    assert snapshot(model) == before


def test_085_stop_and_ignore():
    bad = X.copy()
    bad[11] = np.nan
    model = mlp()
    history = model.fit(
        bad, Y, batch_size=4, shuffle=False, on_nan="stop", epochs=9, verbose=0
    )
    assert model.optimizer.iterations == 2  # two good steps
    assert len(history.epoch) == 1
    assert np.isfinite(history.history["loss"]).all()
    assert all(np.isfinite(p.value).all() for p in model.parameters())
    stopped = mlp()
    stopped.fit(
        bad, Y, batch_size=4, shuffle=False, callbacks=[pl.TerminateOnNaN()], verbose=0
    )
    assert snapshot(model) == snapshot(stopped)
    ignoring = mlp()
    history = ignoring.fit(bad, Y, on_nan="ignore", verbose=0)
    assert np.isnan(history.history["loss"]).all()


def test_086_gradient_overflow_with_a_finite_loss():
    model = regression()
    model.parameters()[0].value[...] = 0
    x = np.full((4, 4), 3e38, "float32")
    assert_refused(
        model,
        lambda: model.fit(x, np.full(4, 2.0), verbose=0),
        pl.NumericsError,
        "the gradient",
        "dense_1 (Dense)",
    )
