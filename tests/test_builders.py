"""Builders: the layers they put together, and that the models train."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from tests.support.models import blobs, strokes

IMAGES = {
    "lenet5": ((28, 28, 1), 61_706),
    "mnist_cnn": ((28, 28, 1), 421_738),
    "vgg_small": ((32, 32, 3), 1_148_874),
    "resnet8": ((32, 32, 3), 78_042),
    "resnet18": ((32, 32, 3), 11_173_962),
    "mobilenet_small": ((32, 32, 3), None),
}


@pytest.mark.parametrize("name", IMAGES)
def test_image_models(name):
    shape, parameters = IMAGES[name]
    model = getattr(pl, name)(seed=0)
    assert model.input_shape == shape
    assert model.output_shape == (10,)
    if parameters is not None:
        assert sum(p.size for p in model.parameters()) == parameters
    assert model.predict(np.zeros((1, *shape))).shape == (1, 10)
    first = getattr(pl, name)(
        shape[::-1], 7, seed=0, data_format="channels_first", dtype="float64"
    )
    assert first.input_shape == shape[::-1]
    assert first.output_shape == (7,)


@pytest.mark.parametrize("name", ["resnet8", "mobilenet_small", "mnist_cnn"])
def test_image_models_learn(name):
    x, y = strokes(200)
    model = getattr(pl, name)((8, 8, 1), 4, seed=0)
    model.compile(pl.Adam(3e-3), "softmax_cross_entropy", ["accuracy"])
    history = model.fit(x, y, epochs=6, batch_size=25, verbose=0)
    assert history.history["loss"][-1] < 0.8 * history.history["loss"][0]


def test_large_images_get_the_stem_of_the_paper():
    model = pl.resnet18((224, 224, 3), 1000, seed=0)
    shapes = dict(zip((n.name for n in model.layers), model.inner_shapes, strict=True))
    assert shapes["max_pool2d_1"] == (56, 56, 64)
    assert shapes["residual_8"] == (7, 7, 512)
    assert sum(p.size for p in model.parameters()) == 11_689_512  # torchvision's


def test_mlp():
    x, y = blobs(90)
    model = pl.mlp([4, 16, 8, 3], activation="tanh", dropout=0.1, batch_norm=True)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Dense", "BatchNorm", "Tanh", "Dropout"] * 2 + ["Dense"]
    model.compile("adam", "softmax_cross_entropy", ["accuracy"])
    history = model.fit(x, y, epochs=30, batch_size=10, verbose=0)
    assert history.history["accuracy"][-1] > 0.8
    assert len(pl.mlp([2, 1], output_activation="sigmoid").layers) == 1


@pytest.mark.parametrize(
    ("sizes", "options", "error"),
    [
        ([3], {}, ValueError),
        (3, {}, TypeError),
        ("34", {}, TypeError),
        ([3, 0], {}, ValueError),
        ([3, 2.5], {}, TypeError),
        ([3, 4, 2], {"dropout": 1.5}, ValueError),
        ([3, 4, 2], {"activation": "rleu"}, ValueError),
        ([3, 4, 2], {"activation": "rleu", "batch_norm": True}, ValueError),
        ([3, 2], {"no_such": 1}, TypeError),
    ],
)
def test_bad_mlps(sizes, options, error):
    with pytest.raises(error):
        pl.mlp(sizes, **options)


def test_from_spec():
    """The dictionaries of S0.17, channels first as there."""
    spec = [
        {"type": "conv", "filters": 8, "kernel_size": 3, "padding": 1},
        {"type": "pool", "pool_size": 2, "stride": 2, "mode": "average"},
        {"type": "batch_norm"},
        {"type": "conv", "filters": 4, "kernel_size": 3, "stride": 2},
        {"type": "pool"},
        {"type": "dropout", "rate": 0.1},
        {"type": "flatten"},
        {"type": "dense", "units": 16},
    ]
    model = pl.from_spec(
        spec,
        input_shape=(1, 16, 16),
        num_classes=4,
        data_format="channels_first",
        seed=0,
    )
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds[:4] == ["Conv2D", "AvgPool2D", "BatchNorm", "Conv2D"]
    assert kinds[4:] == ["MaxPool2D", "Dropout", "Flatten", "Dense", "Dense"]
    assert model.inner_shapes[3] == (3, 3, 4)
    weighted = [x for x in model.layers if isinstance(x, pl.Conv2D | pl.Dense)]
    activations = [layer.activation for layer in weighted]
    assert activations == ["relu", "relu", "relu", "softmax"]
    y = model.predict(np.zeros((2, 1, 16, 16)))
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("dense", TypeError, "list of dictionaries"),
        ([3], TypeError, r"spec\[0\]"),
        ([{"units": 3}], TypeError, r"spec\[0\]"),
        ([{"type": "dnse", "units": 3}], ValueError, "mean 'dense'"),
        ([{"type": "pool", "mode": "median"}], ValueError, "mode"),
        ([{"type": "dense"}], TypeError, r"spec\[0\].*units"),
        ([{"type": "dense", "units": -1}], ValueError, r"spec\[0\]"),
        ([{"type": "dense", "units": 3, "unit": 3}], TypeError, r"spec\[0\].*unit"),
    ],
)
def test_bad_specs(spec, error, words):
    with pytest.raises(error, match=words):
        pl.from_spec(spec, input_shape=(4,))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: pl.mlp([2, 1], input_shape=(2,)), TypeError, "Leave input_shape out"),
        (lambda: pl.mlp([2, 1], sed=0), TypeError, "Did you mean seed"),
        (lambda: pl.lenet5(layers=[]), TypeError, "Leave layers out"),
        (lambda: pl.lenet5(28), TypeError, "input_shape is 28"),
        (lambda: pl.resnet18((64, 64)), ValueError, r"input_shape is \(64, 64\)"),
        (lambda: pl.mobilenet_small((32, 32.0, 3)), TypeError, "input_shape is 32.0"),
        (lambda: pl.vgg_small(classes=0), ValueError, "classes is 0"),
        (lambda: pl.from_spec([], input_shape=(4,)), ValueError, r"spec is \[\]"),
    ],
)
def test_bad_arguments(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert "Expected" in str(caught.value)
