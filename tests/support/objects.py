"""The object files of csrc: of the last build, compiled anew where they are old."""

from __future__ import annotations

import ast
import os
import platform
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.guard import ROOT

CSRC = ROOT / "csrc"
CC = os.environ.get("CC", "cc").split()
OTHER_KINDS = ("-debug", "-sanitize")
"""Ends of the folders whose objects were compiled with other flags."""


class Object(NamedTuple):
    """A compiled file: source, instruction set (None: any), bits of an element."""

    path: Path
    source: Path
    isa: str | None
    bits: int | None


class Build(NamedTuple):
    """What setup.py compiles: the flags of all files, and each file's own."""

    flags: list[str]
    jobs: list[tuple[Path, str, list[str]]]


def build() -> Build:
    """Read it from setup.py, which cannot be imported without building."""
    wanted = {"CSRC", "X86", "ISA_FLAGS", "BASE_FLAGS", "csrc_jobs"}
    names: dict[str, Any] = {"Path": Path, "platform": platform}
    tree = ast.parse((ROOT / "setup.py").read_text())
    for node in tree.body:
        targets = getattr(node, "targets", None) or [getattr(node, "target", node)]
        first = targets[0]
        if getattr(first, "id", getattr(first, "name", None)) in wanted:
            code = ast.Module([node], type_ignores=[])
            exec(compile(code, "setup.py", "exec"), names)
            names["CSRC"] = CSRC
    return Build(names["BASE_FLAGS"], names["csrc_jobs"]())


def missing_tools(*tools: str) -> list[str]:
    """Those of the compiler and some tools that are not here."""
    return [tool for tool in (CC[0], *tools) if not shutil.which(tool)]


def run(*command: str | Path) -> str:
    """What a tool prints; its errors, where it fails, as the AssertionError."""
    result = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}\n{result.stderr}")
    return result.stdout


def built_objects(folder: Path) -> list[Object]:
    """Every object of csrc; those that no build left behind are compiled into `folder`.

    A build's object serves when it is newer than its source, all headers and setup.py:
    the rule by which setup.py itself would keep it.
    """
    flags, jobs = build()
    headers = [*CSRC.rglob("*.h"), *CSRC.rglob("*.inc"), ROOT / "setup.py"]
    newest_header = max(map(_modified, headers))
    kept = [
        path
        for path in (ROOT / "build").glob("temp*")
        if not path.name.endswith(OTHER_KINDS)
    ]

    def take(job: tuple[Path, str, list[str]]) -> Object:
        source, place, own = job
        isa, _, bits = place.partition("-")
        part = Path(place, source.relative_to(ROOT).with_suffix(".o"))
        newest = max(newest_header, _modified(source))
        found = [path / part for path in kept if (path / part).exists()]
        found = [path for path in found if _modified(path) >= newest]
        path = max(found, key=_modified, default=folder / part)
        if not found:
            path.parent.mkdir(parents=True, exist_ok=True)
            includes = [f"-I{CSRC}", f"-I{CSRC / 'include'}"]
            run(*CC, "-fPIC", *flags, *own, *includes, "-c", source, "-o", path)
        return Object(path, source, isa if bits else None, int(bits) if bits else None)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(take, jobs))


def _modified(path: Path) -> float:
    return path.stat().st_mtime
