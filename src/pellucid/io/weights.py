"""Saving and loading models: weights, architecture and the state of training."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import FormatError, describe
from pellucid.io.atomic import write_atomically
from pellucid.io.config import (
    NUMERICS,
    check_architecture,
    join_state,
    read_manifest,
    seal,
    split_state,
)
from pellucid.io.header import StoredFile, read_file, refuse

if TYPE_CHECKING:
    from pellucid.model import Sequential

__all__ = [
    "load_checkpoint",
    "load_model",
    "load_weights",
    "read_checkpoint",
    "save_model",
    "save_weights",
]

Array = NDArray[Any]
Path = str | bytes | os.PathLike[Any]

TRAINING = "training/"  # begins the names of tensors that are not weights
SHOWN = 10


def save_model(model: Sequential, path: Path, include_optimizer: bool = True) -> None:
    """Write a model to a safetensors file that ``load_model`` reads.

    The file holds architecture, weights and running statistics, the arguments of
    ``compile``, and the training state: optimizer, counters, random streams. It is
    complete or absent: an error or a crash leaves the old file as it was.

    Parameters
    ----------
    model : Sequential
        A built model.
    path : path-like
        Where to write; a file there is replaced, a symbolic link too.
    include_optimizer : bool, default True
        False leaves the training state out: the file is smaller, and training that
        goes on from it starts with a new optimizer.

    Raises
    ------
    OSError
        With the path, when the file cannot be written.
    ValueError
        When ``path`` is a device, or a name in the model cannot be stored.
    RuntimeError
        When the model is not built.

    Example
    -------
    >>> import pathlib, tempfile
    >>> from pellucid.layers import Dense
    >>> from pellucid.model import Sequential
    >>> model = Sequential([Dense(2)], input_shape=(3,), seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     save_model(model, path)
    ...     print(load_model(path).predict([[0, 0, 0]]))
    [[0. 0.]]
    """
    architecture = model.config()
    compiled = model.compile_config()
    training = None
    tensors = _weights_of(model)
    if include_optimizer and compiled is not None:
        training, arrays = split_state(model.training_state(), TRAINING)
        tensors |= arrays
    write_atomically(
        path,
        seal(tensors, architecture=architecture, compile=compiled, training=training),
    )


def load_model(path: Path) -> Sequential:
    """Read a model that ``save`` wrote; it is compiled when it was.

    Loading runs no code from the file and touches no other file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Sequential
        A new model with the weights and, when the file has it, the training state.

    Raises
    ------
    OSError
        When the file is missing, a directory, or may not be read.
    FormatError
        When it is damaged, of another version, or not written by ``save``.
    ValueError
        When it is not a regular file.

    Example
    -------
    >>> import pathlib, tempfile
    >>> from pellucid.layers import Dense
    >>> from pellucid.model import Sequential
    >>> model = Sequential([Dense(2)], input_shape=(3,), seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     save_model(model, path)
    ...     load_model(path).input_shape
    (3,)
    """
    from pellucid.model import Sequential

    file = read_file(path)
    manifest = read_manifest(file)
    if manifest is None or manifest["architecture"] is None:
        what = "it holds no architecture"
        if manifest is None:
            what = "plain safetensors without the metadata of pellucid"
        refuse(
            file.path,
            what,
            "a file that model.save() wrote",
            "Build the model in Python and call model.load_weights() with this file.",
        )
    with _refusing(file):
        check_architecture(manifest["architecture"], file.data.nbytes)
        model = Sequential.from_config(manifest["architecture"])
    _load_weights(model, file, sealed=True)
    arrays = {n: file.tensor(n) for n in file.entries if n.startswith(TRAINING)}
    with _refusing(file):
        if manifest["compile"] is not None:
            model.load_compile_config(manifest["compile"])
        if manifest["training"] is not None:
            state = join_state(manifest["training"], arrays, TRAINING)
            model.load_training_state(state)
    _refuse_unused(file, arrays)
    if manifest["training"] is not None and manifest["numerics"] != NUMERICS:
        warnings.warn(
            f"{file.path} was written by pellucid {manifest['library_version']}, whose "
            "kernels round differently: training goes on, but not to the same bits",
            stacklevel=2,
        )
    return model


class Checkpoint(NamedTuple):
    """A file with the training state of a model, read but not used yet."""

    file: StoredFile
    architecture: dict[str, Any]
    training: dict[str, Any]
    seed: int


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a file of ``ModelCheckpoint`` or ``save``, for ``fit(resume=path)``.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    OSError
        When the file is missing, a directory, or may not be read.
    FormatError
        When it is damaged, or has no training state.

    Example
    -------
    >>> import pathlib, tempfile
    >>> from pellucid.layers import Dense
    >>> from pellucid.model import Sequential
    >>> model = Sequential([Dense(2)], input_shape=(3,), seed=7)
    >>> model.compile("adam", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     model.save(path)
    ...     read_checkpoint(path).seed
    7
    """
    file = read_file(path)
    manifest = read_manifest(file)
    if manifest is None or None in (manifest["training"], manifest["architecture"]):
        refuse(
            file.path,
            "it holds no training state",
            "a file of ModelCheckpoint, or of model.save(path)",
            "Use load_weights, which needs none, and start training anew.",
        )
    architecture = dict(manifest["architecture"])
    seed = architecture.pop("seed", None)
    if type(seed) is not int or not 0 <= seed < 2**32:
        refuse(file.path, f"its seed is {seed!r}")
    return Checkpoint(file, architecture, manifest["training"], seed)


def load_checkpoint(model: Sequential, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into a built and compiled model of the same architecture.

    Weights, running statistics, optimizer, counters and random streams become those
    of the file, its seed included. A file that is refused changes nothing.

    Raises
    ------
    FormatError
        It is of another architecture, or its state does not fit the optimizer.
    """
    file = checkpoint.file
    own = json.loads(json.dumps(model.config()))
    own.pop("seed")
    if checkpoint.architecture != own:
        refuse(
            file.path,
            "it is of a model with another architecture",
            "the layers, names and arguments of this model",
            "Build the model as when the file was written, or use load_model.",
        )
    arrays = {n: file.tensor(n) for n in file.entries if n.startswith(TRAINING)}
    before = model.state_dict()
    try:
        _load_weights(model, file, sealed=True)
        with _refusing(file):
            state = join_state(checkpoint.training, arrays, TRAINING)
            _refuse_unused(file, arrays)
            model.restore_training(state, checkpoint.seed)
    except BaseException:
        model.load_state_dict(before)
        raise


def save_weights(model: Sequential, path: Path) -> None:
    """Write weights and running statistics to a safetensors file.

    Names are those of ``model.state_dict()``; other libraries can read them.

    Parameters
    ----------
    model : Sequential
        A built model.
    path : path-like
        Where to write; a file there is replaced, a symbolic link too.

    Raises
    ------
    OSError
        With the path, when the file cannot be written; an old file is intact.
    ValueError
        When ``path`` is a device, or a name in the model cannot be stored.
    RuntimeError
        When the model is not built.

    Example
    -------
    >>> import pathlib, tempfile
    >>> from pellucid.layers import Dense
    >>> from pellucid.model import Sequential
    >>> model = Sequential([Dense(2)], input_shape=(3,), seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     save_weights(model, path)
    ...     path.stat().st_size > 32
    True
    """
    tensors = _weights_of(model)
    write_atomically(
        path, seal(tensors, architecture=None, compile=None, training=None)
    )


def load_weights(model: Sequential, path: Path) -> None:
    """Read weights into a built model, by name and shape.

    The file may come from ``save``, from ``save_weights`` or from another library:
    then the names and shapes must be those of ``model.state_dict()``. Floats of any
    width become the model's dtype. When the file is refused, the model is unchanged.

    Parameters
    ----------
    model : Sequential
        A built model.
    path : path-like
        The file.

    Raises
    ------
    OSError
        When the file is missing, a directory, or may not be read.
    FormatError
        When it is damaged, or its tensors are not those of the model.
    ValueError
        When it is not a regular file.
    RuntimeError
        When the model is not built.

    Example
    -------
    >>> import pathlib, tempfile
    >>> from pellucid.layers import Dense
    >>> from pellucid.model import Sequential
    >>> model = Sequential([Dense(2)], input_shape=(3,), seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     save_weights(model, path)
    ...     model.layers[0].bias.value = [1, 2]
    ...     load_weights(model, path)
    >>> model.state_dict()["dense_1.bias"]
    array([0., 0.], dtype=float32)
    """
    file = read_file(path)
    sealed = read_manifest(file) is not None
    _load_weights(model, file, sealed)


def _weights_of(model: Sequential) -> dict[str, Array]:
    weights = model.state_dict()
    reserved = [name for name in weights if name.startswith(TRAINING)]
    if reserved:
        raise ValueError(
            describe(
                f"the model has the tensor {reserved[0]!r}",
                f"Expected no names that begin with {TRAINING!r}, as optimizer state's",
                "Rename the layer.",
            )
        )
    return weights


def _load_weights(model: Sequential, file: StoredFile, sealed: bool) -> None:
    """Hand the file's weights to the model, which checks names and shapes."""
    names = [n for n in file.entries if not (sealed and n.startswith(TRAINING))]
    weights = {name: file.tensor(name) for name in names}
    for name, array in weights.items():
        if array.dtype.kind != "f":
            refuse(
                f"{file.path}, tensor {name!r}",
                f"it holds {file.entries[name].dtype}",
                "floating-point numbers",
                "Convert it with array.astype('float32') before it is saved.",
            )
        if not np.isfinite(array).all():
            warnings.warn(
                f"{file.path}, tensor {name!r} holds NaN or infinity", stacklevel=3
            )
    with _refusing(file):
        model.load_state_dict(weights)


def _refuse_unused(file: StoredFile, arrays: dict[str, Array]) -> None:
    """Refuse tensors that the description of the training state does not name."""
    if arrays:
        names = ", ".join(list(arrays)[:SHOWN])
        refuse(file.path, f"{len(arrays)} tensors belong to nothing: {names}")


@contextmanager
def _refusing(file: StoredFile) -> Iterator[None]:
    """Turn what constructors raise, when a file feeds them, into a FormatError."""
    try:
        yield
    except ValueError as error:
        raise FormatError(f"{file.path}: {error}") from error
    except (TypeError, KeyError, AttributeError, OverflowError) as error:
        # The file's JSON lacks something, or has a value of another type there.
        refuse(file.path, f"its description of the model is malformed: {error!r}")
