"""What the commands share: data sets by name, threads, the first line."""

from __future__ import annotations

import argparse
import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pellucid as pl
from pellucid import data
from pellucid.checks import check_integer
from pellucid.data.datasets import Part
from pellucid.errors import describe

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


class Dataset(NamedTuple):
    """Images and labels, and where they come from in words."""

    name: str
    train: Part
    test: Part
    source: str

    def line(self) -> str:
        """Describe the data in one line."""
        x, y = self.train
        height, width, _ = x.shape[1:]
        return (
            f"{self.name}: {len(x):,} training and {len(self.test[0]):,} test images, "
            f"{height}x{width}, {int(y.max()) + 1} classes ({self.source})"
        )


RUNS = "pellucid-runs"
"""Where folders of results are made."""

_LOADERS: dict[str, Callable[..., tuple[Part, Part]]] = {
    "mnist": data.load_mnist,
    "fashion_mnist": data.load_fashion_mnist,
}
DATASETS = ("digits", *_LOADERS)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add --dataset and --data-dir."""
    parser.add_argument(
        "--dataset",
        choices=DATASETS,
        default="digits",
        help="digits are embedded; the others are looked for in --data-dir, "
        "$PELLUCID_DATA and the cache folder, else downloaded (default: %(default)s)",
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder with the four IDX files of mnist or fashion_mnist, or with your "
        "own images in files of the same names",
    )


def load_dataset(name: str, folder: str | None) -> Dataset:
    """Load a data set by name."""
    if name == "digits":
        if folder is not None:
            raise ValueError(
                describe(
                    "--data-dir goes with a data set of files; digits are embedded",
                    "Expected --dataset mnist or fashion_mnist beside --data-dir",
                    "Name the data set, or leave --data-dir out.",
                )
            )
        train, test = data.load_digits()
        return Dataset(name, train, test, "embedded; --dataset mnist for more")
    _report_downloads()
    train, test = _LOADERS[name](folder)
    return Dataset(name, train, test, folder or "from the data folder")


def _report_downloads() -> None:
    """Show the library's log of downloads: they can take a minute."""
    logger = logging.getLogger("pellucid")
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())
        logger.setLevel(logging.INFO)


def add_thread_option(parser: argparse.ArgumentParser) -> None:
    """Add --threads."""
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads to compute with (default: what fits this machine)",
    )


def use_threads(args: argparse.Namespace) -> None:
    """Apply --threads."""
    if args.threads is not None:
        hint = "Leave it out to let pellucid choose."
        pl.set_num_threads(check_integer(args.threads, "--threads", low=1, hint=hint))


def headline() -> str:
    """Return version, instruction set and threads in one line."""
    threads = pl.get_num_threads()
    return (
        f"pellucid {pl.__version__}, {pl.kernels.active_isa()}, "
        f"{threads} thread{'s' * (threads != 1)}"
    )


def test_line(model: Any, dataset: Dataset) -> str:
    """Evaluate on the test part: `test accuracy: 0.9861 (355 of 360)`."""
    x, y = dataset.test
    right = int((model.predict_classes(x) == y).sum())
    return f"test accuracy: {right / len(y):.4f} ({right:,} of {len(y):,})"


@contextlib.contextmanager
def output_folder(wanted: str | None, name: str) -> Iterator[Path]:
    """Make the folder for the results; take it away again if nothing comes of it.

    Without a wanted one it is the first of name-1, name-2, ... that is free.
    """
    if wanted is None:
        folder = _new_folder(Path(RUNS), name)
    else:
        folder = Path(wanted)
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(
                describe(
                    f"--output-dir {folder} is a file",
                    "Expected a folder, which is made where it is missing",
                    "Choose another name.",
                )
            )
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()  # only where it is empty
        raise


def _new_folder(parent: Path, name: str) -> Path:
    """Make the first of name-1, name-2, ... that is free."""
    parent.mkdir(exist_ok=True)
    number = 1
    while True:
        folder = parent / f"{name}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder
