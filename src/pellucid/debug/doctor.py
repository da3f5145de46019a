"""The callback that looks on while ``fit`` trains."""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from pellucid.callbacks import Callback
from pellucid.callbacks.base import Logs
from pellucid.checks import check_integer
from pellucid.core.inputs import check_number
from pellucid.core.layer import Array
from pellucid.debug.case import Case
from pellucid.debug.finding import Diagnosis, Finding
from pellucid.debug.monitor import Monitor, Point, Refusal
from pellucid.debug.rules import DYNAMIC, STATIC, apply, ranked
from pellucid.errors import NumericsError
from pellucid.model.sources import ArraySource

if TYPE_CHECKING:
    from pellucid.model.fit import FitLoop

ROWS_READ = 20_000
SHORTEST = 40  # steps between two observations: below 5 % of the arithmetic


class Doctor(Callback):
    """Watches a training and says in plain words what is wrong with it.

    The rules about model, data and settings are applied before the first step; then
    every now and then outputs, gradients, weights and updates are looked at, and the
    rules about them are applied at the end. ``fit`` shows the report unless it is
    silent; ``diagnosis`` keeps it. Training itself does not change by a bit. When
    ``fit`` raises NumericsError, the report is a note of the exception.

    Parameters
    ----------
    every : int, optional
        Steps between two observations. By default as many as keep the time that
        observing takes below ``budget``; a number makes the report repeatable.
    budget : float, default 0.02
        Share of the training time that observing may take, between 0 and 1.

    Attributes
    ----------
    diagnosis : Diagnosis or None
        What was found by the last call of ``fit``.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong kind, or out of range.

    Example
    -------
    >>> import pellucid as pl
    >>> x, y = pl.data.make_blobs(200, seed=0)
    >>> model = pl.Sequential([pl.Dense(8, activation="relu"), pl.Dense(3)], seed=0)
    >>> model.compile(pl.Adam(1e-2), "softmax_cross_entropy")
    >>> doctor = pl.Doctor(every=20)
    >>> history = model.fit(x, y, epochs=20, callbacks=[doctor], verbose=0)
    >>> doctor.diagnosis.healthy
    True
    """

    def __init__(self, every: int | None = None, budget: float = 0.02) -> None:
        hint = "Pass every=50, or leave it out."
        self.every = every
        if every is not None:
            self.every = check_integer(every, "Doctor: every", low=1, hint=hint)
        self.budget = check_number(budget, "Doctor: budget", above=0, at_most=1)
        self.diagnosis: Diagnosis | None = None

    def attach(self, loop: FitLoop) -> None:
        """See ``Callback``."""
        self._loop = loop
        self._spent = self._rules = 0.0
        self._next = 1
        self.diagnosis = self.message = None
        self._findings: list[Finding] = []
        self._case: Case | None = None
        self._monitor = Monitor(loop.model)
        source = loop.data.source
        if isinstance(source, ArraySource):
            rows = source.rows[:ROWS_READ]
            whole = len(rows) == len(source.data.x) or len(source.rows) == len(
                source.data.x
            )
            picked = slice(0, len(rows)) if whole else rows
            self._begin(source.data.x[picked], source.data.y[picked])
        self._started = perf_counter()

    def _begin(self, x: Array, y: Array) -> None:
        begin = perf_counter()
        self._apply(x, y)
        self._rules = perf_counter() - begin

    def _apply(self, x: Array, y: Array) -> None:
        loop, source = self._loop, self._loop.data.source
        arrays = isinstance(source, ArraySource)
        data = source.data if isinstance(source, ArraySource) else None
        self._case = Case(
            loop.model,
            x,
            y,
            weighted=data is not None and data.weights is not None,
            validation=loop.data.validation,
            held=loop.data.validation,
            batch_size=loop.options.batch_size if arrays else len(x),
            shuffle=loop.options.shuffle or not arrays,
            record=None,
        )
        self._findings = apply(self._case, STATIC)
        if arrays:
            self._monitor.observe(np.ascontiguousarray(x[: Monitor.BATCH_ROWS]))

    def on_step(self, loss: float, x: Array, y: Array) -> None:
        """See ``Callback``."""
        monitor = self._monitor
        steps = monitor.record.steps + 1
        due = steps >= self._next
        if not due and not monitor.waiting:
            monitor.step(loss, x, False)
            return
        if self._case is None:
            self._begin(x.copy(), y.copy())
            self._started += self._rules
        begin = perf_counter()
        monitor.step(loss, x, due)
        now = perf_counter()
        self._spent += now - begin
        if due:
            self._next = steps + self._pause(now, steps)

    def _pause(self, now: float, steps: int) -> int:
        if self.every is not None:
            return self.every
        if steps == 1:
            return SHORTEST
        step = (now - self._started - self._spent) / steps
        cost = self._spent / len(self._monitor.record.observations)
        return max(SHORTEST, math.ceil(cost / (self.budget * max(step, 1e-9))))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See ``Callback``."""
        record = self._monitor.record
        held = float(logs.get("val_loss", math.nan))
        record.curve.append(Point(record.steps, float(logs["loss"]), held))

    def on_refused(self, error: NumericsError, x: Array, y: Array) -> None:
        """See ``Callback``."""
        self._monitor.record.refused = refusal(error, x, self._monitor)
        self._finish()
        error.add_note(str(self.diagnosis))

    def on_train_end(self, logs: Logs) -> None:
        """See ``Callback``."""
        if self.diagnosis is None:
            self._finish()
        self.message = str(self.diagnosis)

    def _finish(self) -> None:
        record, findings = self._monitor.record, self._findings
        begin = perf_counter()
        if self._case is not None:
            self._case.record = record
            findings = findings + apply(self._case, DYNAMIC)
        self.diagnosis = Diagnosis(
            ranked(findings),
            steps=record.steps,
            seconds=self._rules + self._spent + perf_counter() - begin,
            counts=counts(self._monitor),
        )


def refusal(error: NumericsError, x: Array, monitor: Monitor) -> Refusal:
    """What is known of a step that was not taken."""
    bad = ~np.isfinite(x.reshape(len(x), -1)).all(axis=1)
    rate = monitor.model.optimizer.learning_rate
    return Refusal(monitor.record.steps, str(error), int(bad.sum()), rate)


def counts(monitor: Monitor) -> dict[str, int]:
    """What watching cost, counted."""
    record = monitor.record
    return {
        "steps": record.steps,
        "observations": len(record.observations),
        "samples": record.trained,
        "observed": record.observed,
    }
