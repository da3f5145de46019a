"""What all commands share: help, errors, `pellucid info`, ways to start."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pellucid as pl
from pellucid.cli import main, predict


def test_help_says_each_default_once(capsys: pytest.CaptureFixture[str]) -> None:
    for command in [
        "train",
        "evaluate",
        "predict",
        "doctor",
        "gradcheck",
        "profile",
        "bench",
        "info",
    ]:
        with pytest.raises(SystemExit):
            main([command, "--help"])
        text = " ".join(capsys.readouterr().out.split())
        assert text.startswith(f"usage: pellucid {command}")
        assert "default: None" not in text
        assert "default: False" not in text


def test_no_command_shows_them_all(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "train a network" in err.lower()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--modle", "cnn"], 'Did you mean "--model"?'),
        (["info", "--zz"], "See pellucid info --help."),
        (["evaluate", "a.safetensors", "b"], "the word b is not known"),
    ],
)
def test_words_that_a_command_does_not_take(capsys, words, said) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(f"usage: pellucid {words[0]}")
    assert said in err


@pytest.mark.parametrize(
    "words", [[], ["fly"], ["train", "--model", "vgg"], ["train", "--epochs", "many"]]
)
def test_words_that_argparse_refuses(capsys, words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: pellucid" in capsys.readouterr().err


def test_info_shows_what_runs(capsys) -> None:
    assert main(["info"]) == 0
    facts = dict(
        re.split(r"\s{2,}|(?<=instruction set) ", line, maxsplit=1)
        for line in capsys.readouterr().out.splitlines()
    )
    assert facts["pellucid"] == pl.__version__
    assert facts["backend"] == pl.kernels.backend()
    assert facts["numpy"] == np.__version__
    assert facts["threads"] == str(pl.get_num_threads())


def test_debug_shows_the_traceback(capsys) -> None:
    assert main(["evaluate", "nothing", "--debug"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("Check its spelling and its permissions.\n")


def test_our_own_faults_are_not_hidden(monkeypatch, model_path) -> None:
    def fault(*arguments: object, **options: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(predict, "read_inputs", fault)
    with pytest.raises(KeyError):
        main(["predict", str(model_path), "x.npy"])


def test_ctrl_c_stops_with_a_word(monkeypatch, capsys) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pl.Sequential, "fit", interrupt)
    assert main(["train", "--quiet"]) == 130
    assert capsys.readouterr().err == "stopped by Ctrl-C\n"
    assert list(Path("pellucid-runs").iterdir()) == []


def test_python_dash_m_and_a_reader_that_goes(model_path, digits) -> None:
    np.save("x.npy", np.tile(digits[0], (30, 1, 1, 1)))
    command = [sys.executable, "-m", "pellucid", "predict", str(model_path), "x.npy"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("sample,class,probability_0")
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 0
