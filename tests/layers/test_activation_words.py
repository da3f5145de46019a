"""Activations by their words: in layers with weights, builders, initial weights."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import pellucid as pl
from pellucid.kernels import ACTIVATIONS
from pellucid.layers.affine import RELU_FAMILY
from tests.support.bounds import assert_exact
from tests.support.data import integers, uniform

WORDS = {
    "relu": pl.ReLU,
    "leaky_relu": pl.LeakyReLU,
    "sigmoid": pl.Sigmoid,
    "tanh": pl.Tanh,
    "elu": pl.ELU,
    "selu": pl.SELU,
    "softplus": pl.Softplus,
    "gelu": pl.GELU,
    "silu": pl.SiLU,
    "swish": pl.SiLU,
    "mish": pl.Mish,
    "hard_swish": pl.HardSwish,
    "softmax": pl.Softmax,
    "log_softmax": pl.LogSoftmax,
}
every_word = pytest.mark.parametrize("word", WORDS)


def test_every_activation_has_a_word_and_a_layer() -> None:
    assert {*ACTIVATIONS} | {"softmax", "log_softmax", "swish"} == {*WORDS}
    assert pl.Swish is pl.SiLU
    for word, kind in WORDS.items():
        assert kind.activation == ("silu" if word == "swish" else word)


@every_word
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda word: pl.Dense(5, word), (7, 3)),
        (lambda word: pl.Conv2D(5, 2, activation=word), (2, 4, 4, 3)),
    ],
    ids=["dense", "conv"],
)
def test_a_word_is_the_layer_of_that_name_behind(word, make, shape) -> None:
    x = uniform(shape, 0)
    own, plain, behind = make(word), make(None), WORDS[word]()
    own.build(shape[1:])
    plain.build(shape[1:])
    for target, source in zip(plain.parameters(), own.parameters(), strict=True):
        target.value = source.value
    y = own.forward(x, training=True)
    want = behind.forward(plain.forward(x, training=True), training=True)
    assert_exact(y, want)
    dy = integers(y.shape, 1)
    dx = own.backward(dy)
    assert_exact(dx, plain.backward(behind.backward(dy)))
    for got, wanted in zip(own.parameters(), plain.parameters(), strict=True):
        assert_exact(got.grad, wanted.grad)
    inference = own.forward(x)
    assert_exact(inference, y)
    assert not np.may_share_memory(inference, y)


@every_word
def test_training_steps_and_files_keep_a_word(word, tmp_path) -> None:
    x, labels = uniform((64, 6), 1), np.arange(64) % 3
    layers = [pl.Dense(8, word), WORDS[word](), pl.PReLU(), pl.Dense(3)]
    model = pl.Sequential(layers, input_shape=(6,), seed=1)
    model.compile(pl.SGD(0.05), "softmax_cross_entropy")
    losses = model.fit(x, labels, epochs=9, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    path = tmp_path / "model.safetensors"
    model.save(path)
    assert_exact(pl.load_model(path).predict(x), model.predict(x))
    assert_exact(pickle.loads(pickle.dumps(model)).predict(x), model.predict(x))


def test_an_unknown_word_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r'(?s)"gelo".*"relu".*"hard_swish".*"gelu"'):
        pl.Dense(3, "gelo")
    with pytest.raises(TypeError, match="activation is 3"):
        pl.Dense(3, 3)
    with pytest.raises(ValueError, match=r"(?s)whose slopes.*PReLU\(\)"):
        pl.Dense(3, "prelu")
    with pytest.raises(ValueError, match=r"GELU.*approximate is True"):
        pl.GELU(approximate=True)
    with pytest.raises(ValueError, match="alpha is -1"):
        pl.ELU(-1.0)
    with pytest.raises(ValueError, match="alpha_initializer"):
        pl.PReLU("sero")


@pytest.mark.parametrize("kind", [*dict.fromkeys(WORDS.values()), pl.PReLU])
def test_initial_weights_follow_the_activation(kind) -> None:
    word = kind.activation
    variance = 1 / 100
    if word in RELU_FAMILY:
        variance = 2 / 100
    elif word != "selu":
        variance = 2 / (100 + 4000)
    layers = [pl.Dense(4000), pl.Dropout(0.5), kind()]
    model = pl.Sequential(layers, input_shape=(100,), seed=1)
    model.build((100,))
    weight = model.layers[0].weight.value.astype("float64")
    found = (weight**2).mean()
    assert abs(found / variance - 1) < 5 * np.sqrt(2 / weight.size)


def test_builders_know_the_words() -> None:
    for word in ("swish", "gelu", "prelu"):
        model = pl.mlp([4, 8, 2], activation=word, batch_norm=True)
        assert type(model.layers[2]) is {"gelu": pl.GELU, "prelu": pl.PReLU}.get(
            word, pl.SiLU
        )
    spec = [{"type": "dense", "units": 3, "activation": "mish"}, {"type": "swish"}]
    model = pl.from_spec(spec, input_shape=(5,))
    assert type(model.layers[1]) is pl.SiLU
    assert model.layers[0].activation == "mish"


def test_prelu_learns_slopes_of_its_channels() -> None:
    layer = pl.PReLU("zeros")
    layer.build((3, 2, 4))
    assert [p.name for p in layer.parameters()] == ["alpha"]
    assert layer.alpha.shape == (4,)
    x = -np.ones((2, 3, 2, 4), "float32")
    assert not layer.forward(x, training=True).any()
    layer.backward(np.ones_like(x))
    assert_exact(layer.alpha.grad, np.full(4, -12, "float32"))
    with pytest.raises(ValueError, match="channels"):
        layer.forward(x[..., :3])


def test_linear_is_no_activation() -> None:
    assert pl.Dense(3, activation="linear").activation is None
    assert pl.Conv2D(3, 1, activation="linear").activation is None
