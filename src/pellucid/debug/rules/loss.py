"""Rules about the last layer, the loss and the learning rate as they are set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.core.layer import Layer
from pellucid.debug.case import Case
from pellucid.debug.finding import Finding
from pellucid.debug.thresholds import limit
from pellucid.layers.affine import Affine
from pellucid.losses import Hinge
from pellucid.metrics import Accuracy
from pellucid.optimizers import SGD, Adadelta, Adagrad, Lion, Optimizer

PROBABILITIES = ("softmax", "sigmoid")
STEEP = ("leaky_relu", "prelu")
"""Activations that give numbers of any size and either sign."""
RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "log_softmax": (-np.inf, 0.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "softplus": (0.0, np.inf),
    "elu": (-1.0, np.inf),
    "selu": (-1.7580993408473766, np.inf),
    "gelu": (-0.17, np.inf),
    "silu": (-0.2785, np.inf),
    "mish": (-0.3089, np.inf),
    "hard_swish": (-0.375, np.inf),
}
"""What activations can give; the others can give anything."""
USUAL = (
    (SGD, ("sgd_low", "sgd_common", "sgd_high")),
    (Adagrad, ("adagrad_low", "adagrad_common", "adagrad_high")),
    (Adadelta, ("adadelta_low", "adadelta_common", "adadelta_high")),
    (Lion, ("lion_low", "lion_common", "lion_high")),
    (Optimizer, ("adam_low", "adam_common", "adam_high")),
)
"""The limits of the learning rate; what is not named is of Adam's kin."""


def last_active(case: Case) -> tuple[str, Layer]:
    """The last layer that shapes the output, past what moves, drops or averages."""
    for layer in reversed(case.model.layers):
        if not layer.keeps_range:
            return str(layer.name), layer
    return case.layers[-1]


def is_activation(layer: Layer) -> bool:
    """Whether the layer is an activation and nothing else."""
    return type(layer).activation is not None


def without_activation(case: Case, name: str, layer: Layer) -> str:
    """Code that takes the activation away."""
    if is_activation(layer):
        return f"# leave out {name}"
    return f"{case.code(layer)}.activation = None"


def with_activation(case: Case, name: str, layer: Layer, wanted: str) -> str:
    """Code that puts another activation in place of this one."""
    if is_activation(layer):
        made = {"softmax": "pl.Softmax()", "relu": "pl.ReLU()"}
        return f"{made.get(wanted, 'pl.Sigmoid()')}   # in place of {name}"
    return f'{case.code(layer)}.activation = "{wanted}"'


def output_and_loss(case: Case) -> Iterator[Finding]:
    """The last activation is not what the loss expects."""
    name, layer = last_active(case)
    given = layer.activation
    wanted = getattr(case.loss, "activation", None)
    kind = type(case.loss).__name__
    if layer.children():
        return
    if getattr(case.loss, "from_logits", False):
        if given is None:
            return
        harmless = given == "log_softmax" and wanted == "softmax"
        if harmless:
            why = "softmax of a log_softmax is the same softmax: it costs time only."
        elif given in PROBABILITIES:
            why = "leaves the gradient nearly 0 where the network is wrong."
        elif given in RANGES:
            why = "cuts away what a logit may be."
        else:
            why = "makes one side of 0 count less than the other."
        if not harmless:
            itself = f"applies {wanted} itself" if wanted else "takes scores"
            why = f"{kind} {itself}; {given} before it {why}"
        yield Finding(
            "output_and_loss",
            "note" if harmless else _gravity(case, layer, given),
            name,
            f"{given} before a loss that expects {'logits' if wanted else 'scores'}",
            why,
            f"the last activation is {given}, the loss {kind}(from logits)",
            without_activation(case, name, layer),
        )
    elif wanted is not None and given != wanted:
        logits = {"softmax": "softmax_cross_entropy"}
        name_of_loss = logits.get(wanted, "sigmoid_binary_cross_entropy")
        repair = f'model.compile(model.optimizer, loss="{name_of_loss}")'
        if given not in (None, "log_softmax"):
            repair = with_activation(case, name, layer, wanted)
        yield Finding(
            "output_and_loss",
            "error",
            name,
            f"a loss of probabilities after {given or 'no activation'}",
            f"{kind} expects probabilities, as {wanted} gives them; this output "
            "can be anything."
            if given is None
            else f"{kind} expects the output of {wanted}, not of {given}.",
            f"the last activation is {given}, the loss {kind}",
            repair,
        )


def _gravity(case: Case, layer: Layer, given: str) -> str:
    """How bad this activation is before a loss of logits."""
    averaged = layer.input_shape is not None and layer.output_shape(
        layer.input_shape
    ) != tuple(case.model.inner_shapes[-1])
    if averaged and given not in PROBABILITIES:
        return "note"  # ReLU, then a mean over positions: some networks have it
    mild = given in STEEP or (given == "tanh" and isinstance(case.loss, Hinge))
    return "warning" if mild else "error"


def output_range(case: Case) -> Iterator[Finding]:
    """Targets that the last activation cannot reach."""
    name, layer = last_active(case)
    given = layer.activation
    if case.kind != "regression" or case.refusal or given is None:
        return
    if case.y.size == 0 or not np.isfinite(case.y).all():
        return
    low, high = float(case.y.min()), float(case.y.max())
    bottom, top = RANGES.get(given, (-np.inf, np.inf))
    if given == "elu":
        bottom *= getattr(layer, "alpha", 1.0)
    outside = float(np.mean((case.y < bottom) | (case.y > top)))
    if outside > 0.01:
        yield Finding(
            "output_range",
            "error",
            name,
            f"{name} cannot reach the targets",
            f"{given} gives numbers from {bottom:g} to {top:g}, but "
            f"{100 * outside:.0f} % of the targets lie outside.",
            f"y runs from {low:.4g} to {high:.4g}",
            without_activation(case, name, layer),
        )


def softmax_twice(case: Case) -> Iterator[Finding]:
    """Softmax inside the network, or two of them at its end."""
    last = last_active(case)[1]
    for name, layer in case.layers:
        word = layer.activation
        if layer is not last and word in ("softmax", "log_softmax"):
            yield Finding(
                "softmax_twice",
                "error",
                name,
                f"{word} inside the network, in {name}",
                f"{word} makes all units of a layer share one sum, which leaves the "
                "layers after it small and nearly equal numbers.",
                f"{name} is followed by other layers",
                without_activation(case, name, layer)
                if _nothing_after(case, layer)
                else with_activation(case, name, layer, "relu"),
            )


def _nothing_after(case: Case, layer: Layer) -> bool:
    """Whether no layer with weights comes after this one."""
    parts = [part for _, part in case.layers]
    after = parts[parts.index(layer) + 1 :]
    return not any(isinstance(part, Affine) for part in after)


def metric_misfit(case: Case) -> Iterator[Finding]:
    """Accuracy of measured values."""
    if case.kind != "regression" or case.refusal:
        return
    if not np.isfinite(case.y).all() or bool(np.isin(case.y, (0, 1)).all()):
        return
    for metric in case.model.metrics:
        if isinstance(metric, Accuracy):
            yield Finding(
                "metric_misfit",
                "error",
                "metrics",
                "accuracy of measured values",
                "Accuracy counts right classes, and these targets are amounts.",
                f"y runs from {case.y.min():.4g} to {case.y.max():.4g}, the loss is "
                f"{type(case.loss).__name__}",
                'model.compile(model.optimizer, model.loss, ["mae"])',
            )


def rate_zero(case: Case) -> Iterator[Finding]:
    """A learning rate of 0."""
    if case.model.optimizer.learning_rate == 0:
        schedule = case.model.optimizer.schedule
        if schedule is not None and max(schedule(t) for t in (1, 2, 5, 10)) > 0:
            return
        yield Finding(
            "rate_zero",
            "error",
            "optimizer",
            "the learning rate is 0",
            "Every step leaves the weights as they are.",
            "learning rate 0",
            f"model.optimizer.learning_rate = {usual_rates(case)[1]:g}",
        )


def usual_rates(case: Case) -> tuple[float, float, float]:
    """Lowest, common and highest learning rate of this kind of optimizer."""
    names = next(n for kind, n in USUAL if isinstance(case.model.optimizer, kind))
    low, common, high = (limit(name) for name in names)
    return low, common, high


def rate_unusual(case: Case) -> Iterator[Finding]:
    """A learning rate outside the usual range of the optimizer (a note)."""
    rate = case.model.optimizer.learning_rate
    low, common, high = usual_rates(case)
    if rate and not low <= rate <= high:
        kind = type(case.model.optimizer).__name__
        yield Finding(
            "rate_unusual",
            "note",
            "optimizer",
            "an unusual learning rate",
            f"{kind} is mostly used with {low:g} to {high:g}.",
            f"learning rate {rate:g}",
            f"model.optimizer.learning_rate = {common:g}",
            "possible",
        )
