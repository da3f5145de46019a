from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.core import Layer, RandomStream
from pellucid.layers import BatchNorm, Conv2D, Dense, GlobalAvgPool2D, MaxPool2D, ReLU


def test_default_names() -> None:
    names = [
        cls.default_name()
        for cls in (Dense, Conv2D, MaxPool2D, GlobalAvgPool2D, BatchNorm, ReLU)
    ]
    assert names == [
        "dense",
        "conv2d",
        "max_pool2d",
        "global_avg_pool2d",
        "batch_norm",
        "relu",
    ]


def test_labels() -> None:
    layer = Dense(2)
    assert layer.label == "Dense"
    assert layer.bind(name="dense_1").label == "dense_1 (Dense)"


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (np.ones((2, 3)), "float64"),
        (np.ones((2, 3), "float32"), "float32"),
        (np.ones((2, 3), "float16"), "float32"),
        (np.ones((2, 3), "int64"), "float32"),
        ([[1.0, 2.0, 3.0]], "float32"),
    ],
)
def test_alone_a_layer_takes_the_dtype_of_its_first_input(
    x: np.ndarray, dtype: str
) -> None:
    layer = Dense(2)
    assert layer.forward(x).dtype == dtype
    assert layer.weight.value.dtype == dtype
    assert layer.forward(np.ones((2, 3))).dtype == dtype


@pytest.mark.parametrize("dtype", ["float16", "int32", "complex128"])
def test_dtypes_of_layers(dtype: str) -> None:
    layer = Dense(2)
    with pytest.raises(ValueError, match=r"Expected .*float32"):
        layer.bind(dtype=dtype)
    assert layer.dtype is None


def test_freezing() -> None:
    layer = Dense(2, trainable=False)
    layer.build((3,))
    assert not any(p.trainable for p in layer.parameters())
    layer.trainable = True
    assert all(p.trainable for p in layer.parameters())
    assert "trainable=False" in repr(Dense(2, trainable=False))
    assert "trainable" not in repr(layer)


def test_state_is_live_and_in_order() -> None:
    layer = BatchNorm()
    layer.build((3,))
    names = ["gamma", "beta", "running_mean", "running_variance"]
    assert list(layer.state()) == names
    assert [p.name for p in layer.parameters()] == names[:2]
    layer.state()["running_mean"][...] = 7
    layer.state()["gamma"][...] = 0
    assert (layer.forward(np.ones((2, 3))) == 0).all()
    assert (layer.running_mean == 7).all()


def test_the_base_class_computes_nothing() -> None:
    with pytest.raises(NotImplementedError, match="Layer has no forward"):
        Layer().forward([[1.0]])
    with pytest.raises(NotImplementedError, match="Layer has no backward"):
        Layer().backward([[1.0]])


def test_streams() -> None:
    a, b = RandomStream(1, 2), RandomStream(1, 2)
    first, second = a.uniform((5,)), a.uniform((5,))
    assert (first != second).all()
    b.counter[0] = 1
    assert (b.uniform((5,)) == second).all()
    assert int(b.counter[0]) == 2
    assert (RandomStream(1, 3).uniform((5,)) != first).all()
    assert (RandomStream(2, 2).uniform((5,)) != first).all()
    # a prefix of a longer draw: elements are counted, not the draw's shape
    assert (RandomStream(1, 2).uniform((2, 2)).ravel() == first[:4]).all()
    assert repr(a) == "RandomStream(seed=1, stream=2)"


def test_a_write_to_a_weight_counts_at_once() -> None:
    layer = Conv2D(1, 1, use_bias=False)
    x = np.ones((1, 2, 2, 1), "float32")
    layer.forward(x)
    layer.weight.value[...] = 3
    assert (layer.forward(x) == 3).all()


@pytest.mark.parametrize("shape", [5, (3.5,), ("3",), None, ((3,),)])
def test_input_shapes_are_whole_numbers(shape: Any) -> None:
    layer = Dense(2, name="dense_1")
    for call in (layer.build, layer.output_shape):
        with pytest.raises(TypeError, match=r"dense_1 .*input_shape is .*Expected"):
            call(shape)
    assert not layer.built
    layer.build((np.int64(3),))
    assert type(layer.input_shape[0]) is int


@pytest.mark.parametrize("shape", [(0,), (-3,), (3, 3), ()])
def test_input_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"(?s)dense_1 .*\(n.*Expected \(n, in\)"):
        Dense(2, name="dense_1").build(shape)


def test_layers_show_what_is_not_the_default() -> None:
    assert repr(Dense(3)) == "Dense(units=3)"
    shown = repr(Dense(3, "relu", kernel_regularizer="l2", bias_initializer="ones"))
    arguments = "activation='relu', bias_initializer=Ones()"
    assert shown == f"Dense(units=3, {arguments}, kernel_regularizer=L2(l2=0.01))"
