"""Processes that time a task in turn, each with its own library or build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REST = 0.2
"""Seconds between turns: threads of some libraries turn in a loop that long."""

PEERS = Path(__file__).resolve().parent / "peers"
MODULES = {"torch": "torch", "onnxruntime": "onnxruntime", "sklearn": "sklearn"}
"""The module that an interpreter needs for a peer."""


class Contestant:
    """A child process that times its task when told to (see peers/child.py).

    Attributes
    ----------
    answer : str
        "ready" and the version of the library, or why it can't take part.
    """

    def __init__(
        self,
        python: str,
        peer: str,
        task: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [python, str(PEERS / "child.py"), peer, json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.answer = self._line() or "failed: it ended without a word"

    @property
    def ready(self) -> bool:
        """True when it takes part."""
        return self.answer.startswith("ready")

    @property
    def version(self) -> str:
        """Name and version of the library."""
        return self.answer.removeprefix("ready").strip()

    def __call__(self) -> float:
        """Seconds of one call, when the threads of others have gone to sleep."""
        time.sleep(REST)
        return self.ask("time")

    def ask(self, word: str) -> float:
        """Let it measure "time" (seconds) or "memory" (bytes since the import)."""
        if self.process.stdin is not None:
            self.process.stdin.write(f"{word}\n")
            self.process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        return (
            "" if self.process.stdout is None else self.process.stdout.readline()[:-1]
        )

    def close(self) -> None:
        """End it."""
        self.process.communicate()


@contextmanager
def running(
    contestants: Mapping[str, Contestant],
) -> Iterator[tuple[dict[str, Contestant], dict[str, str]]]:
    """Give those that are ready, and why the others are not; end all at last."""
    try:
        missing = {n: c.answer for n, c in contestants.items() if not c.ready}
        yield {n: c for n, c in contestants.items() if c.ready}, missing
    finally:
        for contestant in contestants.values():
            contestant.close()


def interpreter(peer: str, pythons: list[str]) -> str:
    """The first of some interpreters that has the peer; else the last of them."""
    module = MODULES[peer]
    code = "import importlib.util, sys; sys.exit(not importlib.util.find_spec"
    for python in pythons:
        found = subprocess.run([python, "-c", f"{code}({module!r}))"], check=False)
        if found.returncode == 0:
            return python
    return pythons[-1] if pythons else sys.executable
