"""Rules about the course of a training: rate, divergence, generalisation."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pellucid.core.layer import Layer
from pellucid.debug.case import (
    Case,
    Trial,
    first_own_start,
    instead,
    optimizer_code,
    penalty_of,
    weaker_penalty,
)
from pellucid.debug.finding import Finding
from pellucid.debug.monitor import Record, weight_of
from pellucid.debug.rules.rows import STANDARDIZE
from pellucid.debug.thresholds import limit
from pellucid.layers import BatchNorm
from pellucid.layers.affine import Affine


def learnt(case: Case) -> float:
    """1 - loss / loss of guessing, at the end, on training rows; -inf after NaN."""
    record = case.record
    if record is None or record.refused:
        return -math.inf
    end = record.curve[-1].loss if record.curve else record.ends()[1]
    return _skill(case, record, end)


def _skill(case: Case, record: Record, loss: float) -> float:
    skill = case.skill(loss)
    if math.isnan(skill):  # no loss of guessing: the start takes its place
        start = record.curve[0].loss if record.curve else record.losses[0]
        skill = 1 - loss / start if start > 0 and math.isfinite(loss) else -math.inf
    return skill


def at_start(case: Case) -> float:
    """The same before the first step."""
    record = case.record
    if record is None or not (record.curve or record.losses):
        return 0.0
    start = record.curve[0].loss if record.curve else record.losses[0]
    return _skill(case, record, start)


def held_skill(case: Case) -> float:
    """The same at the end, on rows that were not trained on; NaN without any."""
    record = case.record
    if record is None or not record.curve or record.refused:
        return math.nan
    return case.held_skill(record.curve[-1].held_loss)


def diverged(case: Case) -> bool:
    """NaN, or a loss that ends far above its start and above guessing."""
    record = case.record
    if record is None or not record.losses:
        return record is not None and record.refused is not None
    first, last = record.ends()
    base = first if case.guessing is None else max(first, case.guessing)
    return record.refused is not None or not last <= 2 * base


def rate_repair(rate: float) -> str:
    """Code that sets a learning rate."""
    return f"model.optimizer.learning_rate = {float(f'{rate:.1g}'):g}"


def lower_rate(case: Case) -> str:
    """Code for the best of the smaller rates, or for a tenth."""
    better = [t for t in case.trials if t.factor < 1 and math.isfinite(t.skill)]
    rate = case.model.optimizer.learning_rate / 10
    if better:
        rate = max(better, key=lambda trial: (_sound(trial), trial.skill)).rate
    return rate_repair(rate)


def _sound(trial: Trial) -> float:
    """How much is learnt that also holds on rows not trained on."""
    held = trial.skill if math.isnan(trial.held_skill) else trial.held_skill
    return round(min(trial.skill, held), 1)


def rate_too_large(case: Case) -> Iterator[Finding]:
    """Steps that overshoot."""
    record = case.record
    if record is None:
        return
    end, ratio = learnt(case), record.largest_update()
    rate = case.model.optimizer.learning_rate
    smaller = [t for t in case.trials if t.factor < 1]
    best = max(smaller, key=lambda t: (_sound(t), t.skill), default=None)
    course = "the loss went from {:.3g} to {:.3g}".format(*record.ends())
    if not record.losses or record.refused:
        step = record.refused.step if record.refused else 0
        course = f"NaN or infinity at step {step}"
    healed = best is not None and (
        best.skill > max(end, 0) + 0.3
        or min(best.skill, best.held_skill) > max(held_skill(case), 0) + 0.3
    )
    jumps = not ratio < limit("update_large")
    seen = (diverged(case) or end < limit("stuck")) and not case.trials
    if not healed and not (seen and jumps and record.fresh):
        return
    evidence = (
        f"{course}; update-to-weight ratio up to {ratio:.2g} (about 0.001 is healthy)"
    )
    if healed and best is not None:
        evidence += f"; at {best.rate:.1g} the same steps learn {_percent(best)}"
    yield Finding(
        "rate_too_large",
        "error" if diverged(case) or end < limit("stuck") else "warning",
        "optimizer",
        "the learning rate is too large",
        f"At {rate:g} the steps overshoot"
        + (" and the loss grows." if diverged(case) else " and nothing is learnt."),
        evidence,
        lower_rate(case),
        "sure" if healed and ratio > limit("update_large") / 3 else "likely",
    )


def _percent(trial: Trial) -> str:
    return f"{100 * trial.skill:.0f} % of the loss of guessing away"


def rate_too_small(case: Case) -> Iterator[Finding]:
    """Steps that hardly change anything."""
    record = case.record
    if record is None or not record.losses or record.refused:
        return
    end, start, ratio = learnt(case), at_start(case), record.update_ratio()
    rate = case.model.optimizer.learning_rate
    larger = [t for t in case.trials if t.factor > 1]
    best = max(larger, key=lambda trial: trial.skill, default=None)
    first, last = record.ends()
    evidence = (
        f"{record.steps} steps took the loss from {first:.4g} to {last:.4g}; update-to-"
        f"weight ratio {ratio:.1g} (about 0.001 is healthy)"
    )
    if best is not None:
        gain = best.skill - start
        if gain < 0.1 or end - start >= limit("rate_gain") * gain:
            return
        evidence += f"; at {best.rate:.1g} the same steps learn {_percent(best)}"
    else:
        still = 0 < ratio < limit("update_small") and end < limit("learnt")
        if case.trials or not still or record.moved() > limit("falling"):
            return
    crawls = not ratio > 3 * limit("update_small")
    yield Finding(
        "rate_too_small",
        "warning" if crawls else "note",
        "optimizer",
        "the learning rate is too small",
        f"At {rate:g} the weights hardly move, and the loss with them."
        if crawls
        else "Much is still to be learnt after these steps, and a larger rate is "
        "faster.",
        evidence,
        rate_repair(100 * rate if best is None else best.rate),
        "sure" if ratio < limit("update_small") else "likely",
    )


def weights_shrunk(case: Case) -> Iterator[Finding]:
    """A penalty that took the weights away."""
    record = case.record
    if record is None or not record.observations or learnt(case) > limit("learnt"):
        return
    last = record.observations[-1].parameters
    decay = case.model.optimizer.weight_decay
    weaker = optimizer_code(case.model.optimizer, weight_decay=1e-4)
    for name, layer in case.layers:
        penalty = penalty_of(layer)
        weight = weight_of(layer)
        key = f"{name}.{weight[0]}" if weight else ""
        start = record.weights_at_start.get(key, 0.0)
        if key not in last or not start or not (penalty or decay):
            continue
        ratio = last[key].weight / start
        if ratio < limit("weights_shrunk"):
            yield Finding(
                "weights_shrunk",
                "warning",
                name,
                f"the penalty takes the weights of {name} away",
                f"Its weights are {100 * ratio:.2g} % of what they were at the start, "
                "and the loss is not low.",
                f"penalty {penalty!r}, weight_decay {decay:g}",
                f"model.compile({weaker}, model.loss)"
                if decay
                else weaker_penalty(case, layer),
                "sure",
            )
            return


def batch_norm_statistics(case: Case) -> Iterator[Finding]:
    """A network that is good in training mode and bad in use."""
    record = case.record
    norms = [(n, p) for n, p in case.layers if isinstance(p, BatchNorm)]
    for name, layer in norms:
        if layer.momentum > limit("norm_momentum") and record is None:
            yield Finding(
                "batch_norm_statistics",
                "warning",
                name,
                f"the running statistics of {name} hardly move",
                "In use the layer takes the running mean and variance, which keep "
                f"{layer.momentum:g} of their start values in every step.",
                f"momentum {layer.momentum:g}; 0.9 to 0.99 is usual (PyTorch counts "
                "the other part: its 0.1 is 0.9 here)",
                _momentum(case, layer),
                "sure",
            )
            return
    if record is None or not record.curve or not norms or record.refused:
        return
    gap = case.skill(record.ends()[1]) - learnt(case)
    if gap > limit("norm_gap"):
        name, layer = norms[0]
        if layer.momentum > limit("norm_momentum"):
            return
        yield Finding(
            "batch_norm_statistics",
            "warning",
            name,
            "the running statistics are far from the batches'",
            "The network does well with the mean and variance of each batch and badly "
            "with the running ones, which it uses after training.",
            f"loss {record.ends()[1]:.3g} in training, {record.curve[-1].loss:.3g} in "
            f"use on the same rows; momentum {layer.momentum:g}",
            _momentum(case, layer),
            "likely",
        )


def _momentum(case: Case, layer: Layer) -> str:
    return f"{case.code(layer)}.momentum = 0.9"


def labels_look_random(case: Case) -> Iterator[Finding]:
    """Targets that have nothing to do with x."""
    near, held = case.neighbours, case.held
    if case.record is None or near is None or held is None or len(case.x) < 100:
        return
    if near.z > limit("chance_z") or len(held.x) < 20:
        return
    learned = [held_skill(case), *(trial.held_skill for trial in case.trials)]
    noise = 2 / math.sqrt(len(held.x))  # what chance gives on so few rows
    best = max((s for s in learned if not math.isnan(s)), default=0.0)
    if best > max(limit("stuck"), noise):
        return
    yield Finding(
        "labels_look_random",
        "warning",
        "y",
        "y has nothing to do with x",
        "Rows of x that are alike have nothing in common in y, and what the network "
        "learns fails on rows it has not seen: it can only learn them by heart.",
        f"agreement of the 5 nearest rows {near.score:.2f}, by chance {near.chance:.2f}"
        f"; 1 - loss / loss of guessing: {learnt(case):.2f} on trained rows, "
        f"{learned[0]:.2f} on others",
        "print(x[:5], y[:5])   # were x and y shuffled or sorted separately?",
        "likely",
    )


def first_nan(case: Case) -> Iterator[Finding]:
    """The first loss or gradient that is not finite."""
    record = case.record
    if record is None or record.refused is None:
        return
    refused = record.refused
    yield Finding(
        "first_nan",
        "error",
        "training",
        f"NaN or infinity at step {refused.step}",
        refused.message.splitlines()[0],
        f"learning rate {refused.rate:g}; {refused.bad_rows} rows of that batch are "
        "not finite themselves",
        lower_rate(case),
        "sure",
    )


def overfits(case: Case) -> Iterator[Finding]:
    """Learning by heart."""
    record = case.record
    if record is None or len(record.curve) < 3 or record.refused:
        return
    course = [point.held_loss for point in record.curve[1:]]
    if not np.isfinite(course).all() or case.guessing is None:
        return
    end, held = learnt(case), held_skill(case)
    best = int(np.argmin(course))
    risen = course[-1] / max(course[best], 1e-12)
    if risen < limit("overfit_rise") or end - held < limit("overfit_gap"):
        return
    yield Finding(
        "overfits",
        "warning",
        "model",
        "the network learns the samples by heart",
        "The loss falls on the rows that are trained on and grows on others.",
        f"loss {record.curve[-1].loss:.3g} on trained rows, {course[-1]:.3g} on others "
        f"({course[best]:.3g} at step {record.curve[1 + best].step})",
        "callbacks = [pl.EarlyStopping(patience=5)]   # and more data, "
        "pl.Dropout(0.3), pl.L2(1e-4)",
        "likely",
    )


def one_answer(case: Case) -> Iterator[Finding]:
    """The same output for every sample."""
    record = case.record
    if record is None or not record.curve or record.refused:
        return
    if record.curve[-1].same and learnt(case) < limit("stuck"):
        yield Finding(
            "one_answer",
            "warning",
            "model",
            "the network gives every sample the same answer",
            "Its output no longer depends on x, so no metric can move.",
            f"deviation of the outputs over {len(case.looked_at)} rows is 0",
            "print(model.predict(x[:5]))   # from which layer on is it the same?",
            "sure",
        )


def underfits(case: Case) -> Iterator[Finding]:
    """A network that is too small for what the data holds."""
    record, near = case.record, case.neighbours
    if record is None or near is None or not record.curve or record.refused:
        return
    score = record.curve[-1].held_score
    if math.isnan(score) or near.z < 2 * limit("chance_z"):
        return
    if record.falling() > limit("falling") or near.score - score < limit("probe_gain"):
        return
    if max((t.skill for t in case.trials), default=-1.0) > learnt(case) + 0.2:
        return
    wider = _wider(case)
    word = "accuracy" if near.labels else "correlation"
    yield Finding(
        "underfits",
        "warning",
        "model",
        "the network is too small for this data",
        "The 5 nearest rows already predict better than the network does, and its "
        "loss no longer falls.",
        f"{word} {near.score:.2f} of the neighbours, {score:.2f} of the network; "
        f"{sum(p.size for p in case.model.parameters()):,} parameters",
        wider,
        "likely",
    )


def _wider(case: Case) -> str:
    """A larger layer in place of the narrowest hidden one, or one more."""
    weighted = [(n, p) for n, p in case.layers if isinstance(p, Affine)]
    sizes = [
        (config[word], name, layer, word)
        for name, layer in weighted[:-1]
        for word in ("units", "filters")
        if word in (config := layer.config())
    ]
    if not sizes:
        return f'pl.Dense(64, activation="relu")   # before {weighted[-1][0]}'
    size, name, layer, word = min(sizes, key=lambda found: found[0])
    activation = layer.activation or "relu"
    wide = {word: max(64, 2 * size), "activation": activation}
    return instead(name, layer, **wide)


def not_learning(case: Case) -> Iterator[Finding]:
    """A loss that stays where guessing would leave it, or stops early."""
    record = case.record
    if record is None or not record.losses or record.refused or record.steps < 50:
        return
    end = learnt(case)
    stuck = end < limit("stuck")
    if record.falling() > limit("falling" if stuck else "plateau"):
        return
    if end > limit("learnt") or any(labels_look_random(case)):
        return
    guess = "" if case.guessing is None else f" (guessing gives {case.guessing:.3g})"
    yield Finding(
        "not_learning",
        "warning" if stuck else "note",
        "model",
        "the loss does not fall" if stuck else "the loss has stopped falling",
        "Neither the rules nor other learning rates tell why."
        if stuck
        else "It is a plateau: a larger network, other inputs or more data may help.",
        "{:.4g} at the start, {:.4g} at the end".format(*record.ends()) + guess,
        "model.find_learning_rate(x, y)",
        "likely" if stuck else "possible",
    )


def loss_at_start(case: Case) -> Iterator[Finding]:
    """A first loss far above that of guessing."""
    record = case.record
    if record is None or not record.fresh or case.guessing is None:
        return
    entropy = hasattr(case.loss, "label_smoothing")  # others have no such start
    if case.labels is None or not entropy or not record.losses:
        return
    ratio = record.losses[0] / max(case.guessing, 1e-12)
    if ratio > limit("loss_at_start"):
        yield Finding(
            "loss_at_start",
            "warning" if learnt(case) < limit("learnt") else "note",
            "model",
            "the network starts out very sure, and wrong",
            "Initial outputs should be small, so that every class gets about the same "
            "probability.",
            f"first loss {record.losses[0]:.3g}, guessing gives {case.guessing:.3g}",
            first_own_start(case) or STANDARDIZE,
            "likely",
        )


def gradient_noise(case: Case) -> Iterator[Finding]:
    """Batches that pull in different directions (a note)."""
    record = case.record
    if record is None or learnt(case) > limit("learnt"):
        return
    seen = [s.agreement for s in record.observations if not math.isnan(s.agreement)]
    if len(seen) < 3 or case.batch_size >= 16 or np.median(seen) > 0.05:
        return
    yield Finding(
        "gradient_noise",
        "note",
        "batch_size",
        "the batches pull in different directions",
        "The gradients of successive batches hardly agree; a larger batch makes steps "
        "surer.",
        f"median cosine between them {np.median(seen):.2g}, batch_size "
        f"{case.batch_size}",
        "model.fit(x, y, batch_size=64)",
        "possible",
    )
