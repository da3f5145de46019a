"""What the compiler makes of csrc: names, what leaves may call, what is exported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from pellucid import kernels
from tests.support.objects import Object, missing_tools, run

pytestmark = [
    pytest.mark.skipif(bool(missing_tools("nm")), reason="needs cc and nm"),
    pytest.mark.timeout(900),  # where no build left objects, all are compiled
]

COMPILER_CALLS = {
    *("memcpy", "memset", "memmove", "memcmp"),
    *("_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"),
}
"""What a compiler may write into any code."""

LIBM = re.compile(
    r"(exp|exp2|expm1|log|log2|log1p|log10|pow|sqrt|cbrt|sin|cos|tan|tanh|sinh|cosh|erf|"
    r"erfc|fma|floor|ceil|rint|round|trunc|ldexp|frexp|scalbn|fmax|fmin|fabs)[fl]?"
)


class Symbols(NamedTuple):
    """The external names of an object: its own, and those it needs."""

    source: Path
    isa: str | None
    defined: frozenset[str]
    undefined: frozenset[str]

    @property
    def leaf(self) -> bool:
        return self.isa is not None


def external(paths: list[Path], *options: str) -> list[frozenset[str]]:
    """Names that nm lists, for each file."""
    names: dict[str, set[str]] = {f"{path}:": set() for path in paths}
    for line in run("nm", "-A", "--format=posix", *options, *paths).splitlines():
        place, name = line.split()[:2]
        names[place].add(name.partition("@")[0])
    return [frozenset(names[f"{path}:"]) for path in paths]


@pytest.fixture(scope="module")
def symbols(objects: list[Object]) -> list[Symbols]:
    """What nm says of every object."""
    paths = [thing.path for thing in objects]
    names = zip(
        external(paths, "-g", "--defined-only"), external(paths, "-u"), strict=True
    )
    return [
        Symbols(thing.source, thing.isa, *both)
        for thing, both in zip(objects, names, strict=True)
    ]


def test_every_external_name_is_ours(symbols: list[Symbols]) -> None:
    assert len(symbols) > 20
    for thing in symbols:
        assert thing.defined, thing.source
        foreign = {name for name in thing.defined if not name.startswith("pl_")}
        assert not foreign, thing.source


def test_names_of_a_leaf_end_with_its_instruction_set(symbols: list[Symbols]) -> None:
    leaves = [thing for thing in symbols if thing.leaf]
    assert leaves
    for leaf in leaves:
        for name in leaf.defined:
            assert re.fullmatch(rf"pl_f(32|64)_\w+__{leaf.isa}", name), leaf.source


def test_a_leaf_calls_nobody(symbols: list[Symbols]) -> None:
    """No malloc, no OpenMP, no CPU check, no libm in code for one instruction set."""
    for leaf in (thing for thing in symbols if thing.leaf):
        assert leaf.undefined <= COMPILER_CALLS, (leaf.source, leaf.isa)


def test_every_name_is_defined_once(symbols: list[Symbols]) -> None:
    defined = [name for thing in symbols for name in thing.defined]
    assert len(defined) == len(set(defined))
    for thing in symbols:
        ours = {name for name in thing.undefined if name.startswith("pl_")}
        assert ours <= set(defined), thing.source


def test_no_mathematics_from_the_system(symbols: list[Symbols]) -> None:
    """libm's results differ between systems; ours must not."""
    for thing in symbols:
        assert not {name for name in thing.undefined if LIBM.fullmatch(name)}


def test_openmp_is_used_in_one_place(symbols: list[Symbols]) -> None:
    users = {
        thing.source.parent.name
        for thing in symbols
        if any(name.startswith(("omp_", "GOMP_")) for name in thing.undefined)
    }
    assert users == {"threading"}


@pytest.mark.skipif(kernels.backend() != "compiled", reason="needs the extension")
def test_the_extension_exports_its_entry_only() -> None:
    library = Path(kernels._core.__file__)
    [exported] = external([library], "-D", "--defined-only")
    assert exported - {"_init", "_fini"} == {"PyInit__core"}
    [needed] = external([library], "-D", "-u")
    assert not {name for name in needed if LIBM.fullmatch(name)}
