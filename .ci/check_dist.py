"""Checks what is handed out: python .ci/check_dist.py FOLDER

FOLDER holds one sdist and one repaired wheel.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
LARGEST_WHEEL = 1_500_000
SDIST_FOLDERS = ("benchmarks", "csrc", "src", "tests", "tools")
LEFTOVERS = {".a", ".c", ".o", ".pyc", ".pyd", ".so"}
SOURCES_ONLY = {".c", ".h", ".inc", ".pxd", ".pxi", ".pyx"}


def fail(message: str) -> None:
    sys.exit(f"check_dist: {message}")


def in_tree(*folders: str) -> set[str]:
    """Files of the checkout that are no product of a build or a run."""
    skip = {"__pycache__", "pellucid.egg-info"}
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and not skip & set(path.parts)
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        and path.suffix not in LEFTOVERS - {".c"}
    }


def check_sdist(path: Path) -> None:
    with tarfile.open(path) as archive:
        files = [PurePosixPath(item.name) for item in archive if item.isfile()]
    names = {PurePosixPath(*name.parts[1:]).as_posix() for name in files}
    missing = in_tree(*SDIST_FOLDERS) | {"pyproject.toml", "setup.py", "LICENSE"}
    if missing - names:
        fail(f"{path.name} lacks {sorted(missing - names)}")
    for name in map(PurePosixPath, names):
        ours = name.parts[0] in ("csrc", "tests", "benchmarks")
        hand_written = ours and name.suffix == ".c"
        if name.suffix in LEFTOVERS and not hand_written:
            fail(f"{path.name} contains {name}, which a build made")
    print(f"{path.name}: {len(names)} files, {path.stat().st_size:,} bytes")


def check_wheel(path: Path) -> None:
    _, _, python, abi, platform = path.stem.split("-")
    if (python, abi) != ("cp311", "abi3") or not platform.startswith("manylinux"):
        fail(f"{path.name} is not tagged cp311-abi3-manylinux...")
    size = path.stat().st_size
    if size > LARGEST_WHEEL:
        fail(f"{path.name} has {size:,} bytes, more than {LARGEST_WHEEL:,}")
    names = set(zipfile.ZipFile(path).namelist())
    wanted = {
        name.removeprefix("src/")
        for name in in_tree("src")
        if PurePosixPath(name).suffix not in SOURCES_ONLY
    }
    wanted.add("pellucid/kernels/_core.abi3.so")
    if wanted - names:
        fail(f"{path.name} lacks {sorted(wanted - names)}")
    for name in names:
        suffixes = set(PurePosixPath(name).suffixes)
        if suffixes & SOURCES_ONLY or name.split("/")[0] in ("tests", "benchmarks"):
            fail(f"{path.name} contains {name}, which nobody runs")
    if not any(name.startswith("pellucid.libs/libgomp") for name in names):
        fail(f"{path.name} has no libgomp, which slim systems lack")
    if not any(name.endswith("licenses/LICENSE") for name in names):
        fail(f"{path.name} has no licence")
    print(f"{path.name}: {len(names)} files, {size:,} bytes of {LARGEST_WHEEL:,}")


def main(folder: Path) -> None:
    sdists, wheels = sorted(folder.glob("*.tar.gz")), sorted(folder.glob("*.whl"))
    if len(sdists) != 1 or len(wheels) != 1:
        fail(f"{folder} holds {len(sdists)} sdists and {len(wheels)} wheels, not one")
    check_sdist(sdists[0])
    check_wheel(wheels[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
