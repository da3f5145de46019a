"""The command `pellucid predict`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import pellucid as pl
from pellucid.cli import main
from tests.cli.output import rows_of


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
