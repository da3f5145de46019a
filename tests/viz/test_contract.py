"""What holds for every picture: axes come back, nothing is shown, nothing stays."""

from __future__ import annotations

import gc
import inspect
import re
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pl
from pellucid import viz
from pellucid.model import History
from pellucid.model.finder import RateSearch

X, Y = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]], np.float32), [0, 1, 1]


def dense() -> pl.Sequential:
    model = pl.mlp([2, 3, 2], seed=0)
    model.compile("sgd", "softmax_cross_entropy")
    return model


def conv() -> pl.Sequential:
    layers = [pl.Conv2D(2, 3), pl.Flatten(), pl.Dense(10)]
    return pl.Sequential(layers, input_shape=(8, 8, 1), seed=0)


def digits() -> Any:
    return pl.data.load_digits()[0][0][:3]


def history() -> History:
    record = History()
    record.append(0, {"loss": 1.0})
    return record


PICTURES: dict[str, Callable[..., Any]] = {
    "plot_activations": lambda **o: viz.plot_activations(["relu"], **o),
    "plot_confusion_matrix": lambda **o: viz.plot_confusion_matrix(Y, Y, **o),
    "plot_decision_boundary": lambda **o: viz.plot_decision_boundary(
        dense(), X, Y, steps=5, **o
    ),
    "plot_feature_maps": lambda **o: viz.plot_feature_maps(conv(), digits()[0], **o),
    "plot_filters": lambda **o: viz.plot_filters(conv(), **o),
    "plot_grad_cam": lambda **o: viz.plot_grad_cam(conv(), digits(), **o),
    "plot_gradients": lambda **o: viz.plot_gradients(dense(), X, Y, **o),
    "plot_history": lambda **o: viz.plot_history(history(), **o),
    "plot_misclassified": lambda **o: viz.plot_misclassified(
        conv(), digits(), [1, 1, 1], **o
    ),
    "plot_network": lambda **o: viz.plot_network(dense(), **o),
    "plot_optimizers": lambda **o: viz.plot_optimizers(
        lambda x: x * x, {"one": [[2.0], [1.0]]}, **o
    ),
    "plot_points": lambda **o: viz.plot_points(X, Y, **o),
    "plot_rate_search": lambda **o: viz.plot_rate_search(
        RateSearch([0.1, 0.2, 0.4], [2.0, 1.0, 3.0]), **o
    ),
    "plot_saliency": lambda **o: viz.plot_saliency(conv(), digits(), **o),
    "plot_schedules": lambda **o: viz.plot_schedules(pl.StepDecay(0.1, 2), 4, **o),
    "plot_training": lambda **o: viz.plot_training(history(), **o),
    "plot_weights": lambda **o: viz.plot_weights(dense(), **o),
}

each = pytest.mark.parametrize("name", PICTURES)


def listed(drawn: Any) -> list[Any]:
    return drawn if isinstance(drawn, list) else [drawn]


def test_every_picture_takes_axes_by_name() -> None:
    names = {name for name in viz.__all__ if name.startswith("plot_")}
    assert names >= set(PICTURES)
    for name in names:
        parameters = inspect.signature(getattr(viz, name)).parameters
        given = [parameters[word] for word in ("ax", "axes") if word in parameters]
        assert [one.default for one in given] == [None], name
        assert given[0].kind is inspect.Parameter.KEYWORD_ONLY, name


@each
def test_it_draws_on_the_axes_it_is_given(name: str, axes) -> None:
    parameters = inspect.signature(getattr(viz, name)).parameters
    word = "ax" if "ax" in parameters else "axes"
    given = axes(2, 2)
    drawn = PICTURES[name](**{word: given[0, 0] if word == "ax" else given})
    assert listed(drawn)[0] is given[0, 0]
    assert all(one.figure is given[0, 0].figure for one in listed(drawn))


@each
def test_new_figures_are_drawn_and_do_not_stay(
    name: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figures = pytest.importorskip("matplotlib.figure")

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a picture was shown")

    monkeypatch.setattr(pyplot, "show", refuse)
    monkeypatch.setattr(figures.Figure, "show", refuse)
    drawn = listed(PICTURES[name]())
    assert pyplot.get_fignums() == []
    figure = drawn[0].figure
    figure.savefig(tmp_path / "picture.png", dpi=40)
    assert (tmp_path / "picture.png").stat().st_size > 500
    alive = weakref.ref(figure)
    del drawn, figure
    gc.collect()
    assert alive() is None


@each
def test_nothing_written_is_cut_off_or_overlaps_a_heading(name: str) -> None:
    """Every text lies inside the figure; titles of panels touch no other title."""
    pytest.importorskip("matplotlib")
    drawn = listed(PICTURES[name]())
    figure = drawn[0].figure
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    texts = [text for ax in drawn for text in [*ax.texts, ax.title] if text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        inside = box.x0 >= -1 and box.y0 >= -1
        assert inside, text.get_text()
        assert box.x1 <= width + 1, text.get_text()
        assert box.y1 <= height + 1, text.get_text()
    titles = [ax.title.get_window_extent() for ax in drawn if ax.get_title()]
    for i, box in enumerate(titles):
        assert not any(box.overlaps(other) for other in titles[i + 1 :])


@each
def test_without_matplotlib(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError) as caught:
        PICTURES[name]()
    assert str(caught.value) == (
        "matplotlib is not installed. Expected the extra `plot` for pictures.\n"
        'Run: python -m pip install "pellucid[plot]".'
    )


def test_without_plotly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(ImportError, match=r'plotly is not[^\0]*"pellucid\[plot\]"'):
        viz.network_figure(dense())


def test_importing_viz_loads_no_library() -> None:
    code = (
        "import sys, pellucid.viz\n"
        "assert not {'matplotlib', 'plotly', 'pandas'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_pyplot_is_never_asked() -> None:
    code = (
        "import sys, pellucid as pl\n"
        "pl.viz.plot_points([[0.0, 1.0], [1.0, 0.0]], [0, 1]).figure\n"
        "assert 'matplotlib.figure' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    pytest.importorskip("matplotlib")
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_colours_are_those_of_okabe_and_ito() -> None:
    from pellucid.viz.canvas import COLOURS, class_style

    known = "#0072B2 #E69F00 #009E73 #D55E00 #CC79A7 #56B4E9 #F0E442"
    assert list(COLOURS) == known.split()
    assert len({class_style(label) for label in range(56)}) == 56


def test_errors_have_three_parts() -> None:
    calls = [
        lambda: viz.plot_points(np.zeros((3, 4)), [0, 0, 0]),
        lambda: viz.plot_history(History()),
        lambda: viz.plot_weights(dense(), "nothing"),
        lambda: viz.plot_filters(dense()),
        lambda: viz.grad_cam(dense(), X),
        lambda: viz.plot_network({}),
        lambda: viz.plot_confusion_matrix([], []),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="Expected") as caught:
            call()
        first, *_, last = str(caught.value).splitlines()
        assert last != first
        assert re.match(r"[A-Z].*[.?]$", last), str(caught.value)
