"""The metadata key ``pellucid``: what a file says about itself, and its seal.

Its value is one JSON object::

    format_version    1
    library_version   the version of pellucid that wrote the file
    numerics          grows when a kernel changes the bits of its results
    architecture      the model's config(); null in a file of weights
    compile           the arguments of compile(); null when the model was not compiled
    training          counters of optimizer, random streams, epochs; null without them
    sha256            of the whole file, with these 64 digits as zeros

The digest finds damage. It does not protect from forgery: whoever can change the file
can compute it again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.about import VERSION
from pellucid.core.chain import walk
from pellucid.core.layer import Shape
from pellucid.core.parameter import Parameter
from pellucid.core.registry import make_layer
from pellucid.errors import describe
from pellucid.io.header import (
    DAMAGED,
    MAXIMUM_HEADER,
    StoredFile,
    check_header,
    parse_json,
    refuse,
    shorten,
)
from pellucid.model.door import inside

__all__ = [
    "check_architecture",
    "join_state",
    "read_manifest",
    "seal",
    "split_state",
]

FORMAT_VERSION = 1
NUMERICS = 1
KEY = "pellucid"
MAXIMUM_DEPTH = 64  # nested containers need more levels than a tensor header
FIELDS: dict[str, tuple[type, ...]] = {
    "format_version": (int,),
    "library_version": (str,),
    "numerics": (int,),
    "architecture": (dict, type(None)),
    "compile": (dict, type(None)),
    "training": (dict, type(None)),
    "sha256": (str,),
}
ARCHITECTURE = {"layers", "input_shape", "dtype", "data_format", "seed"}
LAYER = {"kind", "name", "config"}

_START = '{"format_version":'
_ZEROS = b"0" * 64
# The end of the manifest as it stands in the header: JSON text inside a JSON string,
# which ends with the last quotation mark. Nothing else in a header looks like it.
_MARK = b'\\"sha256\\":\\"%s\\"}"'


def seal(
    tensors: dict[str, NDArray[Any]], **sections: dict[str, Any] | None
) -> tuple[bytes, memoryview]:
    """Serialise tensors and manifest, and put the digest in.

    Parameters
    ----------
    tensors : dict of arrays
        All tensors of the file.
    **sections : dict or None
        ``architecture``, ``compile`` and ``training``, fit for JSON.

    Returns
    -------
    header, data : bytes-like
        The file is one after the other.

    Raises
    ------
    ValueError
        When the file would break a limit of the reader, for example by a layer name
        with a space in it.
    """
    from safetensors.numpy import save

    manifest = {
        "format_version": FORMAT_VERSION,
        "library_version": VERSION,
        "numerics": NUMERICS,
        **sections,
        "sha256": _ZEROS.decode(),
    }
    text = json.dumps(
        manifest, separators=(",", ":"), allow_nan=False, default=_plain_number
    )
    # asarray and not ascontiguousarray, which would give a single number an axis.
    arrays = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    blob = save(arrays, {KEY: text})
    size = 8 + int.from_bytes(blob[:8], "little")
    header, data = blob[:size], memoryview(blob)[size:]
    if size - 8 > MAXIMUM_HEADER:
        raise ValueError(
            describe(
                f"the names and shapes of {len(tensors):,} tensors and the description "
                f"of the model take {size - 8:,} bytes",
                f"Expected at most {MAXIMUM_HEADER:,} bytes of them in one file",
                "Leave the training state out: save(path, include_optimizer=False).",
            )
        )
    check_header("the file to write", header[8:], len(data))
    digest = _digest(header, data)
    return header.replace(_MARK % _ZEROS, _MARK % digest), data


def read_manifest(file: StoredFile) -> dict[str, Any] | None:
    """Return the manifest of a file whose digest is right, None where it has none.

    Raises
    ------
    FormatError
        Another format version, a malformed manifest, or damage anywhere in the file.
    """
    where = f"{file.path}, metadata key {KEY!r}"
    text = file.metadata.get(KEY)
    if text is None:
        if any(value.startswith(_START) for value in file.metadata.values()):
            refuse(file.path, f"the name of the metadata key {KEY!r} is damaged")
        return None
    manifest = parse_json(where, text.encode("utf-8", "replace"), MAXIMUM_DEPTH)
    _check_version(where, manifest)
    _check_keys(where, manifest, FIELDS.keys())
    for key, kinds in FIELDS.items():
        if type(manifest[key]) not in kinds:  # bool is a subclass of int
            refuse(where, f"{key} is {shorten(manifest[key])}")
    stored = manifest["sha256"].encode("utf-8", "replace")
    mark = _MARK % stored
    if len(stored) != len(_ZEROS) or file.header.count(mark) != 1:
        refuse(where, "sha256 is malformed")
    if _digest(file.header.replace(mark, _MARK % _ZEROS), file.data) != stored:
        refuse(file.path, "the checksum (SHA-256) does not fit the content")
    return manifest


def check_architecture(architecture: dict[str, Any], available: int) -> None:
    """Refuse layers whose parameters need more bytes than the file holds.

    The layers are built without random numbers, one after the other, and given up at
    the first parameter that is too large: what a file merely claims is not allocated.

    Raises
    ------
    ValueError
        Also when the layers do not fit each other.
    """
    _check_keys("the architecture", architecture, ARCHITECTURE)
    channels_first = architecture["data_format"] == "channels_first"
    dtype = np.dtype(architecture["dtype"])
    shape = inside(tuple(architecture["input_shape"]), channels_first)
    used = 0

    def add_parameter(name: str, shape: Shape, *_: Any, **__: Any) -> Parameter:
        nonlocal used
        used += math.prod(shape) * dtype.itemsize
        if used > available:
            raise ValueError(
                describe(
                    f"up to {name} of {layer.label} the parameters need {used:,} bytes",
                    f"Expected at most the {available:,} bytes of tensors in the file",
                    DAMAGED,
                )
            )
        return Parameter(np.zeros(shape, dtype), name)

    for part in architecture["layers"]:
        _check_keys("a layer", part, LAYER)
        layer = make_layer(part["kind"], {**part["config"], "name": part["name"]})
        for _, inner in walk([layer]):
            vars(inner)["add_parameter"] = add_parameter
        layer.bind(dtype=dtype)
        layer.build(shape)
        shape = layer.output_shape(shape)


def split_state(
    state: dict[str, Any], prefix: str
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Part a nested dictionary into what JSON can hold, and arrays by path.

    >>> import numpy as np
    >>> rest, arrays = split_state({"a": {"m": np.zeros(2), "t": 3}}, "training/")
    >>> rest, list(arrays)
    ({'a': {'m': None, 't': 3}}, ['training/a/m'])
    """
    rest: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for key, value in state.items():
        rest[key] = value
        if isinstance(value, np.ndarray):
            rest[key] = None
            arrays[prefix + key] = value
        elif isinstance(value, dict):
            rest[key], below = split_state(value, f"{prefix}{key}/")
            arrays |= below
    return rest, arrays


def join_state(
    rest: dict[str, Any], arrays: dict[str, NDArray[Any]], prefix: str
) -> dict[str, Any]:
    """Undo `split_state`, taking the arrays; a None without an array stays None."""
    state: dict[str, Any] = {}
    for key, value in rest.items():
        if isinstance(value, dict):
            state[key] = join_state(value, arrays, f"{prefix}{key}/")
        else:
            state[key] = arrays.pop(prefix + key, None) if value is None else value
    return state


def _check_keys(where: str, value: dict[str, Any], expected: Set[str]) -> None:
    if not isinstance(value, dict) or value.keys() != expected:
        got = sorted(value) if isinstance(value, dict) else type(value).__name__
        refuse(where, f"its keys are {shorten(got)}", ", ".join(sorted(expected)))


def _check_version(where: str, manifest: dict[str, Any]) -> None:
    version = manifest.get("format_version")
    if type(version) is int and version == FORMAT_VERSION:
        return
    writer = shorten(manifest.get("library_version", "unknown"))
    refuse(
        where,
        f"format_version is {shorten(version)}, written by pellucid {writer}",
        f"format_version {FORMAT_VERSION}, which pellucid {VERSION} reads",
        "Update pellucid: python -m pip install --upgrade pellucid"
        if type(version) is int and version > FORMAT_VERSION
        else DAMAGED,
    )


def _plain_number(value: object) -> object:
    """What JSON is given for a NumPy number; anything else it cannot hold."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        describe(
            f"the model's config() holds a {type(value).__name__}",
            "Expected numbers, text, lists and dictionaries",
            "Let config() of the layer return those, and its constructor take them.",
        )
    )


def _digest(header: bytes, data: Any) -> bytes:
    digest = hashlib.sha256(header)
    digest.update(data)
    return digest.hexdigest().encode()
