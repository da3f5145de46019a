"""Rules about units and gradients, from what was observed while training."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pellucid.core.layer import Array
from pellucid.debug.case import Case, first_own_start, own_start
from pellucid.debug.finding import Finding
from pellucid.debug.monitor import DYING, RANGES, Record, weight_of
from pellucid.debug.rules.learning import diverged, learnt, lower_rate
from pellucid.debug.rules.rows import STANDARDIZE
from pellucid.debug.thresholds import limit
from pellucid.layers.affine import Affine

BOUNDED = (*RANGES, "softmax", "log_softmax")
NORMALIZE = "pl.BatchNorm()   # before the activation of each hidden layer"
RECENT = 3  # observations in which a dead unit gave nothing


def signal_size(case: Case) -> Iterator[Finding]:
    """Outputs at the start that are far larger or smaller than the inputs."""
    record = case.record
    if record is None or not record.fresh or not record.observations:
        return
    if any(layer.normalizes for _, layer in case.layers):
        return
    with np.errstate(invalid="ignore"):  # NaN in a sample is another rule's finding
        start = float(np.sqrt(case.scaled.var(axis=0).mean()))
    if not (start > 0 and math.isfinite(start)) or record.observations[0].step > 1:
        return
    weighted = [n for n, part in case.layers if weight_of(part) is not None]
    for name, layer in case.layers:
        if name not in weighted or layer.activation in BOUNDED:
            continue
        view = record.observations[0].layers[name]
        if view.alive is not None and view.alive.mean() < limit("dead_share"):
            return  # the rule on dead units says it better
        ratio = view.deviation / start
        faded = ratio < limit("signal_faded") and name != weighted[-1]
        if ratio > limit("signal_grown") or faded:
            word = "fades" if faded else "grows"
            yield Finding(
                "signal_size",
                "error"
                if diverged(case)
                else "warning"
                if learnt(case) < limit("learnt")
                else "note",
                name,
                f"the signal {word} up to {name}",
                f"Before the first step the outputs of {name} differ {ratio:.2g} times "
                "as much from sample to sample as the inputs do; about 1 is right.",
                f"deviation {view.deviation:.2g} over {start:.2g} of the inputs",
                own_start(name, layer) or NORMALIZE,
                "sure",
            )
            return


def dead_units(case: Case) -> Iterator[Finding]:
    """ReLU units that give 0 for every sample."""
    record = case.record
    if record is None or not record.observations:
        return
    recent = [seen for seen in record.observations if seen.step > 0][-RECENT:]
    for name, layer in case.layers:
        if layer.activation not in DYING or not recent:
            continue
        masks = [seen.layers[name].alive for seen in recent]
        alive = np.any([mask for mask in masks if mask is not None], axis=0)
        share = 1 - float(alive.mean())
        if alive.size < 4 or share < limit("dead_share"):
            continue
        course = _shares(record, name)
        since = next((at for at, dead in course if dead >= 0.9 * share), 0)
        shown = ", ".join(f"{100 * dead:.0f} % at step {at}" for at, dead in course[:4])
        word = "ReLU" if layer.activation == "relu" else layer.activation
        at_start = bool(course) and course[0][0] == 0 and course[0][1] >= share / 2
        ratio = record.update_ratio()
        yield Finding(
            "dead_units",
            _grave(case, "error" if share > 0.9 else "warning"),
            name,
            f"{name} is dying" if share < 1 else f"{name} is dead",
            f"{100 * share:.0f} % of its {alive.size} {word} units gave 0 for every "
            f"sample since step {since}.",
            f"dead share {shown}; update-to-weight ratio {ratio:.2g} (about 0.001 is "
            "healthy)",
            (own_start(name, layer) or STANDARDIZE) if at_start else lower_rate(case),
            "sure",
        )
        return


def _shares(record: Record, name: str) -> list[tuple[int, float]]:
    """Step and dead share of each observation, thinned to what changes."""
    course: list[tuple[int, float]] = []
    for seen in record.observations:
        alive = seen.layers[name].alive
        if alive is None:
            continue
        dead = 1 - float(alive.mean())
        if not course or abs(dead - course[-1][1]) > 0.05:
            course.append((seen.step, dead))
    return course


def saturated_units(case: Case) -> Iterator[Finding]:
    """Sigmoid or tanh units at the end of their range."""
    record = case.record
    if record is None or not record.observations:
        return
    for name, layer in case.layers[:-1]:
        if layer.activation not in RANGES:
            continue
        first = record.observations[0].layers[name].saturated
        last = record.observations[-1].layers[name].saturated
        if not last >= limit("saturated_share"):
            continue
        yield Finding(
            "saturated_units",
            _grave(case, "warning"),
            name,
            f"{name} is saturated",
            f"{100 * last:.0f} % of its outputs are at the ends of the range of "
            f"{layer.activation}, where the slope is nearly 0 and nothing is learnt.",
            f"{100 * first:.0f} % at step {record.observations[0].step}, "
            f"{100 * last:.0f} % at step {record.observations[-1].step}; update-to-"
            f"weight ratio {record.update_ratio():.2g} (about 0.001 is healthy)",
            (own_start(name, layer) or STANDARDIZE)
            if first >= limit("saturated_share")
            else lower_rate(case),
            "sure",
        )
        return


def vanishing_gradient(case: Case) -> Iterator[Finding]:
    """Gradients that die out on the way back."""
    found = _gradient_ratio(case)
    if found is None:
        return
    first, last, ratio, shown = found
    if ratio < limit("gradient_ratio"):
        hidden = [part.activation for _, part in case.layers[:-1]]
        word = next((a for a in hidden if a in RANGES), None)
        yield Finding(
            "vanishing_gradient",
            _grave(case, "warning"),
            first,
            f"the gradient vanishes before it reaches {first}",
            f"The gradient of {first} is {ratio:.1g} of that of {last}, so the first "
            "layers learn next to nothing.",
            shown,
            'for layer in model.layers[:-1]: layer.activation = "relu"'
            if word and all(isinstance(part, Affine) for part in case.model.layers)
            else NORMALIZE,
            "sure" if ratio < limit("gradient_ratio") / 10 else "likely",
        )


def exploding_gradient(case: Case) -> Iterator[Finding]:
    """Gradients that grow on the way back."""
    found = _gradient_ratio(case)
    if found is None:
        return
    first, last, ratio, shown = found
    if ratio * limit("gradient_ratio") > 1:
        yield Finding(
            "exploding_gradient",
            _grave(case, "warning"),
            first,
            f"the gradient explodes on its way to {first}",
            f"The gradient of {first} is {ratio:.1g} times that of {last}.",
            shown,
            first_own_start(case) or "model.optimizer.clip_norm = 1.0",
            "sure",
        )


def _gradient_ratio(case: Case) -> tuple[str, str, float, str] | None:
    """First and last layer with weights, and the median ratio of their gradients."""
    key = {n: f"{n}.{w[0]}" for n, part in case.layers if (w := weight_of(part))}
    weighted = list(key)
    if case.record is None or len(weighted) < 3:
        return None
    seen = [s for s in case.record.observations if s.step > 0]
    sizes = {
        n: [s.parameters[key[n]].gradient for s in seen if key[n] in s.parameters]
        for n in weighted
    }
    last = np.array(sizes[weighted[-1]])
    first = np.array(sizes[weighted[0]])
    used = (last > 0) & np.isfinite(last) & np.isfinite(first)
    if not used.any() or _dead_everywhere(first):
        return None
    ratio = float(np.median(first[used] / last[used]))
    middle = [f"{n} {np.median(sizes[n]):.1g}" for n in (*weighted[:3], weighted[-1])]
    shown = "root mean square of the gradient: " + ", ".join(dict.fromkeys(middle))
    return weighted[0], weighted[-1], ratio, shown


def _dead_everywhere(gradients: Array) -> bool:
    """A first layer that gets no gradient at all has dead units, not small ones."""
    return bool(np.median(gradients) == 0)


def _grave(case: Case, level: str) -> str:
    """The level, or a note where the network learns well in spite of it."""
    return "note" if learnt(case) > 0.8 else level
