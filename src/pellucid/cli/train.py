"""`pellucid train`: from a data set to a saved model."""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pellucid as pl
from pellucid.cli.common import (
    RUNS,
    add_data_options,
    add_thread_option,
    headline,
    load_dataset,
    output_folder,
    test_line,
    use_threads,
)
from pellucid.cli.models import MODELS, add_optimizer_options, make_optimizer

if TYPE_CHECKING:
    from pellucid.cli.common import Commands
    from pellucid.model.history import History

_EPOCHS = {"digits": 15, "mnist": 5, "fashion_mnist": 10}
_PATIENCE = 5


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command and its options."""
    parser = commands.add_parser(
        "train",
        help="train a network and save it",
        description="Train a network on images; without options, a CNN on the "
        "embedded digits. The learning rate falls linearly to 0; a tenth of the "
        "training images is kept for validation, training stops when it no longer "
        f"improves for {_PATIENCE} epochs, and the best weights are kept.",
    )
    add_data_options(parser)
    parser.add_argument(
        "--model",
        choices=MODELS,
        default="cnn",
        help="the network (default: %(default)s)",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help=_epochs_help())
    parser.add_argument(
        "--batch-size",
        type=int,
        default=64,
        metavar="N",
        help="images in a training step (default: %(default)s)",
    )
    add_optimizer_options(parser)
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="equal seeds give equal results (default: %(default)s)",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        default="float32",
        help="precision (default: %(default)s)",
    )
    add_thread_option(parser)
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        help=f"folder for the results; by default a new one under {RUNS}/",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print the accuracy and the folder only"
    )
    return parser


def _epochs_help() -> str:
    numbers = ", ".join(f"{count} for {name}" for name, count in _EPOCHS.items())
    return f"passes over the data; by default {numbers}"


def run(args: argparse.Namespace) -> None:
    """Train, test and save."""
    use_threads(args)
    say = (lambda *_: None) if args.quiet else print
    say(headline())
    dataset = load_dataset(args.dataset, args.data_dir)
    say(dataset.line())
    x, y = dataset.train
    model = pl.Sequential(
        MODELS[args.model](x.shape[1:], int(y.max()) + 1),
        input_shape=x.shape[1:],
        dtype=args.dtype,
        seed=args.seed,
    )
    model.compile(
        optimizer=make_optimizer(args.optimizer, args.learning_rate),
        loss="softmax_cross_entropy",
        metrics=["accuracy"],
    )
    say()
    if not args.quiet:
        model.summary()
    say()
    with output_folder(args.output_dir, args.dataset) as folder:
        epochs = _EPOCHS[args.dataset] if args.epochs is None else args.epochs
        start = time.perf_counter()
        history = model.fit(
            x,
            y,
            epochs=epochs,
            batch_size=args.batch_size,
            validation_split=0.1,
            callbacks=[
                _LinearDecay(),
                pl.EarlyStopping(patience=_PATIENCE),
                pl.CSVLogger(folder / "history.csv"),
            ],
            verbose=0 if args.quiet else "auto",
        )
        seconds = time.perf_counter() - start
        model.save(folder / "model.safetensors")
        names = ["model.safetensors", "history.csv", *_draw(history, folder)]
    print(f"{test_line(model, dataset)}, {seconds:.1f} s")
    print(f"wrote {folder / names[0]}, {', '.join(names[1:])}")
    say(f"next: python -m pellucid predict {folder / names[0]} IMAGE")


class _LinearDecay(pl.Callback):
    """Take the learning rate from its first value to 0 in even steps."""

    def on_train_begin(self, logs: Any) -> None:
        self.first = self.model.optimizer.learning_rate
        self.step = 0

    def on_batch_begin(self, batch: int, logs: Any) -> None:
        steps = self.params["epochs"] * self.params["steps"]
        self.model.optimizer.learning_rate = self.first * (1 - self.step / steps)
        self.step += 1


def _draw(history: History, folder: Path) -> list[str]:
    """Save the training curves where matplotlib is installed."""
    if find_spec("matplotlib") is None or not history.epoch:
        return []
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for metric, ax in zip(("loss", "accuracy"), figure.subplots(1, 2), strict=True):
        history.plot(metric=metric, ax=ax)
    figure.savefig(folder / "history.png", dpi=120)
    return ["history.png"]
