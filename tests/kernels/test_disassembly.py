"""What the compiler made of the kernels: which registers, and what is kept in them."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.objects import Object, missing_tools, run

pytestmark = [
    pytest.mark.skipif(
        platform.machine().lower() not in ("x86_64", "amd64"), reason="reads x86 code"
    ),
    pytest.mark.skipif(bool(missing_tools("objdump")), reason="needs cc and objdump"),
    pytest.mark.timeout(900),  # where no build left objects, all are compiled
]

WIDEST = {"avx512": "zmm", "avx2": "ymm", "portable": "xmm"}

TILES = {
    "gemm": ("rows", "columns"),
    "few_channels": ("strip", "slide", "taps"),
    "few_filters": ("lines", "repeats"),
    "depthwise": ("gather", "square", "taps"),
}
"""For each op whose leaves multiply and add: how the names of its tiles begin.

Direct convolution runs in the tiles of gemm, and so do Winograd's products: its leaf
holds transforms alone, of 36 numbers without an accumulator, and they need the stack.
"""
ALSO_FLOAT64 = {
    name: tuple(tile for tile in tiles if tile != "square")
    for name, tiles in TILES.items()
}
FULLEST = {  # multiply-adds of the largest accumulating loop, float32 and float64
    ("gemm", "avx512"): (24, 24),
    ("gemm", "avx2"): (12, 12),
    ("few_channels", "avx512"): (24, 6),
    ("few_channels", "avx2"): (12, 6),
    ("few_filters", "avx512"): (15, 5),
    ("few_filters", "avx2"): (10, 5),
    ("depthwise", "avx512"): (36, 9),
    ("depthwise", "avx2"): (36, 9),
}


class Instruction(NamedTuple):
    """One line of a disassembly."""

    address: int
    mnemonic: str
    operands: str


Body = list[Instruction]


def disassembly(path: Path) -> str:
    return run("objdump", "-d", "--no-show-raw-insn", path)


def instructions(path: Path) -> dict[str, Body]:
    """The code of every function."""
    functions: dict[str, Body] = {}
    body: Body = []
    for line in disassembly(path).splitlines():
        header = re.fullmatch(r"[0-9a-f]+ <(.+)>:", line)
        if header:
            body = functions.setdefault(header[1], [])
        parts = re.fullmatch(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)", line)
        if parts:
            body.append(Instruction(int(parts[1], 16), parts[2], parts[3]))
    return functions


def innermost_loops(body: Body) -> Iterator[Body]:
    """Every loop, from where a jump goes back to that jump, that holds no other."""
    spans = set()
    for address, mnemonic, operands in body:
        target = re.match(r"([0-9a-f]+) <", operands)
        if mnemonic.startswith("j") and target:
            start = int(target[1], 16)
            if body[0].address <= start < address:
                spans.add((start, address))
    for start, end in sorted(spans):
        if not any(
            start <= low and high <= end and (low, high) != (start, end)
            for low, high in spans
        ):
            yield [line for line in body if start <= line.address <= end]


def hot_loops(body: Body) -> Iterator[tuple[Body, int]]:
    """The innermost loops that multiply and add vectors, and how often they do."""
    for loop in innermost_loops(body):
        count = sum(
            line.mnemonic.startswith(("vfmadd", "vfnmadd"))
            and line.mnemonic.endswith(("ps", "pd"))
            for line in loop
        )
        if count:
            yield loop, count


def spilled(body: Body, loop: Body) -> set[str]:
    """Places on the stack that carry a vector from one turn of the loop to the next.

    They are read before they are written. A constant that lies on the stack is never
    written in the loop, a number that waits there for its use is written first.
    """
    frame = any(line[1:] == ("mov", "%rsp,%rbp") for line in body)
    place = (
        r"-?(?:0x[0-9a-f]+)?\(%r[sb]p[^)]*\)"
        if frame
        else r"-?(?:0x[0-9a-f]+)?\(%rsp[^)]*\)"
    )
    read: set[str] = set()
    written: set[str] = set()
    carried: set[str] = set()
    for _, _, operands in loop:
        found = re.search(place, operands)
        if not found or not re.search(r"%[xyz]mm", operands):
            continue
        if not operands.endswith(found[0]):
            if found[0] not in written:
                read.add(found[0])
        else:
            written.add(found[0])
            if found[0] in read:
                carried.add(found[0])
    return carried


def check_tiles(path: Path, tiles: tuple[str, ...], fullest: int) -> None:
    """Fail unless every tile's hot loops keep what they add up in registers."""
    largest = 0
    seen = set()
    for name, body in instructions(path).items():
        tile = name.partition("_")[0]
        if tile not in tiles:
            continue
        counts = []
        for loop, count in hot_loops(body):
            places = spilled(body, loop)
            assert not places, f"{path.name}: {name} keeps a sum in {places}"
            counts.append(count)
        assert counts, f"{path.name}: {name} has no loop that multiplies and adds"
        seen.add(tile)
        largest = max(largest, *counts)
    assert seen == set(tiles), f"{path.name}: tiles that were not found"
    assert largest >= fullest, f"{path.name}: the largest tile has {largest}"


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(("op", "isa"), FULLEST)
def test_hot_loops_keep_their_sums_in_registers(
    objects: list[Object], op: str, isa: str, bits: int
) -> None:
    tiles = (TILES if bits == 32 else ALSO_FLOAT64)[op]
    paths = [
        thing.path
        for thing in objects
        if (thing.source.stem, thing.isa, thing.bits) == (f"{op}_simd", isa, bits)
    ]
    assert len(paths) == 1
    check_tiles(paths[0], tiles, FULLEST[op, isa][bits == 64])


def test_every_leaf_of_products_is_in_the_table(objects: list[Object]) -> None:
    leaves = {
        thing.source.stem.removesuffix("_simd")
        for thing in objects
        if thing.isa and thing.source.parent.name in ("gemm", "conv")
    }
    assert leaves == {*TILES, "winograd"}


@pytest.mark.parametrize("kept", ["volatile vec", "vec"])
def test_a_spill_is_found(tmp_path: Path, kept: str) -> None:
    source, path = tmp_path / "spill.c", tmp_path / "spill.o"
    source.write_text(
        f"""typedef float vec __attribute__((vector_size(32)));
        void tile_1(vec *c, const vec *a, long n) {{
            volatile vec factor = a[0], waits;
            {kept} kept = c[0];
            vec free = c[1];
            for (long i = 0; i < n; i++) {{
                kept = __builtin_ia32_vfmaddps256(a[i], factor, kept);
                waits = __builtin_ia32_vfmaddps256(a[i], factor, free);
                free = waits;
            }}
            c[0] = kept;
            c[1] = free;
        }}"""
    )
    run("cc", "-O2", "-mavx2", "-mfma", "-c", source, "-o", path)
    if kept == "vec":
        check_tiles(path, ("tile",), 2)
    else:
        with pytest.raises(AssertionError, match="tile_1 keeps a sum in"):
            check_tiles(path, ("tile",), 2)
    with pytest.raises(AssertionError, match="not found"):
        check_tiles(path, ("rows",), 2)


def test_code_without_the_expected_loop_is_refused(tmp_path: Path) -> None:
    source, path = tmp_path / "other.c", tmp_path / "other.o"
    source.write_text("int tile_1(int x) { return x + 1; }")
    run("cc", "-O2", "-c", source, "-o", path)
    with pytest.raises(AssertionError, match="no loop that multiplies and adds"):
        check_tiles(path, ("tile",), 1)


def test_an_isa_uses_no_wider_registers(objects: list[Object]) -> None:
    order = ["xmm", "ymm", "zmm"]
    checked = 0
    for thing in objects:
        widest = WIDEST[thing.isa or "portable"]
        code = disassembly(thing.path)
        for register in order[order.index(widest) + 1 :]:
            assert f"%{register}" not in code, f"{thing.path} uses {register}"
        checked += 1
    assert checked > 20
