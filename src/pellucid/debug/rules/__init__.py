"""The rules, in the order in which causes come before what they cause.

A rule is a function that takes a ``Case`` and yields findings; its name is the name of
its findings. Rules that need a training to look at find ``case.record`` there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pellucid.debug.case import Case
from pellucid.debug.finding import CONFIDENCES, LEVELS, Finding
from pellucid.debug.rules import learning, loss, network, rows, targets, units

Rule = Callable[[Case], Iterator[Finding]]

STATIC: tuple[Rule, ...] = (
    rows.values_missing,
    targets.targets_refused,
    rows.inputs_constant,
    targets.targets_constant,
    loss.output_and_loss,
    loss.output_range,
    loss.softmax_twice,
    loss.metric_misfit,
    network.nothing_trains,
    network.weights_alike,
    network.normalized_away,
    loss.rate_zero,
    targets.targets_shifted,
    rows.outliers,
    rows.inputs_not_scaled,
    rows.inputs_off_centre,
    rows.validation_differs,
    targets.targets_not_scaled,
    targets.targets_contradict,
    rows.validation_leaks,
    targets.order_kept,
    network.dropout_at_the_end,
    network.dropout_too_high,
    network.batch_norm_batch,
    learning.batch_norm_statistics,
    network.no_activation,
    network.penalty_too_strong,
    targets.classes_as_numbers,
    targets.imbalance,
    network.bias_before_batch_norm,
    network.pooling_drops_rows,
    network.tail_of_one,
    network.saturating_stack,
    loss.rate_unusual,
    targets.units_unused,
    rows.columns_constant,
)
DYNAMIC: tuple[Rule, ...] = (
    units.signal_size,
    learning.rate_too_large,
    learning.rate_too_small,
    units.dead_units,
    units.saturated_units,
    units.vanishing_gradient,
    units.exploding_gradient,
    learning.weights_shrunk,
    learning.batch_norm_statistics,
    learning.labels_look_random,
    learning.first_nan,
    learning.overfits,
    learning.one_answer,
    learning.underfits,
    learning.not_learning,
    learning.loss_at_start,
    learning.gradient_noise,
)
SYMPTOMS = frozenset(
    rule.__name__
    for rule in (
        learning.underfits,
        learning.not_learning,
        learning.one_answer,
        learning.loss_at_start,
    )
)
"""What has a cause: told only as a note when the cause itself was found."""

EFFECTS = frozenset(
    rule.__name__
    for rule in (
        units.dead_units,
        units.saturated_units,
        units.vanishing_gradient,
        units.exploding_gradient,
    )
)
"""What may have a cause: no error of its own when the cause was found."""

RULES = (*STATIC, *DYNAMIC)
ORDER = {rule.__name__: -number for number, rule in enumerate(RULES[::-1])}


def apply(case: Case, rules: tuple[Rule, ...]) -> list[Finding]:
    """All findings of these rules."""
    return [finding for rule in rules for finding in rule(case)]


def ranked(findings: list[Finding]) -> list[Finding]:
    """The gravest first; causes before what they cause, the doubtful last."""
    causes = [f for f in findings if f.rule not in SYMPTOMS and f.level != "note"]
    kept = findings if not causes else [f for f in findings if f.rule not in SYMPTOMS]
    if any(f.rule not in EFFECTS for f in causes):
        kept = [
            replace(f, level="warning")
            if f.rule in EFFECTS and f.level == "error"
            else f
            for f in kept
        ]

    def key(finding: Finding) -> tuple[int, int, int]:
        doubtful = int(finding.confidence == CONFIDENCES[-1])
        return LEVELS.index(finding.level), doubtful, ORDER[finding.rule]

    return sorted(kept, key=key)
