from __future__ import annotations

from typing import Any

import pytest

from pellucid.core import Layer, make_layer, register_layer
from pellucid.core.registry import LAYERS
from pellucid.errors import FormatError


@pytest.fixture(autouse=True)
def restore(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Mine", "Dense"):
        monkeypatch.setitem(LAYERS, name, LAYERS.get(name, Layer))
    monkeypatch.delitem(LAYERS, "Mine")


def define(power: int) -> type[Layer]:
    @register_layer
    class Mine(Layer):
        exponent = power

    return Mine


def test_own_layers() -> None:
    define(2)
    second = define(3)  # a notebook cell that ran twice
    made = make_layer("Mine", {"name": "mine_1", "trainable": False})
    assert type(made) is second
    assert made.name == "mine_1"
    assert not made.trainable


def test_a_taken_name() -> None:
    class Dense(Layer):
        pass

    before = LAYERS["Dense"]
    with pytest.raises(ValueError, match="'Dense' exists already"):
        register_layer(Dense)
    assert LAYERS["Dense"] is before
    for bad in (3, int, Dense()):
        with pytest.raises(TypeError, match="subclass of Layer"):
            register_layer(bad)


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("Conv2d", {}, "(?s)'Conv2d' is unknown.*Did you mean 'Conv2D'"),
        ("Nothing like it", {}, "register_layer"),
        (None, {}, "unknown"),
        (["Dense"], {}, "unknown"),
        ("Dense", None, "NoneType"),
        ("Dense", [1], "list"),
        ("Dense", {1: 2}, "dict"),
        ("Dense", {}, "units"),
        ("Dense", {"units": 2, "colour": "red"}, "colour"),
        ("Dense", {"units": "2"}, "units is '2'"),
        ("Dense", {"units": -2}, "units is -2"),
        ("Dense", {"units": 2, "kernel_initializer": {"kind": "os.system"}}, "kernel"),
        ("Dense", {"units": 2, "kernel_initializer": {"kind": "zeros", "a": 1}}, "a"),
        ("Dense", {"units": 2, "kernel_regularizer": {"l9": 1}}, "l9"),
        ("Conv2D", {"filters": 2, "kernel_size": [1, [2]]}, "kernel_size"),
        ("Dropout", {"rate": 1e400}, "rate is inf"),
        ("Dropout", {"rate": 10**400}, "rate"),
    ],
)
def test_what_a_file_may_not_say(kind: Any, config: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        make_layer(kind, config)
