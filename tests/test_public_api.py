"""The names that users may rely on, and what importing them costs."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import pellucid as pl

HEAVY = ["safetensors", "tqdm", "matplotlib", "plotly", "sklearn", "torch", "pandas"]
LAZY = [f"pellucid.{part}" for part in ("io", "data", "debug", "viz", "cli")]


def test_every_public_name_exists():
    assert len(set(pl.__all__)) == len(pl.__all__)
    for name in pl.__all__:
        assert getattr(pl, name) is not None
        assert name in dir(pl)
    missing = "no_such_name"
    with pytest.raises(AttributeError, match=missing):
        getattr(pl, missing)


def test_names_of_the_contract():
    methods = (
        "add build compile fit evaluate predict predict_proba predict_classes "
        "train_on_batch forward backward parameters state_dict load_state_dict "
        "summary save save_weights load_weights"
    )
    for name in methods.split():
        assert callable(getattr(pl.Sequential, name))
    for name in ["forward", "backward", "parameters", "output_shape"]:
        assert callable(getattr(pl.Layer, name))
    for name in ["value", "grad", "name", "trainable"]:
        assert hasattr(pl.Parameter, name)
    hooks = "train_begin train_end epoch_begin epoch_end batch_begin batch_end"
    for name in hooks.split():
        assert callable(getattr(pl.Callback, f"on_{name}"))
    assert pl.__version__ == "0.1.0"


def arguments(function):
    return [
        (name, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    ]


def test_signatures_of_the_contract():
    empty = inspect.Parameter.empty
    assert arguments(pl.Sequential.fit) == [
        ("x", empty),
        ("y", None),
        ("epochs", 1),
        ("batch_size", 32),
        ("validation_data", None),
        ("validation_split", 0.0),
        ("shuffle", True),
        ("class_weight", None),
        ("sample_weight", None),
        ("callbacks", ()),
        ("verbose", "auto"),
        ("accumulate_steps", 1),
        ("on_nan", "raise"),
        ("resume", None),
    ]
    assert arguments(pl.EarlyStopping) == [
        ("monitor", "val_loss"),
        ("patience", 10),
        ("min_delta", 0.0),
        ("mode", "auto"),
        ("restore_best_weights", True),
    ]
    assert [name for name, _ in arguments(pl.SGD)] == [
        "learning_rate",
        "momentum",
        "dampening",
        "nesterov",
        "weight_decay",
        "common",
    ]
    assert dict(arguments(pl.Sequential))["seed"] is None
    assert dict(arguments(pl.AdamW))["weight_decay"] == 0.01


def test_public_things_are_documented():
    for name in pl.__all__:
        thing = getattr(pl, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__doc__, name
            assert thing.__doc__.splitlines()[0].rstrip().endswith("."), name


def test_import_loads_nothing_heavy():
    code = "import sys, json, pellucid; print(json.dumps([n for n in sys.modules]))"
    loaded = json.loads(
        subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    assert not {name for name in loaded if name.split(".")[0] in HEAVY}
    assert not set(loaded) & set(LAZY)


def test_show_config(capsys):
    pl.show_config()
    out = capsys.readouterr().out
    for word in ("pellucid", "0.1.0", "instruction set", "threads", "numpy"):
        assert word in out


def test_threads():
    before = pl.get_num_threads()
    try:
        pl.set_num_threads(2)
        assert pl.get_num_threads() == 2
    finally:
        pl.set_num_threads(before)
