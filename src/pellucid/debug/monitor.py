"""What is noted while a model trains: losses of all steps, samples of the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pellucid.core.layer import Array, Layer
from pellucid.core.parameter import Parameter

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

DYING = ("relu", "hard_swish")
"""Activations that are exactly 0 over half a line, and so is their slope."""
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
WEIGHT = "weight"
SATURATED = 0.98  # of the way from the middle of the range to its end


class LayerView(NamedTuple):
    """The output of one layer on the rows that were looked at."""

    deviation: float
    """From sample to sample, root mean square over the units."""
    alive: Array | None
    """For activations that can die: whether a unit (channel) gave a number but 0."""
    saturated: float
    """For sigmoid and tanh: share of outputs near the ends of the range."""
    finite: bool


class ParameterView(NamedTuple):
    """One parameter: root mean squares of weights and gradient, size of an update."""

    weight: float
    gradient: float
    update: float


class Observation(NamedTuple):
    """Everything that was looked at after one step."""

    step: int
    layers: dict[str, LayerView]
    parameters: dict[str, ParameterView]
    agreement: float
    """Cosine between the gradients of this step and of the next."""


class Point(NamedTuple):
    """Losses in use (not in training mode), without penalties."""

    step: int
    loss: float
    held_loss: float
    held_score: float = math.nan
    """Accuracy, or the correlation with the values, on the held rows."""
    same: bool = False
    """Whether every sample got the same output."""


class Refusal(NamedTuple):
    """A step that was not taken."""

    step: int
    message: str
    bad_rows: int
    rate: float


@dataclass
class Record:
    """What was seen in one training."""

    losses: list[float] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    curve: list[Point] = field(default_factory=list)
    refused: Refusal | None = None
    weights_at_start: dict[str, float] = field(default_factory=dict)
    fresh: bool = True
    """Whether the model had taken no step before."""
    trained: int = 0
    observed: int = 0

    @property
    def steps(self) -> int:
        """Steps taken while watching."""
        return len(self.losses)

    def ends(self, share: float = 0.1) -> tuple[float, float]:
        """Mean loss of the first and of the last steps."""
        count = max(1, min(10, round(share * self.steps)))
        return float(np.mean(self.losses[:3])), float(np.mean(self.losses[-count:]))

    def largest_update(self) -> float:
        """Update over weight at the observation where weights moved most."""
        found = [
            float(np.median(ratios))
            for seen in self.observations
            if (
                ratios := [
                    view.update / view.weight
                    for key, view in seen.parameters.items()
                    if key.endswith(WEIGHT) and view.weight > 0
                    if not math.isnan(view.update)
                ]
            )
        ]
        return max(found, default=math.nan)

    def moved(self) -> float:
        """Share by which the last quarter of the losses is below the first."""
        quarter = max(1, self.steps // 4)
        first = float(np.mean(self.losses[:quarter]))
        return (first - float(np.mean(self.losses[-quarter:]))) / max(abs(first), 1e-12)

    def falling(self) -> float:
        """Share by which the last quarter of the steps lowered the loss."""
        quarter = self.steps // 4
        if quarter < 5:
            return math.inf
        before = float(np.mean(self.losses[-2 * quarter : -quarter]))
        after = float(np.mean(self.losses[-quarter:]))
        return (before - after) / max(abs(before), 1e-12)

    def update_ratio(self, name: str | None = None) -> float:
        """Median of update over weight; of one parameter, or of all weights."""
        found = [
            view.update / view.weight
            for seen in self.observations
            for key, view in seen.parameters.items()
            if key == name or (name is None and key.endswith(WEIGHT))
            if view.weight > 0 and not math.isnan(view.update)
        ]
        return float(np.median(found)) if found else math.nan


class Monitor:
    """Observes a model in training: call ``step`` after every step.

    Observing step s takes a pass of some rows through the network, layer by layer, in
    memory of its own; gradients are read where the step left them; the update is that
    of step s + 1. Nothing of the training changes.

    Parameters
    ----------
    model : Sequential
        Built.
    rows : array, optional
        The rows to look at; by default the first ones of the batch.
    """

    BATCH_ROWS = 32

    def __init__(self, model: Sequential, rows: Array | None = None) -> None:
        self.model = model
        self.rows = rows
        self.record = Record(fresh=model.optimizer.iterations == 0)
        self.names = [
            (f"{name}.{key}", parameter)
            for name, layer in model.walk()
            if not layer.children()
            for key, parameter in layer.named_parameters().items()
        ]
        self.record.weights_at_start = {
            name: _rms(parameter.value) for name, parameter in self.names
        }
        self._before: list[Array] | None = None
        self._gradients: list[Array] = []

    @property
    def waiting(self) -> bool:
        """Whether an observation still lacks its update."""
        return self._before is not None

    def step(self, loss: float, x: Array, due: bool) -> None:
        """Note a step; look closely when it is due."""
        self.record.losses.append(loss)
        self.record.trained += len(x)
        if self._before is not None:
            self._complete(self._before)
        if due:
            self.observe(x)

    def observe(self, x: Array) -> None:
        """Look at outputs, gradients and weights now."""
        rows = x[: self.BATCH_ROWS] if self.rows is None else self.rows
        if rows.dtype != self.model.dtype and not self.model.layers[0].accepts_bytes:
            rows = rows.astype(self.model.dtype)
        self.record.observed += len(rows)
        with np.errstate(all="ignore"):
            layers = {
                name: _view(layer, y)
                for name, layer, y in outputs(self.model.layers, rows)
            }
            parameters = {
                name: ParameterView(_rms(p.value), _rms(p.grad), math.nan)
                for name, p in self.names
            }
        seen = Observation(self.record.steps, layers, parameters, math.nan)
        self.record.observations.append(seen)
        self._before = [p.value.copy() for _, p in self.names]
        self._gradients = [p.grad.copy() for _, p in self.names]

    def _complete(self, before: Sequence[Array]) -> None:
        """Fill in the updates: what the step after the observation changed."""
        self._before = None
        seen = self.record.observations[-1]
        product = one = two = 0.0
        with np.errstate(all="ignore"):
            for (name, p), old, g in zip(
                self.names, before, self._gradients, strict=True
            ):
                view = seen.parameters[name]
                seen.parameters[name] = view._replace(update=_rms(p.value - old))
                product += float(np.vdot(p.grad, g))
                one += float(np.vdot(g, g))
                two += float(np.vdot(p.grad, p.grad))
        if one > 0 and two > 0:
            agreement = product / math.sqrt(one) / math.sqrt(two)
            self.record.observations[-1] = seen._replace(agreement=agreement)


def outputs(
    layers: Sequence[Layer], x: Array, prefix: str = ""
) -> Iterator[tuple[str, Layer, Array]]:
    """The output of every layer in use, inside containers too."""
    for layer in layers:
        for word, chain in layer.children().items():
            yield from outputs(chain, x, f"{prefix}{layer.name}.{word}.")
        x = layer.forward(x)
        if not layer.children():
            yield f"{prefix}{layer.name}", layer, x


def weight_of(layer: Layer) -> tuple[str, Parameter] | None:
    """The weight of a layer that has one, and its name; of two, the last."""
    if layer.children():
        return None
    named = layer.named_parameters().items()
    found = [(name, value) for name, value in named if name.endswith(WEIGHT)]
    return found[-1] if found else None


def _view(layer: Layer, y: Array) -> LayerView:
    alive: Array | None = None
    saturated = math.nan
    if layer.activation in DYING:
        alive = np.any((y != 0).reshape(-1, y.shape[-1]), axis=0)
    elif layer.activation in RANGES:
        low, high = RANGES[layer.activation]
        middle, half = (low + high) / 2, (high - low) / 2
        saturated = float((np.abs(y - middle) > SATURATED * half).mean())
    spread = math.sqrt(float(np.var(y, axis=0, dtype=np.float64).mean()))
    return LayerView(spread, alive, saturated, math.isfinite(spread))


def _rms(array: Array) -> float:
    if not array.size:
        return 0.0
    return math.sqrt(float(np.mean(np.square(array, dtype=np.float64))))
