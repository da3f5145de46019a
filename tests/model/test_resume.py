"""Checkpoints, and training that goes on from one to the bit."""

from __future__ import annotations

import os

import numpy as np
import pytest

import pellucid as pl
from tests.support.models import blobs, cnn, mlp, snapshot, strokes


class Stop(Exception):
    """Stands for a machine that goes down."""


def crash_after(epoch):
    class Crash(pl.Callback):
        runs_last = True

        def on_epoch_end(self, number, logs):
            if number == epoch:
                raise Stop

    return Crash()


OPTIMIZERS = {
    "sgd": lambda: pl.SGD(pl.StepDecay(0.05, 2), momentum=0.9),
    "adam": lambda: pl.Adam(pl.CosineAnnealing(0.01, 20, by="step"), ema_decay=0.9),
    "adamw": lambda: pl.AdamW(0.01, clip_norm=0.5, rate_factors={"dense_1": 0.5}),
    "rmsprop": lambda: pl.RMSprop(0.003, momentum=0.5, centered=True),
    "adagrad": lambda: pl.Adagrad(0.02, 0.01, rate_factors={"dense_1": 0.5}),
    "adadelta": lambda: pl.Adadelta(weight_decay=1e-4),
    "nadam": lambda: pl.NAdam(0.005, rate_factors={"dense_1": 0.5}),
    "radam": lambda: pl.RAdam(0.01, ema_decay=0.9),
    "lion": lambda: pl.Lion(pl.StepDecay(3e-4, 4), weight_decay=0.1),
}


def train(model, path, epochs=6, extra=(), **options):
    x, y = strokes(70)
    callbacks = [
        pl.ReduceLROnPlateau(patience=1, factor=0.7)
        if model.optimizer.schedule is None
        else pl.LearningRateLogger(),
        pl.EarlyStopping(patience=4),
        pl.ModelCheckpoint(path),
        *extra,
    ]
    return model.fit(
        x,
        y,
        epochs=epochs,
        batch_size=16,
        validation_split=0.2,
        callbacks=callbacks,
        verbose=0,
        **options,
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("at", [0, 3])
def test_resume_is_bit_identical(name, at, tmp_path):
    def new(seed):
        model = cnn(seed=seed)
        model.compile(OPTIMIZERS[name](), "softmax_cross_entropy", ["accuracy"])
        return model

    path = tmp_path / "run.safetensors"
    whole = new(3)
    history = train(whole, tmp_path / "other.safetensors")
    broken = new(3)
    with pytest.raises(Stop):
        train(broken, path, extra=[crash_after(at)])
    resumed = new(77)  # the seed of the run comes with the file
    rest = train(resumed, path, resume=path)
    assert rest.epoch == list(range(at + 1, 6))
    for key, values in history.history.items():
        if key != "seconds":
            assert rest.history[key] == values[at + 1 :], key
    assert snapshot(resumed) == snapshot(whole)
    again = train(resumed, path, epochs=8, resume=path)  # the file has six of eight
    assert again.epoch == [6, 7]


@pytest.mark.parametrize("wrap", [lambda batches: batches, pl.data.Prefetch])
def test_resume_with_batches_that_are_shuffled_and_changed(wrap, tmp_path):
    x, y = strokes(70)
    change = pl.data.Compose([pl.data.RandomShift(1), pl.data.RandomNoise(0.1)])

    def run(model, epochs, **options):
        batches = pl.data.Batches(x, y, batch_size=16, shuffle=True, transform=change)
        model.fit(wrap(batches), epochs=epochs, verbose=0, **options)
        return snapshot(model)

    path = tmp_path / "run.safetensors"
    whole = run(cnn(), 5)
    run(cnn(), 2, callbacks=[pl.ModelCheckpoint(path)])
    assert run(cnn(), 5, resume=path) == whole
    halves = cnn()
    run(halves, 2)
    assert run(halves, 3) == whole  # the second call has batches of its own


def test_a_run_that_was_stopped_early_stays_stopped(tmp_path):
    x, y = blobs(30)
    path = tmp_path / "run.safetensors"

    def fit(model, **options):
        callbacks = [
            pl.EarlyStopping("loss", patience=2, min_delta=10),
            pl.ModelCheckpoint(path),
        ]
        return model.fit(x, y, epochs=9, callbacks=callbacks, verbose=0, **options)

    model, again = mlp(), mlp()
    assert len(fit(model)) == 3
    assert len(fit(again, resume=path)) == 0
    assert snapshot(model)[:-1] == snapshot(again)[:-1]


def test_keep_best(tmp_path):
    x, y = blobs(30)
    values = [3.0, 1.0, 2.0, 0.5, 4.0]

    class Feed(pl.Callback):
        def on_epoch_end(self, epoch, logs):
            logs["val_loss"] = values[epoch]

    path = tmp_path / "best.safetensors"
    weights = []
    note = pl.LambdaCallback(
        on_epoch_end=lambda e, logs: weights.append(model.state_dict())
    )
    checkpoint = pl.ModelCheckpoint(path, keep="best")
    model = mlp()
    model.fit(x, y, epochs=5, callbacks=[Feed(), note, checkpoint], verbose=0)
    assert (checkpoint.best, checkpoint.best_epoch) == (0.5, 3)
    saved = pl.load_model(path)
    assert saved.epochs_done == 4
    for key, value in saved.state_dict().items():
        assert (value == weights[3][key]).all()


def test_one_file_per_epoch(tmp_path):
    x, y = blobs(30)
    checkpoint = pl.ModelCheckpoint(tmp_path / "at-{epoch}.safetensors", every=2)
    mlp().fit(x, y, epochs=5, callbacks=[checkpoint], verbose=0)
    assert sorted(os.listdir(tmp_path)) == ["at-1.safetensors", "at-3.safetensors"]


def test_refused_files_change_nothing(tmp_path):
    x, y = blobs(30)
    path = tmp_path / "run.safetensors"
    model = mlp()
    model.fit(x, y, verbose=0)
    before = snapshot(model)

    def assert_refused(error, words):
        with pytest.raises(error, match=words):
            model.fit(x, y, epochs=3, resume=path, verbose=0)
        assert snapshot(model) == before

    assert_refused(FileNotFoundError, "run")
    model.save_weights(path)
    assert_refused(pl.FormatError, "no training state")
    model.save(path, include_optimizer=False)
    assert_refused(pl.FormatError, "no training state")
    cnn().save(path)
    assert_refused(pl.FormatError, "another architecture")
    other = mlp()
    other.compile(pl.SGD(0.1, momentum=0.9), "softmax_cross_entropy")
    other.fit(x, y, verbose=0)
    other.save(path)
    assert_refused(pl.FormatError, "does not fit the model or its optimizer")


def test_layers_may_be_unfrozen_while_training():
    x, y = blobs(30)
    model = mlp()
    first = model.layers[0]
    first.trainable = False
    states = []

    def thaw(epoch, logs):
        states.append(model.state_dict()["dense_1.weight"])
        first.trainable = epoch >= 1

    callback = pl.LambdaCallback(on_epoch_end=thaw)
    model.fit(x, y, epochs=4, callbacks=[callback], verbose=0)
    assert (states[0] == states[1]).all()
    assert (states[1] != states[2]).any()
    assert (states[2] != states[3]).any()


def test_plateau():
    x, y = blobs(30)
    values = [1.0, 0.9, 0.95, 0.92, 0.91, 0.91, 0.91, 0.2]

    class Feed(pl.Callback):
        def on_epoch_end(self, epoch, logs):
            logs["val_loss"] = values[epoch]

    plateau = pl.ReduceLROnPlateau(factor=0.5, patience=2, min_learning_rate=0.003)
    model = mlp()
    history = model.fit(x, y, epochs=8, callbacks=[Feed(), plateau], verbose=0)
    assert plateau.reductions == [(3, 0.005), (5, 0.003)]
    assert history.history["learning_rate"] == [0.01] * 4 + [0.005] * 2 + [0.003] * 2
    resting = pl.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=3)
    model = mlp()
    model.fit(x, y, epochs=7, callbacks=[Feed(), resting], verbose=0)
    assert resting.reductions == [(3, 0.005)]
    up = pl.ReduceLROnPlateau("accuracy", patience=1)
    assert up.mode == "max"


def test_plateau_and_a_schedule_exclude_each_other():
    x, y = blobs(30)
    model = mlp()
    model.compile(pl.SGD(pl.StepDecay(0.1, 2)), "softmax_cross_entropy")
    with pytest.raises(ValueError, match="with the schedule"):
        model.fit(x, y, callbacks=[pl.ReduceLROnPlateau()], verbose=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pl.ReduceLROnPlateau(factor=1.0),
        lambda: pl.ReduceLROnPlateau(factor=-0.1),
        lambda: pl.ReduceLROnPlateau(patience=-1),
        lambda: pl.ReduceLROnPlateau(cooldown=-1),
        lambda: pl.ReduceLROnPlateau(mode="down"),
        lambda: pl.ReduceLROnPlateau(min_learning_rate=-1),
        lambda: pl.ModelCheckpoint("a", keep="all"),
        lambda: pl.ModelCheckpoint("a", every=0),
        lambda: pl.ModelCheckpoint("a", mode="down"),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match="Expected"):
        make()


def test_rates_of_all_steps():
    x, y = blobs(20)
    model = mlp()
    schedule = pl.ExponentialDecay(0.1, 0.9, by="step")
    model.compile(pl.SGD(schedule), "softmax_cross_entropy")
    logger = pl.LearningRateLogger()
    model.fit(x, y, epochs=2, batch_size=5, callbacks=[logger], verbose=0)
    assert logger.steps == list(range(8))
    assert logger.rates == [schedule(t) for t in range(8)]
    assert np.isclose(model.optimizer.learning_rate, 0.1 * 0.9**8)
