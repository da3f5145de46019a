"""What a profile means, in words: one rule a line of the table at the end."""

from __future__ import annotations

from collections.abc import Callable

from pellucid import kernels
from pellucid.debug.profile_table import Profile, Row
from pellucid.kernels.environment import default_threads

LANES = 16  # float32 numbers in the widest register
LITTLE = 0.02  # of the step: not worth a word
USUAL = 60.0  # percent of a limit: nothing to explain
UNSTEADY = 0.25  # quartile distance over median


def advise(profile: Profile) -> list[str]:
    """One sentence for every rule that fits, the weightiest layers first.

    Only what the numbers show: a rule that does not fit says nothing, and where none
    fits the answer is that nothing stands out.
    """
    rows = sorted(profile.rows, key=lambda row: -row.share)
    found = [text for rule in STEP_RULES if (text := rule(profile)) is not None]
    for row in rows:
        if row.share >= LITTLE:
            texts = (rule(row, profile) for rule in LAYER_RULES)
            found += [text for text in texts if text is not None][:1]
    return found or ["nothing stands out."]


# Rules about the whole step -----------------------------------------------------


def _unsteady(profile: Profile) -> str | None:
    if profile.variation < UNSTEADY:
        return None
    return (
        f"the step's time varied by {100 * profile.variation:.0f} %: something else "
        "uses this machine; the shares hold better than the times."
    )


def _numpy(profile: Profile) -> str | None:
    if kernels.backend() == "compiled":
        return None
    return (
        "NumPy computes here, the reference backend; unset PELLUCID_BACKEND, or build "
        "the extension, for the fast kernels."
    )


def _not_recorded(profile: Profile) -> str | None:
    if profile.recorded or kernels.backend() != "compiled":
        return None
    return (
        "the step is not repeated from a recording, because a layer or a loss is not "
        "pellucid's own: Python runs in every layer."
    )


def _outside(profile: Profile) -> str | None:
    if profile.outside_share < 0.3:
        return None
    name = max(profile.outside, key=lambda key: profile.outside[key])
    part = profile.outside[name] / profile.parts_seconds
    return (
        f"{100 * profile.outside_share:.0f} % of the step is outside layers, most of "
        f"it {name} ({100 * part:.0f} %); all but the gather costs the same for any "
        "batch, so a larger batch_size spreads it over more samples."
    )


def _float64(profile: Profile) -> str | None:
    if profile.dtype != "float64":
        return None
    return (
        "float64 has half the lanes, twice the bytes and no Winograd; "
        'dtype="float32" is enough for training.'
    )


def _one_thread(profile: Profile) -> str | None:
    possible = default_threads()
    if profile.machine.threads > 1 or possible < 2 or profile.step_seconds < 5e-4:
        return None
    return (
        f"one thread computes and {possible} would run here: "
        f"pl.set_num_threads({possible}); the bits stay the same."
    )


# Rules about a layer --------------------------------------------------------------


def _few_channels(row: Row, profile: Profile) -> str | None:
    limits = (row.percent_of_peak or 100.0, row.percent_of_copy or 0.0)
    if "few channels" not in row.forward.algorithm or max(limits) > USUAL:
        return None
    return (
        f"{row.name} {_runs(row)} because few input channels leave little to compute "
        "for each output; that is normal, and it is "
        f"{100 * row.share:.0f} % of the step."
    )


def _column_matrix(row: Row, profile: Profile) -> str | None:
    if row.forward.algorithm != "im2col":
        return None
    return (
        f"{row.name} writes a column matrix because conv_algo asks for im2col; "
        'conv_algo="auto" needs none.'
    )


def _winograd(row: Row, profile: Profile) -> str | None:
    percent = row.percent_of_peak
    if "winograd" not in row.forward.algorithm or percent is None or percent < 100:
        return None
    return (
        f"{row.name} reaches {percent:.0f} % of the peak because Winograd needs fewer "
        "multiplications than the formula counts."
    )


def _narrow(row: Row, profile: Profile) -> str | None:
    outputs = row.output[-1]
    slow = row.percent_of_peak is not None and row.percent_of_peak < USUAL
    if row.bound != "compute" or not slow or outputs >= LANES:
        return None
    return (
        f"{row.name} {_runs(row)} because it has {outputs} outputs, and a register "
        f"holds {LANES}; it is {100 * row.share:.0f} % of the step."
    )


def _small_batch(row: Row, profile: Profile) -> str | None:
    if row.kind != "Dense" or profile.batch >= 16:
        return None
    return (
        f"{row.name} reads {row.parameters:,} parameters for {profile.batch} samples; "
        "a larger batch does more work for each of them."
    )


def _activation_by_itself(row: Row, profile: Profile) -> str | None:
    names = [other.name for other in profile.rows]
    index = names.index(row.name)
    before = profile.rows[index - 1] if index else None
    kinds = {"ReLU", "LeakyReLU", "Sigmoid", "Tanh"}
    if row.kind not in kinds or before is None or row.bound == "-":
        return None
    if before.kind not in {"Conv2D", "Dense"}:
        return None
    word = {"ReLU": "relu", "LeakyReLU": "leaky_relu"}.get(row.kind, row.kind.lower())
    return (
        f"{row.name} reads and writes everything once more; {before.kind}(..., "
        f'activation="{word}") does it in the pass of {before.name}.'
    )


def _runs(row: Row) -> str:
    if row.bound == "memory" and row.percent_of_copy is not None:
        return f"runs at {row.percent_of_copy:.0f} % of a copy of its bytes"
    if row.percent_of_peak is None:
        return f"takes {100 * row.share:.0f} % of the step"
    return f"runs at {row.percent_of_peak:.0f} % of the peak"


STEP_RULES: tuple[Callable[[Profile], str | None], ...] = (
    *(_unsteady, _numpy, _not_recorded, _float64, _one_thread, _outside),
)
LAYER_RULES: tuple[Callable[[Row, Profile], str | None], ...] = (
    *(_few_channels, _column_matrix, _winograd, _narrow, _small_batch),
    _activation_by_itself,
)
