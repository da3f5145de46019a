"""The command `pellucid train`, as a user types it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import pellucid as pl
from pellucid.cli import main, train
from pellucid.cli.models import RATES
from pellucid.optimizers import OPTIMIZERS
from tests.cli.output import FAST, accuracy_of, rows_of
from tests.data.test_datasets import write_set


def test_train_says_what_it_does_in_order(capsys, monkeypatch) -> None:
    assert main(["train", *FAST]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert re.match(r"pellucid \d+\.\d+\.\d+\S*, \w+, \d+ threads?$", lines[0])
    assert lines[1].startswith(
        "digits: 1,437 training and 360 test images, 8x8, 10 classes (embedded"
    )
    assert any(line.split()[:1] == ["dense_3"] for line in lines)
    assert re.match(r"test accuracy: [01]\.\d{4} \(\d+ of 360\), \d+\.\d s$", lines[-3])
    folder = Path("pellucid-runs/digits-1")
    assert lines[-2].startswith(f"wrote {folder / 'model.safetensors'}, history.csv")
    assert lines[-1] == (
        f"next: python -m pellucid predict {folder / 'model.safetensors'} IMAGE"
    )
    assert "epoch" in err
    assert "val_accuracy" in err
    history = rows_of((folder / "history.csv").read_text())
    assert [row["epoch"] for row in history] == ["0", "1"]
    assert float(history[1]["val_loss"]) > 0
    model = pl.load_model(folder / "model.safetensors")
    assert model.evaluate(*pl.data.load_digits()[1])["accuracy"] > 0.5


def test_every_run_gets_a_new_folder_and_quiet_is_quiet(capsys) -> None:
    for number in (1, 2):
        assert main(["train", "--model", "mlp", "--epochs", "1", "--quiet"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert [line.split()[0] for line in out.splitlines()] == ["test", "wrote"]
        assert Path(f"pellucid-runs/digits-{number}/model.safetensors").is_file()


def test_equal_seeds_give_equal_weights() -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        command = ["train", *FAST, "--quiet", "--output-dir", name, "--seed", seed]
        assert main(command) == 0
    a, b, c = (
        pl.load_model(f"{name}/model.safetensors").state_dict() for name in "abc"
    )
    assert all(a[key].tobytes() == b[key].tobytes() for key in a)
    assert any(a[key].tobytes() != c[key].tobytes() for key in a)


def test_every_optimizer_of_the_library_has_a_rate() -> None:
    assert set(RATES) == set(OPTIMIZERS)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns_at_its_own_rate(capsys, optimizer: str) -> None:
    command = ["train", "--model", "mlp", "--quiet", "--optimizer", optimizer]
    assert main(command) == 0
    assert accuracy_of(capsys) > 0.93


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_options_reach_the_model(optimizer: str) -> None:
    command = [*("train", *FAST, "--quiet", "--output-dir", "out", "--optimizer")]
    command += [optimizer, "--learning-rate", "0.01", "--dtype", "float64"]
    assert main([*command, "--batch-size", "100", "--seed", "9"]) == 0
    model = pl.load_model("out/model.safetensors")
    assert type(model.optimizer).__name__.lower() == optimizer
    assert model.dtype == np.float64
    assert model.seed == 9
    history = rows_of(Path("out/history.csv").read_text())
    rates = [float(row["learning_rate"]) for row in history]
    # 13 batches of 100 of the 1,293 that are not held out; the last step's rate.
    assert rates == pytest.approx([0.01 * (1 - 12 / 26), 0.01 * (1 - 25 / 26)])


def test_curves_are_drawn_where_matplotlib_is(monkeypatch) -> None:
    pytest.importorskip("matplotlib")
    assert main(["train", *FAST, "--quiet", "--output-dir", "with"]) == 0
    assert Path("with/history.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    assert main(["train", *FAST, "--quiet", "--output-dir", "without"]) == 0
    assert sorted(path.name for path in Path("without").iterdir()) == [
        "history.csv",
        "model.safetensors",
    ]


def test_own_images_in_idx_files(tmp_path: Path, capsys) -> None:
    write_set(tmp_path / "mine")
    command = ["train", "--dataset", "mnist", "--data-dir", "mine", *FAST]
    assert main([*command, "--output-dir", "out", "--batch-size", "2"]) == 2
    assert "validation_split" in capsys.readouterr().err
    assert not Path("out").exists(), "a folder that stayed empty must go again"


def test_zero_epochs_still_write_a_model(capsys) -> None:
    assert main(["train", "--model", "mlp", "--epochs", "0", "--quiet"]) == 0
    assert Path("pellucid-runs/digits-1/model.safetensors").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "-1"], "epochs is -1"),
        (["--batch-size", "-1"], "batch_size is -1"),
        (["--seed", "-1"], "seed is -1"),
        (["--learning-rate", "nan"], "learning_rate"),
        (["--threads", "0"], "thread"),
        (["--model", "lenet5"], "lenet5 can't take images of 8x8"),
        (["--data-dir", "somewhere"], "--data-dir goes with"),
        (["--dataset", "mnist", "--data-dir", "nowhere"], "train-images-idx3-ubyte"),
        (["--output-dir", "a-file"], "a-file is a file"),
        (["--output-dir", "a-file/below"], "a-file"),
    ],
)
def test_bad_options_give_three_parts_and_nothing_else(
    capsys, options: list[str], words: str
) -> None:
    Path("a-file").write_text("kept")
    assert main(["train", "--quiet", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "Expected" in err
    assert "Traceback" not in err
    assert Path("a-file").read_text() == "kept"
    assert [path for path in Path().rglob("*") if path.is_file()] == [Path("a-file")]


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 2, 3, 4))]
)
def test_the_cnn_learns_the_digits(capsys, seed: int) -> None:
    assert main(["train", "--quiet", "--seed", str(seed)]) == 0
    assert accuracy_of(capsys) >= 0.98


@pytest.mark.slow
def test_lenet5_learns_mnist_in_three_epochs(capsys, mnist: Path) -> None:
    command = ["train", "--quiet", "--dataset", "mnist", "--data-dir", str(mnist)]
    assert main([*command, "--model", "lenet5", "--epochs", "3"]) == 0
    assert accuracy_of(capsys) >= 0.988
