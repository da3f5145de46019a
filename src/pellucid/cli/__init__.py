"""The command `pellucid`: its parser, and what it says of mistakes."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from pellucid.cli import (
    bench,
    doctor,
    evaluate,
    gradcheck,
    info,
    predict,
    profile,
    train,
)
from pellucid.errors import describe, unknown

# What a user can cause and repair; anything else is a fault of ours and shows itself.
_USER_ERRORS = (
    ArithmeticError,
    ImportError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 2 for an error, 130 for Ctrl-C.

    `doctor` returns 1 where it found something.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the command's name; by default those of this process.

    Example
    -------
    >>> from pellucid.cli import main
    >>> main(["evaluate", "nothing.safetensors"])
    2
    """
    parser = _parser()
    words = sys.argv[1:] if arguments is None else arguments
    if not words:
        parser.print_help(sys.stderr)
        parser.exit(2)
    args, extra = parser.parse_known_args(words)
    if extra:
        _refuse(args.parser, extra[0])
    try:
        status = args.run(args)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader, such as `head`, has gone; the interpreter's last flush must
        # not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except _USER_ERRORS as error:
        if args.debug:
            traceback.print_exc()
        print(f"{type(error).__name__}: {_message(error)}", file=sys.stderr)
        return 2
    return int(status or 0)


def _refuse(parser: argparse.ArgumentParser, word: str) -> NoReturn:
    """Leave with the message on a word that the command does not take."""
    options = re.findall(r"--[a-z-]+", parser.format_usage())
    what = f"the {'option' if word.startswith('-') else 'word'} {word} is not known"
    repair = f"See {parser.prog} --help"
    parser.error(unknown(what, word, options, otherwise=repair))


def _message(error: Exception) -> str:
    """Say what happened; the operating system's errors get their two other parts."""
    if isinstance(error, OSError) and error.filename is not None:
        return describe(
            f"{error.filename}: {error.strerror}",
            "Expected a path that exists and that you may use",
            "Check its spelling and its permissions.",
        )
    return str(error) or "no more is known: run again with --debug"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pellucid",
        description="Neural networks on the CPU you own.",
        epilog="Begin with: pellucid train",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (train, evaluate, predict, doctor, gradcheck, profile, bench, info):
        command = module.add_parser(commands)
        command.set_defaults(run=module.run, parser=command)
        command.add_argument(
            "--debug", action="store_true", help="show the traceback of an error"
        )
    return parser
