"""Bad input: strange arrays, memory that does not suffice, what happens beside a call.

The numbers are those of the project's catalogue of bad inputs.
"""

from __future__ import annotations

import multiprocessing
import threading

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import pellucid as pl
from pellucid import kernels
from tests.support.bounds import assert_exact
from tests.support.models import assert_refused, blobs, cnn, mlp, snapshot, strokes

X, Y = blobs(12)


class Frame:
    """Numbers behind ``__array__``, as a data frame or a tensor has them."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.array, dtype)

    def __len__(self):
        return len(self.array)

    def __iter__(self):  # of the names of columns, not of rows
        return iter("abcd")


class Capsule:
    """Offers DLPack and nothing else."""

    def __dlpack__(self, **options):
        return X.__dlpack__(**options)

    def __dlpack_device__(self):
        return X.__dlpack_device__()


def test_017_structures():
    table = np.zeros(12, [("a", "f4"), ("b", "f4")])
    model = mlp()
    assert_refused(model, lambda: model.predict(table), TypeError, "structured array")
    assert_refused(
        model, lambda: model.fit(X, table), TypeError, "Expected real numbers"
    )


def test_023_broadcast_views():
    row = np.broadcast_to(X[:1], X.shape)
    one, two = mlp(), mlp()
    one.fit(row, Y, verbose=0)
    two.fit(row.copy(), Y, verbose=0)
    assert snapshot(one) == snapshot(two)
    assert_exact(one.predict(row), two.predict(row.copy()))
    out = as_strided(np.zeros(4, "float32"), (12, 4), (0, 4))
    with pytest.raises(ValueError, match="out overlaps itself"):
        kernels.activation(X, "relu", out=out)


def test_024_read_only_out():
    out = np.full_like(X, 7)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only"):
        kernels.activation(X, "relu", out=out)
    assert (out == 7).all()


def test_026_out_over_an_input():
    buffer = np.arange(52, dtype="float32").reshape(13, 4)
    kept = buffer.copy()
    for call in (
        lambda: kernels.activation(buffer[1:], "relu", out=buffer[:-1]),
        lambda: kernels.gemm(buffer[:4], buffer[4:8], out=buffer[1:5]),
        lambda: kernels.softmax(buffer[2:], out=buffer[:-2]),
    ):
        with pytest.raises(ValueError, match="shares memory with another argument"):
            call()
        assert_exact(buffer, kept)
    kernels.activation(buffer, "relu", out=buffer)  # the very same memory is fine
    assert_exact(buffer, kept)


def test_028_matrices():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(X)
    assert type(mlp().predict(matrix)) is np.ndarray
    assert_exact(mlp().predict(matrix), mlp().predict(X))


def test_029_030_what_turns_into_an_array():
    one, two = mlp(), mlp()
    one.fit(Frame(X), Frame(Y), validation_data=(Frame(X), Frame(Y)), verbose=0)
    two.fit(X, Y, validation_data=(X, Y), verbose=0)
    assert snapshot(one) == snapshot(two)
    assert one.evaluate(Frame(X), Frame(Y)) == two.evaluate(X, Y)
    assert_exact(one.predict(memoryview(X)), two.predict(X))
    assert_refused(one, lambda: one.predict(Capsule()), TypeError, "object array")


def test_031_memory_maps(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, X)
    one, two = mlp(), mlp()
    one.fit(np.load(path, mmap_mode="r"), Y, verbose=0)
    two.fit(X, Y, verbose=0)
    assert snapshot(one) == snapshot(two)
    assert "must not shrink" in pl.Sequential.fit.__doc__


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_032_033_what_is_not_finite_stays_in_its_sample(value):
    x, _ = strokes(9)
    model = cnn()
    clean = model.predict(x)
    x[3, 4, 4] = value
    y = model.predict(x)
    others = np.arange(9) != 3
    assert_exact(y[others], clean[others])
    assert (y[3] != clean[3]).any()
    if np.isnan(value):
        assert np.isnan(y[3]).all()


def test_033_infinity_in_relu_and_max_pooling():
    x = np.array([[-np.inf, np.inf, -1, 2]], "float32")
    assert kernels.activation(x, "relu").tolist() == [[0, np.inf, 0, 2]]
    image = np.full((1, 2, 2, 1), -np.inf, "float32")
    assert pl.MaxPool2D(2).forward(image).item() == -np.inf
    image[0, 1, 1] = np.nan
    assert np.isnan(pl.MaxPool2D(2).forward(image)).all()


@pytest.mark.parametrize("isa", kernels.isas())
def test_034_subnormal_numbers_are_kept(isa):
    tiny = np.full((5, 5), 1e-40, "float32")
    one = np.eye(5, dtype="float32")
    with kernels.use_isa(isa):
        assert_exact(kernels.gemm(tiny, one), tiny)
        assert_exact(kernels.activation(tiny, "relu"), tiny)
        image = tiny.reshape(1, 5, 5, 1)
        assert_exact(kernels.conv2d(image, np.ones((1, 1, 1, 1), "float32")), image)


HUGE = [
    lambda: as_strided(X, (2**40, 4), (0, 4)),
    lambda: as_strided(X, (2**58, 4), (0, 0)),
    lambda: as_strided(X, (2**62, 4), (0, 0)),
]


@pytest.mark.parametrize("make", HUGE)
def test_035_more_samples_than_memory(make):
    model = mlp()
    try:
        x = make()
    except ValueError:  # NumPy's own limit
        return
    assert_refused(model, lambda: model.predict(x), (ValueError, MemoryError), "(")
    y = as_strided(Y, (len(x),), (0,))
    assert_refused(model, lambda: model.fit(x, y), (ValueError, MemoryError), "(")


def test_036_037_more_weights_than_memory():
    for units, inputs, error, words in (
        (2**31 - 1, 2**31 - 1, ValueError, "needs 1.8e+19 bytes"),
        (2**22, 2**23, MemoryError, "128. TiB"),
    ):
        model = pl.Sequential([pl.Dense(units)], input_shape=(inputs,))
        with pytest.raises(error) as caught:
            model.build()
        assert words in str(caught.value)
        assert not model.built
    layer = pl.Conv2D(2**30, 2**20, padding="same")
    model = pl.Sequential([layer], input_shape=(8, 8, 2**31 - 1))
    with pytest.raises(ValueError, match=r"needs 1e\+31 bytes"):
        model.build()
    assert not model.built


def test_037_outputs_larger_than_memory():
    layers = [pl.Conv2D(2**20, 3, padding="same"), pl.GlobalAvgPool2D(), pl.Dense(1)]
    model = pl.Sequential(layers, input_shape=(8, 8, 1), seed=0)
    x = as_strided(np.zeros(1, "float32"), (2000, 8, 8, 1), (0, 0, 0, 0))
    model.build()
    before = model.state_dict()
    with pytest.raises(MemoryError, match=r"500\. GiB"):
        model.predict(x, batch_size=2000)
    for key, value in model.state_dict().items():
        assert_exact(value, before[key])
    assert model.predict(x[:1]).shape == (1, 1)


def test_038_arrays_that_change_during_a_call():
    x, y = blobs(200)
    model = mlp()
    results = []

    def resize(batch, logs):
        try:
            x.resize((1, 4))
        except ValueError as error:
            results.append(str(error))

    model.fit(
        x,
        y,
        batch_size=50,
        callbacks=[pl.LambdaCallback(on_batch_end=resize)],
        verbose=0,
    )
    assert len(results) == 4
    assert "resize" in results[0]
    stop = threading.Event()

    def scribble():
        while not stop.is_set():
            x[...] = 1.0
            x[::2] = -1.0

    thread = threading.Thread(target=scribble)
    thread.start()
    try:
        for _ in range(5):
            assert np.isfinite(model.predict(x)).all()
            model.fit(x, y, verbose=0)
    finally:
        stop.set()
        thread.join()


def test_069_everything_dropped_gives_zeros():
    layer = pl.Dropout(1.0).bind(seed=0, name="drop")
    assert_exact(layer.forward(X, training=True), np.zeros_like(X))
    assert_exact(layer.backward(X), np.zeros_like(X))
    assert_exact(layer.forward(X), X)


@pytest.mark.parametrize("value", [np.nan, np.inf, "0.1"])
@pytest.mark.parametrize(
    "make",
    [
        lambda v: pl.RandomNormal(0, v),
        lambda v: pl.RandomNormal(v, 1),
        lambda v: pl.RandomUniform(v, 1),
        lambda v: pl.RandomUniform(0, v),
        pl.Constant,
        pl.L1,
        pl.L2,
        lambda v: pl.L1L2(0.1, v),
    ],
)
def test_073_numbers_of_initializers_and_penalties(make, value):
    error = TypeError if isinstance(value, str) else ValueError
    with pytest.raises(
        error, match=r"is '0\.1'" if error is TypeError else "is (nan|inf)"
    ):
        make(value)


def test_078_parameters_keep_their_shape():
    model = mlp()
    weight = model.parameters()[0]
    for attribute in ("value", "grad"):
        for array in (np.zeros((2, 2)), np.zeros(32), 1.0):
            assert_refused(
                model,
                lambda a=attribute, v=array: setattr(weight, a, v),
                ValueError,
                f"weight.{attribute}",
                "Expected (4, 8)",
            )
    weight.value = np.ones((4, 8))
    assert (model.state_dict()["dense_1.weight"] == 1).all()


def test_079_a_model_without_trainable_layers():
    model = mlp()
    model.fit(X, Y, verbose=0)
    for layer in model.layers:
        layer.trainable = False
    for call in (lambda: model.fit(X, Y), lambda: model.train_on_batch(X, Y)):
        assert_refused(model, call, RuntimeError, "no trainable", "trainable = True")
    model.evaluate(X, Y)
    model.layers[1].trainable = True
    model.fit(X, Y, verbose=0)


RATES = [(v, ValueError) for v in (np.nan, np.inf, -0.1)]
RATES += [(v, TypeError) for v in ("0.1", None, True, [0.1])]
OPTIMIZERS = ["sgd", "adam", "adamw"]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("rate", "error"), RATES)
def test_080_learning_rates(name, rate, error):
    model = mlp()
    model.compile(name, "softmax_cross_entropy")
    kind = type(model.optimizer)
    with pytest.raises(error, match=f"{kind.__name__}: learning_rate is "):
        kind(rate)
    assert_refused(
        model,
        lambda: setattr(model.optimizer, "learning_rate", rate),
        error,
        f"{kind.__name__}: learning_rate is ",
    )


def test_080_a_rate_of_zero_leaves_the_weights():
    model = mlp()
    model.compile(pl.SGD(0), "softmax_cross_entropy")
    before = model.state_dict()
    model.fit(X, Y, verbose=0)
    for key, value in model.state_dict().items():
        assert_exact(value, before[key])


@pytest.mark.parametrize(
    ("kind", "argument", "values"),
    [
        (pl.SGD, "momentum", (1.0, -0.1, np.nan)),
        (pl.SGD, "weight_decay", (-1, np.nan, np.inf)),
        (pl.Adam, "beta_1", (1.0, -0.1, np.nan)),
        (pl.Adam, "beta_2", (1.0, 1.5, np.nan)),
        (pl.Adam, "epsilon", (0, -1e-8, np.nan)),
        (pl.AdamW, "weight_decay", (-1, np.nan)),
        (pl.Adam, "clip_norm", (0, -1, np.nan)),
        (pl.Adam, "clip_value", (0, -1, np.nan)),
        (pl.Adam, "ema_decay", (1.0, -0.1, np.nan)),
    ],
)
def test_081_numbers_of_optimizers(kind, argument, values):
    for value in values:
        with pytest.raises(ValueError, match=f"{kind.__name__}: {argument} is "):
            kind(**{argument: value})
    for value in ("0.1", True):
        with pytest.raises(TypeError, match=f"{kind.__name__}: {argument} is "):
            kind(**{argument: value})


def test_088_090_a_source_that_fails_leaves_nothing_behind():
    """There are no worker processes that could be killed; a thread prepares batches."""

    class Source:
        def __len__(self):
            return 4

        def __iter__(self):
            yield X, Y
            yield X, Y
            raise OSError("the disk is gone")

    model = mlp()
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit(pl.data.Prefetch(Source(), threshold=0), verbose=0)
    assert model.optimizer.iterations == 2
    names = [thread.name for thread in threading.enumerate()]
    assert "pellucid-prefetch" not in names
    assert multiprocessing.active_children() == []
    model.fit(X, Y, verbose=0)
