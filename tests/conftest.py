"""What every test run shares: options, the header, the fixtures."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.objects import Object

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "pellucid"
MNIST_FILE = "t10k-images-idx3-ubyte.gz"
MISSING = {
    "MNIST": "set PELLUCID_DATA to the folder above mnist/",
    "PyTorch": 'python -m pip install -e ".[parity]"',
}
"""What tests are skipped without ("MNIST not found"), and where to get it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--run-slow", action="store_true", help="run the tests that take minutes, too"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; runs with --run-slow")
    stale = _newer_than_the_extension()
    if stale:
        pytest.exit(
            f"The extension is older than {stale.relative_to(ROOT)}.\n"
            "Expected kernels built from the present sources.\n"
            'Run: python -m pip install -e ".[test]"',
            returncode=pytest.ExitCode.USAGE_ERROR,
        )


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if not config.getoption("--run-slow"):
        skip = pytest.mark.skip(reason="slow: needs --run-slow")
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(skip)


def pytest_report_header() -> str:
    from pellucid import kernels

    names = ", ".join(kernels.isas())
    return (
        f"pellucid: {kernels.backend()} kernels, {kernels.active_isa()} of ({names}), "
        f"{kernels.get_num_threads()} threads"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.verbosity < 0:  # then pytest leaves the header out
        terminalreporter.write_line(pytest_report_header())
    skipped = terminalreporter.stats.get("skipped", [])
    for thing, repair in MISSING.items():
        names = sorted(
            report.nodeid
            for report in skipped
            if f"{thing} not found" in str(report.longrepr)
        )
        if names:
            terminalreporter.write_line(
                f"{thing} not found, {len(names)} tests or files of tests skipped "
                f"({repair}): {', '.join(names)}"
            )


def _newer_than_the_extension() -> Path | None:
    """Return a kernel source that the built extension does not contain yet."""
    spec = importlib.util.find_spec("pellucid")
    in_tree = spec is not None and SOURCE in map(
        Path, spec.submodule_search_locations or ()
    )
    built = [*(SOURCE / "kernels").glob("_core*.so")]
    if not in_tree or not built or os.environ.get("PELLUCID_BACKEND") == "reference":
        return None
    sources = list((ROOT / "csrc").rglob("*.[ch]"))
    sources += (ROOT / "csrc").rglob("*.inc")
    for pattern in ("*.pyx", "*.pxi", "*.pxd"):
        sources += (SOURCE / "kernels").glob(pattern)
    newest = max(sources, key=_modified)
    return newest if _modified(newest) > max(map(_modified, built)) else None


def _modified(path: Path) -> float:
    return path.stat().st_mtime


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Run the test with 1, 2 and 3 threads."""
    from tests.support.threads import threads as use

    with use(request.param):
        yield request.param


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """Return the objects of csrc, flags as in setup.py; skip without a compiler."""
    from tests.support.objects import CSRC, built_objects, missing_tools

    if not CSRC.is_dir():
        pytest.skip("needs the sources")
    if missing_tools():
        pytest.skip("needs a C compiler")
    return built_objects(tmp_path_factory.mktemp("objects"))


@pytest.fixture(scope="session")
def mnist() -> Path:
    """Return the folder of the MNIST files; skip the test where there is none."""
    above = [os.environ.get("PELLUCID_DATA"), ROOT.parent / "shared" / "data"]
    for folder in (Path(path) for path in above if path):
        for candidate in (folder / "mnist", folder):
            if (candidate / MNIST_FILE).is_file():
                return candidate
    pytest.skip("MNIST not found")
