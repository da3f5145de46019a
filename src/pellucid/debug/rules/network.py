"""Rules about the layers as they are built, before a step is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from pellucid.core.layer import Layer
from pellucid.core.parameter import Parameter
from pellucid.debug.case import (
    INITIALIZERS,
    Case,
    instead,
    optimizer_code,
    penalty_of,
    weaker_penalty,
)
from pellucid.debug.finding import Finding
from pellucid.debug.monitor import weight_of
from pellucid.debug.thresholds import limit
from pellucid.layers import BatchNorm, DepthwiseConv2D, GaussianNoise
from pellucid.layers.affine import Affine
from pellucid.layers.pooling import Pool2D
from pellucid.layers.regularization import RandomDrop

SATURATING = ("sigmoid", "tanh")


def chains(
    layers: Sequence[Layer], prefix: str = ""
) -> Iterator[list[tuple[str, Layer]]]:
    """Every chain of the model with its layers' names: the whole, and those inside."""
    yield [(f"{prefix}{layer.name}", layer) for layer in layers]
    for layer in layers:
        for word, inner in layer.children().items():
            yield from chains(inner, f"{prefix}{layer.name}.{word}.")


def nothing_trains(case: Case) -> Iterator[Finding]:
    """No parameter that may change."""
    parameters = case.model.parameters()
    if not any(p.trainable for p in parameters):
        yield Finding(
            "nothing_trains",
            "error",
            "model",
            "no layer can learn",
            "All parameters are frozen, or there are none.",
            f"0 of {sum(p.size for p in parameters):,} parameters are trainable",
            "for layer in model.layers: layer.trainable = True",
        )


def weights_alike(case: Case) -> Iterator[Finding]:
    """All units of a hidden layer are the same."""
    weighted = [(n, p, w[1]) for n, p in case.layers if (w := weight_of(p))]
    for name, layer, weight in weighted[:-1]:
        axis = getattr(layer, "output_axis", -1)
        if weight.shape[axis] < 2 or weight.size < 4:
            continue
        flat = np.moveaxis(weight.value, axis, -1).reshape(-1, weight.shape[axis])
        if (flat == flat[:, :1]).all():
            value = float(flat[0, 0])
            yield Finding(
                "weights_alike",
                "error",
                name,
                f"all units of {name} are equal",
                f"Its {flat.shape[1]} units have the same weights, get the same "
                "gradient, and so stay one unit for ever.",
                f"every weight is {value:g}"
                if np.ptp(flat) == 0
                else "all columns of the weights are equal",
                instead(name, layer, INITIALIZERS),
            )


def drawn_share(layer: Layer) -> tuple[str, float]:
    """The argument that says how much chance does in training, and its value."""
    if isinstance(layer, RandomDrop):
        return "rate", layer.rate
    if isinstance(layer, GaussianNoise):
        return "stddev", layer.stddev
    return "", 0.0


def dropout_at_the_end(case: Case) -> Iterator[Finding]:
    """Dropout, or noise, on the output itself."""
    for name, layer in reversed(case.layers):
        word, share = drawn_share(layer)
        if share > 0:
            drops = word == "rate"
            yield Finding(
                "dropout_at_the_end",
                "warning",
                name,
                f"{'dropout' if drops else 'noise'} after the last layer",
                f"{name} changes "
                + (f"{100 * share:.0f} % of " if drops else "")
                + "the answers themselves at random while training; it belongs between "
                "hidden layers.",
                f"{word} {share:g}; no layer with weights comes after {name}",
                f"{case.code(layer)}.{word} = 0",
            )
        if layer.parameters():
            return


def dropout_too_high(case: Case) -> Iterator[Finding]:
    """Dropout that leaves next to nothing."""
    for name, layer in case.layers:
        if isinstance(layer, RandomDrop) and layer.rate > limit("dropout"):
            yield Finding(
                "dropout_too_high",
                "warning",
                name,
                f"{name} drops nearly everything",
                f"{100 * layer.rate:.0f} % of what reaches it is dropped in every "
                "step; 20 to 50 % is usual, less for whole channels and before SELU.",
                f"rate {layer.rate:g}",
                f"{case.code(layer)}.rate = 0.5",
            )


def normalized_away(case: Case) -> Iterator[Finding]:
    """A normalisation of single numbers, which leaves nothing of them."""
    for name, layer in case.layers:
        if layer.normalizes != "sample" or layer.input_shape is None:
            continue
        shape = (4, *layer.input_shape)
        x = np.random.default_rng(0).normal(size=shape).astype(case.model.dtype)
        y = layer.forward(x)
        if np.ptp(y, axis=0).max() == 0 and all(p.value.any() for p in _scale(layer)):
            yield Finding(
                "normalized_away",
                "error",
                name,
                f"nothing passes {name}",
                "It takes mean and deviation of single numbers, and a number less its "
                "own mean is 0.",
                f"equal outputs for different inputs of shape {layer.input_shape}",
                "pl.BatchNorm()   # in place of " + name
                if layer.input_shape[-1] < 2
                else f"pl.LayerNorm()   # in place of {name}",
            )


def _scale(layer: Layer) -> list[Parameter]:
    return [p for key, p in layer.named_parameters().items() if key == "gamma"]


def batch_norm_batch(case: Case) -> Iterator[Finding]:
    """Batch statistics of a handful of samples."""
    size = min(case.batch_size or len(case.x), len(case.x))
    norms = [name for name, layer in case.layers if isinstance(layer, BatchNorm)]
    if norms and size < limit("small_batch_norm"):
        yield Finding(
            "batch_norm_batch",
            "error" if size == 1 else "warning",
            norms[0],
            f"batch normalisation over {size} sample{'s' * (size > 1)}",
            "The mean and deviation of so few samples say little about the data, and "
            "change from step to step.",
            f"batch_size {size}, {len(norms)} BatchNorm layer{'s' * (len(norms) > 1)}",
            "model.fit(x, y, batch_size=32)",
        )


def no_activation(case: Case) -> Iterator[Finding]:
    """Layers with weights and nothing non-linear between them."""
    for chain in chains(case.model.layers):
        before: tuple[str, Affine] | None = None
        for name, layer in chain:
            if isinstance(layer, Affine):
                if before is not None and _collapses(before[1], layer):
                    yield _linear(case, before, name)
                before = (name, layer) if layer.activation is None else None
            elif not layer.linear:
                before = None


def _collapses(one: Affine, two: Affine) -> bool:
    """Whether the second makes the first useless; two cheap halves are a design."""
    if any(isinstance(part, DepthwiseConv2D) for part in (one, two)):
        return not (_pointwise(one) or _pointwise(two))  # together a separable one
    filters = one.weight.shape[one.output_axis]
    outputs = two.weight.shape[two.output_axis]
    narrow = filters < min(one.weight.size // filters, outputs)
    mixes = _pointwise(two) or len(two.weight.shape) == 2
    return not (narrow and _pointwise(one) and mixes)


def _pointwise(layer: Affine) -> bool:
    return getattr(layer, "kernel_size", None) == (1, 1)


def _linear(case: Case, before: tuple[str, Affine], name: str) -> Finding:
    first, layer = before
    repair = f'{case.code(layer)}.activation = "relu"'
    return Finding(
        "no_activation",
        "warning",
        first,
        f"nothing non-linear between {first} and {name}",
        "Two linear layers in a row compute what one could; the network is less deep "
        "than it looks.",
        f"{first} has no activation, and none comes before {name}",
        repair,
    )


def penalty_too_strong(case: Case) -> Iterator[Finding]:
    """Penalties or weight decay far above the usual."""
    for name, layer in case.layers:
        penalty = penalty_of(layer)
        strength = max(penalty.l1, penalty.l2) if penalty else 0.0
        if strength >= limit("penalty"):
            yield Finding(
                "penalty_too_strong",
                "warning",
                name,
                f"the penalty on {name} is very strong",
                "It pulls the weights to 0 harder than the data can pull them away.",
                f"{penalty!r}; 1e-4 to 0.1 is usual",
                weaker_penalty(case, layer),
            )
    optimizer = case.model.optimizer
    weaker = optimizer_code(optimizer, weight_decay=1e-4)
    decoupled = bool(getattr(optimizer, "decoupled", False))
    if optimizer.weight_decay >= limit("penalty") * (10 if decoupled else 1):
        yield Finding(
            "penalty_too_strong",
            "warning",
            "optimizer",
            "the weight decay is very strong",
            "It pulls the weights to 0 harder than the data can pull them away.",
            f"weight_decay {optimizer.weight_decay:g}; 1e-4 to 0.1 is usual",
            f"model.compile({weaker}, model.loss)",
        )


def bias_before_batch_norm(case: Case) -> Iterator[Finding]:
    """A bias that the normalisation takes away again (a note)."""
    for chain in chains(case.model.layers):
        for (name, layer), (after, norm) in pairwise(chain):
            if not isinstance(layer, Affine) or not isinstance(norm, BatchNorm):
                continue
            if layer.bias is not None and layer.activation is None:
                yield Finding(
                    "bias_before_batch_norm",
                    "note",
                    name,
                    f"{name} has a bias before {after}",
                    "The normalisation subtracts the mean, and the bias with it.",
                    f"{layer.bias.size} numbers that change nothing",
                    instead(name, layer, use_bias=False),
                )


def pooling_drops_rows(case: Case) -> Iterator[Finding]:
    """Pooling windows that leave the last rows or columns out (a note)."""
    for name, layer in case.layers:
        if not isinstance(layer, Pool2D) or isinstance(layer.padding, str):
            continue
        if layer.ceil_mode or layer.input_shape is None:
            continue
        left = [
            (size + sum(pads) - window) % stride
            for size, pads, window, stride in zip(
                layer.input_shape[:2],
                layer.padding,
                layer.pool_size,
                layer.strides,
                strict=True,
            )
        ]
        if any(left):
            yield Finding(
                "pooling_drops_rows",
                "note",
                name,
                f"{name} leaves out the border",
                f"{left[0]} rows and {left[1]} columns of its input fit no window.",
                f"input {layer.input_shape[:2]}, window {layer.pool_size}, stride "
                f"{layer.strides}",
                instead(name, layer, padding="same"),
            )


def tail_of_one(case: Case) -> Iterator[Finding]:
    """A last batch of one sample (a note)."""
    size = case.batch_size
    norm = any(isinstance(layer, BatchNorm) for _, layer in case.layers)
    if norm and size > 1 and len(case.x) > size and len(case.x) % size == 1:
        yield Finding(
            "tail_of_one",
            "note",
            "batch_size",
            "the last batch would have one sample",
            "fit joins it with the batch before it, since BatchNorm needs more than "
            "one.",
            f"{len(case.x):,} samples in batches of {size}",
            f"model.fit(x, y, batch_size={size - 1})",
        )


def saturating_stack(case: Case) -> Iterator[Finding]:
    """Many sigmoids or tanhs after one another (a note)."""
    if any(layer.children() for layer in case.model.layers) or any(
        layer.normalizes for _, layer in case.layers
    ):
        return
    hidden = [name for name, part in case.layers[:-1] if part.activation in SATURATING]
    if len(hidden) >= 4:
        yield Finding(
            "saturating_stack",
            "note",
            hidden[0],
            f"{len(hidden)} saturating layers in a row",
            "The slope of sigmoid is at most 1/4 and of tanh at most 1, so gradients "
            "shrink from layer to layer on the way back.",
            ", ".join(hidden),
            'model.layers[0].activation = "relu"   # and in the other hidden layers',
            "possible",
        )
