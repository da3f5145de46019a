"""What the rules look at: a model, its data, and what was seen while it trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.core.layer import Array, Layer
from pellucid.core.registry import ours
from pellucid.core.regularizers import Regularizer
from pellucid.debug.guessing import guess_and_floor
from pellucid.debug.monitor import weight_of
from pellucid.debug.probe import ROWS, Neighbours
from pellucid.layers import Rescaling, SeparableConv2D
from pellucid.losses import Loss
from pellucid.optimizers import Optimizer

if TYPE_CHECKING:
    from pellucid.debug.monitor import Record
    from pellucid.model.door import Samples
    from pellucid.model.sequential import Sequential

LOOKED_AT = 2000  # rows that statistics of the data are taken of


class Trial(NamedTuple):
    """A short training of a copy at another learning rate."""

    factor: float
    rate: float
    skill: float
    held_skill: float


@dataclass
class Case:
    """One model with one data set.

    Parameters
    ----------
    model : Sequential
        Built and compiled; the rules only read it.
    x : array (n, ...)
        Training rows, channels last.
    y : array
        Targets as the user gave them, where the loss refused them, else as it takes
        them.
    refusal : str, optional
        Why the loss refused the targets.
    weighted : bool
        Whether classes or samples have weights.
    validation : Samples, optional
        What the user validates on.
    held : Samples, optional
        Rows that are not trained on: the validation data, or a part put aside.
    batch_size : int
    shuffle : bool
    record : Record, optional
        What was seen while training; None before a step is taken.
    trials : list of Trial
    """

    model: Sequential
    x: Array
    y: Array
    refusal: str | None = None
    weighted: bool = False
    validation: Samples | None = None
    held: Samples | None = None
    batch_size: int = 32
    shuffle: bool = True
    record: Record | None = None
    trials: list[Trial] = field(default_factory=list)

    @property
    def loss(self) -> Loss:
        """The loss that the user chose."""
        return self.model.loss

    @property
    def kind(self) -> str:
        """categorical, binary or regression."""
        return str(getattr(self.loss, "kind", "regression"))

    @cached_property
    def layers(self) -> list[tuple[str, Layer]]:
        """The layers in order with their full names, containers left out."""
        return [(name, part) for name, part in self.model.walk() if not part.children()]

    @cached_property
    def looked_at(self) -> Array:
        """Rows spread over the training data, as float64, one row per sample."""
        stride = max(1, len(self.x) // LOOKED_AT)
        rows = self.x[::stride][:LOOKED_AT]
        return np.asarray(rows.reshape(len(rows), -1), np.float64)

    @cached_property
    def scaled(self) -> Array:
        """The same after the rescaling layers at the start of the model."""
        rows = self.looked_at
        for layer in self.model.layers:
            if not isinstance(layer, Rescaling):
                break
            rows = rows * layer.scale + layer.offset
        return rows

    @cached_property
    def percentiles(self) -> Array:
        """The first, the median and the 99th of each column; of a picture's pixels."""
        rows = self.scaled if self.columns else self.scaled.reshape(-1, 1)
        return np.asarray(np.percentile(rows, [1, 50, 99], axis=0))

    @property
    def columns(self) -> bool:
        """Whether a sample is a row of features, and no picture."""
        return self.x.ndim == 2

    @cached_property
    def labels(self) -> Array | None:
        """One class for each sample, where the loss is one of classes."""
        y = self.y
        if y.dtype.kind not in "iuf" or not np.isfinite(y).all():
            return None
        if self.kind == "categorical":
            if y.ndim == 2 and y.shape[1] > 1:
                return np.asarray(y.argmax(axis=1))
            return y.reshape(-1).astype(np.int64) if y.ndim <= 2 else None
        if self.kind == "binary" and y.size == len(y):
            return (y.reshape(-1) >= 0.5).astype(np.int64)
        return None

    @property
    def classes(self) -> int:
        """How many classes the output can tell apart."""
        units = self.model.inner_shapes[-1][-1]
        return 2 if units == 1 else int(units)

    @cached_property
    def guessing(self) -> float | None:
        """The loss of the best answer that does not look at x; None if unknown."""
        ours = type(self.loss).__module__.startswith("pellucid.")
        if not ours or self.refusal or getattr(self.loss, "reduction", "") != "mean":
            return None
        return self._worth(self.y)[0]

    def _worth(self, y: Array) -> tuple[float, float]:
        return guess_and_floor(self.loss, y, self.model.inner_shapes[-1][-1])

    @cached_property
    def neighbours(self) -> Neighbours | None:
        """What neighbouring rows say; None where there is too little to ask."""
        values = self.labels
        if values is None and self.kind == "regression" and self.y.size == len(self.y):
            values = np.asarray(self.y, np.float64).reshape(-1)
        if values is None or len(values) < 50 or not np.isfinite(values).all():
            return None
        if not np.isfinite(self.x).all():
            return None
        x = self.x[: len(values)]
        if len(x) > ROWS and (np.diff(values[:ROWS]) >= 0).all():  # sorted
            stride = len(x) // ROWS
            x, values = x[::stride], values[::stride]
        if np.ptp(values[:ROWS]) == 0 or not np.ptp(x[:ROWS].reshape(-1)):
            return None
        return Neighbours(x, values, self.labels is not None)

    @cached_property
    def _places(self) -> dict[int, int]:
        return {id(layer): index for index, layer in enumerate(self.model.layers)}

    def code(self, layer: Layer) -> str:
        """Code that reaches a layer: ``model.layers[2]``, or by its name inside."""
        at = self._places.get(id(layer))
        if at is None:
            name = next(name for name, part in self.layers if part is layer)
            return f'dict(model.walk())["{name}"]'
        return f"model.layers[{-1 if at == len(self.model.layers) - 1 else at}]"

    def held_skill(self, loss: float) -> float:
        """As ``skill``, for the rows that are not trained on."""
        if self.held is None or self.guessing is None:
            return math.nan
        skill = _skill(loss, *self._worth(self.held.y))
        return -math.inf if math.isnan(skill) else skill

    def skill(self, loss: float) -> float:
        """1 for a perfect loss, 0 for one no better than guessing; NaN if unknown."""
        if self.guessing is None:
            return math.nan
        return _skill(loss, *self._worth(self.y))


def _skill(loss: float, guess: float, floor: float) -> float:
    if guess <= floor:
        return math.nan
    return (guess - loss) / (guess - floor) if math.isfinite(loss) else -math.inf


def optimizer_code(optimizer: Optimizer, **changes: Any) -> str:
    """The call that makes an optimizer like this one, with some arguments changed.

    Example
    -------
    >>> from pellucid.optimizers import SGD
    >>> optimizer_code(SGD(0.1, momentum=0.9), weight_decay=1e-4)
    'pl.SGD(0.1, momentum=0.9, weight_decay=0.0001)'
    """
    kept = {key: getattr(optimizer, key, 0.0) for key in ("momentum",)}
    given = {key: value for key, value in {**kept, **changes}.items() if value}
    shown = "".join(f", {key}={value:g}" for key, value in given.items())
    return f"pl.{type(optimizer).__name__}({optimizer.learning_rate:g}{shown})"


def penalty_of(layer: Layer) -> Regularizer | None:
    """The penalty on the weight of a layer, if there is one."""
    found = weight_of(layer)
    return None if found is None else found[1].regularizer


def weaker_penalty(case: Case, layer: Layer) -> str:
    """Code that makes the penalty of a layer a usual one."""
    if isinstance(layer, SeparableConv2D):
        return (
            f"for p in {case.code(layer)}.parameters(): p.regularizer = "
            "p.regularizer and pl.L2(1e-4)"
        )
    return f"{case.code(layer)}.weight.regularizer = pl.L2(1e-4)"


def constructor(layer: Layer, without: Sequence[str] = (), **changes: Any) -> str:
    """The call that makes a layer like this one, with some arguments changed.

    Shows what has no default, what differs from its default, and what changes.

    Example
    -------
    >>> from pellucid.layers import Dense
    >>> constructor(Dense(8, "relu", bias_initializer="ones"), ["bias_initializer"])
    "pl.Dense(units=8, activation='relu')"
    """
    config = {**layer.config(), **changes}
    kind, hidden = type(layer), {"name", "trainable", *without}
    wanted = {key: value for key, value in config.items() if key not in hidden}
    shown = {
        key
        for key, parameter in signature(kind).parameters.items()
        if parameter.default is parameter.empty and key in config
    } | set(changes)
    for _ in range(2 if ours(layer) else 0):  # a default may hang on another argument
        made = kind(**{key: config[key] for key in shown}).config()
        shown |= {key for key, value in wanted.items() if made[key] != value}
    if not ours(layer):
        shown |= set(wanted)
    arguments = [f"{key}={value!r}" for key, value in config.items() if key in shown]
    prefix = "pl." if ours(layer) else ""
    return f"{prefix}{kind.__name__}({', '.join(arguments)})"


def instead(
    name: str, layer: Layer, without: Sequence[str] = (), **changes: Any
) -> str:
    """The line that proposes another layer for this one."""
    return f"{constructor(layer, without, **changes)}   # in place of {name}"


INITIALIZERS = ("kernel_initializer", "bias_initializer")


def own_start(name: str, layer: Layer) -> str:
    """The same layer with initial weights of its own; nothing where it has them."""
    line = instead(name, layer, INITIALIZERS)
    return "" if line == instead(name, layer) else line


def first_own_start(case: Case) -> str:
    """That for the first layer whose initial weights were chosen; else nothing."""
    lines = (own_start(name, layer) for name, layer in case.layers)
    return next(filter(None, lines), "")
