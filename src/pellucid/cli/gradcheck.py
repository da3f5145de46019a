"""`pellucid gradcheck`: the gradients of the library, or of a saved model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pellucid as pl
from pellucid.cli.common import add_thread_option, headline, output_folder, use_threads
from pellucid.cli.inputs import read_inputs, read_table
from pellucid.debug.configurations import COUNT, kinds
from pellucid.debug.gradcheck import SAMPLES
from pellucid.debug.library import check_library
from pellucid.debug.samples import drawn_samples
from pellucid.debug.tables import html_page
from pellucid.errors import NumericsError, describe

if TYPE_CHECKING:
    from pellucid.cli.common import Commands

_BATCH = 8


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command and its options."""
    parser = commands.add_parser(
        "gradcheck",
        help="prove the gradients on this machine",
        description="Without a model: check the gradients of every layer and loss of "
        "the library, over drawn configurations, on every instruction set that runs "
        "here and with 1 and 2 threads. With a model: check every parameter of it. "
        "Writes the report as text, JSON and HTML.",
    )
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="a compiled .safetensors file"
    )
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="an .npz file with arrays x and y for the model (default: drawn numbers)",
    )
    parser.add_argument(
        "--samples",
        type=int,
        metavar="N",
        default=SAMPLES,
        help="elements of each array of the model to check (default: %(default)s)",
    )
    parser.add_argument(
        "--layer",
        action="append",
        default=[],
        metavar="NAME",
        help="only this layer or loss, such as Conv2D; may be given again",
    )
    parser.add_argument(
        "--count",
        type=int,
        metavar="N",
        default=COUNT,
        help="configurations of each layer (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        default=0,
        help="draws configurations and samples (default: %(default)s)",
    )
    add_thread_option(parser)
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        help="folder for the report; by default a new one under pellucid-runs/",
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Check, print the table, write the report."""
    use_threads(args)
    _refuse_mixtures(args)
    print(headline())
    with output_folder(args.output_dir, "gradcheck") as folder:
        report: Any
        if args.model is None:
            report = check_library(
                args.layer, count=args.count, seed=args.seed, progress=print
            )
        else:
            model = pl.load_model(args.model)
            x, y = _data(model, args)
            report = model.gradcheck(x, y, samples=args.samples, seed=args.seed)
        title = f"pellucid {pl.__version__}: gradient check"
        page = html_page(title, report._repr_html_())
        contents = {"txt": f"{report}\n", "json": report.to_json(), "html": page}
        for suffix, text in contents.items():
            (folder / f"gradcheck.{suffix}").write_text(text, encoding="utf-8")
    print(report)
    print(f"wrote {folder / 'gradcheck.txt'}, gradcheck.json, gradcheck.html")
    if not report.passed:
        raise NumericsError(
            describe(
                f"{len(report.failures)} checks failed",
                "Expected gradients that agree with differences of the function",
                "Look at the lines above; a fault of a built-in layer is worth a "
                "report, with the output of `pellucid info`.",
            )
        )


def _refuse_mixtures(args: argparse.Namespace) -> None:
    """A model and the library are different checks, with different options."""
    if args.model is not None and args.layer:
        what, repair = "--layer was given beside a model", "Leave one of the two out."
    elif args.model is None and args.data is not None:
        what = "--data was given without a model"
        repair = "Name the model first: pellucid gradcheck MODEL --data FILE."
    else:
        return
    names = f"Expected a model with --data, or --layer with one of {', '.join(kinds())}"
    raise ValueError(describe(what, names, repair))


def _data(model: Any, args: argparse.Namespace) -> tuple[Any, Any]:
    """A few samples from the file, or drawn ones that fit the model and its loss."""
    if args.data is not None:
        x, _ = read_inputs(
            [args.data], model.input_shape, key="x", divide=1.0, invert=False
        )
        return x[:_BATCH], read_table(args.data, "y")[:_BATCH]
    return drawn_samples(model, _BATCH, args.seed)
