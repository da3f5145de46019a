"""The seal of a file, and what its manifest may say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from pellucid.errors import FormatError
from pellucid.io import config
from pellucid.io.config import join_state, read_manifest, seal, split_state
from pellucid.io.header import read_file

TENSORS = {
    "dense_1.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "dense_1.bias": np.array([0.5, np.nan, -0.0], np.float64),
    "count": np.array(3, np.uint64),
}
SECTIONS: dict[str, Any] = {
    "architecture": {"layers": [], "text": 'quotes " and \\ and \u00e9'},
    "compile": None,
    "training": {"epochs_done": 2, "rate": 0.1},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a sealed file."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"".join(seal(TENSORS, **SECTIONS)))
    return path


def reseal(path: Path, manifest: dict[str, Any]) -> None:
    """Write a file whose digest is right, whatever its manifest says."""
    text = json.dumps(manifest, separators=(",", ":"))
    zeros = "0" * 64
    blob = save(TENSORS, {"pellucid": text.replace("DIGEST", zeros)})
    digest = hashlib.sha256(blob).hexdigest()
    path.write_bytes(blob.replace(zeros.encode(), digest.encode()))


def manifest_of(path: Path) -> dict[str, Any]:
    manifest = json.loads(read_file(path).metadata["pellucid"])
    return {**manifest, "sha256": "DIGEST"}


def test_round_trip(path: Path) -> None:
    file = read_file(path)
    manifest = read_manifest(file)
    assert manifest is not None
    assert manifest["format_version"] == 1
    assert {key: manifest[key] for key in SECTIONS} == SECTIONS
    for name, expected in TENSORS.items():
        array = file.tensor(name)
        assert array.dtype == expected.dtype
        assert array.shape == expected.shape
        assert array.tobytes() == expected.tobytes()


def test_other_libraries_read_it(path: Path) -> None:
    tensors = load(path.read_bytes())
    assert tensors.keys() == TENSORS.keys()
    np.testing.assert_array_equal(tensors["dense_1.bias"], TENSORS["dense_1.bias"])


def test_the_same_content_gives_the_same_bytes() -> None:
    assert b"".join(seal(TENSORS, **SECTIONS)) == b"".join(seal(TENSORS, **SECTIONS))


def test_any_layout_of_memory(tmp_path: Path) -> None:
    base = np.arange(12, dtype=np.float32).reshape(3, 4)
    views = {
        "fortran": np.asfortranarray(base),
        "strided": base[:, ::2],
        "reversed": base[::-1],
        "big": base.astype(">f4"),
    }
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"".join(seal(views, **SECTIONS)))
    file = read_file(path)
    assert read_manifest(file) is not None
    for name, expected in views.items():
        np.testing.assert_array_equal(file.tensor(name), expected)
        assert file.tensor(name).dtype.isnative


def test_plain_file_has_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    path.write_bytes(save(TENSORS, {"sha256": "abc", "format": "pt"}))
    assert read_manifest(read_file(path)) is None


def test_the_digest_covers_every_byte(path: Path) -> None:
    """The documented rule, computed here from the bytes alone."""
    content = path.read_bytes()
    digest = manifest_digest(path)
    assert content.count(digest) == 1
    assert hashlib.sha256(content.replace(digest, b"0" * 64)).hexdigest().encode() == (
        digest
    )


def manifest_digest(path: Path) -> bytes:
    digest: str = json.loads(read_file(path).metadata["pellucid"])["sha256"]
    return digest.encode()


def test_truncated_at_every_byte(path: Path) -> None:
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(FormatError, match=path.name):
            read_manifest(read_file(path))


def test_every_bit_flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(len(content)):
        for bit in range(8):
            content[place] ^= 1 << bit
            path.write_bytes(content)
            with pytest.raises(FormatError, match=path.name):
                read_manifest(read_file(path))
            content[place] ^= 1 << bit
    path.write_bytes(content)
    assert read_manifest(read_file(path)) is not None


def test_extra_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(FormatError, match="the tensors fill"):
        read_file(path)


def test_the_helper_that_seals_again(path: Path) -> None:
    reseal(path, manifest_of(path))
    assert read_manifest(read_file(path)) is not None


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            2,
            "format_version is 2, .*9.9.9(.|\n)*format_version 1(.|\n)*Update pellucid",
        ),
        (0, "format_version is 0, .*9.9.9(.|\n)*format_version 1"),
        (-1, "format_version is -1"),
        ("1", "format_version is '1'"),
        (True, "format_version is True"),
        (1.0, "format_version is 1.0"),
        (None, "format_version is None"),
    ],
)
def test_versions(path: Path, version: Any, message: str) -> None:
    changes = {"format_version": version, "library_version": "9.9.9"}
    reseal(path, manifest_of(path) | changes)
    with pytest.raises(FormatError, match=message) as caught:
        read_manifest(read_file(path))
    assert ("Update" in str(caught.value)) == (version == 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra": 1}, "its keys are .*extra"),
        ({"numerics": True}, "numerics is True"),
        ({"numerics": "1"}, "numerics is '1'"),
        ({"library_version": None}, "library_version is None"),
        ({"architecture": []}, "architecture is"),
        ({"compile": "adam"}, "compile is 'adam'"),
        ({"training": 1}, "training is 1"),
        ({"sha256": "0"}, "sha256 is malformed"),
        ({"sha256": "A" * 64}, "the checksum"),
        ({"sha256": None}, "sha256 is None"),
        ({"sha256": "\u00e9" * 32}, "sha256 is malformed"),
        ({"sha256": "\ud800" * 64}, "sha256 is malformed"),
    ],
)
def test_malformed_manifest(path: Path, changes: dict[str, Any], message: str) -> None:
    reseal(path, manifest_of(path) | changes)
    with pytest.raises(FormatError, match=message):
        read_manifest(read_file(path))


@pytest.mark.parametrize("key", list(config.FIELDS))
def test_missing_field(path: Path, key: str) -> None:
    manifest = manifest_of(path)
    del manifest[key]
    reseal(path, manifest)
    message = "format_version is None" if key == "format_version" else "its keys are"
    with pytest.raises(FormatError, match=message):
        read_manifest(read_file(path))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"format_version":1,"format_version":1}',
        '{"format_version":NaN}',
        '{"format_version":1e999}',
        '{"a":' * 100_000,
        "\ud800",
    ],
    ids=range(8),
)
def test_manifest_is_strict_json(path: Path, text: str) -> None:
    header = json.dumps({"__metadata__": {"pellucid": text}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(FormatError, match="metadata key 'pellucid'"):
        read_manifest(read_file(path))


@pytest.mark.parametrize("name", ["dense 1.weight", "dense\u00e9.weight", "../x"])
def test_names_that_cannot_be_stored(name: str) -> None:
    with pytest.raises(ValueError, match=r"the tensor name .* is not allowed"):
        seal({name: np.zeros(2)}, **SECTIONS)


def test_numbers_that_json_cannot_hold() -> None:
    with pytest.raises(ValueError, match="JSON"):
        seal(TENSORS, architecture={"rate": float("nan")}, compile=None, training=None)


def test_text_in_the_model_cannot_pose_as_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    zeros = "0" * 64
    text = f'"sha256":"{zeros}"'
    sections = SECTIONS | {"architecture": {"a": text, "sha256": zeros, "b": zeros}}
    path.write_bytes(b"".join(seal(TENSORS, **sections)))
    manifest = read_manifest(read_file(path))
    assert manifest is not None
    assert manifest["architecture"] == sections["architecture"]


def test_state_round_trip() -> None:
    state = {
        "a": {"m": np.zeros(2), "t": 3, "layer/1.weight": np.ones(1)},
        "empty": {},
        "none": None,
        "list": [1, 2],
    }
    rest, arrays = split_state(state, "training/")
    json.dumps(rest)
    assert list(arrays) == ["training/a/m", "training/a/layer/1.weight"]
    joined = join_state(rest, arrays, "training/")
    assert joined["a"]["m"] is state["a"]["m"]
    assert joined["a"]["layer/1.weight"] is state["a"]["layer/1.weight"]
    assert joined["empty"] == {}
    assert joined["none"] is None
    assert joined["list"] == [1, 2]


def test_numbers_of_numpy_and_other_objects() -> None:
    architecture: dict[str, Any] = {"units": np.int64(3), "rate": np.float32(0.5)}
    header, _ = seal(TENSORS, architecture=architecture, compile=None, training=None)
    assert b'{\\"units\\":3,\\"rate\\":0.5}' in header
    with pytest.raises(TypeError, match=r"holds a ndarray(.|\n)*config\(\)"):
        seal(TENSORS, architecture={"a": np.zeros(2)}, compile=None, training=None)


def test_header_that_the_reader_would_refuse() -> None:
    architecture = {"text": "x" * (1 << 20)}
    with pytest.raises(ValueError, match=r"take 1,049,\d+ bytes(.|\n)*1,048,576"):
        seal(TENSORS, architecture=architecture, compile=None, training=None)
