"""`pellucid predict`: a saved model on arrays, tables and pictures, as CSV."""

from __future__ import annotations

import argparse
import contextlib
import csv
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

import pellucid as pl
from pellucid.cli.common import add_thread_option, use_threads
from pellucid.cli.inputs import read_inputs

if TYPE_CHECKING:
    from pellucid.cli.common import Commands


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command and its options."""
    parser = commands.add_parser(
        "predict",
        help="apply a saved network to files",
        description="Apply a saved network to .npy, .npz and .csv files (many samples "
        "in each) and to pictures (one each, needs Pillow). Writes CSV: the sample, "
        "its class and the probability of every class, or the bare outputs of a "
        "network that gives no probabilities.",
    )
    parser.add_argument("model", metavar="MODEL", help="a .safetensors file")
    parser.add_argument("inputs", metavar="FILE", nargs="+", help="what to predict")
    parser.add_argument(
        "--output", metavar="FILE", help="write the CSV there (default: print it)"
    )
    parser.add_argument(
        "--key", metavar="NAME", help="which array of an .npz file (default: x)"
    )
    parser.add_argument(
        "--divide",
        type=float,
        default=1.0,
        metavar="NUMBER",
        help="divide arrays and tables by this first, such as 255 for bytes; "
        "pictures always come as 0 to 1",
    )
    parser.add_argument(
        "--invert",
        action="store_true",
        help="turn pictures to their negative first: MNIST's digits are white on black",
    )
    add_thread_option(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Load the model and all inputs, then write one row a sample."""
    use_threads(args)
    model = pl.load_model(args.model)
    x, names = read_inputs(
        args.inputs,
        model.input_shape or (),
        key=args.key,
        divide=args.divide,
        invert=args.invert,
    )
    try:
        outputs, classes = model.predict_proba(x), model.predict_classes(x)
    except RuntimeError:  # no probabilities: a regression
        outputs, classes = model.predict(x), None
    outputs = outputs.reshape(len(outputs), -1)
    word = "output" if classes is None else "probability"
    header = ["sample", *([] if classes is None else ["class"])]
    header += [f"{word}_{k}" for k in range(outputs.shape[1])]
    with _destination(args.output) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for i, (name, row) in enumerate(zip(names, outputs, strict=True)):
            chosen = [] if classes is None else [int(classes[i])]
            writer.writerow([name, *chosen, *(f"{value:.6g}" for value in row)])


@contextlib.contextmanager
def _destination(path: str | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
    else:
        with open(path, "w", encoding="utf-8", newline="") as file:
            yield file
