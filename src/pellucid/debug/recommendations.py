"""What the figures of a benchmark advise, where they are steady enough to say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NOISY = 0.5  # quartile distance over median: no advice from such a figure
WORTH = 1.05  # a gain below is not worth a word
MEGABYTES = 10  # of buffers for one sample
FLOAT32_GAIN = 1.5


def recommend(found: Mapping[str, Any]) -> list[str]:
    """Sentences for the rules that fit; one that says so where none does.

    A rule speaks only if it holds for the quartiles of the measurements, not for their
    middle alone, and never from a figure that varied by half of itself.
    """
    texts = [text for rule in RULES if (text := rule(found)) is not None]
    return texts or ["nothing stands out: the model uses this machine well."]


def steady(row: Mapping[str, Any]) -> bool:
    """Whether the quartiles of a time lie close enough together to conclude from.

    Example
    -------
    >>> steady({"seconds": 1.0, "low": 0.9, "high": 1.1})
    True
    >>> steady({"seconds": 1.0, "low": 0.5, "high": 2.0})
    False
    """
    middle = row["seconds"]
    return bool(middle > 0) and bool((row["high"] - row["low"]) / middle < NOISY)


def _noise(found: Mapping[str, Any]) -> str | None:
    rows = [*found["forward"], *found["training"]]
    noisy = [row for row in rows if not steady(row)]
    if len(noisy) * 2 <= len(rows):
        return None
    return (
        f"{len(noisy)} of {len(rows)} times varied by half or more: something else "
        "uses this machine; measure again when it is idle."
    )


def _batch(found: Mapping[str, Any]) -> str | None:
    rows = [row for row in found["training"] if steady(row)]
    if len(rows) < 2:
        return None
    # What is surely the fastest: by its upper quartile, against the lower of others.
    best = max(rows, key=lambda row: row["batch"] / row["high"])
    sure = best["batch"] / best["high"]
    first = rows[0]
    gain = sure / (first["batch"] / first["low"])
    if best is first or gain < WORTH:
        return None
    enough = next(
        row
        for row in rows[1:]
        if row["samples_per_second"] >= 0.9 * best["samples_per_second"] or row is best
    )
    return (
        f"train with a batch of {enough['batch']} or more: it takes "
        f"{enough['samples_per_second']:,.0f} samples a second, a batch of "
        f"{first['batch']} {first['samples_per_second']:,.0f}."
    )


def _memory(found: Mapping[str, Any]) -> str | None:
    worst = max((row["per_sample"] for row in found["memory"]), default=0)
    if worst <= MEGABYTES * 1e6:
        return None
    return (
        f"a sample needs {1e-6 * worst:.0f} MB while training: a smaller batch_size "
        "with accumulate_steps, earlier pooling or larger strides need less."
    )


def _dtype(found: Mapping[str, Any]) -> str | None:
    rows = {row["dtype"]: row for row in found["dtype"]}
    if found["system"]["dtype"] != "float64" or "float32" not in rows:
        return None
    row = rows["float32"]
    if row["speedup_low"] <= FLOAT32_GAIN:
        return None
    return (
        f'use dtype="float32": a training step takes 1/{row["speedup"]:.1f} of the '
        "time, and half of the memory."
    )


def _threads(found: Mapping[str, Any]) -> str | None:
    rows = [row for row in found["threads"] if row["threads"] > 1]
    used = found["system"]["threads"]
    for row in rows:
        if used == 1 and row["speedup_low"] >= WORTH:
            return (
                f"use {row['threads']} threads: steps are {row['speedup']:.2f} times "
                f"as fast; pl.set_num_threads({row['threads']})."
            )
        if used > 1 and 0 < row["speedup_high"] <= 1 / WORTH:
            return (
                f"one thread is faster than {row['threads']} here "
                f"({1 / row['speedup']:.2f} times): pl.set_num_threads(1)."
            )
    return None


RULES: tuple[Callable[[Mapping[str, Any]], str | None], ...] = (
    *(_noise, _batch, _memory, _dtype, _threads),
)
