"""What the compiler makes of csrc: names, what leaves may call, what is exported."""

from __future__ import annotations

import ast
import os
import platform
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pellucid import kernels

ROOT = Path(__file__).resolve().parents[1]
CSRC = ROOT / "csrc"
CC = os.environ.get("CC", "cc").split()

pytestmark = [
    pytest.mark.skipif(not CSRC.is_dir(), reason="needs the sources"),
    pytest.mark.skipif(
        not shutil.which(CC[0]) or not shutil.which("nm"), reason="needs cc and nm"
    ),
]

COMPILER_CALLS = {"memcpy", "memset", "memmove", "memcmp", "_GLOBAL_OFFSET_TABLE_"}
"""What a compiler may write into any code."""

LIBM = re.compile(
    r"(exp|exp2|expm1|log|log2|log1p|log10|pow|sqrt|cbrt|sin|cos|tan|tanh|sinh|cosh|erf|"
    r"erfc|fma|floor|ceil|rint|round|trunc|ldexp|frexp|scalbn|fmax|fmin|fabs)[fl]?"
)


class Object(NamedTuple):
    """A compiled file: its source, instruction set (None: none), external names."""

    source: Path
    isa: str | None
    defined: frozenset[str]
    undefined: frozenset[str]

    @property
    def leaf(self) -> bool:
        return self.isa is not None


def flags() -> tuple[list[str], dict[str, list[str]]]:
    """The flags of setup.py: for all files, and for each instruction set here."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    wanted = {"X86", "ISA_FLAGS", "BASE_FLAGS"}
    names: dict[str, Any] = {}
    for node in tree.body:
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        if isinstance(targets[0], ast.Name) and targets[0].id in wanted:
            value = ast.Expression(node.value)  # type: ignore[attr-defined]
            names[targets[0].id] = eval(compile(value, "setup.py", "eval"), {}, names)
    by_machine = names["ISA_FLAGS"].get(platform.machine().lower(), {})
    return names["BASE_FLAGS"], by_machine | {"portable": []}


def run(*command: str) -> str:
    """What a tool prints."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise AssertionError(f"{' '.join(command)}\n{result.stderr}")
    return result.stdout


def external(path: Path, *options: str) -> frozenset[str]:
    """Names that nm lists."""
    listed = run("nm", "--format=posix", *options, str(path))
    return frozenset(line.split()[0].split("@")[0] for line in listed.splitlines())


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """Every C file, compiled as setup.py does, but quickly."""
    folder = tmp_path_factory.mktemp("objects")
    base, isas = flags()
    includes = [f"-I{CSRC}", f"-I{CSRC / 'include'}"]

    def build(job: tuple[Path, str | None, list[str]]) -> Object:
        source, isa, extra = job
        target = folder / f"{source.stem}-{'-'.join(extra[-2:])}.o"
        command = [*CC, *base, *extra, "-O0", *includes, "-c", str(source)]
        run(*command, "-o", str(target))
        defined = external(target, "-g", "--defined-only")
        return Object(source, isa, defined, external(target, "-u"))

    jobs: list[tuple[Path, str | None, list[str]]] = []
    for source in sorted(CSRC.rglob("*.c")):
        if source.name.endswith("_simd.c"):
            for isa, own in isas.items():
                for bits in ("32", "64"):
                    macros = [f"-DPL_ISA_{isa.upper()}", f"-DPL_REAL_BITS={bits}"]
                    jobs.append((source, isa, [*own, *macros]))
        else:
            threads = ["-fopenmp"] if source.parent.name == "threading" else []
            jobs.append((source, None, threads))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(build, jobs))


def test_every_external_name_is_ours(objects: list[Object]) -> None:
    assert len(objects) > 20
    for thing in objects:
        assert thing.defined, thing.source
        foreign = {name for name in thing.defined if not name.startswith("pl_")}
        assert not foreign, thing.source


def test_names_of_a_leaf_end_with_its_instruction_set(objects: list[Object]) -> None:
    leaves = [thing for thing in objects if thing.leaf]
    assert leaves
    for leaf in leaves:
        for name in leaf.defined:
            assert re.fullmatch(rf"pl_f(32|64)_\w+__{leaf.isa}", name), leaf.source


def test_a_leaf_calls_nobody(objects: list[Object]) -> None:
    """No malloc, no OpenMP, no CPU check, no libm in code for one instruction set."""
    for leaf in (thing for thing in objects if thing.leaf):
        assert leaf.undefined <= COMPILER_CALLS, (leaf.source, leaf.isa)


def test_every_name_is_defined_once(objects: list[Object]) -> None:
    defined = [name for thing in objects for name in thing.defined]
    assert len(defined) == len(set(defined))
    for thing in objects:
        ours = {name for name in thing.undefined if name.startswith("pl_")}
        assert ours <= set(defined), thing.source


def test_no_mathematics_from_the_system(objects: list[Object]) -> None:
    """libm's results differ between systems; ours must not."""
    for thing in objects:
        assert not {name for name in thing.undefined if LIBM.fullmatch(name)}


def test_openmp_is_used_in_one_place(objects: list[Object]) -> None:
    users = {
        thing.source.parent.name
        for thing in objects
        if any(name.startswith(("omp_", "GOMP_")) for name in thing.undefined)
    }
    assert users == {"threading"}


@pytest.mark.skipif(kernels.backend() != "compiled", reason="needs the extension")
def test_the_extension_exports_its_entry_only() -> None:
    library = Path(kernels._core.__file__)  # type: ignore[attr-defined]
    exported = external(library, "-D", "--defined-only")
    assert exported - {"_init", "_fini"} == {"PyInit__core"}
    assert not {name for name in external(library, "-D", "-u") if LIBM.fullmatch(name)}
