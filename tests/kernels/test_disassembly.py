"""What the compiler made of the kernels: registers, symbols.

Reads the object files that `python setup.py build_ext --inplace` leaves in build/temp*.
"""

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OBJDUMP = shutil.which("objdump")
X86 = platform.machine().lower() in ("x86_64", "amd64")

# Tiles whose accumulators, with a row of b and one number of a, fill the registers.
FULL_TILES = {"avx512": ("zmm", 6, 4), "avx2": ("ymm", 6, 2)}
WIDEST = {"avx512": "zmm", "avx2": "ymm", "portable": "xmm"}
# What a compiler calls by itself to move memory, and to guard the stack.
COMPILER_CALLS = {
    *("memcpy", "memmove", "memset", "memcmp"),
    *("__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"),
}


@pytest.fixture(scope="module")
def objects():
    """Return the folder csrc was compiled into last."""
    if OBJDUMP is None:
        pytest.skip("objdump was not found")
    folders = [path.parent for path in ROOT.glob("build/temp*/common")]
    sources = [*(ROOT / "csrc").rglob("*.[ch]"), *(ROOT / "csrc").rglob("*.inc")]
    newest = max(path.stat().st_mtime for path in sources)
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True):
        files = [*folder.glob("*/csrc/*/*.o")]
        if len(files) > 20 and max(f.stat().st_mtime for f in files) >= newest:
            return folder
    pytest.skip("no object files of the present sources in build/temp*")


def objdump(*arguments):
    return subprocess.run(
        [OBJDUMP, *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout


def instructions(path):
    """Return {function: [(address, mnemonic, operands)]}."""
    functions, body = {}, []
    for line in objdump("-d", "--no-show-raw-insn", path).splitlines():
        header = re.fullmatch(r"[0-9a-f]+ <(.+)>:", line)
        if header:
            body = functions.setdefault(header[1], [])
        parts = re.fullmatch(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)", line)
        if parts:
            body.append((int(parts[1], 16), parts[2], parts[3]))
    return functions


def loops(body):
    """Yield the instructions of every loop: from where a jump goes back to the jump."""
    first = body[0][0]
    for address, mnemonic, operands in body:
        target = re.match(r"([0-9a-f]+) <", operands)
        if (
            mnemonic.startswith("j")
            and target
            and first <= int(target[1], 16) < address
        ):
            start = int(target[1], 16)
            yield [line for line in body if start <= line[0] <= address]


def spills(loop, register, framed):
    """Return the instructions that move a whole vector from or to the stack."""
    stack = r"\(%r[sb]p" if framed else r"\(%rsp"
    return [
        line for line in loop if f"%{register}" in line[2] and re.search(stack, line[2])
    ]


def check_tile(path, name, register, m, v):
    """Fail unless the multiply-add loops of a tile keep all their vectors."""
    body = instructions(path)[name]
    framed = any(line[1:] == ("mov", "%rsp,%rbp") for line in body)
    hot = 0
    for loop in loops(body):
        multiply_adds = [
            line
            for line in loop
            if line[1].startswith("vfmadd") and f"%{register}" in line[2]
        ]
        if multiply_adds:
            hot += len(multiply_adds) >= m * v
            assert not spills(loop, register, framed), name
    assert hot, f"{name}: no loop with {m} * {v} multiply-adds was found"


@pytest.mark.skipif(not X86, reason="reads x86 code")
@pytest.mark.parametrize("kernel", ["rows", "columns"])
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("isa", FULL_TILES)
def test_hot_loops_keep_their_accumulators_in_registers(objects, isa, bits, kernel):
    register, m, v = FULL_TILES[isa]
    path = objects / f"{isa}-{bits}" / "csrc" / "gemm" / "gemm_simd.o"
    check_tile(path, f"{kernel}_{m}x{v}", register, m, v)


@pytest.mark.skipif(not X86, reason="compiles for x86")
def test_a_spill_is_found(tmp_path):
    if OBJDUMP is None or shutil.which("gcc") is None:
        pytest.skip("gcc or objdump was not found")
    source, path = tmp_path / "spill.c", tmp_path / "spill.o"
    source.write_text(
        """typedef float vec __attribute__((vector_size(32)));
        void tile(vec *c, const vec *a, long n) {
            volatile vec kept = c[0];
            vec free = c[1];
            for (long i = 0; i < n; i++) {
                kept = __builtin_ia32_vfmaddps256(a[i], a[i], kept);
                free = __builtin_ia32_vfmaddps256(a[i], a[i], free);
            }
            c[0] = kept;
            c[1] = free;
        }"""
    )
    subprocess.run(
        ["gcc", "-O2", "-mavx2", "-mfma", "-c", source, "-o", path], check=True
    )
    with pytest.raises(AssertionError, match="tile"):
        check_tile(path, "tile", "ymm", 1, 2)
    with pytest.raises(AssertionError, match="no loop"):
        check_tile(path, "tile", "zmm", 1, 2)


@pytest.mark.skipif(not X86, reason="reads x86 code")
def test_an_isa_uses_no_wider_registers(objects):
    order = ["xmm", "ymm", "zmm"]
    checked = 0
    for isa, widest in [*WIDEST.items(), ("common", "xmm")]:
        wider = order[order.index(widest) + 1 :]
        for path in objects.glob(f"{isa}*/csrc/*/*.o"):
            code = objdump("-d", "--no-show-raw-insn", path)
            for register in wider:
                assert f"%{register}" not in code, f"{path} uses {register}"
            checked += 1
    assert checked > 20


def symbols(path):
    """Yield (name, kind) of the external symbols of an object; UND is what it needs."""
    for line in objdump("-t", path).splitlines():
        row = re.match(
            r"[0-9a-f]{8,} (.{7}) (\S+)\s+[0-9a-f]+\s+(?:\.\w+ )?(\S+)$", line
        )
        if row and (row[1][0] in "gu!" or row[1][1] == "w" or row[2] == "*UND*"):
            yield row[3], row[2].strip("*")


def test_every_external_symbol_starts_with_pl(objects):
    paths = [*objects.glob("*/csrc/*/*.o")]
    defined = []
    for path in paths:
        names = [name for name, kind in symbols(path) if kind != "UND"]
        assert names, f"{path} offers nothing"
        strange = [name for name in names if not name.startswith("pl_")]
        assert not strange, f"{path}: {strange}"
        defined += names
    assert "pl_gemm" in defined
    assert len(defined) == len(set(defined)), "a symbol is defined twice"


def test_leaves_call_nothing(objects):
    """No threads, no memory management, no mathematical library, no CPU check."""
    leaves = [*objects.glob("*/csrc/*/*_simd.o")]
    for path in leaves:
        needed = {name for name, kind in symbols(path) if kind == "UND"}
        assert needed <= COMPILER_CALLS, f"{path}: {needed - COMPILER_CALLS}"
        isa = path.parts[-4].rsplit("-", 1)[0]
        for name, kind in symbols(path):
            if kind != "UND":
                assert name.endswith(f"__{isa}"), f"{path}: {name}"
    assert len(leaves) > 10
