"""`pellucid info`: what runs here."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import pellucid as pl
from pellucid.about import configuration

if TYPE_CHECKING:
    from pellucid.cli.common import Commands


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command; it has no options."""
    return commands.add_parser(
        "info",
        help="show version, instruction sets, threads",
        description="Show what a bug report needs: versions, backend, instruction "
        "sets, threads.",
    )


def run(args: argparse.Namespace) -> None:
    """Print one line a fact."""
    for name, value in configuration().items():
        print(f"{name:<16} {value}")
    print(f"{'processors':<16} {os.cpu_count()}")
    print(f"{'installed in':<16} {os.path.dirname(pl.__file__)}")
