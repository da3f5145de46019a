"""Every picture that pellucid draws, into a folder.

    python examples/pictures.py             into ./pictures
    python examples/pictures.py FOLDER

Needs the extra `plot`. Points, XOR and the embedded digits; about ten seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pellucid as pl
from pellucid import viz

Pictures = dict[str, Any]
"""What to save, by the name of the file without its ending."""


def points() -> Pictures:
    """Data sets, decision boundaries of a shallow and a deep net, their training."""
    x, y = pl.data.make_spiral(600, noise=0.03, seed=0)
    pictures: Pictures = {"points": viz.plot_points(x, y)}
    for name, sizes in (("shallow", [2, 8, 3]), ("deep", [2, 32, 32, 3])):
        model = pl.mlp(sizes, seed=0)
        model.compile(pl.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
        history = model.fit(x, y, epochs=60, validation_split=0.2, verbose=0)
        ax = viz.plot_decision_boundary(model, x, y)
        accuracy = model.evaluate(x, y)["accuracy"]
        ax.set_title(f"{name} net: {100 * accuracy:.1f} % right")
        pictures[f"boundary_{name}"] = ax
    return pictures | {"training": viz.plot_training(history)}


def xor() -> Pictures:
    """XOR: the loss, the plane, and the net as neurons and connections."""
    x = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (250, 1)).astype(np.float32)
    y = (x[:, 0] != x[:, 1]).astype(np.float32)
    model = pl.mlp([2, 8, 4, 1], activation="tanh", seed=0)
    model.compile(pl.Adam(0.01), "sigmoid_binary_cross_entropy", ["accuracy"])
    history = model.fit(x, y, epochs=20, verbose=0)
    return {
        "xor_loss": history.plot(),
        "xor_boundary": viz.plot_decision_boundary(model, x, y, margin=0.4),
        "xor_network": viz.plot_network(model),
        "xor_network.html": viz.network_figure(model),
    }


def functions() -> Pictures:
    """Activations; three optimizers on x**2 and in a narrow valley; schedules."""
    kinds = {
        "gradient descent": pl.SGD(0.1),
        "momentum 0.9": pl.SGD(0.1, momentum=0.9),
        "Adam": pl.Adam(0.1),
    }
    square = {
        name: viz.optimizer_path(kind, lambda x: 2 * x, 5.0)
        for name, kind in kinds.items()
    }
    stretch = np.array([1.0, 9.0])
    kinds["momentum 0.9"] = pl.SGD(0.02, momentum=0.9)
    kinds["Adam"] = pl.Adam(0.3)
    valley = {
        name: viz.optimizer_path(kind, lambda p: 2 * stretch * p, (4.0, 1.0), 60)
        for name, kind in kinds.items()
    }
    schedules = {
        "step": pl.StepDecay(0.1, 25, 0.5),
        "cosine": pl.CosineAnnealing(0.1, 100),
        "exponential": pl.ExponentialDecay(0.1, 0.96),
        "one cycle": pl.OneCycle(0.1, 100, by="epoch"),
    }
    return {
        "activations": viz.plot_activations(),
        "optimizers": viz.plot_optimizers(lambda x: x * x, square),
        "valley": viz.plot_optimizers(lambda p: float(stretch @ (p * p)), valley),
        "schedules": viz.plot_schedules(schedules, 100),
    }


def digits() -> Pictures:
    """A convolutional net on the digits: what it sees, holds and gets wrong."""
    (x, y), (x_test, y_test) = pl.data.load_digits()
    layers: list[pl.Layer] = [
        pl.Conv2D(16, 3, padding="same"),
        *(pl.BatchNorm(), pl.ReLU(), pl.MaxPool2D(2)),
        pl.Conv2D(32, 3, padding="same", activation="relu"),
        *(pl.Flatten(), pl.Dense(32, "relu"), pl.Dropout(0.3), pl.Dense(10)),
    ]
    model = pl.Sequential(layers, input_shape=(8, 8, 1), seed=0)
    model.compile(pl.Adam(2e-3), "softmax_cross_entropy", ["accuracy"])
    search = model.find_learning_rate(x, y)
    model.fit(x, y, epochs=5, validation_split=0.1, verbose=0)
    return {
        "rate_search": viz.plot_rate_search(search),
        "confusion": viz.plot_confusion_matrix(y_test, model.predict_classes(x_test)),
        "misclassified": viz.plot_misclassified(model, x_test, y_test),
        "weights": viz.plot_weights(model),
        "gradients": viz.plot_gradients(model, x[:64], y[:64]),
        "filters": viz.plot_filters(model),
        "feature_maps": viz.plot_feature_maps(model, x_test[0], "relu_1"),
        "saliency": viz.plot_saliency(model, x_test[:6]),
        "grad_cam": viz.plot_grad_cam(model, x_test[:6]),
        "network": viz.plot_network(model),
        "network.html": viz.network_figure(model),
    }


PARTS: tuple[Callable[[], Pictures], ...] = (points, xor, functions, digits)


def save(picture: Any, path: Path) -> None:
    """Write axes as PNG, an interactive figure as a page of HTML."""
    if path.suffix == ".html":
        picture.write_html(path, include_plotlyjs="cdn")
        return
    ax = picture[0] if isinstance(picture, list) else picture
    ax.figure.savefig(path.with_suffix(".png"), dpi=100)


def main() -> None:
    """Draw all of them."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        for name, picture in part().items():
            save(picture, folder / name)
    print(f"{len([*folder.iterdir()])} pictures in {folder}")


if __name__ == "__main__":
    main()
