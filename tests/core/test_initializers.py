from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.core import Initializer, RandomStream
from pellucid.core.initializers import (
    INITIALIZERS,
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    LeCunUniform,
    Ones,
    RandomNormal,
    RandomUniform,
    Zeros,
    get_initializer,
    initializer_config,
)
from pellucid.layers import Conv2D, Dense

FAN_IN, FAN_OUT, COUNT = 50, 150, 40_000


def draw(initializer: Initializer, dtype: str = "float64") -> NDArray[Any]:
    stream = RandomStream(3, 2)
    return initializer((COUNT,), FAN_IN, FAN_OUT, random=stream, dtype=dtype)


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (HeNormal(), 2 / FAN_IN),
        (GlorotNormal(), 2 / (FAN_IN + FAN_OUT)),
        (LeCunNormal(), 1 / FAN_IN),
        (RandomNormal(std=0.3), 0.09),
    ],
)
def test_normal(initializer: Initializer, variance: float) -> None:
    x = draw(initializer) / math.sqrt(variance)
    # moments of a standard normal, each within 5 standard errors
    assert abs(x.mean()) < 5 / math.sqrt(COUNT)
    assert abs(x.var() - 1) < 5 * math.sqrt(2 / COUNT)
    assert abs((x**4).mean() - 3) < 5 * math.sqrt(96 / COUNT)
    assert abs(x).max() > 3.5


@pytest.mark.parametrize(
    ("initializer", "limit"),
    [
        (HeUniform(), math.sqrt(6 / FAN_IN)),
        (GlorotUniform(), math.sqrt(6 / (FAN_IN + FAN_OUT))),
        (LeCunUniform(), math.sqrt(3 / FAN_IN)),
        (RandomUniform(-0.2, 0.2), 0.2),
    ],
)
def test_uniform(initializer: Initializer, limit: float) -> None:
    x = draw(initializer) / limit
    assert 0.999 < x.max() < 1
    assert -1 < x.min() < -0.999
    counts, _ = np.histogram(x, 20, (-1, 1))
    assert abs(counts - COUNT / 20).max() < 5 * math.sqrt(COUNT / 20)


def test_constants() -> None:
    assert (draw(Zeros()) == 0).all()
    assert (draw(Ones()) == 1).all()
    assert (draw(Constant(-2.5), "float32") == -2.5).all()


@pytest.mark.parametrize("kind", sorted(INITIALIZERS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_names_configs_dtypes(kind: str, dtype: str) -> None:
    spec = {"kind": kind, "value": 3} if kind == "constant" else kind
    initializer = get_initializer(spec)
    config = initializer_config(initializer)
    assert config is not None
    again = get_initializer(config)
    assert repr(again) == repr(initializer)
    assert draw(initializer, dtype).dtype == dtype
    assert (draw(initializer, dtype) == draw(again, dtype)).all()


def test_073_unknown_names_and_values() -> None:
    with pytest.raises(ValueError, match=r'(?s)"he_norml".*he_uniform.*"he_normal"'):
        get_initializer("he_norml")
    with pytest.raises(TypeError):
        get_initializer(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="std is nan"):
        RandomNormal(std=float("nan"))
    with pytest.raises(ValueError, match="std is -1"):
        RandomNormal(std=-1)
    with pytest.raises(ValueError, match="high is 0"):
        RandomUniform(1, 0)


def test_own_initializers_work_but_are_not_written() -> None:
    class Eye(Initializer):
        def __call__(self, shape: Any, *fans: int, random: Any, dtype: Any) -> Any:
            return np.eye(*shape, dtype=dtype)

    layer = Dense(3, kernel_initializer=Eye())
    assert (layer.forward(np.eye(3)) == np.eye(3)).all()
    with pytest.raises(ValueError, match=r"Eye\(\) cannot be written"):
        layer.config()


@pytest.mark.parametrize(
    ("own", "following", "std"),
    [
        ("relu", None, math.sqrt(2 / 400)),
        ("leaky_relu", None, math.sqrt(2 / 400)),
        (None, "relu", math.sqrt(2 / 400)),
        (None, "selu", math.sqrt(1 / 400)),
        (None, None, math.sqrt(2 / 700)),
        ("tanh", "relu", math.sqrt(2 / 700)),
    ],
)
def test_the_default_follows_the_activation(
    own: str | None, following: str | None, std: float
) -> None:
    layer = Dense(300, own)
    layer.following_activation = following
    layer.build((400,))
    weight = layer.weight.value
    assert abs(weight.std() / std - 1) < 5 / math.sqrt(2 * weight.size)
    uniform = abs(weight).max() < 1.8 * std
    assert uniform == (std == math.sqrt(2 / 700))


def test_fans_of_convolutions() -> None:
    layer = Conv2D(64, 5, groups=2, kernel_initializer="he_normal")
    layer.build((9, 9, 32))
    std = math.sqrt(2 / (5 * 5 * 16))
    weight = layer.weight.value
    assert abs(weight.std() / std - 1) < 5 / math.sqrt(2 * weight.size)
