"""What the parity tests found, for the summary."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    try:
        from tests.parity.compare import CONFIGURATIONS, WORST
    except pytest.skip.Exception:  # no PyTorch, which tests/conftest.py says
        return
    for dtype, worst in WORST.items():
        parts = ", ".join(f"{table} {error:.1e}" for table, error in worst.items())
        if parts:
            terminalreporter.write_line(
                f"parity in {dtype}, {CONFIGURATIONS} configurations of each row, "
                f"largest deviation from PyTorch: {parts}"
            )
