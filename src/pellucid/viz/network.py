"""The dense layers of a model as neurons and connections, in JSON and on paper."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.checks import check_integer
from pellucid.errors import FormatError, describe
from pellucid.layers.dense import Dense
from pellucid.viz.canvas import Array

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential

FORMAT = "pellucid.network"
MAX_NEURONS = 16
WIDEST = 5.0
STEPS = 10
"""Line widths that pictures tell apart, up to WIDEST."""


def export_network(
    model: Sequential, path: str | os.PathLike[str] | None = None
) -> dict[str, Any]:
    """Describe the dense layers of a model as JSON.

    ``layers`` lists the input and every dense layer with ``name``, ``neurons`` and
    ``activation``; ``connections`` has one entry between each two of them: ``source``
    and ``target`` (names), ``weight`` (a list for each source neuron, with one number
    for each target neuron), ``bias`` (a number for each target neuron, or null).

    Parameters
    ----------
    model : Sequential
        Built. Layers without weights between the dense ones are left out; what comes
        before the first one (convolutions) is not shown.
    path : path, optional
        Where to write it, too.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        The model has no dense layers in its row, something between them changes the
        number of neurons, or a weight is not finite.
    RuntimeError
        The model is not built.

    Example
    -------
    >>> import pellucid as pl
    >>> network = export_network(pl.mlp([2, 3, 1], seed=0))
    >>> [(layer["name"], layer["neurons"]) for layer in network["layers"]]
    [('input', 2), ('dense_1', 3), ('dense_2', 1)]
    >>> np.shape(network["connections"][0]["weight"])
    (2, 3)
    """
    model.require_built("export_network")
    places = [i for i, layer in enumerate(model.layers) if isinstance(layer, Dense)]
    if not places:
        raise ValueError(
            describe(
                "the model has no dense layers in its row",
                "Expected at least one Dense",
                "Use plot_filters for convolutions.",
            )
        )
    first = model.layers[places[0]]
    inputs = (first.input_shape or (0,))[0]
    layers: list[dict[str, Any]] = [
        {"name": "input", "neurons": inputs, "activation": None}
    ]
    connections = []
    for place, after in zip(places, [*places[1:], len(model.layers)], strict=True):
        dense = model.layers[place]
        before = layers[-1]
        weight, *bias = (p.value.tolist() for p in dense.parameters())
        if len(weight) != before["neurons"]:
            raise ValueError(
                describe(
                    f"{dense.label} gets {len(weight)} numbers, and "
                    f"{before['name']} gives {before['neurons']}",
                    "Expected dense layers that follow each other",
                    "Export a model without containers between its dense layers.",
                )
            )
        if not all(np.isfinite(p.value).all() for p in dense.parameters()):
            raise ValueError(
                describe(
                    f"{dense.label} has weights that are not finite",
                    "Expected numbers: JSON has no NaN, and pictures no width for it",
                    "Use plot_weights(model), which counts them.",
                )
            )
        own = [layer.activation for layer in model.layers[place:after]]
        layers.append(
            {
                "name": str(dense.name),
                "neurons": len(weight[0]),
                "activation": next((word for word in own if word), None),
            }
        )
        connections.append(
            {
                "source": before["name"],
                "target": str(dense.name),
                "weight": weight,
                "bias": bias[0] if bias else None,
            }
        )
    network = {
        "format": FORMAT,
        "version": 1,
        "layers": layers,
        "connections": connections,
    }
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(network, file, indent=1, allow_nan=False)
            file.write("\n")
    return network


class Edge(NamedTuple):
    """A connection that is drawn."""

    start: tuple[float, float]
    end: tuple[float, float]
    weight: float
    width: float
    text: str


class Drawing(NamedTuple):
    """Where everything stands; both pictures are made of it."""

    nodes: list[tuple[float, float, str]]
    """x, y and the text of each neuron."""
    edges: list[Edge]
    columns: list[tuple[float, float, str]]
    """x, y of the top and the heading of each layer."""
    caption: str
    """What the cap left out; empty when nothing."""


def lay_out(source: Any, max_neurons: int = MAX_NEURONS) -> Drawing:
    """Choose what of a network to draw, and where.

    Of a layer with more than ``max_neurons`` neurons, those whose weights have the
    largest sum of sizes, on both sides, are drawn, in their order.
    """
    most = check_integer(max_neurons, "max_neurons", low=1, hint="Pass 16.")
    layers, weights = _read(source)
    kept = [_kept(index, weights, most) for index in range(len(layers))]
    places = [
        [(float(column), (len(chosen) - 1) / 2 - row) for row in range(len(chosen))]
        for column, chosen in enumerate(kept)
    ]
    nodes = [
        (x, y, f"{layer['name']}, neuron {number}")
        for layer, chosen, spots in zip(layers, kept, places, strict=True)
        for number, (x, y) in zip(chosen, spots, strict=True)
    ]
    edges: list[Edge] = []
    for index, weight in enumerate(weights):
        names = layers[index]["name"], layers[index + 1]["name"]
        shown = weight[np.ix_(kept[index], kept[index + 1])]
        largest = float(np.abs(shown).max(initial=0)) or 1.0
        for (i, j), value in np.ndenumerate(shown):
            level = max(round(STEPS * abs(value) / largest), 1) / STEPS
            text = f"{names[0]} {kept[index][i]} to {names[1]} {kept[index + 1][j]}"
            edges.append(
                Edge(
                    places[index][i],
                    places[index + 1][j],
                    float(value),
                    WIDEST * level,
                    f"{text}<br>Weight: {value:.4f}",
                )
            )
    columns = [
        (float(column), spots[0][1], _heading(layer))
        for column, (layer, spots) in enumerate(zip(layers, places, strict=True))
    ]
    cut = [
        f"{len(chosen)} of {layer['neurons']:,} in {layer['name']}"
        for layer, chosen in zip(layers, kept, strict=True)
        if len(chosen) < layer["neurons"]
    ]
    caption = f"Neurons with the largest weights: {', '.join(cut)}" if cut else ""
    return Drawing(nodes, edges, columns, caption)


def _heading(layer: Mapping[str, Any]) -> str:
    count = layer["neurons"]
    name = f"{layer['name']}<br>{count:,} neuron{'s' * (count != 1)}"
    return f"{name}<br>{layer['activation']}" if layer["activation"] else name


def _kept(index: int, weights: list[Array], most: int) -> list[int]:
    sums = []
    if index > 0:
        sums.append(np.abs(weights[index - 1]).sum(axis=0))
    if index < len(weights):
        sums.append(np.abs(weights[index]).sum(axis=1))
    strength = np.sum(sums, axis=0)
    chosen = np.argsort(-strength, kind="stable")[:most]
    return sorted(int(number) for number in chosen)


def _read(source: Any) -> tuple[list[Any], list[Array]]:
    """The layers of an export and the weights between them, checked."""
    network = source
    if isinstance(source, str | os.PathLike):
        with open(source, encoding="utf-8") as file:
            try:
                network = json.load(file)
            except ValueError as error:
                raise FormatError(_no_network(str(error))) from error
    elif hasattr(source, "require_built"):
        network = export_network(source)
    if not isinstance(network, Mapping) or network.get("format") != FORMAT:
        raise FormatError(_no_network(f'it has no "format": "{FORMAT}"'))
    try:
        layers = network["layers"]
        sizes = [(one["neurons"], one["name"], one["activation"]) for one in layers]
        entries = network["connections"]
        weights = [np.asarray(entry["weight"], np.float64) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(_no_network(f"{type(error).__name__}: {error}")) from error
    pairs = [(before[0], after[0]) for before, after in pairwise(sizes)]
    if not pairs or [weight.shape for weight in weights] != pairs:
        raise FormatError(_no_network("weights and neurons do not fit together"))
    if not all(np.isfinite(weight).all() for weight in weights):
        raise FormatError(_no_network("a weight is not finite"))
    return layers, weights


def _no_network(reason: str) -> str:
    return describe(
        f"the source is no network that pellucid exported: {reason}",
        "Expected a model, or what export_network() returned or wrote",
        "Call export_network(model, path).",
    )
