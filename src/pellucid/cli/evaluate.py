"""`pellucid evaluate`: a saved model on the test part of a data set."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pellucid as pl
from pellucid.cli.common import (
    add_data_options,
    add_thread_option,
    load_dataset,
    test_line,
    use_threads,
)

if TYPE_CHECKING:
    from pellucid.cli.common import Commands


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command and its options."""
    parser = commands.add_parser(
        "evaluate",
        help="test a saved network",
        description="Load a saved network and test it on a data set's test part.",
    )
    parser.add_argument("model", metavar="MODEL", help="a .safetensors file")
    add_data_options(parser)
    add_thread_option(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Load and test."""
    use_threads(args)
    model = pl.load_model(args.model)
    dataset = load_dataset(args.dataset, args.data_dir)
    print(dataset.line())
    values = model.evaluate(*dataset.test)
    print(", ".join(f"{name} {value:.4f}" for name, value in values.items()))
    print(test_line(model, dataset))
