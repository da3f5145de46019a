"""What all optimizers share: flat memory, one counter, a learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pellucid.core.inputs import check_number
from pellucid.core.workspace import aligned_empty
from pellucid.errors import describe

Array = NDArray[Any]


class Optimizer:
    """Updates parameters in place from their gradients.

    A model calls ``build`` once with its flat memory, then ``step`` after each batch.
    ``step`` counts once, whatever the number of parameters, and calls one kernel for
    each run of trainable parameters that lie side by side.

    A subclass names its state arrays in ``slots`` (each as long as all parameters
    together) and its scalar state in ``scalars``, and overrides ``advance`` and
    ``update``.

    Parameters
    ----------
    learning_rate : float
        At least 0; 0 leaves the weights as they are.
    weight_decay : float, default 0
        At least 0.
    """

    slots: tuple[str, ...] = ()
    scalars: ClassVar[tuple[str, ...]] = ()

    def __init__(self, learning_rate: float, *, weight_decay: float = 0.0) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = check_number(
            weight_decay, f"{type(self).__name__}: weight_decay", at_least=0
        )
        self.reset()

    @property
    def learning_rate(self) -> float:
        """Step size; may be changed between steps."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = check_number(
            value, f"{type(self).__name__}: learning_rate", at_least=0
        )

    def reset(self) -> None:
        """Forget state and counter, and the memory that ``build`` was given."""
        self.iterations = 0
        self._state: dict[str, Array] = {}
        self._runs: list[tuple[Array, ...]] | None = None

    def build(
        self, values: Array, gradients: Array, runs: Sequence[slice] | None = None
    ) -> None:
        """Take the memory to work on; state of the same size is kept.

        Parameters
        ----------
        values, gradients : array (size,)
            All parameters side by side, and their gradients.
        runs : sequence of slice, optional
            The trainable parts; everything by default.
        """
        for name in self.slots:
            held = self._state.get(name)
            if held is None or held.shape != values.shape or held.dtype != values.dtype:
                self._state[name] = aligned_empty(values.shape, values.dtype)
                self._state[name].fill(0)
        arrays = [values, gradients, *(self._state[name] for name in self.slots)]
        self._runs = [
            tuple(array[run] for array in arrays)
            for run in ([slice(0, values.size)] if runs is None else runs)
        ]

    def step(self) -> None:
        """Update every trainable parameter once."""
        if self._runs is None:
            raise RuntimeError(
                describe(
                    f"{type(self).__name__}.step came before build",
                    "Expected the memory to update",
                    "Call optimizer.build(values, gradients), or let a model do it: "
                    "model.compile(optimizer=...).",
                )
            )
        self.advance()
        self.update(self._runs)
        self.iterations += 1

    def advance(self) -> None:
        """Write the numbers of the coming step where the kernels read them."""
        raise NotImplementedError(f"{type(self).__name__} has no advance")

    def update(self, runs: Sequence[tuple[Array, ...]]) -> None:
        """Call the kernel for each (value, gradient, slots...) side by side.

        Nothing here may depend on the number of the step.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def state(self) -> dict[str, Array]:
        """Live state arrays by name, each as long as all parameters together."""
        return self._state

    def counters(self) -> dict[str, float]:
        """The scalar state: ``iterations`` and what the subclass counts."""
        named = {name: float(getattr(self, name)) for name in self.scalars}
        return {"iterations": float(self.iterations)} | named

    def load_counters(self, counters: dict[str, float]) -> None:
        """Set what ``counters`` returned."""
        self.iterations = int(counters["iterations"])
        for name in self.scalars:
            setattr(self, name, float(counters[name]))

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, fit for JSON."""
        return {
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
        }

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_runs"] = None  # views of a model's memory: the model builds again
        state["_state"] = {name: array.copy() for name, array in self._state.items()}
        return state

    def __repr__(self) -> str:
        arguments = ", ".join(
            f"{key}={value!r}" for key, value in self.config().items()
        )
        return f"{type(self).__name__}({arguments})"


def hyper_array(*numbers: float) -> NDArray[np.float64]:
    """The numbers that a step kernel reads at run time."""
    return np.array(numbers, np.float64)
