"""Rules about the last layer, the loss and the learning rate as they are set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.core.layer import Layer
from pellucid.debug.case import Case
from pellucid.debug.finding import Finding
from pellucid.debug.thresholds import limit
from pellucid.layers import Dropout, Flatten, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from pellucid.metrics import Accuracy
from pellucid.optimizers import SGD

ACTIVATIONS = (ReLU, LeakyReLU, Sigmoid, Softmax, Tanh)
OUTPUTS = {"softmax": "probabilities", "sigmoid": "probabilities"}
RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0)}


def last_active(case: Case) -> tuple[str, Layer]:
    """The last layer that shapes the output, past dropout and flatten."""
    for name, layer in reversed(case.layers):
        if not isinstance(layer, Dropout | Flatten):
            return name, layer
    return case.layers[-1]


def without_activation(case: Case, layer: Layer) -> str:
    """Code that takes the activation away."""
    if isinstance(layer, ACTIVATIONS):
        return f"# leave out {layer.label}"
    return f"{case.code(layer)}.activation = None"


def output_and_loss(case: Case) -> Iterator[Finding]:
    """The last activation is not what the loss expects."""
    name, layer = last_active(case)
    given = layer.activation
    wanted = getattr(case.loss, "activation", None)
    kind = type(case.loss).__name__
    if getattr(case.loss, "from_logits", False):
        if given is None:
            return
        yield Finding(
            "output_and_loss",
            "error",
            name,
            f"{given} before a loss that expects logits",
            f"{kind} applies {wanted} itself; {given} before it "
            + (
                "leaves the gradient nearly 0 where the network is wrong."
                if given in OUTPUTS
                else "cuts away what a logit may be."
            ),
            f"the last activation is {given}, the loss {kind}(from logits)",
            without_activation(case, layer),
        )
    elif wanted is not None and given != wanted:
        logits = {"softmax": "softmax_cross_entropy"}
        name_of_loss = logits.get(wanted, "sigmoid_binary_cross_entropy")
        repair = f'model.compile(model.optimizer, loss="{name_of_loss}")'
        if given is not None:
            repair = f'model.layers[-1].activation = "{wanted}"'
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


def output_range(case: Case) -> Iterator[Finding]:
    """Targets that the last activation cannot reach."""
    name, layer = last_active(case)
    given = layer.activation
    if case.kind != "regression" or case.refusal or given is None:
        return
    if case.y.size == 0 or not np.isfinite(case.y).all():
        return
    low, high = float(case.y.min()), float(case.y.max())
    bottom, top = RANGES.get(given, (0.0 if given == "relu" else -np.inf, np.inf))
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
            without_activation(case, layer),
        )


def softmax_twice(case: Case) -> Iterator[Finding]:
    """Softmax inside the network, or two of them at its end."""
    last = last_active(case)[1]
    for name, layer in case.layers:
        if layer is not last and layer.activation == "softmax":
            yield Finding(
                "softmax_twice",
                "error",
                name,
                f"softmax inside the network, in {name}",
                "Softmax makes all units of a layer share a sum of 1, which leaves the "
                "layers after it small and nearly equal numbers.",
                f"{name} is followed by other layers",
                f"# leave out {layer.label}"
                if isinstance(layer, Softmax)
                else f'{case.code(layer)}.activation = "relu"',
            )


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
    if isinstance(case.model.optimizer, SGD):
        return limit("sgd_low"), limit("sgd_common"), limit("sgd_high")
    return limit("adam_low"), limit("adam_common"), limit("adam_high")


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
