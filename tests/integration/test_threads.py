"""One model and several Python threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pellucid as pl
from tests.integration.processes import HANG, THREADED
from tests.integration.training import every_kind
from tests.support.guard import assert_survives

PREDICT = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import pellucid as pl
from tests.integration.training import untrained

model = untrained("every kind")
(x, y), _ = pl.data.load_digits()
model.fit(x[:640], y[:640], verbose=0)
parts = [x[8 * i : 8 * i + 8 + i] for i in range(64)]
serial = [model.predict(part).tobytes() for part in parts]
together = Barrier(8)

def predict(thread):
    together.wait()
    order = [(thread + i) % len(parts) for i in range(len(parts))]
    return [model.predict(parts[i]).tobytes() == serial[i] for i in order]

with ThreadPoolExecutor(8) as pool:
    right = [good for found in pool.map(predict, range(8)) for good in found]
print(len(right), all(right))
"""


def test_predict_from_eight_threads_gives_the_serial_bits() -> None:
    found = assert_survives(PREDICT, env=THREADED, timeout=HANG)
    assert found.split() == ["512", "True"]


class Pause(pl.Callback):
    """Stops at the first batch until it is told to go on."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def on_batch_begin(self, batch: int, logs: object) -> None:
        self.reached.set()
        assert self.go_on.wait(HANG)


def test_a_second_training_call_raises_and_changes_nothing() -> None:
    (x, y), _ = pl.data.load_digits()
    x, y = x[:96], y[:96]

    def compiled() -> pl.Sequential:
        model = pl.Sequential(every_kind(), input_shape=(8, 8, 1), seed=0)
        model.compile(optimizer="adam", loss="softmax_cross_entropy")
        return model

    alone, model, pause = compiled(), compiled(), Pause()
    alone.fit(x, y, verbose=0)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(model.fit, x, y, verbose=0, callbacks=[pause])
        assert pause.reached.wait(HANG)
        try:
            for second in (
                lambda: model.fit(x, y, verbose=0),
                lambda: model.train_on_batch(x, y),
                lambda: model.forward(x, training=True),
                lambda: model.compile(optimizer="sgd", loss="mse"),
            ):
                with pytest.raises(RuntimeError, match="being trained"):
                    second()
        finally:
            pause.go_on.set()
        running.result(HANG)
    expected = alone.state_dict()
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
    model.train_on_batch(x, y)
