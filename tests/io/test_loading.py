"""What a file may say about a model, and what loading never does."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid.io
from pellucid.callbacks import Callback, EarlyStopping, ModelCheckpoint
from pellucid.errors import FormatError
from pellucid.io import load_model, load_weights
from pellucid.io import weights as weights_module
from pellucid.io.config import KEY, seal
from pellucid.io.header import read_file
from pellucid.layers import Dense
from pellucid.optimizers import Adam
from tests.io.models import X, Y, make_model, train
from tests.support.guard import assert_survives
from tests.support.models import snapshot


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


# What a file may say ---------------------------------------------------------------


@contextmanager
def edited(path: Path) -> Iterator[dict[str, Any]]:
    """Change the manifest of a file (``tensors`` are in it, too) and seal it again."""
    file = read_file(path)
    manifest = json.loads(file.metadata[KEY])
    tensors = {name: file.tensor(name).copy() for name in file.entries}
    sections: dict[str, Any] = {
        key: manifest[key]
        for key in ("architecture", "compile", "training", "numerics")
    }
    yield sections | {"tensors": tensors, "sections": sections}
    path.write_bytes(b"".join(seal(tensors, **sections)))


def set_at(tree: Any, where: str, value: Any) -> None:
    """Set a value by a path such as ``layers/0/kind``; DELETE removes the key."""
    *steps, last = where.split("/")
    for step in steps:
        tree = tree[int(step) if isinstance(tree, list) else step]
    key = int(last) if isinstance(tree, list) else last
    if value is DELETE:
        del tree[key]
    else:
        tree[key] = value


DELETE = object()
CHANGES: list[tuple[str, Any, str]] = [
    ("architecture/layers/0/kind", "Conv9D", "'Conv9D' is unknown"),
    ("architecture/layers/0/kind", "os.system", "'os.system' is unknown"),
    ("architecture/layers/0/kind", ["Conv2D"], "is unknown"),
    ("architecture/layers/0/kind", None, "is unknown"),
    ("architecture/layers/0/config/extra", 1, "extra"),
    ("architecture/layers/0/config/filters", DELETE, "filters"),
    ("architecture/layers/0/config/filters", "3", "filters"),
    ("architecture/layers/0/config/filters", -3, "filters"),
    ("architecture/layers/0/config/filters", True, "filters"),
    ("architecture/layers/0/config/filters", 4, "shape|bytes"),
    ("architecture/layers/0/config/filters", 10**30, "bytes|filters"),
    ("architecture/layers/0/config/kernel_size", [3, 3, 3], "kernel_size"),
    ("architecture/layers/0/config", [], "arguments|malformed"),
    ("architecture/layers/0/extra", 1, "keys"),
    ("architecture/layers/0/name", DELETE, "keys"),
    ("architecture/layers/0/name", 3, "name"),
    ("architecture/layers/0/name", "other", "missing"),
    ("architecture/layers/0", "Conv2D", "keys"),
    ("architecture/layers/2/config/pool_size", 7, "pool_size|window|output"),
    ("architecture/layers/4/config/rate", 2.0, "rate"),
    ("architecture/layers/5/config/activation", "evil", "activation"),
    ("architecture/layers/5/config/kernel_initializer", {"kind": "x"}, "initializer"),
    ("architecture/layers", {}, "model.safetensors"),
    ("architecture/layers", [], "model.safetensors"),
    ("architecture/layers", 3, "model.safetensors"),
    ("architecture/layers", None, "model.safetensors"),
    ("architecture/input_shape", None, "model.safetensors"),
    ("architecture/input_shape", [6, 6], "model.safetensors"),
    ("architecture/input_shape", [6, 6, -1], "model.safetensors"),
    ("architecture/input_shape", [6, 6, 10**20], "model.safetensors"),
    ("architecture/input_shape", "661", "model.safetensors"),
    ("architecture/dtype", "object", "dtype"),
    ("architecture/dtype", "float16", "dtype"),
    ("architecture/dtype", 3, "model.safetensors"),
    ("architecture/data_format", "nchw", "data_format"),
    ("architecture/seed", "0", "seed"),
    ("architecture/seed", -1, "seed"),
    ("architecture/extra", 0, "keys"),
    ("architecture/dtype", DELETE, "keys"),
    ("compile/optimizer/kind", "exec", "'exec'"),
    ("compile/optimizer/kind", ["adam"], "model.safetensors"),
    ("compile/optimizer/config/learning_rate", "0.1", "learning_rate"),
    ("compile/optimizer/config/extra", 1, "extra"),
    ("compile/optimizer", DELETE, "optimizer"),
    ("compile/loss/kind", "x", "'x'"),
    ("compile/loss/config/reduction", "x", "reduction"),
    ("compile/metrics", 3, "model.safetensors"),
    ("compile/metrics/0", "accuracy", "model.safetensors"),
    ("compile/metrics/0/config/name", [1], "name"),
    ("training/optimizer/counters", DELETE, "counters"),
    ("training/optimizer/counters/iterations", "x", "model.safetensors"),
    ("training/optimizer/slots/m", DELETE, "model.safetensors"),
    ("training/optimizer/slots/m/conv2d_1.weight", DELETE, "model.safetensors"),
    ("training/optimizer/slots/m/conv2d_1.weight", 3, "model.safetensors"),
    ("training/optimizer/slots/x", {}, "model.safetensors"),
    ("training/optimizer/slots", [], "model.safetensors"),
    ("training/optimizer", None, "model.safetensors"),
    ("training/random", {}, "model.safetensors"),
    ("training/random/dropout_1", "x", "model.safetensors"),
    ("training/random/dropout_1", -1, "model.safetensors"),
    ("training/random/dropout_1", 1 << 64, "model.safetensors"),
    ("training/epochs_done", "two", "model.safetensors"),
    ("training/epochs_done", DELETE, "epochs_done"),
    ("tensors/training/x", None, "training/x"),
    ("tensors/conv2d_9.weight", None, "conv2d_9.weight is not in the model"),
    ("tensors/conv2d_1.weight", DELETE, "conv2d_1.weight is missing"),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the content of a small file with everything in it."""
    path = tmp_path_factory.mktemp("saved") / "model.safetensors"
    train(make_model(Adam(0.01))).save(path)
    return path.read_bytes()


@pytest.mark.parametrize(("where", "value", "message"), CHANGES)
def test_changed_manifest(
    path: Path, saved: bytes, where: str, value: Any, message: str
) -> None:
    path.write_bytes(saved)
    with edited(path) as tree:
        if where.startswith("tensors/"):
            name = where.removeprefix("tensors/")
            tree["tensors"].pop(name, None)
            if value is not DELETE:
                tree["tensors"][name] = np.zeros(2, np.float32)
        else:
            set_at(tree, where, value)
    with pytest.raises(FormatError, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


def checkpoint_of(path: Path) -> None:
    """Write a checkpoint in which EarlyStopping and ModelCheckpoint have states."""
    stopping, saving = EarlyStopping(patience=3), ModelCheckpoint(path)
    make_model(Adam(0.01)).fit(X, Y, epochs=2, callbacks=[stopping, saving], verbose=0)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("training/callbacks/0", {}),
        ("training/callbacks/0", 3),
        ("training/callbacks/0/state", {}),
        ("training/callbacks/0/state", None),
        ("training/callbacks/0/state/best", "low"),
        ("training/callbacks/0/state/best_epoch", [1]),
        ("training/callbacks/0/state/wait", None),
        ("training/callbacks/0/state/weights", {"dense_1.bias": None}),
        ("training/callbacks/0/state/stopped", "late"),
        ("training/callbacks/1/state/wait", {}),
        ("tensors/training\\callbacks\\0\\state\\weights\\dense_1.bias", np.zeros(7)),
        ("tensors/training\\more", np.zeros(2)),
    ],
)
def test_a_forged_checkpoint_is_refused_and_changes_nothing(
    where: str, value: Any, path: Path
) -> None:
    checkpoint_of(path)
    with edited(path) as manifest:
        if where == "training/callbacks/0/state/weights":
            for name in [n for n in manifest["tensors"] if "/state/weights/" in n]:
                del manifest["tensors"][name]
        set_at(manifest, where, value)
        tensors = manifest["tensors"]
        for name in [name for name in tensors if "\\" in name]:
            tensors[name.replace("\\", "/")] = tensors.pop(name)
    model = train(make_model(Adam(0.01)))
    before, seed, history = snapshot(model), model.seed, model.history
    callbacks = [EarlyStopping(patience=3), ModelCheckpoint(path)]
    with pytest.raises(FormatError):
        model.fit(X, Y, epochs=5, resume=path, callbacks=callbacks, verbose=0)
    assert snapshot(model) == before
    assert (model.seed, model.history) == (seed, history)


def test_a_callback_that_refuses_leaves_the_model_as_it_was(path: Path) -> None:
    class Refusing(Callback):
        def on_train_begin(self, logs: object) -> None:
            raise RuntimeError("not today")

    checkpoint_of(path)
    model = train(make_model(Adam(0.02)))
    before = snapshot(model)
    with pytest.raises(RuntimeError, match="not today"):
        model.fit(X, Y, epochs=5, resume=path, callbacks=[Refusing()], verbose=0)
    assert snapshot(model) == before
    again = train(make_model(Adam(0.02)))
    assert snapshot(train(model)) == snapshot(train(again))


def test_the_editor_of_these_tests_changes_nothing_else(
    path: Path, saved: bytes
) -> None:
    path.write_bytes(saved)
    with edited(path):
        pass
    assert path.read_bytes() == saved


def test_parameters_that_are_huge_together(path: Path) -> None:
    """Each size is fine; 10**12 parameters are refused before they are allocated."""
    layers = [
        {
            "kind": "Dense",
            "name": f"dense_{number}",
            "config": Dense(1_000_000, use_bias=False).config(),
        }
        for number in range(3)
    ]
    architecture = make_model().config() | {"layers": layers, "input_shape": [1]}
    sections = {"architecture": architecture, "compile": None, "training": None}
    tensors = {"dense_0.weight": np.zeros((1, 1_000_000), np.float32)}
    path.write_bytes(b"".join(seal(tensors, **sections)))
    before = time.monotonic()
    with pytest.raises(FormatError, match=r"dense_1 .*4,000,004,000,000 bytes"):
        load_model(path)
    assert time.monotonic() - before < 10


def test_other_numerics_warn(path: Path, saved: bytes) -> None:
    path.write_bytes(saved)
    with edited(path) as tree:
        tree["sections"]["numerics"] = 0
    with pytest.warns(UserWarning, match="not to the same bits"):
        load_model(path)
    model = make_model()
    load_weights(model, path)


def test_truncated_and_flipped(path: Path, saved: bytes) -> None:
    """A sample of what test_config does for every byte and bit."""
    model = make_model()
    before = model.state_dict()
    content = bytearray(saved)
    for place in range(3, len(content), 97):
        path.write_bytes(content[:place])
        for load in (load_model, lambda path: load_weights(model, path)):
            with pytest.raises(FormatError):
                load(path)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        content[place] ^= 1 << place % 8
        for load in (load_model, lambda path: load_weights(model, path)):
            with pytest.raises(FormatError):
                load(path)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


# Loading runs no code and touches no other file --------------------------------------


def test_loading_opens_one_file_and_runs_nothing(path: Path, saved: bytes) -> None:
    path.write_bytes(saved)
    output = assert_survives(
        "import sys\n"
        "from pellucid.io import load_model\n"
        f"path = {str(path)!r}\n"
        "load_model(path)\n"  # imports what it needs
        "seen = []\n"
        "kinds = ('open', 'exec', 'compile', 'import', 'pickle', 'subprocess', 'os.')\n"
        "sys.addaudithook(lambda event, values: seen.append((event, values[:1]))\n"
        "                 if event.startswith(kinds) else None)\n"
        "load_model(path)\n"
        "print(seen)\n"
    )
    # The second event wraps the open descriptor in a stream.
    (_, (opened,)), (event, (descriptor,)) = ast.literal_eval(output)
    assert opened == str(path)
    assert event == "open"
    assert isinstance(descriptor, int)


def test_no_pickle_in_the_source() -> None:
    folder = Path(pellucid.io.__file__).parent
    sources = sorted(folder.glob("*.py"))
    assert sources
    names = set()
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(str(node.module))
            elif isinstance(node, ast.Name):
                names.add(node.id)
    assert not names & {"pickle", "marshal", "shelve", "importlib", "eval", "exec"}


def test_optimizer_tensors_have_names_of_their_own(saved: bytes, path: Path) -> None:
    path.write_bytes(saved)
    state = make_model().state_dict()
    names = read_file(path).entries.keys()
    extra = [name for name in names if name not in state]
    assert extra
    assert all(name.startswith(weights_module.TRAINING) for name in extra)
