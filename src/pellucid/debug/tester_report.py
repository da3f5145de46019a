"""The report of a self-test: metrics, totals, recommendations."""

from __future__ import annotations

import json
from html import escape
from typing import Any, NamedTuple

from pellucid.debug.tables import html_table, text_table

HEADINGS = ("category", "metric", "result", "measured")


class Metric(NamedTuple):
    """One thing that was tested."""

    category: str
    name: str
    passed: bool
    measured: str
    advice: str

    def cells(self) -> list[str]:
        """The row as it is printed."""
        word = "PASS" if self.passed else "FAIL"
        return [self.category, self.name, word, self.measured]


class SelfTest:
    """The report of ``selftest``; prints as a table with recommendations.

    Attributes
    ----------
    metrics : list of Metric
    total_tests, passed_tests : int
    success_rate : float
        From 0 to 1; 0 where nothing was tested.
    all_passed, passed : bool
        Something was tested in every category, and all of it passed.
    """

    def __init__(self, metrics: list[Metric], empty: list[str]) -> None:
        self.metrics = metrics
        self.empty = empty
        self.total_tests = len(metrics)
        self.passed_tests = sum(metric.passed for metric in metrics)
        self.success_rate = self.passed_tests / max(self.total_tests, 1)
        tested = bool(metrics) and not empty
        self.all_passed = tested and self.passed_tests == self.total_tests

    @property
    def passed(self) -> bool:
        """The same as ``all_passed``."""
        return self.all_passed

    @property
    def recommendations(self) -> list[str]:
        """What to do, the most general first."""
        if self.all_passed:
            return ["All tests passed: the network is ready to be trained."]
        if not self.total_tests:
            return ["Nothing was tested: run selftest(model) on a compiled model."]
        if self.success_rate < 0.5:
            first = "Most tests failed: repair the architecture before training."
        elif self.success_rate < 0.8:
            first = "Several tests failed: look at the ones below before training."
        else:
            first = "Nearly all tests passed: the ones below are worth a look."
        found = [first, *(f"{name}: nothing was tested" for name in self.empty)]
        for metric in self.metrics:
            if not metric.passed and metric.advice not in found:
                found.append(metric.advice)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Totals, metrics and recommendations."""
        return {
            "total_tests": self.total_tests,
            "passed_tests": self.passed_tests,
            "success_rate": self.success_rate,
            "all_passed": self.all_passed,
            "metrics": [metric._asdict() for metric in self.metrics],
            "not_tested": self.empty,
            "recommendations": self.recommendations,
        }

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(self.as_dict(), indent=2)

    def summary(self) -> str:
        """Totals and recommendations."""
        total = (
            f"{'passed' if self.all_passed else 'FAILED'}: {self.passed_tests} of "
            f"{self.total_tests} tests ({self.success_rate:.0%})"
        )
        return "\n".join([total, *(f"- {line}" for line in self.recommendations)])

    def __str__(self) -> str:
        cells = [metric.cells() for metric in self.metrics]
        return f"{text_table(HEADINGS, cells, 4)}\n{self.summary()}"

    def _repr_html_(self) -> str:
        table = html_table(HEADINGS, [metric.cells() for metric in self.metrics])
        return f"{table}<pre>{escape(self.summary())}</pre>"

    def __repr__(self) -> str:
        return f"<SelfTest: {self.passed_tests} of {self.total_tests} tests passed>"
