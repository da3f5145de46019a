"""Faults injected at the door of `pellucid.kernels`, and who catches them.

    python -m tests.debug.faults            # the table, under both backends

Each fault changes what one op returns, forward or backward; the gradient check of the
library must then fail for a layer or loss that uses the op.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from pellucid import kernels
from pellucid.debug.configurations import kinds, problems
from pellucid.debug.library import check_problem

Arguments = dict[str, Any]
Change = Callable[[Callable[..., Any], Arguments, Any], Any]
"""From the right function, its arguments by name and its result, to a wrong result."""


class Fault(NamedTuple):
    """One wrong op."""

    op: str
    kind: str
    what: str
    change: Change

    def __str__(self) -> str:
        return f"{self.op}, {self.kind}: {self.what}"


def on(index: int | None, formula: Callable[[np.ndarray], Any]) -> Change:
    """Replace one result (of several) by a formula of it, in its own memory."""

    def change(right: Any, arguments: Arguments, result: Any) -> Any:
        array = result if index is None else result[index]
        if array is not None:
            array[...] = formula(array.copy())
        return result

    return change


def calling(edit: Callable[[Arguments], Arguments], index: int | None = None) -> Change:
    """Compute a result (or one of several) from other arguments."""

    def change(right: Any, arguments: Arguments, result: Any) -> Any:
        other = right(**(arguments | {"out": None} | edit(arguments)))
        if index is None:
            parts = zip(_parts(result), _parts(other), strict=True)
        else:
            parts = [(result[index], other[index])]
        for mine, theirs in parts:
            if mine is not None:
                mine[...] = theirs
        return result

    return change


def with_arguments(formula: Callable[..., Any], index: int | None = None) -> Change:
    """Replace one result by a formula of it and of the arguments."""

    def change(right: Any, arguments: Arguments, result: Any) -> Any:
        array = result if index is None else result[index]
        if array is not None:
            array[...] = formula(array.copy(), arguments)
        return result

    return change


def _parts(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def negative(a: np.ndarray) -> np.ndarray:
    return -a


def double(a: np.ndarray) -> np.ndarray:
    return 2 * a


def rolled(axis: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda a: np.roll(a, 1, axis)


def turned(*axes: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda a: np.flip(a, axes)


def transposed(a: np.ndarray) -> np.ndarray:
    return a.swapaxes(0, 1) if a.shape[0] == a.shape[1] else np.flip(a, 1)


def without_last(name: str) -> Callable[[Arguments], Arguments]:
    """The argument with its last sample set to 0."""

    def edit(arguments: Arguments) -> Arguments:
        array = np.array(arguments[name])
        array[-1] = 0
        return {name: array}

    return edit


def named(activation: str, change: Change) -> Change:
    """Only for one activation."""

    def only(right: Any, arguments: Arguments, result: Any) -> Any:
        right_one = arguments["name"] == activation
        return change(right, arguments, result) if right_one else result

    return only


def _counted(a: np.ndarray) -> float:
    return a.size / a.shape[-1]


FAULTS = [
    # dense
    Fault("dense", "scale", "y twice as large", on(None, double)),
    Fault("dense", "missing term", "no bias", calling(lambda a: {"b": None})),
    Fault("dense", "off by one", "units rolled", on(None, rolled(1))),
    Fault("dense_backward", "sign", "dx", on(0, negative)),
    Fault("dense_backward", "transposed", "dx", on(0, rolled(1))),
    Fault("dense_backward", "missing term", "dw", calling(without_last("dy"), 1)),
    Fault("dense_backward", "transposed", "dw", on(1, transposed)),
    Fault("dense_backward", "scale", "db a mean", with_arguments(
        lambda g, a: g / len(a["dy"]), 2)),
    Fault("dense_backward", "missing term", "db", calling(without_last("dy"), 2)),
    # conv2d
    Fault("conv2d", "scale", "y", on(None, double)),
    Fault("conv2d", "wrong axis", "y upside down", on(None, turned(1))),
    Fault("conv2d", "missing term", "no bias", calling(lambda a: {"b": None})),
    Fault("conv2d_backward", "sign", "dx", on(0, negative)),
    Fault("conv2d_backward", "off by one", "dx by a column", on(0, rolled(2))),
    Fault("conv2d_backward", "off by one", "dx by a row", on(0, rolled(1))),
    Fault("conv2d_backward", "wrong axis", "dx with a turned filter", calling(
        lambda a: {"w": np.ascontiguousarray(np.flip(a["w"], (0, 1)))}, 0)),
    Fault("conv2d_backward", "missing term", "dw", calling(without_last("dy"), 1)),
    Fault("conv2d_backward", "transposed", "dw", on(1, transposed)),
    Fault("conv2d_backward", "wrong axis", "dw, channels", on(1, rolled(3))),
    Fault("conv2d_backward", "scale", "dw a mean", with_arguments(
        lambda g, a: g / (len(a["dy"]) + 1), 1)),
    Fault("conv2d_backward", "missing term", "db", calling(without_last("dy"), 2)),
    Fault("conv2d_backward", "sign", "db", on(2, negative)),
    # transposed convolution
    Fault("conv_transpose2d", "scale", "y", on(None, double)),
    Fault("conv_transpose2d", "missing term", "no bias", calling(
        lambda a: {"b": None})),
    Fault("conv_transpose2d", "off by one", "y by a row", on(None, rolled(1))),
    Fault("conv_transpose2d_backward", "sign", "dx", on(0, negative)),
    Fault("conv_transpose2d_backward", "off by one", "dx", on(0, rolled(2))),
    Fault("conv_transpose2d_backward", "transposed", "dw", on(1, transposed)),
    Fault("conv_transpose2d_backward", "missing term", "db", calling(
        without_last("dy"), 2)),
    # pooling
    Fault("max_pool2d", "off by one", "places", on(1, lambda a: np.maximum(a, 1) - 1)),
    Fault("max_pool2d_backward", "sign", "dx", on(None, negative)),
    Fault("max_pool2d_backward", "off by one", "dx", on(None, rolled(2))),
    Fault("avg_pool2d", "scale", "y", on(None, double)),
    Fault("avg_pool2d_backward", "scale", "a sum instead of a mean", with_arguments(
        lambda g, a: g * (1 + np.prod(a["pool_size"])))),
    Fault("avg_pool2d_backward", "missing term", "dx", calling(without_last("dy"))),
    Fault("avg_pool2d_backward", "wrong axis", "dx", on(None, turned(1, 2))),
    Fault("global_avg_pool2d", "scale", "y a sum", with_arguments(
        lambda y, a: y * (1 + a["x"].shape[1]))),
    Fault("global_avg_pool2d_backward", "scale", "dx", on(None, double)),
    Fault("global_avg_pool2d_backward", "off by one", "channels", on(None, rolled(3))),
    # activations
    Fault("activation_backward", "sign", "relu", named("relu", on(None, negative))),
    Fault("activation_backward", "missing term", "relu without its mask", named(
        "relu", with_arguments(lambda g, a: a["dy"]))),
    Fault("activation_backward", "scale", "leaky_relu with slope 1", named(
        "leaky_relu", with_arguments(lambda g, a: a["dy"]))),
    Fault("activation_backward", "missing term", "sigmoid: y, not y (1 - y)", named(
        "sigmoid", with_arguments(lambda g, a: a["dy"] * a["saved"]))),
    Fault("activation_backward", "missing term", "tanh: 1 - y, not 1 - y**2", named(
        "tanh", with_arguments(lambda g, a: a["dy"] * (1 - a["saved"])))),
    Fault("activation_backward", "sign", "tanh: 1 + y**2", named(
        "tanh", with_arguments(lambda g, a: a["dy"] * (1 + a["saved"] ** 2)))),
    Fault("activation_backward", "missing term", "elu twice below 0", named(
        "elu", with_arguments(lambda g, a: np.where(a["saved"] > 0, g, 2 * g)))),
    Fault("activation_backward", "missing term", "gelu: no density", named(
        "gelu", with_arguments(lambda g, a: np.where(a["saved"] > 0, a["dy"], 0)))),
    Fault("activation_backward", "scale", "silu", named("silu", on(None, double))),
    Fault("activation_backward", "sign", "mish", named("mish", on(None, negative))),
    Fault("activation_backward", "off by one", "softplus", named(
        "softplus", on(None, rolled(-1)))),
    Fault("activation", "scale", "tanh", named("tanh", on(None, lambda y: 0.5 * y))),
    Fault("activation", "sign", "sigmoid", named("sigmoid", on(None, negative))),
    Fault("softmax", "scale", "y", on(None, double)),
    Fault("softmax_backward", "missing term", "no sum", with_arguments(
        lambda g, a: a["y"] * a["dy"])),
    Fault("softmax_backward", "sign", "of the sum", with_arguments(
        lambda g, a: 2 * a["y"] * a["dy"] - g)),
    Fault("softmax_backward", "off by one", "dx", on(None, rolled(-1))),
    Fault("log_softmax_backward", "missing term", "no sum", with_arguments(
        lambda g, a: a["dy"])),
    Fault("prelu_backward", "sign", "dalpha", on(1, negative)),
    Fault("prelu_backward", "missing term", "dx without alpha", with_arguments(
        lambda g, a: a["dy"], 0)),
    # dropout
    Fault("dropout", "missing term", "no scale", with_arguments(
        lambda y, a: y * (1 - a["rate"]), 0)),
    Fault("dropout", "sign", "mask inverted", on(1, lambda m: ~m)),
    Fault("dropout_backward", "missing term", "no scale", with_arguments(
        lambda g, a: g * (1 - a["rate"]))),
    Fault("dropout_backward", "missing term", "no mask", with_arguments(
        lambda g, a: a["dy"])),
    # normalization
    Fault("batch_norm_training", "missing term", "no beta", with_arguments(
        lambda y, a: y - a["beta"], 0)),
    Fault("batch_norm_training", "off by one", "variance unbiased", with_arguments(
        lambda s, a: s * np.sqrt(1 - 1 / _counted(a["x"])), 2)),
    Fault("batch_norm_backward", "missing term", "no mean of dy", with_arguments(
        lambda g, a: g + a["gamma"] * a["inv_std"] * _mean(a["dy"]), 0)),
    Fault("batch_norm_backward", "missing term", "statistics as constants",
        with_arguments(lambda g, a: a["dy"] * a["gamma"] * a["inv_std"], 0)),
    Fault("batch_norm_backward", "scale", "dx without gamma", with_arguments(
        lambda g, a: g / a["gamma"], 0)),
    Fault("batch_norm_backward", "missing term", "dgamma without the mean",
        with_arguments(lambda g, a: _sum(a["dy"] * a["x"]) * a["inv_std"], 1)),
    Fault("batch_norm_backward", "sign", "dbeta", on(2, negative)),
    Fault("batch_norm_inference_backward", "scale", "dx", on(0, double)),
    # merging and scaling
    Fault("add", "missing term", "a only", with_arguments(lambda y, a: a["a"])),
    Fault("concat", "wrong axis", "channels turned", on(None, turned(-1))),
    Fault("gather", "off by one", "samples", on(None, rolled(0))),
    # losses
    Fault("mean_squared_error", "scale", "no 2", on(1, lambda g: g / 2)),
    Fault("mean_squared_error", "sign", "t - p", on(1, negative)),
    Fault("mean_squared_error", "scale", "value halved", on(0, lambda v: v / 2)),
    Fault("mean_absolute_error", "sign", "t - p", on(1, negative)),
    Fault("huber", "scale", "no delta", with_arguments(
        lambda g, a: g / (1 + a["delta"]), 1)),
    Fault("hinge", "missing term", "no margin", on(1, lambda g: 0 * g)),
    Fault("kl_divergence", "sign", "gradient", on(1, negative)),
    Fault("softmax_cross_entropy", "missing term", "no one-hot row", with_arguments(
        lambda g, a: g + 1 / len(g), 1)),
    Fault("softmax_cross_entropy", "scale", "no mean", with_arguments(
        lambda g, a: g * (1 + len(g)), 1)),
    Fault("softmax_cross_entropy", "off by one", "classes", on(1, rolled(1))),
    Fault("categorical_cross_entropy", "sign", "gradient", on(1, negative)),
    Fault("categorical_cross_entropy", "off by one", "classes", on(1, rolled(1))),
    Fault("sigmoid_binary_cross_entropy", "sign", "t - p", on(1, negative)),
    Fault("sigmoid_binary_cross_entropy", "transposed", "outputs", on(1, turned(1))),
    Fault("binary_cross_entropy", "missing term", "no 1 / (1 - p)", with_arguments(
        lambda g, a: g * (1 - a["probabilities"]), 1)),
]  # fmt: skip


def _sum(a: np.ndarray) -> np.ndarray:
    return a.reshape(-1, a.shape[-1]).sum(axis=0)


def _mean(a: np.ndarray) -> np.ndarray:
    return a.reshape(-1, a.shape[-1]).mean(axis=0)


@contextmanager
def replaced(op: str, function: Callable[..., Any]) -> Iterator[None]:
    """Put another function at the door, in place of an op."""
    right = getattr(kernels, op)
    setattr(kernels, op, function)
    try:
        yield
    finally:
        setattr(kernels, op, right)


@contextmanager
def injected(fault: Fault) -> Iterator[None]:
    """Let every caller of the op get the wrong result."""
    right = getattr(kernels, fault.op)
    signature = inspect.signature(getattr(kernels.reference, fault.op))

    def wrong(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        # Copies: the result may lie in the memory of an argument.
        arguments = {
            key: value.copy() if isinstance(value, np.ndarray) and key != "out"
            and value.dtype != np.uint64 else value
            for key, value in given.arguments.items()
        }  # fmt: skip
        return fault.change(right, arguments, right(*args, **kwargs))

    with replaced(fault.op, wrong):
        yield


@cache
def users(op: str) -> tuple[str, ...]:
    """The layers and losses whose first configurations call an op."""
    found = []
    for kind in kinds():
        calls: list[bool] = []
        right = getattr(kernels, op)

        def counted(*args: Any, right: Any = right, calls: Any = calls, **kw: Any):
            calls.append(True)
            return right(*args, **kw)

        with replaced(op, counted):
            for problem in problems(kind, range(8)):
                check_problem(problem, complex_step=False, single=False)
                if calls:
                    break
        if calls:
            found.append(kind)
    return tuple(found)


def caught(fault: Fault) -> str | None:
    """What the gradient check says first of a wrong op; None when it says nothing."""
    for kind in users(fault.op):
        for number in range(20):
            (problem,) = problems(kind, [number])
            with injected(fault):
                found = check_problem(problem, complex_step=False, single=False)
            if not found.passed:
                return f"{kind} {found.failures[0]}"
    return None


def main() -> int:
    """Print the table; 1 when a fault was missed."""
    missed = 0
    for backend in ("compiled", "reference"):
        print(f"\n{backend}\n{'op':<30} {'kind':<14} {'fault':<28} caught by")
        with kernels.use(backend):
            for fault in FAULTS:
                by = caught(fault)
                missed += by is None
                print(f"{fault.op:<30} {fault.kind:<14} {fault.what:<28} {by or '-'}")
    total = 2 * len(FAULTS)
    print(f"\ncaught {total - missed} of {total} ({len(FAULTS)} faults, 2 backends)")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
