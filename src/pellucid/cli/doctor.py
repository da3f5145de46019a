"""`pellucid doctor`: why a network does not learn."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pellucid as pl
from pellucid.cli.common import (
    add_data_options,
    add_thread_option,
    load_dataset,
    use_threads,
)
from pellucid.cli.inputs import read_table
from pellucid.cli.models import MODELS, add_optimizer_options, make_optimizer
from pellucid.debug import diagnose
from pellucid.errors import describe

if TYPE_CHECKING:
    from pellucid.cli.common import Commands


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command and its options."""
    parser = commands.add_parser(
        "doctor",
        help="say why a network does not learn",
        description="Check a network and its data: rules first, then a short training "
        "of a copy that is watched. Each finding has evidence, a line of code to try, "
        "and how sure it is. The exit status is 1 where something above a note was "
        "found.",
    )
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a compiled model in a .safetensors file, or a network that train knows: "
        + ", ".join(MODELS),
    )
    add_data_options(parser)
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="your own data: an .npz file with x and y, or a .csv file whose last "
        "column is y",
    )
    add_optimizer_options(parser)
    parser.add_argument(
        "--steps",
        type=int,
        default=200,
        metavar="N",
        help="training steps to watch (default: %(default)s)",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=32,
        metavar="N",
        help="samples in a step (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of a network by name (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_thread_option(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Diagnose, print the report, tell by the exit status whether all is well."""
    use_threads(args)
    loaded = None if args.model in MODELS else pl.load_model(args.model)
    if args.data is None:
        x, y = load_dataset(args.dataset, args.data_dir).train
    else:
        x, y = _own_data(args.data)
        if loaded is not None and loaded.input_shape is not None:
            x = x.reshape(len(x), *loaded.input_shape)
    model = _by_name(args, x, y) if loaded is None else loaded
    report = diagnose(model, x, y, batch_size=args.batch_size, steps=args.steps)
    print(report.to_json() if args.json else report)
    return 0 if report.healthy else 1


def _by_name(args: argparse.Namespace, x: Any, y: Any) -> pl.Sequential:
    shape = x.shape[1:]
    if args.model != "mlp" and len(shape) != 3:
        raise ValueError(
            describe(
                f"{args.model} was asked for samples of shape {shape}",
                "Expected pictures, (height, width, channels)",
                "Use mlp.",
            )
        )
    layers = MODELS[args.model](shape, int(y.max()) + 1)
    model = pl.Sequential(layers, input_shape=shape, seed=args.seed)
    model.compile(
        make_optimizer(args.optimizer, args.learning_rate), "softmax_cross_entropy"
    )
    return model


def _own_data(path: str) -> tuple[Any, Any]:
    if path.lower().endswith(".csv"):
        table = read_table(path, None)
        if table.shape[1] < 2:
            raise ValueError(
                describe(
                    f"{path} has {table.shape[1]} column",
                    "Expected the numbers of a sample and, last, its target",
                    "Add the column, or save x and y with numpy.savez.",
                )
            )
        x, y = table[:, :-1], table[:, -1]
        return x, (y.astype(int) if (y == y.round()).all() else y)
    return read_table(path, "x"), read_table(path, "y")
