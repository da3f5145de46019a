"""What the doctor says: findings, and the report of one visit."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

LEVELS = ("error", "warning", "note")
CONFIDENCES = ("sure", "likely", "possible")
WIDTH = 100


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Parameters
    ----------
    rule : str
        Name of the rule that found it; docs/doctor.md has one entry for each.
    level : {"error", "warning", "note"}
        An error keeps the network from learning what it should, a warning makes it
        learn badly, a note is only worth knowing.
    where : str
        The layer, the array or the argument.
    title, what : str
        The finding in a few words, and in one plain sentence.
    evidence : str
        The numbers behind it.
    repair : str
        A line of code to try.
    confidence : {"sure", "likely", "possible"}
    """

    rule: str
    level: str
    where: str
    title: str
    what: str
    evidence: str
    repair: str
    confidence: str = "sure"

    def __str__(self) -> str:
        lines = [f"{self.title} ({self.level}, {self.confidence})"]
        lines += _wrapped(self.what)
        if self.evidence:
            lines += _wrapped(f"evidence: {self.evidence}")
        if self.repair:
            lines.append(f"   try: {self.repair}")
        return "\n".join(lines)


class Diagnosis:
    """The findings of one visit, the gravest first.

    Attributes
    ----------
    findings : list of Finding
        Errors, warnings, notes; within a level causes come before what they cause.
    steps : int
        Training steps that were watched.
    trials : int
        Short trainings at other learning rates that were made to find the cause.
    seconds : float
        What the visit took.
    counts : dict
        ``steps`` watched, ``observations`` made, ``samples`` trained on and
        ``observed`` (samples that went through the network once more to be looked
        at): what the watching cost, counted rather than timed.

    Example
    -------
    >>> print(Diagnosis([], steps=200, seconds=1.8))
    no findings (static rules, then 200 steps watched, 1.8 s)
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        *,
        steps: int = 0,
        trials: int = 0,
        seconds: float = 0.0,
        counts: dict[str, int] | None = None,
    ) -> None:
        self.findings = list(findings)
        self.steps = steps
        self.trials = trials
        self.seconds = seconds
        self.counts = dict(counts or {})

    @property
    def healthy(self) -> bool:
        """True when nothing above a note was found."""
        return all(finding.level == "note" for finding in self.findings)

    def headline(self) -> str:
        """How much was found, and how much was looked at."""
        notes = sum(finding.level == "note" for finding in self.findings)
        found = len(self.findings) - notes
        said = _count(found, "finding") if found else "no findings"
        if notes:
            said += f", {_count(notes, 'note')}"
        looked = "static rules"
        if self.steps:
            looked += f", then {_count(self.steps, 'step')} watched"
        if self.trials:
            looked += f", {_count(self.trials, 'trial')} at other learning rates"
        return f"{said} ({looked}, {self.seconds:.1f} s)"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "findings": [asdict(finding) for finding in self.findings],
            "steps": self.steps,
            "trials": self.trials,
            "seconds": self.seconds,
            "counts": self.counts,
        }

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps(self.to_dict(), indent=2)

    def __str__(self) -> str:
        parts = [self.headline()]
        for number, finding in enumerate(self.findings, 1):
            parts.append(f"{number}. {finding}")
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        rules = ", ".join(finding.rule for finding in self.findings)
        return f"<Diagnosis: {self.headline()}{': ' + rules if rules else ''}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<li><b>{escape(f.title)}</b> ({f.level}, {f.confidence})<br>"
            f"{escape(f.what)}<br><small>evidence: {escape(f.evidence)}</small><br>"
            f"try: <code>{escape(f.repair)}</code></li>"
            for f in self.findings
        )
        return f"<div><p>{escape(self.headline())}</p><ol>{rows}</ol></div>"

    def __len__(self) -> int:
        return len(self.findings)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="   ", subsequent_indent="   ")
