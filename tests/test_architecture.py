"""Who may import whom, read from the syntax trees; imports point down only."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "pellucid"

# A module may import what stands in a lower row, and its own part.
ROWS = [
    ["errors"],
    ["shapes"],
    ["kernels"],
    ["core"],
    ["checks"],
    ["layers", "losses", "optimizers", "metrics", "schedules"],
    ["about", "model", "callbacks", "data"],
    ["builders", "io", "debug", "viz", "estimators"],
    ["cli"],
    ["__main__"],
]
LEVEL = {part: level for level, row in enumerate(ROWS) for part in row}
LEAVES = {"errors", "shapes"}

# Parts of one row that may see each other.
SAME_ROW = {("model", "callbacks")}

# Imports upward, inside a method: (module, imported part).
UPWARD = {
    ("core.layer", "debug"),
    ("model.sequential", "debug"),
    ("model.sequential", "io"),
    ("model.history", "viz"),
    ("debug.profile_table", "viz"),
}

# What comes from outside: NumPy everywhere but in the leaves, the rest on first use.
EVERYWHERE = {"numpy"}
ON_FIRST_USE = {
    "tqdm": {"callbacks"},
    "safetensors": {"io"},
    "matplotlib": {"viz", "cli"},
    "plotly": {"viz"},
    "PIL": {"data", "cli"},
}


def modules():
    for path in sorted(SOURCE.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


def imports(name, path):
    """Yield (dotted name, whether inside a function) for every import."""
    package = ["pellucid", *name.split(".")]
    if path.name != "__init__.py":
        package = package[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node, inside, typing in walk(tree, False, False):
        if typing:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, inside
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                kept = package[: len(package) - node.level + 1]
                base = ".".join([*kept, base] if base else kept)
            if base == "pellucid":
                for alias in node.names:
                    yield f"pellucid.{alias.name}", inside
            else:
                yield base, inside


def walk(node, inside, typing):
    """Every node, with: inside a function; under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        guard = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        yield child, inside, typing
        yield from walk(child, inside or function, typing or guard)


MODULES = [(name, path) for name, path in modules() if name != "__init__"]


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_imports_point_down(name, path):
    part = name.split(".")[0]
    assert part in LEVEL, f"{part} has no row in this test: see DESIGN, section 4"
    for imported, inside in imports(name, path):
        top, *rest = imported.split(".")
        if top != "pellucid" or not rest:
            check_outside(part, top, inside)
            continue
        other = rest[0]
        if other == part or (part, other) in SAME_ROW:
            continue
        if other == "__version__" or (inside and (name, other) in UPWARD):
            continue
        assert other in LEVEL, f"{name} imports {imported}, which has no row"
        assert LEVEL[other] < LEVEL[part], f"{name} imports {imported}"


def check_outside(part, top, inside):
    if top in sys.stdlib_module_names or top == "pellucid":
        return
    if top in EVERYWHERE:
        assert part not in LEAVES, f"{part} imports {top}"
        return
    assert top in ON_FIRST_USE, f"{part} imports {top}"
    assert part in ON_FIRST_USE[top], f"{part} imports {top}"
    assert inside, f"{part} imports {top} at import time"


def test_upward_imports_are_all_in_use():
    found = {
        (name, imported.split(".")[1])
        for name, path in MODULES
        for imported, inside in imports(name, path)
        if inside and imported.startswith("pellucid.")
    }
    assert found >= UPWARD


def test_the_reference_imports_numpy_only():
    for name, path in MODULES:
        if not name.startswith("kernels.reference"):
            continue
        for imported, _ in imports(name, path):
            top, *rest = imported.split(".")
            if top == "pellucid":
                assert rest[0] in {"errors", "shapes", "kernels"}, (name, imported)
            else:
                assert top in EVERYWHERE | sys.stdlib_module_names, (name, imported)


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_sources_are_plain(name, path):
    text = path.read_text(encoding="utf-8")
    assert text.isascii()
    tree = ast.parse(text)
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if name.split(".")[0] not in {"cli", "__main__"}:
        printing = {
            "about",
            "core.layer",
            "model.sequential",
            "model.fit",
            "callbacks.progress",
        }
        prints = any(
            isinstance(c.func, ast.Name) and c.func.id == "print" for c in calls
        )
        assert not prints or name in printing, f"{name} prints"


FORBIDDEN = {"exp", "log", "log1p", "expm1", "dot", "matmul", "tensordot", "einsum"}


@pytest.mark.parametrize("part", ["core", "layers", "losses", "optimizers"])
def test_nothing_between_seed_and_weight_uses_numpys_sums(part):
    """Their bits change with the processor; kernels compute instead."""
    for name, path in MODULES:
        if name.split(".")[0] != part:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used = node.value.id == "np" and node.attr in FORBIDDEN
                assert not used, f"{name} uses np.{node.attr}"
            if isinstance(node, ast.BinOp):
                assert not isinstance(node.op, ast.MatMult), f"{name} uses @"
