"""Callbacks: when they are called, what they do, what they show."""

from __future__ import annotations

import csv
import math
import sys

import numpy as np
import pytest

import pellucid as pl
from pellucid.callbacks.progress import format_logs
from tests.support.models import blobs, mlp


class Feed(pl.Callback):
    """Overwrites a value of the logs, so that other callbacks see a known course."""

    def __init__(self, values, name="val_loss"):
        self.values, self.name = list(values), name

    def on_epoch_end(self, epoch, logs):
        logs[self.name] = self.values.pop(0)


def run(values, stopping, name="val_loss", epochs=None):
    x, y = blobs(12)
    model = mlp()
    weights = []
    note = pl.LambdaCallback(
        on_epoch_end=lambda e, logs: weights.append(model.state_dict())
    )
    model.fit(
        x,
        y,
        epochs=epochs or len(values),
        callbacks=[Feed(values, name), note, stopping],
        verbose=0,
    )
    return model, weights


def same(model, weights):
    return all((model.state_dict()[k] == v).all() for k, v in weights.items())


def test_order_of_calls():
    calls = []

    class Spy(pl.Callback):
        def on_train_begin(self, logs):
            calls.append("train begin")
            assert self.params == {"epochs": 2, "first_epoch": 0, "steps": 2}

        def on_train_end(self, logs):
            calls.append(("train end", sorted(logs)))

        def on_epoch_begin(self, epoch, logs):
            calls.append(("epoch begin", epoch))

        def on_epoch_end(self, epoch, logs):
            calls.append(("epoch end", epoch, "val_loss" in logs))

        def on_batch_begin(self, batch, logs):
            calls.append(("batch begin", batch))

        def on_batch_end(self, batch, logs):
            calls.append(("batch end", batch, list(logs)))

    x, y = blobs(20)
    mlp().fit(
        x,
        y,
        epochs=2,
        batch_size=10,
        validation_data=(x, y),
        callbacks=[Spy()],
        verbose=0,
    )
    batches = []
    for batch in (0, 1):
        batches.append(("batch begin", batch))
        batches.append(("batch end", batch, ["loss", "accuracy"]))
    assert calls[0] == "train begin"
    for start, epoch in ((1, 0), (7, 1)):
        assert calls[start] == ("epoch begin", epoch)
        assert calls[start + 1 : start + 5] == batches
        assert calls[start + 5] == ("epoch end", epoch, True)
    assert calls[-1][0] == "train end"
    assert "val_loss" in calls[-1][1]


def test_early_stopping_restores_the_best_weights():
    stopping = pl.EarlyStopping(patience=2)
    model, weights = run([3, 2, 1, 4, 5, 6, 7], stopping)
    assert (stopping.best, stopping.best_epoch, stopping.stopped_epoch) == (1, 2, 4)
    assert len(weights) == 5
    assert same(model, weights[2])
    assert stopping.message == (
        "stopped after epoch 5: val_loss has not improved for 2 epochs; "
        "weights of epoch 3 restored"
    )


def test_best_weights_come_back_also_when_patience_is_left():
    """Known bug B-42."""
    stopping = pl.EarlyStopping(patience=10)
    model, weights = run([3, 1, 2, 2], stopping)
    assert stopping.stopped_epoch is None
    assert same(model, weights[1])
    assert "weights of epoch 2 restored" in stopping.message


def test_early_stopping_may_leave_the_last_weights():
    stopping = pl.EarlyStopping(patience=2, restore_best_weights=False)
    model, weights = run([1, 2, 3, 4], stopping)
    assert same(model, weights[-1])
    assert stopping.message.endswith("for 2 epochs")


def test_early_stopping_upwards_and_min_delta():
    up = pl.EarlyStopping("val_accuracy", patience=2)
    run([0.5, 0.6, 0.6, 0.59, 0.7], up, "val_accuracy")
    assert (up.mode, up.best, up.stopped_epoch) == ("max", 0.6, 3)
    delta = pl.EarlyStopping(patience=2, min_delta=0.5)
    run([3.0, 2.6, 2.55, 1.0], delta)
    assert (delta.best_epoch, delta.stopped_epoch) == (0, 2)
    nan = pl.EarlyStopping(patience=2)
    run([math.nan, 1.0, math.nan, math.nan], nan)
    assert (nan.best_epoch, nan.stopped_epoch) == (1, 3)


def test_early_stopping_watches_the_loss_without_validation():
    x, y = blobs(12)
    model = mlp()
    model.compile(pl.SGD(0), "softmax_cross_entropy")
    stopping = pl.EarlyStopping(patience=1)
    history = model.fit(x, y, epochs=9, shuffle=False, callbacks=[stopping], verbose=0)
    assert len(history.epoch) == 2
    assert "loss has not improved" in stopping.message
    with pytest.raises(ValueError, match='"val_acuracy"'):
        model.fit(x, y, callbacks=[pl.EarlyStopping("val_acuracy")], verbose=0)


def test_early_stopping_serves_several_fits():
    stopping = pl.EarlyStopping(patience=1)
    for _ in range(2):
        run([1, 2, 3], stopping)
        assert (stopping.best_epoch, stopping.stopped_epoch) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"patience": -1}, ValueError),
        ({"patience": 2.5}, TypeError),
        ({"min_delta": -1}, ValueError),
        ({"min_delta": math.nan}, ValueError),
        ({"mode": "down"}, ValueError),
    ],
)
def test_bad_arguments_of_early_stopping(arguments, error):
    with pytest.raises(error, match=next(iter(arguments))):
        pl.EarlyStopping(**arguments)


def test_stop_training_after_a_batch():
    x, y = blobs(40)
    model = mlp()

    def stop(batch, logs):
        model.stop_training = batch == 1

    history = model.fit(
        x,
        y,
        epochs=5,
        batch_size=10,
        callbacks=[pl.LambdaCallback(on_batch_end=stop)],
        verbose=0,
    )
    assert model.optimizer.iterations == 2
    assert history.epoch == [0]


def test_terminate_on_nan_under_ignore():
    x, y = blobs(40)
    x[25] = np.nan
    guard = pl.TerminateOnNaN()
    model = mlp()
    model.fit(
        x,
        y,
        batch_size=10,
        shuffle=False,
        on_nan="ignore",
        callbacks=[guard],
        verbose=0,
    )
    assert model.optimizer.iterations == 3
    assert "batch 2" in guard.message


def read_rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    x, y = blobs(12)
    model = mlp()
    history = model.fit(x, y, epochs=2, callbacks=[pl.CSVLogger(path)], verbose=0)
    rows = read_rows(path)
    assert [int(row["epoch"]) for row in rows] == [0, 1]
    assert [float(row["loss"]) for row in rows] == history.history["loss"]
    model.fit(x, y, callbacks=[pl.CSVLogger(path, append=True)], verbose=0)
    rows = read_rows(path)
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    model.fit(x, y, callbacks=[pl.CSVLogger(path)], verbose=0)
    assert len(read_rows(path)) == 1
    with pytest.raises(FileNotFoundError):
        model.fit(x, y, callbacks=[pl.CSVLogger(tmp_path / "no" / "x.csv")], verbose=0)


def test_silent(capfd):
    x, y = blobs(12)
    mlp().fit(x, y, epochs=2, verbose=0)
    assert capfd.readouterr() == ("", "")


def test_lines_where_there_is_no_terminal(capfd):
    x, y = blobs(12)
    stopping = pl.EarlyStopping(patience=1)
    model = mlp()
    model.compile(pl.SGD(0), "softmax_cross_entropy", ["accuracy"])
    model.fit(x, y, epochs=12, shuffle=False, callbacks=[stopping])
    out, err = capfd.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0].startswith("epoch  1/12  loss ")
    assert ", accuracy 0." in lines[0]
    assert lines[0].endswith(" s")
    assert lines[2].startswith("stopped after epoch 2: loss has not improved")


def test_the_bar_is_one_line_per_epoch(capfd):
    x, y = blobs(40)
    mlp().fit(x, y, epochs=2, batch_size=10, validation_data=(x, y), verbose=1)
    _, err = capfd.readouterr()
    lines = [line.split("\r")[-1] for line in err.rstrip("\n").split("\n")]
    assert len(lines) == 2
    for number, line in enumerate(lines, 1):
        assert line.startswith(f"epoch {number}/2  100%|##########| 4/4 [")
        for word in ("batch/s", "loss ", "accuracy ", "val_loss ", "val_accuracy "):
            assert word in line
        assert line.isascii()


def test_the_bar_is_tidy_after_an_exception(capfd):
    x, y = blobs(40)

    def fail(batch, logs):
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        mlp().fit(x, y, callbacks=[pl.LambdaCallback(on_batch_end=fail)], verbose=1)
    _, err = capfd.readouterr()
    assert err.endswith("\n")


def test_own_progress_bar_is_the_only_one(capfd):
    x, y = blobs(12)
    mlp().fit(x, y, callbacks=[pl.ProgressBar(bar=False)], verbose=1)
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert pl.ProgressBar().bar
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert not pl.ProgressBar().bar


def test_small_values_stay_readable():
    assert format_logs({"loss": 1.5e-5, "accuracy": 1.0}) == (
        "loss 1.50e-05, accuracy 1.000"
    )


def test_callbacks_show_their_arguments():
    assert repr(pl.CSVLogger("log.csv")) == "CSVLogger(path='log.csv', append=False)"
    assert repr(pl.EarlyStopping(patience=3)).startswith(
        "EarlyStopping(monitor='val_loss', patience=3, "
    )
