"""Several threads, training inside training, Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pellucid as pl
from pellucid.model.training import Interrupts
from tests.support.models import blobs, cnn, mlp, snapshot, strokes


def test_predict_from_many_threads_gives_the_same_bits():
    x, y = strokes(60)
    model = cnn()
    model.fit(x, y, verbose=0)
    expected = model.predict(x).tobytes()
    evaluated = model.evaluate(x, y)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: model.predict(x).tobytes(), range(40)))
        values = list(pool.map(lambda _: model.evaluate(x, y), range(16)))
    assert set(found) == {expected}
    assert all(value == evaluated for value in values)


def test_the_first_predict_may_come_from_many_threads():
    x, _ = strokes(8)
    expected = cnn().predict(x).tobytes()
    for _ in range(5):
        model = cnn()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(model.predict, [x] * 8))
        assert {y.tobytes() for y in found} == {expected}


def test_predict_beside_training_does_not_disturb_it():
    x, y = strokes(60)
    alone, watched = cnn(), cnn()
    alone.fit(x, y, epochs=5, batch_size=8, verbose=0)
    done = threading.Event()

    def watch():
        while not done.is_set():
            watched.predict(x)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        watched.fit(x, y, epochs=5, batch_size=8, verbose=0)
    finally:
        done.set()
        thread.join()
    assert snapshot(alone) == snapshot(watched)


def test_091_training_from_two_threads():
    x, y = blobs()
    model, inside, go = mlp(), threading.Event(), threading.Event()

    def wait(batch, logs):
        inside.set()
        go.wait(10)

    thread = threading.Thread(
        target=model.fit,
        args=(x, y),
        kwargs={
            "callbacks": [pl.LambdaCallback(on_batch_begin=wait)],
            "batch_size": 0,
            "verbose": 0,
        },
    )
    thread.start()
    assert inside.wait(10)
    try:
        for call in (
            lambda: model.fit(x, y),
            lambda: model.train_on_batch(x, y),
            lambda: model.forward(x, training=True),
            lambda: model.backward(np.zeros((60, 3))),
            lambda: model.compile("adam", "mse"),
        ):
            with pytest.raises(RuntimeError, match="being trained"):
                call()
        assert model.predict(x).shape == (60, 3)
    finally:
        go.set()
        thread.join()
    assert model.epochs_done == 1
    model.fit(x, y, verbose=0)


def test_092_fit_inside_fit():
    x, y = blobs()
    model = mlp()
    nested = pl.LambdaCallback(on_epoch_end=lambda e, logs: model.fit(x, y))
    with pytest.raises(RuntimeError, match="from a callback"):
        model.fit(x, y, callbacks=[nested], verbose=0)
    model.fit(x, y, verbose=0)


@pytest.mark.parametrize("hook", ["on_batch_begin", "on_batch_end", "on_epoch_end"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_087_088_exceptions_leave_a_model_at_a_step_border(hook, error):
    x, y = strokes(40)
    model = cnn()
    count = []

    def fail(at, logs):
        count.append(at)
        if len(count) == 3:
            raise error("now")

    callback = pl.LambdaCallback(**{hook: fail})
    with pytest.raises(error, match="now"):
        model.fit(x, y, epochs=9, batch_size=20, callbacks=[callback], verbose=0)
    steps = model.optimizer.iterations
    assert steps == {"on_batch_begin": 2, "on_batch_end": 3, "on_epoch_end": 6}[hook]
    assert len(model.history.epoch) == {"on_epoch_end": 3}.get(hook, 1)
    assert all(layer.workspace is None for layer in model.layers)
    assert all(np.isfinite(p.value).all() for p in model.parameters())
    model.fit(x, y, verbose=0)


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Python's own handler, also where the tests were started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_087_an_interrupt_waits_for_the_end_of_an_update():
    guard = Interrupts()
    reached = []

    def update():
        with guard.held():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("end of the update")
        reached.append("after the update")

    with pytest.raises(KeyboardInterrupt), guard.watching():
        update()
    assert reached == ["end of the update"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("interrupts")
def test_087_an_interrupt_inside_a_step_undoes_it():
    x, y = strokes(40)
    model = cnn()
    model.fit(x, y, verbose=0)
    before = snapshot(model)
    last = model.layers[-1]
    forward = last.forward

    def interrupted(x, training=False):
        os.kill(os.getpid(), signal.SIGINT)
        return forward(x, training)

    last.forward = interrupted
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0)
    del last.forward
    assert snapshot(model) == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_program_is_left_alone():
    x, y = blobs()
    seen = []
    old = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        press = pl.LambdaCallback(
            on_batch_end=lambda b, logs: os.kill(os.getpid(), signal.SIGINT)
        )
        mlp().fit(x, y, batch_size=0, callbacks=[press], verbose=0)
    finally:
        signal.signal(signal.SIGINT, old)
    assert seen == [signal.SIGINT]
