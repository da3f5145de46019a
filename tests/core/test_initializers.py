from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid import kernels
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
    Orthogonal,
    RandomNormal,
    RandomUniform,
    Zeros,
    _orthonormal,
    get_initializer,
    initializer_config,
)
from pellucid.layers import Conv2D, Dense
from tests.support.bounds import dot_bound, unit_roundoff
from tests.support.threads import THREADS, isa, isas, threads

FAN_IN, FAN_OUT, COUNT = 50, 150, 40_000


def draw(initializer: Initializer, dtype: str = "float64") -> NDArray[Any]:
    stream = RandomStream(3, 2)
    return initializer((COUNT // 40, 40), FAN_IN, FAN_OUT, random=stream, dtype=dtype)


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


def orthogonal(shape: Any, dtype: str = "float64", seed: int = 0) -> NDArray[Any]:
    return Orthogonal()(shape, 1, 1, random=RandomStream(seed, 2), dtype=dtype)


def products_bound(length: int, dtype: str) -> float:
    """Of products of unit vectors: rounded to dtype, orthogonal but for float64."""
    return 2 * unit_roundoff(dtype) + 2 * length * unit_roundoff("float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (5, 1), (1, 7), (90, 33), (40, 70), (65, 65), (3, 3, 4, 20)]
)
def test_orthogonal_vectors(shape: Any, dtype: str) -> None:
    weight = orthogonal(shape, dtype)
    assert weight.shape == shape
    assert weight.dtype == dtype
    matrix = weight.reshape(-1, shape[-1]).astype("float64")
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    products = matrix.T @ matrix
    bound = products_bound(len(matrix), dtype)
    assert abs(products - np.eye(len(products))).max() <= bound
    doubled = Orthogonal(-2)(shape, 1, 1, random=RandomStream(0, 2), dtype=dtype)
    assert (doubled == -2 * weight).all()


def test_nearly_parallel_vectors_become_orthogonal_too() -> None:
    noise = RandomStream(5, 2).normal((50, 60), dtype="float64")
    vectors = _orthonormal(1 + 1e-5 * noise)
    bound = products_bound(60, "float64")
    assert abs(vectors @ vectors.T - np.eye(50)).max() <= bound


def test_the_columns_are_those_of_qr_with_a_positive_diagonal() -> None:
    draws = RandomStream(0, 2).normal((12, 40), dtype="float64").T
    q, r = np.linalg.qr(draws)
    q *= np.sign(np.diag(r))
    # To first order, Q moves by the roundoff of the draws times their condition.
    bound = 40 * np.linalg.cond(draws) * unit_roundoff("float64")
    assert abs(orthogonal((40, 12)) - q).max() <= bound


def test_orthogonal_matrices_are_spread_evenly() -> None:
    # Elements of a Haar matrix of size n: mean 0, variance 1 / n, third moment 0.
    n, draws = 8, 400
    x = np.stack([orthogonal((n, n), seed=seed) for seed in range(draws)]) * n**0.5
    assert abs(x.mean(axis=0)).max() < 5 / draws**0.5
    assert abs((x**2).mean(axis=0) - 1).max() < 5 * (2 / draws) ** 0.5
    determinants = np.linalg.det(x / n**0.5)
    assert abs(determinants.mean()) < 5 / draws**0.5


@pytest.mark.skipif(kernels.backend() != "compiled", reason="a promise of the kernels")
def test_orthogonal_bits_do_not_depend_on_threads_and_isa() -> None:
    found = set()
    for name in isas():
        if name != "portable":  # which has no fused multiply-add
            for count in THREADS:
                with isa(name), threads(count):
                    found.add(orthogonal((300, 90), "float32").tobytes())
    assert len(found) == 1


def test_layers_take_orthogonal() -> None:
    layer = Conv2D(8, 3, kernel_initializer="orthogonal")
    layer.build((9, 9, 4))
    columns = layer.weight.value.reshape(-1, 8)
    bound = products_bound(36, "float32") + dot_bound(36, 1, "float32")
    assert abs(columns.T @ columns - np.eye(8)).max() <= bound


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
        get_initializer(3)
    with pytest.raises(ValueError, match="std is nan"):
        RandomNormal(std=float("nan"))
    with pytest.raises(ValueError, match="std is -1"):
        RandomNormal(std=-1)
    with pytest.raises(ValueError, match="high is 0"):
        RandomUniform(1, 0)
    with pytest.raises(ValueError, match="gain is inf"):
        Orthogonal(float("inf"))
    with pytest.raises(ValueError, match=r"got the shape \(40,\).* at least 2"):
        Orthogonal()((40,), 1, 1, random=RandomStream(0), dtype="float32")


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
