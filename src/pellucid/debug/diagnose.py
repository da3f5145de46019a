"""Why does it not learn? Rules on model and data, then a watched training of a copy."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.callbacks import Callback
from pellucid.checks import check_integer
from pellucid.core.layer import Array
from pellucid.debug.case import Case, Trial
from pellucid.debug.doctor import counts, refusal
from pellucid.debug.finding import Diagnosis
from pellucid.debug.monitor import Monitor, Point, Record
from pellucid.debug.rules import DYNAMIC, STATIC, apply, ranked
from pellucid.debug.rules.learning import diverged, learnt
from pellucid.debug.thresholds import limit
from pellucid.errors import NumericsError, describe
from pellucid.model.door import Door, Samples, is_batches
from pellucid.model.inference import BATCH_SIZE, infer_all
from pellucid.model.prepare import split_rows
from pellucid.model.sources import unpack_batch

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

EVERY = 10
PROBE_ROWS = 256
HELD_SHARE = 0.2
FEWEST = 50  # samples from which a part is held out
COLLECTED = 4096  # samples taken from an iterable of batches
SLOWER = (0.1, 0.01, 1e-3, 1e-4)
FASTER = (10.0, 100.0, 1e3, 1e4)


def diagnose(
    model: Sequential,
    x: Any,
    y: Any = None,
    *,
    validation_data: Any = None,
    batch_size: int = 32,
    steps: int = 200,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | str | None = None,
) -> Diagnosis:
    """Say in plain words why a network does not learn; see ``Sequential.diagnose``."""
    begin = perf_counter()
    model.require_layers("diagnose")
    _ = model.loss  # raises where compile has not been called
    count = check_integer(steps, "steps", low=1, hint="Pass steps=200.")
    size = check_integer(batch_size, "batch_size", low=1, hint="Pass batch_size=32.")
    if y is None and is_batches(x):
        x, y = _collect(x)
    x = _bytes_as_numbers(model, x)
    patient = copy.deepcopy(model)
    visit = _Visit(patient, x, y, validation_data, size, count, shuffle, class_weight)
    case = visit.case
    findings = apply(case, STATIC)
    watched = None
    if not any(finding.level == "error" for finding in findings):
        watched = visit.train(copy.deepcopy(patient), EVERY)
        case.record = watched.record
        visit.try_other_rates()
        findings += apply(case, DYNAMIC)
    return Diagnosis(
        ranked(findings),
        steps=0 if watched is None else watched.record.steps,
        trials=len(case.trials),
        seconds=perf_counter() - begin,
        counts=None if watched is None else counts(watched),
    )


class _Visit:
    """The data of one diagnosis, and the trainings on it."""

    def __init__(
        self,
        patient: Sequential,
        x: Any,
        y: Any,
        validation_data: Any,
        batch_size: int,
        steps: int,
        shuffle: bool,
        class_weight: Mapping[int, float] | str | None,
    ) -> None:
        self.patient, self.steps = patient, steps
        door = patient.door(x)
        features = door.features(x)
        _refuse_empty(features, y)
        targets, refused = _targets(door, y, patient, len(features))
        patient.build_for(door)
        validation = None
        if validation_data is not None:
            validation = _validation(door, validation_data, patient)
        rows = np.arange(len(features))
        held = validation
        if refused is None and held is None and len(features) >= FEWEST:
            rows, kept = split_rows(len(features), HELD_SHARE, patient.seed)
            held = Samples(features[kept], targets[kept], None)
        self.x, self.y = features[rows], targets[rows]
        if refused is None and class_weight is None:
            self.options: dict[str, Any] = {}
        else:
            self.options = {"class_weight": class_weight}
        self.options |= {"batch_size": batch_size, "shuffle": shuffle}
        self.channels_first = door.channels_first
        self.case = Case(
            patient,
            features,
            targets,
            refusal=refused,
            weighted=class_weight is not None,
            validation=validation,
            held=held,
            batch_size=batch_size,
            shuffle=shuffle,
        )
        stride = max(1, len(rows) // PROBE_ROWS)
        self.probe = Samples(
            np.ascontiguousarray(self.x[::stride][:PROBE_ROWS]),
            self.y[::stride][:PROBE_ROWS],
            None,
        )

    def train(self, model: Sequential, every: int) -> Monitor:
        """Train a model for the steps of this visit, looking on."""
        monitor = Monitor(model, self.probe.x)
        x = self.x
        if self.channels_first and x.ndim == 4:
            x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        watch = _Watch(self, monitor, every)
        model.fit(
            x,
            self.y,
            epochs=self.steps,  # at least one step each; the watch ends it in time
            callbacks=[watch],
            on_nan="stop",
            verbose=0,
            **self.options,
        )
        return monitor

    def try_other_rates(self) -> None:
        """Train copies at other rates where this one does not learn."""
        case = self.case
        record = case.record
        if record is None:
            return
        if learnt(case) > limit("learnt") and not (
            record.update_ratio() > limit("update_large")
        ):
            return
        jumps = record.largest_update() > limit("update_large")
        factors = SLOWER if diverged(case) or jumps else (*FASTER, *SLOWER[:2])
        healed = False  # slower rates: one more, which may be sounder
        for factor in factors:
            trial = copy.deepcopy(self.patient)
            rate = trial.optimizer.learning_rate * factor
            trial.optimizer.learning_rate = rate
            tried = self.train(trial, self.steps).record
            skill = held = -math.inf
            if tried.refused is None and tried.curve:
                skill = case.skill(tried.curve[-1].loss)
                held = case.held_skill(tried.curve[-1].held_loss)
            if math.isnan(skill):
                skill = 1 - tried.curve[-1].loss / tried.curve[0].loss
            case.trials.append(Trial(factor, rate, skill, held))
            if healed:
                return
            healed = skill > max(limit("learnt"), learnt(case) + 0.3)
            if healed and factor > 1:
                return

    def point(self, model: Sequential, step: int) -> Point:
        """Losses of the probe and of the held rows, in use."""
        with np.errstate(all="ignore"):  # of a network that diverges
            return self._point(model, step)

    def _point(self, model: Sequential, step: int) -> Point:
        held = self.case.held
        output = infer_all(model, self.probe.x, BATCH_SIZE)
        loss = _loss(model, output, self.probe.y)
        spread = float(np.std(output, axis=0).max(initial=0.0))
        same = len(output) > 1 and spread <= 1e-6 * float(np.abs(output).max())
        if held is None:
            return Point(step, loss, math.nan, math.nan, same)
        rows = slice(0, 2 * PROBE_ROWS)
        output = infer_all(model, np.ascontiguousarray(held.x[rows]), BATCH_SIZE)
        return Point(
            step,
            loss,
            _loss(model, output, held.y[rows]),
            _score(self.case, model, output, held.y[rows]),
            same,
        )


class _Watch(Callback):
    """Notes what happens, and ends the training in time."""

    def __init__(self, visit: _Visit, monitor: Monitor, every: int) -> None:
        self.visit, self.monitor, self.every = visit, monitor, every

    def on_train_begin(self, logs: Mapping[str, float]) -> None:
        """See ``Callback``."""
        self.monitor.observe(self.visit.probe.x)
        self._note(self.monitor.record)

    def on_step(self, loss: float, x: Array, y: Array) -> None:
        """See ``Callback``."""
        record = self.monitor.record
        number = record.steps + 1
        last = number >= self.visit.steps
        due = number % self.every == 0 or last
        self.monitor.step(loss, x, due)
        if due:
            self._note(record)
        if last:
            self.model.stop_training = True

    def on_refused(self, error: NumericsError, x: Array, y: Array) -> None:
        """See ``Callback``."""
        self.monitor.record.refused = refusal(error, x, self.monitor)

    def _note(self, record: Record) -> None:
        record.curve.append(self.visit.point(self.monitor.model, record.steps))


def _loss(model: Sequential, output: Array, y: Array) -> float:
    """The loss of these outputs; infinite where it is not a number."""
    with np.errstate(all="ignore"):
        value, _ = model.loss.value_and_gradient(output, y)
    loss = float(value[0])
    return loss if math.isfinite(loss) else math.inf


def _score(case: Case, model: Sequential, output: Array, y: Array) -> float:
    """Accuracy, or correlation; NaN where neither makes sense."""
    if case.labels is not None:
        labels = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
        if output.shape[-1] > 1:
            return float((output.argmax(axis=-1) == labels).mean())
        middle = 0.0 if getattr(model.loss, "from_logits", False) else 0.5
        return float(((output.reshape(-1) >= middle) == (labels >= 0.5)).mean())
    if output.size != len(output) or not np.isfinite(output).all():
        return math.nan
    one, two = output.reshape(-1), y.reshape(-1)
    if one.std() == 0 or two.std() == 0:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def _targets(
    door: Door, y: Any, model: Sequential, samples: int
) -> tuple[Array, str | None]:
    """Targets as the loss takes them; or as they came, and why it refuses them."""
    try:
        return door.targets(y, model.loss, samples), None
    except ValueError as error:
        raw = np.asarray(y)
        if len(raw) != samples or raw.dtype.kind not in "iufb":
            raise
        return raw, str(error)


def _refuse_empty(features: Array, y: Any) -> None:
    if y is None:
        raise TypeError(
            describe(
                "diagnose got no y",
                "Expected one target for each sample",
                "Pass model.diagnose(x, y), or an iterable of batches (x, y).",
            )
        )
    if not len(features):
        raise ValueError(
            describe(
                f"x has shape {features.shape}: an empty dataset",
                "Expected at least one sample",
                "Check how the array was loaded or cut.",
            )
        )


def _validation(door: Door, data: Any, model: Sequential) -> Samples | None:
    if not isinstance(data, tuple) or len(data) not in (2, 3):
        raise TypeError(
            describe(
                f"validation_data is a {type(data).__name__}",
                "Expected a tuple (x, y)",
                "Pass validation_data=(x_val, y_val).",
            )
        )
    x = _bytes_as_numbers(model, data[0])
    return door.samples(x, data[1], model.loss, None, "validation x")


def _bytes_as_numbers(model: Sequential, x: Any) -> Any:
    """Bytes as floats: the rules say what is wrong with them."""
    layers = model.layers
    if isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.ndim == 4:
        return x if layers[0].accepts_bytes else x.astype(model.dtype)
    return x


def _collect(batches: Any) -> tuple[Array, Array]:
    """The first samples of an iterable of batches as arrays."""
    xs: list[Array] = []
    ys: list[Array] = []
    for index, batch in enumerate(batches):
        x, y, *_ = unpack_batch(batch, index)
        xs.append(np.asarray(x))
        ys.append(np.asarray(y))
        if sum(map(len, xs)) >= COLLECTED:
            break
    if not xs:
        raise ValueError(
            describe(
                "the iterable has no batches: an empty dataset",
                "Expected at least one batch",
                "Check how the data was loaded.",
            )
        )
    return np.concatenate(xs), np.concatenate(ys)
