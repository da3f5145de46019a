"""The network as JSON, and the two pictures that are made of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pellucid as pl
from pellucid.viz import export_network, network_figure, plot_network
from pellucid.viz.canvas import BLUE, RED

FIRST = [[1.0, -2.0, 0.5], [0.25, 4.0, 0.0]]
SECOND = [[-1.0], [3.0], [2.0]]
EXPORT = {
    "format": "pellucid.network",
    "version": 1,
    "layers": [
        {"name": "input", "neurons": 2, "activation": None},
        {"name": "dense_1", "neurons": 3, "activation": "relu"},
        {"name": "out", "neurons": 1, "activation": "sigmoid"},
    ],
    "connections": [
        {
            "source": "input",
            "target": "dense_1",
            "weight": FIRST,
            "bias": [0.0, 1.0, -1.5],
        },
        {"source": "dense_1", "target": "out", "weight": SECOND, "bias": None},
    ],
}


def small() -> pl.Sequential:
    layers = [
        *(pl.Dense(3), pl.BatchNorm(), pl.ReLU(), pl.Dropout(0.5)),
        pl.Dense(1, "sigmoid", use_bias=False, name="out"),
    ]
    model = pl.Sequential(layers, input_shape=(2,), seed=0)
    weights = {"dense_1.weight": FIRST, "dense_1.bias": [0.0, 1.0, -1.5]}
    model.load_state_dict(model.state_dict() | weights | {"out.weight": SECOND})
    return model


def test_the_export_is_exact(tmp_path) -> None:
    path = tmp_path / "network.json"
    assert export_network(small(), path) == EXPORT
    assert json.loads(path.read_text(encoding="utf-8")) == EXPORT
    assert export_network(small()) == EXPORT


def test_float32_weights_come_back_to_the_bit(tmp_path) -> None:
    model = pl.mlp([5, 7, 3], seed=1)
    path = tmp_path / "network.json"
    export_network(model, path)
    read = json.loads(path.read_text(encoding="utf-8"))
    weight = np.array(read["connections"][0]["weight"], np.float32)
    assert (weight == model.state_dict()["dense_1.weight"]).all()


def test_what_comes_before_the_dense_layers_is_left_out() -> None:
    layers = [pl.Conv2D(2, 3, activation="relu"), pl.Flatten(), pl.Dense(4)]
    network = export_network(pl.Sequential(layers, input_shape=(4, 4, 1), seed=0))
    assert [layer["neurons"] for layer in network["layers"]] == [8, 4]
    assert network["layers"][1]["activation"] is None


def test_models_that_are_no_row_of_dense_layers() -> None:
    with pytest.raises(RuntimeError, match="export_network was asked"):
        export_network(pl.Sequential([pl.Dense(2)]))
    with pytest.raises(ValueError, match="no dense layers in its row"):
        export_network(pl.Sequential([pl.ReLU()], input_shape=(2,)))
    layers = [pl.Dense(2), pl.Concat([pl.Dense(3), pl.Dense(4)]), pl.Dense(2)]
    model = pl.Sequential(layers, input_shape=(2,), seed=0)
    with pytest.raises(ValueError, match=r"dense_2 \(Dense\) gets 7 numbers"):
        export_network(model)


def test_weights_that_are_not_finite() -> None:
    model = small()
    model.parameters()[-1].value[...] = np.inf
    with pytest.raises(ValueError, match=r"out \(Dense\) has weights that are not"):
        plot_network(model)


def edges_of(ax) -> dict[tuple, tuple[str, float]]:
    """By sign and ends: the width of every line."""
    found = {}
    for lines, sign in zip(ax.collections[:2], ("+", "-"), strict=True):
        for line, width in zip(
            lines.get_segments(), lines.get_linewidths(), strict=True
        ):
            found[tuple(map(tuple, line.tolist()))] = (sign, float(width))
    return found


def test_lines_by_sign_and_size(axes) -> None:
    from matplotlib.colors import to_hex

    ax = plot_network(small(), ax=axes())
    edges = edges_of(ax)
    assert len(edges) == 9
    inputs = [(0.0, 0.5), (0.0, -0.5)]
    hidden = [(1.0, 1.0), (1.0, 0.0), (1.0, -1.0)]
    assert edges[inputs[0], hidden[0]] == ("+", 0.6 * (5 * 0.2))  # 1 / 4, to a tenth
    assert edges[inputs[0], hidden[1]] == ("-", 0.6 * (5 * 0.5))
    assert edges[inputs[1], hidden[1]] == ("+", 0.6 * 5)
    assert edges[inputs[1], hidden[2]][1] == 0.6 * (5 * 0.1)  # 0 is still a connection
    assert edges[hidden[0], (2.0, 0.0)] == ("-", 0.6 * (5 * 0.3))
    assert edges[hidden[1], (2.0, 0.0)] == ("+", 0.6 * 5)
    colours = [to_hex(lines.get_color()[0]).upper() for lines in ax.collections[:2]]
    assert colours == [BLUE, RED]
    assert len(ax.collections[2].get_offsets()) == 6
    headings = [text.get_text() for text in ax.texts]
    assert headings == [
        "input\n2 neurons",
        "dense_1\n3 neurons\nrelu",
        "out\n1 neuron\nsigmoid",
    ]


def test_wide_layers_are_capped_and_the_picture_says_so(axes) -> None:
    model = pl.mlp([3, 5, 2], seed=0)
    state = {name: np.zeros_like(value) for name, value in model.state_dict().items()}
    state["dense_1.weight"][:, 1] = 1  # neurons 1 and 4 matter most
    state["dense_2.weight"][4] = -2
    model.load_state_dict(state)
    ax = plot_network(model, max_neurons=2, ax=axes())
    assert len(ax.collections[2].get_offsets()) == 6
    assert len(edges_of(ax)) == 8
    caption = ax.texts[-1].get_text().replace("\n", " ")
    assert caption == (
        "Neurons with the largest weights: 2 of 3 in input, 2 of 5 in dense_1"
    )
    figure = network_figure(model, max_neurons=2)
    assert caption in figure.layout.title.text
    hidden = [text for text in figure.data[-1].text if "dense_1" in text]
    assert hidden == ["dense_1, neuron 1", "dense_1, neuron 4"]


def test_the_cap_holds_for_very_wide_layers() -> None:
    figure = network_figure(pl.mlp([784, 128, 64, 10], seed=0))
    assert len(figure.data[-1].x) == 16 + 16 + 16 + 10
    assert len(figure.data) <= 2 * 10 + 2
    assert "16 of 784 in input, 16 of 128 in dense_1, 16 of 64 in dense_2" in (
        figure.layout.title.text
    )


def test_the_interactive_picture() -> None:
    figure = network_figure(small())
    *lines, spots, nodes = figure.data
    drawn = {}
    for line in lines:
        assert line.hoverinfo == "skip"
        for i in range(0, len(line.x), 3):
            assert line.x[i + 2] is None
            key = line.x[i], line.y[i], line.x[i + 1], line.y[i + 1]
            drawn[key] = line.line.color, line.line.width
    assert len(drawn) == 9
    assert drawn[0, 0.5, 1, 1] == (BLUE, 5 * 0.2)
    assert drawn[0, 0.5, 1, 0] == (RED, 5 * 0.5)
    assert drawn[0, -0.5, 1, 0] == (BLUE, 5)
    assert len(spots.x) == 9 * 6
    assert spots.text[0] == "input 0 to dense_1 0<br>Weight: 1.0000"
    assert spots.text[6] == "input 0 to dense_1 1<br>Weight: -2.0000"
    for i, share in ((6, 0.15), (11, 0.85)):  # on the line from (0, 0.5) to (1, 0)
        assert (spots.x[i], spots.y[i]) == (share, pytest.approx(0.5 - 0.5 * share))
    assert list(nodes.text)[2:4] == ["dense_1, neuron 0", "dense_1, neuron 1"]
    assert list(nodes.marker.color) == [0, 0, 1, 1, 1, 2]
    layout = figure.layout
    assert (layout.width, layout.height, layout.hovermode) == (1200, 800, "closest")
    assert layout.title.text == "Neural network"
    legend = [line.name for line in lines if line.showlegend]
    assert legend == ["positive weight", "negative weight"]


def test_model_export_and_file_give_the_same_picture(tmp_path) -> None:
    path = tmp_path / "network.json"
    export = export_network(small(), path)
    figures = [network_figure(source) for source in (small(), export, path, str(path))]
    assert len({figure.to_json() for figure in figures}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"layers": [{"name": "a"}]},
        {"layers": EXPORT["layers"][:2]},
        {"connections": []},
        {"connections": [{"weight": [[1.0], [2.0, 3.0]]}]},
        {"connections": 3},
        {"connections": [{"weight": "a"}, {"weight": SECOND}]},
        {"connections": [{"weight": FIRST}, {"weight": [[1.0], [np.nan], [1.0]]}]},
        {"layers": [{"name": "a", "neurons": n} for n in (2, 3, 1)]},
        {"layers": EXPORT["layers"][:1], "connections": []},
    ],
)
def test_what_is_no_export(change: dict) -> None:
    with pytest.raises(pl.FormatError, match="no network that pellucid exported"):
        plot_network(EXPORT | change)


def test_files_that_are_no_export(tmp_path) -> None:
    path = tmp_path / "network.json"
    for text in ("{", "[1, 2]", "3"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(pl.FormatError, match="no network that pellucid exported"):
            network_figure(path)
    with pytest.raises(FileNotFoundError):
        plot_network(tmp_path / "missing.json")
    with pytest.raises(ValueError, match="max_neurons is 0"):
        plot_network(EXPORT, max_neurons=0)
