"""All parameters of a model in one flat array, all gradients in another."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import DTypeLike

from pellucid.core.layer import Array
from pellucid.core.parameter import Parameter
from pellucid.core.workspace import aligned_empty

UNIT = 16  # elements: a parameter starts at a multiple, on a 64-byte border


class ParameterStore:
    """Moves parameters side by side, so that one kernel call updates them all.

    The gaps between parameters hold zeros with zero gradients, which every optimizer
    leaves at zero; so a run of trainable parameters may cover them.

    Parameters
    ----------
    parameters : sequence of Parameter
        Their values and gradients are kept and become views of the flat arrays.
    dtype : dtype

    Example
    -------
    >>> import numpy as np
    >>> weight = Parameter(np.ones((2, 3), "float32"), "weight")
    >>> bias = Parameter(np.ones(3, "float32"), "bias")
    >>> store = ParameterStore([weight, bias], "float32")
    >>> store.values.shape, store.spans, store.runs()
    ((32,), [slice(0, 6, None), slice(16, 19, None)], [slice(0, 32, None)])
    """

    def __init__(self, parameters: Sequence[Parameter], dtype: DTypeLike) -> None:
        self.parameters = list(parameters)
        self.spans: list[slice] = []
        size = 0
        for parameter in self.parameters:
            self.spans.append(slice(size, size + parameter.size))
            size += -(-parameter.size // UNIT) * UNIT
        self.values = aligned_empty((size,), dtype)
        self.gradients = aligned_empty((size,), dtype)
        self.values.fill(0)
        self.gradients.fill(0)
        for parameter, span in zip(self.parameters, self.spans, strict=True):
            parameter.rebind(
                self.view(self.values, span, parameter),
                self.view(self.gradients, span, parameter),
            )

    @staticmethod
    def view(flat: Array, span: slice, parameter: Parameter) -> Array:
        """The part of a flat array that belongs to a parameter, in its shape."""
        return flat[span].reshape(parameter.shape)

    def runs(self) -> list[slice]:
        """The longest stretches of trainable parameters that lie side by side."""
        return [run for run, _ in self.grouped_runs([1.0] * len(self.parameters))]

    def grouped_runs(self, factors: Sequence[float]) -> list[tuple[slice, float]]:
        """Stretches of trainable parameters with the same factor, and that factor."""
        found: list[tuple[slice, float]] = []
        for parameter, span, factor in zip(
            self.parameters, self.spans, factors, strict=True
        ):
            if not parameter.trainable:
                continue
            end = span.start + -(-parameter.size // UNIT) * UNIT
            if found and found[-1][0].stop == span.start and found[-1][1] == factor:
                found[-1] = slice(found[-1][0].start, end), factor
            else:
                found.append((slice(span.start, end), factor))
        return found

    def penalized(self) -> list[Parameter]:
        """The parameters with a penalty, frozen ones too."""
        return [p for p in self.parameters if p.regularizer]

    def __len__(self) -> int:
        return sum(parameter.size for parameter in self.parameters)
