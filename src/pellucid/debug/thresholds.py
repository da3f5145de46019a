"""Every number that a rule compares with, and why it is that number."""

from __future__ import annotations

from typing import NamedTuple


class Threshold(NamedTuple):
    """A limit of the rules."""

    name: str
    value: float
    reason: str


TABLE = (
    Threshold(
        "large_input",
        10.0,
        "initial weights keep the deviation of inputs of about 1; ten times that "
        "saturates or overshoots at the usual rates",
    ),
    Threshold("small_input", 0.01, "the same, a hundred times smaller: gradients fade"),
    Threshold(
        "offset_input",
        10.0,
        "mean over deviation: the offset is then 99 % of the energy of a column",
    ),
    Threshold(
        "scale_spread",
        100.0,
        "one learning rate serves columns whose deviations differ 100 times badly",
    ),
    Threshold("outlier", 100.0, "a value 100 middle-98-percent ranges from the median"),
    Threshold("imbalance", 10.0, "largest class over smallest: 91 to 9 of two"),
    Threshold("imbalance_note", 4.0, "80 to 20 of two: worth knowing, usually learnt"),
    Threshold("leak_share", 0.05, "validation rows also in training: 5 of 100"),
    Threshold("conflict_share", 0.05, "equal rows with different labels: 5 of 100"),
    Threshold(
        "shifted_z",
        6.0,
        "deviations above chance (shuffled labels) of neighbours of another row",
    ),
    Threshold(
        "chance_z",
        3.0,
        "deviations above chance below which nothing is predicted: 1 in 700",
    ),
    Threshold("dropout", 0.8, "the usual range ends at 0.5; 0.8 keeps 1 unit in 5"),
    Threshold(
        "small_batch_norm", 4.0, "samples whose mean and variance are mere noise"
    ),
    Threshold("norm_momentum", 0.999, "after 200 steps 82 % is still the start value"),
    Threshold("adam_low", 1e-5, "Adam and its kin: below, weights hardly move"),
    Threshold("adam_common", 1e-3, "where to begin with them"),
    Threshold("adam_high", 0.1, "every step moves every weight by about the rate"),
    Threshold("sgd_low", 1e-4, "gradients are mostly below 1"),
    Threshold("sgd_common", 0.05, "where to begin with SGD"),
    Threshold("sgd_high", 1.0, "beyond, curvature makes steps overshoot"),
    Threshold("adagrad_low", 1e-4, "its steps only grow shorter"),
    Threshold("adagrad_common", 0.03, "where to begin: three times its default"),
    Threshold("adagrad_high", 1.0, "the first step moves every weight by the rate"),
    Threshold("adadelta_low", 0.01, "it finds the size of its steps itself"),
    Threshold("adadelta_common", 1.0, "its steps as they are"),
    Threshold("adadelta_high", 10.0, "ten times its own steps"),
    Threshold("lion_low", 1e-6, "a tenth of Adam's: every step has full size"),
    Threshold("lion_common", 3e-4, "a third to a tenth of Adam's"),
    Threshold("lion_high", 0.01, "every step moves every weight by the rate"),
    Threshold("penalty", 1.0, "strength of L1 or L2: the usual range ends at 0.1"),
    Threshold("weights_shrunk", 0.1, "weights at a tenth of their start norm"),
    Threshold("signal_grown", 100.0, "deviation of a layer's output over the input's"),
    Threshold("signal_faded", 0.01, "the same, the other way"),
    Threshold("loss_at_start", 3.0, "times the loss of guessing: the start is loud"),
    Threshold("dead_share", 0.5, "of the units; He's start leaves a few per cent dead"),
    Threshold("saturated_share", 0.5, "of the outputs above 98 % of their range"),
    Threshold(
        "gradient_ratio",
        1e-3,
        "gradient per weight, first layer over last: 1 to 0.01 with a good start",
    ),
    Threshold("update_large", 0.1, "update over weight: about 1e-3 is healthy"),
    Threshold("update_small", 1e-4, "the same: 200 steps then move weights by 2 %"),
    Threshold(
        "rate_gain",
        0.15,
        "progress of the loss over that of the best other rate in as many steps",
    ),
    Threshold("learnt", 0.5, "1 - loss / loss of guessing: no other rate is tried"),
    Threshold("stuck", 0.05, "the same: not better than guessing"),
    Threshold("probe_gain", 0.2, "neighbours beat the network by so much"),
    Threshold("falling", 0.03, "the last quarter lowered the loss by this share"),
    Threshold("plateau", 0.01, "the same: less is the noise of 50 batches"),
    Threshold("overfit_rise", 1.3, "held-out loss over its own best"),
    Threshold("overfit_gap", 0.3, "1 - loss / loss of guessing, trained less held out"),
    Threshold("norm_gap", 0.3, "the same, in training mode less in use, same rows"),
)

_VALUES = {row.name: row.value for row in TABLE}


def limit(name: str) -> float:
    """The value of a threshold.

    Example
    -------
    >>> limit("dead_share")
    0.5
    """
    return _VALUES[name]
