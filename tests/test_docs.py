"""Every Python block of docs/ runs as written, those of a page one after the other.

Blocks of other libraries are marked after the word python (`python keras`); they must
be Python and are not run. Indented blocks hold commands, whose words the parser of the
command must take.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from pellucid import cli

DOCS = Path(__file__).parents[1] / "docs"
README = DOCS.parent / "README.md"
FOREIGN = {"keras", "pytorch", "scikit-learn"}
PAGES = sorted(DOCS.glob("*.md"))


def blocks(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\S*[^\n]*)\n(.*?)^```", page.read_text(), re.M | re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for number, (kind, code) in enumerate(blocks(page)):
        word, *rest = kind.split() or [""]
        if word != "python":
            assert word in ("", "text", "console"), f"block {number}: {kind}"
            continue
        compiled = compile(code, f"{page.name}, block {number}", "exec")
        if rest:
            assert set(rest) <= FOREIGN
        else:
            exec(compiled, names)


def commands(page: Path) -> list[str]:
    """The indented blocks of a page, line by line and without comments."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    blocks = re.findall(r"^\n((?:    .*\n)+)", text, re.M)
    lines = "".join(blocks).splitlines()
    return [part for line in lines for part in line.partition("#")[0].split("&&")]


@pytest.mark.parametrize("page", [*PAGES, README], ids=lambda page: page.stem)
def test_what_is_indented_are_commands_that_exist(page: Path) -> None:
    for command in commands(page):
        words = shlex.split(command)
        if words[:2] == ["python", "-m"]:
            words = words[2:]
        program, *arguments = words
        if program.startswith("benchmarks."):
            assert (DOCS.parent / f"{program.replace('.', '/')}.py").is_file(), command
            continue
        if program == "pellucid":
            cli._parser().parse_args(arguments)
        elif program == "python":
            assert (page.parents[page != README] / arguments[0]).is_file(), command
        else:
            assert program in ("pip", "pytest"), command


def test_pages_name_no_place_of_one_machine() -> None:
    root = DOCS.parent
    for page in [*PAGES, README, *(root / "examples").glob("*")]:
        if page.is_file():
            text = page.read_text()
            assert not re.search(r"(?<![\w.])/(work|home|tmp|root)\b", text), page.name
            assert text.isascii(), page.name


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, README]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_index_has_every_page() -> None:
    index = (DOCS / "README.md").read_text()
    for page in PAGES:
        assert page.name == "README.md" or f"({page.name})" in index


def test_weights_from_pytorchs_layout() -> None:
    """The functions of the page on PyTorch, against sums over indices."""
    page = DOCS / "coming-from-pytorch.md"
    (code,) = [code for _, code in blocks(page) if "def conv_from_torch" in code]
    names: dict[str, object] = {}
    exec(code[: code.index("theirs_conv")], names)
    conv, dense = names["conv_from_torch"], names["dense_from_torch"]
    weight = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    assert conv(weight)[3, 4, 2, 1] == weight[1, 2, 3, 4]
    x = np.arange(3 * 2 * 2).reshape(1, 3, 2, 2)
    weight = np.arange(7 * 12).reshape(7, 12)
    expected = x.reshape(1, 12) @ weight.T
    ours = x.transpose(0, 2, 3, 1).reshape(1, 12) @ dense(weight, channels=3)
    assert (ours == expected).all()
    assert (dense(weight) == weight.T).all()
