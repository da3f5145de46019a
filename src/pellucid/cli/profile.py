"""`pellucid profile`: where the time of a training step goes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pellucid as pl
from pellucid.checks import check_integer
from pellucid.cli.common import add_thread_option, headline, use_threads
from pellucid.cli.models import MODELS
from pellucid.core.inputs import check_number
from pellucid.debug.samples import drawn_samples
from pellucid.errors import describe

if TYPE_CHECKING:
    from pellucid.cli.common import Commands

SHAPE = (28, 28, 1)  # of MNIST
CLASSES = 10


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command and its options."""
    parser = commands.add_parser(
        "profile",
        help="show where the time of a training step goes",
        description="Repeat one training step on made-up samples and show, layer by "
        "layer, its time against what this machine can do. The file does not change.",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("file", metavar="FILE", nargs="?", help="a .safetensors file")
    which.add_argument(
        "--model", choices=list(MODELS), help="or a network of `pellucid train`"
    )
    add_batch_options(parser)
    parser.add_argument("--json", metavar="PATH", help="write every number here")
    parser.add_argument(
        "--plot", metavar="PATH", help="draw the roofline here (needs matplotlib)"
    )
    add_thread_option(parser)
    return parser


def add_batch_options(parser: argparse.ArgumentParser) -> None:
    """Add --batch-size and --seconds."""
    parser.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        default=64,
        help="samples (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        default=2.0,
        help="about how long to measure (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Measure and show."""
    use_threads(args)
    batch = check_integer(
        args.batch_size, "--batch-size", low=1, hint="Try --batch-size 64."
    )
    seconds = check_number(args.seconds, "--seconds", above=0)
    model = named(args.model) if args.file is None else loaded(args.file)
    print(headline())
    profile = model.profile(*drawn_samples(model, batch), seconds=seconds)
    print(profile)
    if args.json is not None:
        Path(args.json).write_text(profile.to_json() + "\n", encoding="ascii")
    if args.plot is not None:
        profile.plot().figure.savefig(args.plot, bbox_inches="tight")


def named(name: str) -> Any:
    """Return a new network of `pellucid train`, for images of MNIST's size."""
    model = pl.Sequential(MODELS[name](SHAPE, CLASSES), input_shape=SHAPE, seed=0)
    model.compile("adam", "softmax_cross_entropy")
    return model


def loaded(path: str) -> Any:
    """Load a model; one that was saved without compile gets a plain optimizer."""
    model = pl.load_model(path)
    if model.input_shape is None:
        raise ValueError(
            describe(
                f"{path} holds a model that was never built",
                "Expected a model with an input shape",
                "Pass input_shape= to Sequential before saving it.",
            )
        )
    if not model.compiled:
        print(
            f"note: {path} says nothing about training: SGD and the mean squared error "
            "stand in",
            file=sys.stderr,
        )
        model.compile("sgd", "mean_squared_error")
    return model
