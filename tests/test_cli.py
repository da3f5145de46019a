"""The command `pellucid`, as a user types it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import pellucid as pl
from pellucid.cli import bench, main, predict, train
from pellucid.cli.models import RATES
from pellucid.optimizers import OPTIMIZERS
from tests.data.test_datasets import write_set

FAST = ["--model", "mlp", "--epochs", "2"]


@pytest.fixture(autouse=True)
def in_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    assert main(["train", *FAST, "--quiet", "--output-dir", str(folder)]) == 0
    return folder / "model.safetensors"


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    return pl.data.load_digits()[1]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


# train -----------------------------------------------------------------------


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
    "words", [[], ["fly"], ["train", "--model", "vgg"], ["train", "--epochs", "many"]]
)
def test_words_that_argparse_refuses(capsys, words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: pellucid" in capsys.readouterr().err


def accuracy_of(capsys) -> float:
    return float(re.search(r"test accuracy: (\S+)", capsys.readouterr().out)[1])


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


# evaluate --------------------------------------------------------------------


def test_evaluate_repeats_what_train_found(capsys, tmp_path: Path) -> None:
    assert main(["train", *FAST, "--quiet", "--output-dir", "out"]) == 0
    trained = accuracy_of(capsys)
    assert main(["evaluate", "out/model.safetensors"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("digits: 1,437 training")
    assert f"test accuracy: {trained:.4f}" in out
    assert f"accuracy {trained:.4f}" in out


def test_evaluate_refuses_another_kind_of_data(capsys, model_path, tmp_path) -> None:
    write_set(tmp_path / "mine")
    command = ["evaluate", str(model_path), "--dataset", "mnist", "--data-dir", "mine"]
    assert main(command) == 2
    err = capsys.readouterr().err
    assert "(3, 2, 3, 1)" in err
    assert "Traceback" not in err


# predict ---------------------------------------------------------------------


def test_predict_reads_arrays_and_tables(capsys, model_path, digits) -> None:
    x, _ = digits
    x = x[:5]
    np.save("a.npy", x)
    np.save("flat.npy", x.reshape(5, 64))
    np.save("no-channel.npy", x[..., 0])
    np.save("bytes.npy", (x * 16).astype(np.uint8))
    np.savez("named.npz", x=x, y=np.arange(5))
    np.savez("single.npz", images=x)
    np.savetxt("t.csv", x.reshape(5, 64), delimiter=",")
    header = ",".join(f"pixel{k}" for k in range(64))
    np.savetxt("h.csv", x.reshape(5, 64), delimiter=",", header=header, comments="")
    model = pl.load_model(model_path)
    classes, p = model.predict_classes(x), model.predict_proba(x)
    for command in (
        ["a.npy"],
        ["flat.npy"],
        ["no-channel.npy"],
        ["bytes.npy", "--divide", "16"],
        ["named.npz"],
        ["single.npz"],
        ["named.npz", "--key", "x"],
        ["t.csv"],
        ["h.csv"],
    ):
        assert main(["predict", str(model_path), *command]) == 0
        rows = rows_of(capsys.readouterr().out)
        assert [row["sample"] for row in rows] == list("01234")
        assert [int(row["class"]) for row in rows] == classes.tolist()
        written = [[float(row[f"probability_{k}"]) for k in range(10)] for row in rows]
        np.testing.assert_allclose(written, p, rtol=1e-4, atol=1e-7)


def test_predict_takes_one_sample_and_many_files(capsys, model_path, digits) -> None:
    x, _ = digits
    np.save("one.npy", x[0])
    np.save("two.npy", x[:2])
    assert main(["predict", str(model_path), "one.npy", "two.npy"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [row["sample"] for row in rows] == ["one.npy:0", "two.npy:0", "two.npy:1"]
    assert rows[0]["class"] == rows[1]["class"]


def test_predict_reads_pictures(capsys, model_path, digits) -> None:
    image = pytest.importorskip("PIL.Image")
    x, _ = digits
    pixels = np.rint(x[0, :, :, 0] * 255).astype(np.uint8).repeat(20, 0).repeat(20, 1)
    image.fromarray(pixels).save("white-on-black.png")
    image.fromarray(255 - pixels).convert("RGB").save("black-on-white.png")
    expected = pl.load_model(model_path).predict_classes(x[:1])[0]
    assert main(["predict", str(model_path), "white-on-black.png"]) == 0
    out, err = capsys.readouterr()
    assert rows_of(out)[0]["sample"] == "white-on-black.png"
    assert int(rows_of(out)[0]["class"]) == expected
    assert err == ""
    assert main(["predict", str(model_path), "black-on-white.png"]) == 0
    assert "--invert" in capsys.readouterr().err
    assert main(["predict", str(model_path), "black-on-white.png", "--invert"]) == 0
    out, err = capsys.readouterr()
    assert int(rows_of(out)[0]["class"]) == expected
    assert err == ""


def test_predict_of_a_regression_gives_its_outputs(capsys) -> None:
    model = pl.Sequential([pl.Dense(2)], input_shape=(3,), seed=0)
    model.compile("sgd", "mean_squared_error")
    model.save("regression.safetensors")
    x = np.eye(3, dtype=np.float32)
    np.save("x.npy", x)
    assert main(["predict", "regression.safetensors", "x.npy"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert list(rows[0]) == ["sample", "output_0", "output_1"]
    written = [[float(row["output_0"]), float(row["output_1"])] for row in rows]
    np.testing.assert_allclose(written, model.predict(x), rtol=1e-5)
    Path("p.png").write_bytes(b"")
    assert main(["predict", "regression.safetensors", "p.png"]) == 2
    assert "a model of pictures" in capsys.readouterr().err


def test_predict_writes_to_a_file(capsys, model_path, digits) -> None:
    np.save("x.npy", digits[0][:3])
    assert main(["predict", str(model_path), "x.npy", "--output", "out.csv"]) == 0
    assert capsys.readouterr().out == ""
    assert len(rows_of(Path("out.csv").read_text())) == 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.npy", None, "No such file"),
        ("empty.npy", b"", "is no such file"),
        ("page.npy", b"<html>", "looks like an HTML"),
        ("cut.npy", b"\x93NUMPY\x01\x00v\x00{", "can't be read"),
        ("pickle.npy", b"\x80\x04\x95", "pickle files are not supported"),
        ("cut.npz", b"PK\x03\x04" + bytes(40), "can't be read"),
        ("words.csv", b"1,2\n3,x\n", "could not convert"),
        ("ragged.csv", b"1,2\n3\n", "columns changed"),
        ("empty.csv", b"", "no rows of numbers"),
        ("header.csv", b"a,b\n", "no rows of numbers"),
        ("latin.csv", b"\xff\xfe1,2\n", "can't be read"),
        ("narrow.csv", b"1,2\n3,4\n", "shape (2, 2)"),
        ("no-picture.png", b"nothing", "not a picture"),
    ],
)
def test_predict_refuses_bad_files(
    capsys, model_path, name: str, content: bytes | None, words: str
) -> None:
    if name.endswith(".png"):
        pytest.importorskip("PIL")
    if content is not None:
        Path(name).write_bytes(content)
    assert main(["predict", str(model_path), name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert name in err
    assert words in err
    assert "Expected" in err
    assert "Traceback" not in err


def test_predict_refuses_arrays_of_the_wrong_kind(capsys, model_path) -> None:
    np.save("object.npy", np.array([{}], object), allow_pickle=True)
    np.save("words.npy", np.array(["a"]))
    np.save("shape.npy", np.zeros((2, 3, 4)))
    np.savez("two.npz", a=np.zeros(2), b=np.zeros(2))
    for command, words in (
        (["object.npy"], "Object arrays"),
        (["words.npy"], "dtype <U1"),
        (["shape.npy"], "shape (2, 3, 4)"),
        (["two.npz"], 'no array "x"'),
        (["two.npz", "--key", "c"], 'no array "c"'),
        (["shape.npy", "--divide", "0"], "--divide is 0"),
    ):
        assert main(["predict", str(model_path), *command]) == 2
        assert words in capsys.readouterr().err


def test_pictures_need_pillow(capsys, model_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert main(["predict", str(model_path), "a.png"]) == 2
    assert 'pip install "pellucid[image]"' in capsys.readouterr().err


# profile ---------------------------------------------------------------------


def test_profile_of_a_network_and_of_a_file(capsys, model_path, tmp_path: Path) -> None:
    brief = ["--batch-size", "4", "--seconds", "0.02"]
    before = model_path.read_bytes()
    command = ["profile", str(model_path), *brief, "--json", "p.json"]
    assert main([*command, "--threads", str(pl.get_num_threads())]) == 0
    out = capsys.readouterr().out
    assert out.startswith("pellucid 0.1.0")
    assert "one training step" in out
    known = json.loads(Path("p.json").read_text())
    assert known["batch"] == 4
    names = [name for name, _ in pl.load_model(model_path).walk()]
    assert [row["name"] for row in known["rows"]] == names
    assert model_path.read_bytes() == before
    assert main(["profile", "--model", "mlp", *brief]) == 0
    assert "dense_3" in capsys.readouterr().out


def test_profile_draws_where_matplotlib_is(model_path) -> None:
    pytest.importorskip("matplotlib").use("agg")
    brief = ["--batch-size", "2", "--seconds", "0.01"]
    assert main(["profile", str(model_path), *brief, "--plot", "roof.png"]) == 0
    assert Path("roof.png").read_bytes().startswith(b"\x89PNG")


def test_profile_of_a_model_without_training_state(capsys) -> None:
    pl.Sequential([pl.Dense(2)], input_shape=(3,), seed=0).save("bare.safetensors")
    assert main(["profile", "bare.safetensors", "--seconds", "0.01"]) == 0
    assert "stand in" in capsys.readouterr().err


def test_profile_refuses_bad_numbers(capsys, model_path) -> None:
    for option, words in (("--batch-size", "--batch-size"), ("--seconds", "--seconds")):
        assert main(["profile", str(model_path), option, "0"]) == 2
        assert words in capsys.readouterr().err


# bench -----------------------------------------------------------------------


def test_bench_of_a_model_writes_a_report(capsys, model_path) -> None:
    brief = ["--batch-sizes", "1", "4", "--rounds", "1", "--output-dir", "out"]
    assert main(["bench", str(model_path), *brief]) == 0
    out = capsys.readouterr().out
    report = json.loads(Path("out/report.json").read_text())
    assert [row["batch"] for row in report["training"]] == [1, 4]
    assert out.splitlines()[-1].startswith("wrote out")
    assert "1. " + report["recommendations"][0] in out
    rows = rows_of(Path("out/report.csv").read_text())
    seconds = [r for r in rows if (r["part"], r["quantity"]) == ("forward", "seconds")]
    assert [float(r["value"]) for r in seconds] == [
        row["seconds"] for row in report["forward"]
    ]
    if find_spec("matplotlib"):
        assert Path("out/memory.png").read_bytes().startswith(b"\x89PNG")


def test_bench_says_what_its_pictures_need(capsys, model_path, monkeypatch) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    command = ["bench", str(model_path), "--batch-sizes", "1", "--rounds", "1"]
    assert main(command) == 0
    assert 'pip install "pellucid[plot]"' in capsys.readouterr().out
    folder = Path("pellucid-runs/bench-model-1")
    assert sorted(path.name for path in folder.iterdir()) == [
        *("report.csv", "report.json", "report.txt"),
    ]


def test_bench_of_the_machine(capsys, monkeypatch) -> None:
    monkeypatch.setattr(bench, "CASES", [c for c in bench.CASES if c.name == "relu"])
    command = ["bench", "--rounds", "1", "--seconds", "5", "--output-dir", "k"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert re.search(r"^activations +relu .* GB/s", out, re.MULTILINE)
    known = json.loads(Path("k/kernels.json").read_text())
    assert [row["name"] for row in known["kernels"]] == ["relu"]


def test_bench_refuses_bad_numbers(capsys, model_path) -> None:
    for option in ("--rounds", "--batch-sizes", "--seconds"):
        assert main(["bench", str(model_path), option, "0"]) == 2
        assert option in capsys.readouterr().err
    assert main(["bench", "nothing.safetensors"]) == 2
    assert not Path("pellucid-runs").exists()


# info, errors, ways to start ---------------------------------------------------


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
