"""Doing what a finding proposes, and measuring what a patient learns."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np

import pellucid as pl
from pellucid.core import Layer
from pellucid.debug.guessing import guess_and_floor
from pellucid.debug.rules.units import NORMALIZE
from tests.debug.zoo.cases import Patient

INSTEAD = r'(pl\..*)   # in place of (\w+)(?:, and loss="(\w+)")?$'
LAYERS = {"relu": pl.ReLU, "tanh": pl.Tanh, "sigmoid": pl.Sigmoid}


def treated(patient: Patient, line: str) -> Patient:
    """Do what a finding proposes, as its reader would."""
    options = dict(patient.options)
    if line.startswith("model.fit(x, y, "):
        options |= eval(line.replace("model.fit(x, y, ", "dict("))
        return patient._replace(options=options)
    if named := re.match(r"# leave out (\S+)$", line):
        return rebuilt(patient, {named[1]: []})
    if named := re.match(r"(pl\..*)   # before (\w+)$", line):
        old = dict(patient.model.walk())[named[2]]
        return rebuilt(patient, {named[2]: [eval(named[1]), anew(old)]})
    if named := re.match(
        r'(pl\..*)   # in place of (\w+)(?:, and loss="(\w+)")?$', line
    ):
        return rebuilt(patient, {named[2]: [eval(named[1])]}, named[3])
    if line == NORMALIZE:
        return normalized(patient)
    names = {"np": np, "pl": pl, **patient._asdict()}
    names["x_val"], names["y_val"] = options.get("validation_data", (None, None))
    exec(line, names)
    if names["x_val"] is not None:
        options["validation_data"] = names["x_val"], names["y_val"]
    done = Patient(names["model"], names["x"], names["y"], options)
    if np.shape(done.x)[1:] != done.model.input_shape:
        return rebuilt(done, {})
    return done


def anew(layer: Layer, **changes: Any) -> Layer:
    """The same layer, not built."""
    return type(layer)(**(layer.config() | {"name": None} | changes))


def rebuilt(
    patient: Patient, changes: dict[str, list[Layer]], loss: Any = None
) -> Patient:
    """The same model with other layers in place of those with these names."""
    old = patient.model
    layers = [
        new
        for layer in old.layers
        for new in changes.get(str(layer.name), [anew(layer)])
    ]
    model = pl.Sequential(layers, input_shape=np.shape(patient.x)[1:], seed=old.seed)
    model.compile(copy.deepcopy(old.optimizer), loss or old.loss)
    return patient._replace(model=model)


def normalized(patient: Patient) -> Patient:
    """BatchNorm before the activation of each hidden layer that has one."""
    changes = {
        str(layer.name): [
            anew(layer, activation=None),
            pl.BatchNorm(),
            LAYERS[layer.activation](),
        ]
        for layer in patient.model.layers[:-1]
        if layer.activation is not None
    }
    return rebuilt(patient, changes)


def skill(patient: Patient) -> float:
    """1 - loss / loss of guessing after a training as long as the watched one."""
    model, x, y = patient.model, patient.x, patient.y
    epochs = -(-200 // -(-len(x) // 32))
    model.fit(x, y, epochs=epochs, verbose=0, on_nan="stop", **patient.options)
    checked = model.door(x).targets(y, model.loss, len(x))
    guess, floor = guess_and_floor(model.loss, checked, model.inner_shapes[-1][-1])
    return (guess - model.evaluate(x, y)["loss"]) / (guess - floor)
