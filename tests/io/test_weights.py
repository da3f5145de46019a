"""Models to files and back: to the bit, or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pellucid.core.layer import Layer
from pellucid.core.registry import LAYERS, register_layer
from pellucid.errors import FormatError
from pellucid.io import load_model, load_weights, save_model, save_weights
from pellucid.layers import Dense
from pellucid.model import Sequential
from pellucid.optimizers import Adam
from tests.io.models import (
    OPTIMIZERS,
    X,
    assert_same_weights,
    make_model,
    train,
)
from tests.support.guard import assert_survives


def files_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


# Round trips ----------------------------------------------------------------------


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_to_the_bit(
    path: Path, name: str, dtype: str, data_format: str
) -> None:
    model = train(make_model(OPTIMIZERS[name](), dtype, data_format))
    model.save(path)
    loaded = load_model(path)
    assert_same_weights(model, loaded)
    assert loaded.config() == model.config()
    assert loaded.compile_config() == model.compile_config()
    assert loaded.optimizer.iterations == model.optimizer.iterations == 6
    assert loaded.epochs_done == 2
    train(model)
    train(loaded)
    assert_same_weights(model, loaded)
    straight = train(make_model(OPTIMIZERS[name](), dtype, data_format), epochs=4)
    assert_same_weights(model, straight)


def test_training_goes_on_in_a_new_process(path: Path) -> None:
    model = train(make_model(Adam(0.01)))
    model.save(path)
    assert_survives(
        "from pellucid.io import load_model\n"
        "from tests.io.models import train\n"
        f"train(load_model({str(path)!r})).save({str(path)!r})\n"
    )
    train(model)
    assert_same_weights(model, load_model(path))


def test_saving_twice_gives_the_same_bytes(path: Path) -> None:
    model = train(make_model(Adam(0.01)))
    model.save(path)
    first = path.read_bytes()
    load_model(path).save(path)
    assert path.read_bytes() == first


def test_saving_changes_nothing(path: Path) -> None:
    model, same = train(make_model(Adam(0.01))), train(make_model(Adam(0.01)))
    model.save(path)
    assert_same_weights(train(model), train(same))


def test_without_the_optimizer(path: Path) -> None:
    model = train(make_model(Adam(0.01)))
    model.save(path)
    size = path.stat().st_size
    model.save(path, include_optimizer=False)
    assert path.stat().st_size < size / 1.5
    loaded = load_model(path)
    assert_same_weights(model, loaded)
    assert loaded.compiled
    assert loaded.optimizer.iterations == 0


def test_not_compiled(path: Path) -> None:
    model = make_model()
    save_model(model, path)
    loaded = load_model(path)
    assert not loaded.compiled
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_weights_alone(path: Path) -> None:
    model, other = train(make_model(Adam(0.01))), make_model()
    model.save_weights(path)
    other.load_weights(path)
    assert_same_weights(model, other)
    assert load_file(path).keys() == model.state_dict().keys()
    with pytest.raises(FormatError, match=r"holds no architecture(.|\n)*load_weights"):
        load_model(path)


def test_weights_of_a_whole_model(path: Path) -> None:
    model, other = train(make_model(Adam(0.01))), make_model()
    save_model(model, path)
    load_weights(other, path)
    assert_same_weights(model, other)


def test_own_layer(path: Path) -> None:
    class Twice(Layer):
        def forward(self, x: Any, training: bool = False) -> Any:
            return 2 * self.check_input(x)

    register_layer(Twice)
    try:
        model = Sequential([Twice(), Dense(2)], input_shape=(3,), seed=0)
        model.save(path)
        loaded = load_model(path)
        np.testing.assert_array_equal(
            loaded.predict([[1, 2, 3]]), model.predict([[1, 2, 3]])
        )
    finally:
        del LAYERS["Twice"]
    with pytest.raises(FormatError, match=r"'Twice' is unknown(.|\n)*register_layer"):
        load_model(path)


# Files of other libraries ---------------------------------------------------------


def test_plain_safetensors(path: Path) -> None:
    model = make_model()
    state = {name: array + 1 for name, array in model.state_dict().items()}
    save_file(state, path)
    load_weights(model, path)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
    with pytest.raises(
        FormatError, match=r"plain safetensors(.|\n)*model.save(.|\n)*load_weights"
    ):
        load_model(path)


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_floats_of_any_width(path: Path, dtype: str) -> None:
    model = make_model()
    state = {name: array.astype(dtype) for name, array in model.state_dict().items()}
    save_file(state, path)
    load_weights(model, path)
    for name, array in model.state_dict().items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, state[name].astype(np.float32))


def wrong_states(state: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    first = "conv2d_1.weight"
    less = {name: array for name, array in state.items() if name != first}
    yield less, "conv2d_1.weight is missing"
    yield state | {"dense_9.weight": np.zeros(2)}, "dense_9.weight is not in the model"
    yield state | {first: state[first][:2]}, r"conv2d_1.weight has shape \(2, 3, 1, 3\)"
    yield state | {first: state[first].reshape(-1)}, r"has shape \(27,\)"
    yield state | {first: state[first] > 0}, "conv2d_1.weight': it holds BOOL"
    counts = state[first].astype(np.int64)
    yield state | {first: counts}, "conv2d_1.weight': it holds I64"
    yield {}, "conv2d_1.weight is missing(.|\n)*conv2d_1.bias is missing"
    yield {f"x{i}": np.zeros(1) for i in range(20)}, "more"


@pytest.mark.parametrize("number", range(8))
def test_weights_of_another_model_change_nothing(path: Path, number: int) -> None:
    model = train(make_model(Adam(0.01)))
    before = model.state_dict()
    state, message = list(wrong_states(before))[number]
    save_file(state, path)
    with pytest.raises(FormatError, match=message) as caught:
        load_weights(model, path)
    assert str(path) in str(caught.value)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_nan_is_allowed_with_a_warning(path: Path) -> None:
    model = make_model()
    state = model.state_dict()
    state["dense_1.bias"][1] = np.nan
    save_file(state, path)
    with pytest.warns(UserWarning, match=r"'dense_1.bias' holds NaN or infinity"):
        load_weights(model, path)
    assert np.isnan(model.state_dict()["dense_1.bias"][1])


# Not built, not storable, not there ------------------------------------------------


def test_model_that_is_not_built(path: Path, tmp_path: Path) -> None:
    model = Sequential([Dense(2)])
    for call in (save_model, save_weights):
        with pytest.raises(RuntimeError):
            call(model, path)
    save_weights(make_model(), path)
    with pytest.raises(RuntimeError):
        load_weights(model, path)
    assert files_in(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["a layer", "training/x", "\u00e4", "../up"])
def test_names_that_cannot_be_stored(path: Path, tmp_path: Path, name: str) -> None:
    model = Sequential([Dense(2, name=name)], input_shape=(3,))
    for call in (save_model, save_weights):
        with pytest.raises(ValueError, match=r"[Rr]ename"):
            call(model, path)
    assert files_in(tmp_path) == []


def test_paths(tmp_path: Path) -> None:
    model = make_model()
    with pytest.raises(FileNotFoundError):
        save_model(model, tmp_path / "missing" / "model.safetensors")
    with pytest.raises(IsADirectoryError):
        save_model(model, tmp_path)
    with pytest.raises(ValueError, match="not a regular file"):
        save_model(model, "/dev/full")
    assert files_in(tmp_path) == []
    for load in (load_model, lambda path: load_weights(model, path)):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "missing")
        with pytest.raises(IsADirectoryError):
            load(tmp_path)
        with pytest.raises(ValueError, match="not a regular file"):
            load("/dev/zero")
    save_model(model, os.fsencode(tmp_path / "model.safetensors"))
    assert_same_weights(model, load_model(os.fsencode(tmp_path / "model.safetensors")))


# Complete or absent -----------------------------------------------------------------


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_failed_save_keeps_the_old_file(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    model = make_model()
    save_model(model, path)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match=str(path)):
            save_model(train(make_model(Adam(0.01))), path)
    assert files_in(tmp_path) == [path.name]
    assert_same_weights(model, load_model(path))


SAVER = """
import sys
from tests.io.models import Adam, make_model, train
model = make_model(Adam(0.01))
print("ready", flush=True)
while True:
    train(model, epochs=1).save(sys.argv[1])
"""


def test_kill_while_saving(path: Path) -> None:
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), *(entry for entry in sys.path if entry)])
    model = make_model(Adam(0.01))
    model.save(path)
    for delay in (0.02, 0.05, 0.11):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(delay)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        loaded = load_model(path)
        assert loaded.optimizer.iterations == 3 * loaded.epochs_done
    model.save(path)
    assert files_in(path.parent) == [path.name]
