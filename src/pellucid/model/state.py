"""What a model carries: weights by name, and the state of its training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.checks import real_array
from pellucid.core.layer import Array
from pellucid.errors import closest, describe
from pellucid.losses import LOSSES
from pellucid.metrics import METRICS
from pellucid.optimizers import OPTIMIZERS
from pellucid.optimizers.base import AVERAGE
from pellucid.schedules import SCHEDULES, make_schedule

if TYPE_CHECKING:
    from pellucid.model.compiled import Compiled
    from pellucid.model.structure import Structure

SHOWN = 10


def live_state(model: Structure) -> dict[str, Array]:
    """Parameters and running statistics by name, not copied."""
    return {
        f"{layer.name}.{key}": array
        for layer in model.layers
        for key, array in layer.state().items()
    }


def load_state(model: Structure, state: Mapping[str, Any]) -> None:
    """Copy arrays into the model once every name and shape is right."""
    live = live_state(model)
    if not isinstance(state, Mapping):
        raise TypeError(
            describe(
                f"state is a {type(state).__name__}",
                "Expected a dict from names to arrays",
                "Pass what state_dict() returned.",
            )
        )
    faults = [f"{name} is missing" for name in live if name not in state]
    for name in state:
        if name not in live:
            near = closest(str(name), live)
            hint = f" (did you mean {near}?)" if near else ""
            faults.append(f"{name} is not in the model{hint}")
    arrays = {name: real_array(state[name], name) for name in live if name in state}
    for name, array in arrays.items():
        if array.shape != live[name].shape:
            faults.append(
                f"{name} has shape {array.shape}, the model {live[name].shape}"
            )
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise ValueError(
            describe(
                "the state does not fit the model: " + "; ".join(faults[:SHOWN]) + more,
                "Expected the names and shapes of model.state_dict()",
                "Load it into the model that it came from.",
            )
        )
    for name, array in arrays.items():
        live[name][...] = array


def compile_config(model: Compiled) -> dict[str, Any] | None:
    """The arguments of ``compile`` for a file.

    None when the model is not compiled, or with an object of a class that is not
    pellucid's: a file names classes from closed tables only.
    """
    if not model.compiled:
        return None
    tables: list[tuple[Any, Mapping[str, type]]] = [
        (model.optimizer, OPTIMIZERS),
        (model.loss, LOSSES),
        *((metric, METRICS) for metric in model.metrics),
    ]
    schedule = model.optimizer.schedule
    if schedule is not None:
        tables.append((schedule, SCHEDULES))
    named = []
    for thing, table in tables:
        kinds = [kind for kind, cls in table.items() if cls is type(thing)]
        if not kinds:
            return None
        named.append({"kind": kinds[0], "config": thing.config()})
    metrics = named[2 : 2 + len(model.metrics)]
    return {"optimizer": named[0], "loss": named[1], "metrics": metrics}


def load_compile_config(model: Compiled, config: Mapping[str, Any]) -> None:
    """Compile with what ``compile_config`` returned."""

    optimizer = dict(config["optimizer"])
    arguments = dict(optimizer["config"])
    rate = arguments.get("learning_rate")
    if isinstance(rate, Mapping):
        arguments["learning_rate"] = make_schedule(dict(rate))
    optimizer["config"] = arguments

    def make(part: Mapping[str, Any], table: Mapping[str, type]) -> Any:
        if part["kind"] not in table:
            raise ValueError(
                describe(
                    f"kind {part['kind']!r} is unknown",
                    f"Expected one of {', '.join(table)}",
                    "Load the file with the version of pellucid that wrote it.",
                )
            )
        return table[part["kind"]](**part["config"])

    model.compile(
        make(optimizer, OPTIMIZERS),
        make(config["loss"], LOSSES),
        [make(metric, METRICS) for metric in config["metrics"]],
    )


def training_state(model: Compiled) -> dict[str, Any]:
    """Optimizer, counters and random streams: arrays and plain numbers, nested.

    Optimizer arrays go by the names of the parameters, so they do not depend on how
    the model lays its memory out.
    """
    optimizer = model.optimizer
    slots: dict[str, dict[str, Array]] = {}
    for slot, flat in optimizer.state().items():
        slots[slot] = {
            name: store_view.copy()
            for name, store_view in _named_views(model, flat).items()
        }
    return {
        "epochs_done": model.epochs_done,
        "optimizer": {"counters": optimizer.counters(), "slots": slots},
        "random": {name: int(draws[0]) for name, draws in _draws(model).items()},
        "callbacks": {
            str(index): {"kind": type(callback).__name__, "state": callback.state()}
            for index, callback in enumerate(model.callbacks)
        },
    }


def load_training_state(model: Compiled, state: Mapping[str, Any]) -> None:
    """Go on from what ``training_state`` returned; refused states change nothing."""
    optimizer, saved = model.optimizer, state["optimizer"]
    random = _draws(model)
    store = model.store
    shapes = {
        slot: {n: a.shape for n, a in _named_views(model, store.values).items()}
        for slot in (optimizer.slots if saved["slots"] else ())
    }
    given = {
        slot: {name: np.shape(array) for name, array in part.items()}
        for slot, part in saved["slots"].items()
    }
    counters = {name: float(value) for name, value in saved["counters"].items()}
    draws = {name: int(value) for name, value in state["random"].items()}
    epochs = int(state["epochs_done"])
    callbacks = [
        {"kind": str(part["kind"]), "state": dict(part["state"])}
        for part in state["callbacks"].values()
    ]
    if (
        shapes != given
        or counters.keys() != optimizer.counters().keys()
        or not all(0 <= count < 2**63 for count in [*counters.values(), epochs])
        or random.keys() != draws.keys()
        or not all(0 <= count < 2**64 for count in draws.values())
    ):
        raise ValueError(
            describe(
                "the training state does not fit the model or its optimizer",
                "Expected the state of a model with the same layers and optimizer",
                "Load it into the model that it came from.",
            )
        )
    optimizer.load_counters(counters)
    if given:
        optimizer.build(store.values, store.gradients, store.runs())
    for slot, part in saved["slots"].items():
        views = _named_views(model, optimizer.state()[slot])
        for name, array in part.items():
            views[name][...] = array
    for name, count in draws.items():
        random[name][0] = count
    model.epochs_done = epochs
    model.callback_states = callbacks


def undoing(model: Compiled) -> Callable[[], None]:
    """Return what gives a model its weights, its seed and the state of now back."""
    seed, weights = model.seed, model.state_dict()
    saved, callbacks = training_state(model), model.callback_states

    def undo() -> None:
        load_state(model, weights)
        model.optimizer.reset()
        model.restore_training(saved, seed)
        model.callback_states = callbacks

    return undo


def _draws(model: Compiled) -> dict[str, Array]:
    """How often each layer has drawn random numbers, live, by the layer's full name."""
    return {
        name: layer.random.counter
        for name, layer in model.walk()
        if not layer.children()
    }


def _named_views(model: Compiled, flat: Array) -> dict[str, Array]:
    """The part of a flat array that belongs to each parameter, by its name."""
    store = model.store
    return {
        name: store.view(flat, span, parameter)
        for name, span, parameter in zip(
            parameter_names(model), store.spans, store.parameters, strict=True
        )
    }


def parameter_names(model: Structure) -> list[str]:
    """The full names of all parameters, in their order."""
    return [
        f"{layer.name}.{name}"
        for layer in model.layers
        for name in layer.named_parameters()
    ]


def rate_factors(model: Compiled) -> list[float]:
    """What the optimizer's learning rate is multiplied with, for each parameter.

    Raises
    ------
    ValueError
        A name in ``rate_factors`` that fits nothing.
    """
    names = parameter_names(model)
    factors = [1.0] * len(names)
    for word, factor in model.optimizer.rate_factors.items():
        found = False
        for index, name in enumerate(names):
            # A layer's name stands for all its parameters, a container's for all in it.
            if fnmatchcase(name, word) or fnmatchcase(name, f"{word}.*"):
                factors[index], found = factor, True
        if not found:
            near = closest(word, [name.rpartition(".")[0] for name in names])
            raise ValueError(
                describe(
                    f"rate_factors has {word!r}, which no layer or parameter fits",
                    "Expected names as in model.state_dict()",
                    f"Did you mean {near!r}?" if near else "Look at model.summary().",
                )
            )
    return factors


@contextmanager
def averaged_weights(model: Compiled) -> Iterator[None]:
    """Put the average that the optimizer keeps in place of the weights."""
    average = model.optimizer.state().get(AVERAGE)
    if average is None:
        raise RuntimeError(
            describe(
                "the model has no averaged weights",
                "Expected an optimizer with ema_decay, and at least one step",
                "Call compile(pl.Adam(1e-3, ema_decay=0.999), ...) before fit.",
            )
        )
    values = model.store.values
    kept = values.copy()
    np.copyto(values, average)
    try:
        yield
    finally:
        np.copyto(values, kept)
