"""What all optimizers share: flat memory, one counter, rates, clipping, averages."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, TypedDict

import numpy as np
from numpy.typing import NDArray

from pellucid import kernels
from pellucid.checks import check_fraction
from pellucid.core.inputs import check_number
from pellucid.core.registry import ours
from pellucid.core.schedule import Schedule
from pellucid.core.shown import shown_call
from pellucid.core.workspace import aligned_empty
from pellucid.errors import closest, describe

Array = NDArray[Any]


AVERAGE = "average"


class Common(TypedDict, total=False):
    """The arguments that every optimizer takes; see ``Optimizer``."""

    clip_norm: float | None
    clip_value: float | None
    ema_decay: float | None
    rate_factors: Mapping[str, float] | None


class Optimizer(ABC):
    """Updates parameters in place from their gradients.

    A model calls ``build`` once with its flat memory, then ``step`` after each batch.
    ``step`` counts once, whatever the number of parameters, and calls one kernel for
    each run of trainable parameters that lie side by side.

    A subclass names its state arrays in ``slots`` (each as long as all parameters
    together) and its scalar state in ``scalars``, and overrides ``advance`` and
    ``update``.

    Parameters
    ----------
    learning_rate : float or Schedule
        At least 0; 0 leaves the weights as they are.
    weight_decay : float, default 0
        At least 0.
    clip_norm : float, optional
        Scale the gradient of all trainable parameters together down to this norm when
        it is larger. Penalties are part of the gradient.
    clip_value : float, optional
        Bring every number of the gradient into [-clip_value, clip_value], first.
    ema_decay : float, optional
        Keep an exponential moving average of the weights,
        average = ema_decay * average + (1 - ema_decay) * w after every step;
        ``model.averaged_weights()`` lends it. It starts from the initial weights.
    rate_factors : dict, optional
        What the learning rate is multiplied with, by the name of a layer or parameter,
        with wildcards: ``{"conv2d_*": 0.1}``. The last name that fits counts.
    """

    slots: tuple[str, ...] = ()
    scalars: ClassVar[tuple[str, ...]] = ()
    starts: Mapping[str, float] = MappingProxyType({})
    """What a state array holds at first, where it is not 0."""

    def __init__(
        self,
        learning_rate: float | Schedule,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        ema_decay: float | None = None,
        rate_factors: Mapping[str, float] | None = None,
        **unknown: object,
    ) -> None:
        name = type(self).__name__
        _refuse_unknown(type(self), unknown)
        self.epoch = self.iterations = 0
        self.learning_rate = learning_rate
        self.weight_decay = check_number(
            weight_decay, f"{name}: weight_decay", at_least=0
        )
        self.clip_norm: float | None = None
        self.clip_value: float | None = None
        self.ema_decay: float | None = None
        if clip_norm is not None:
            self.clip_norm = check_number(clip_norm, f"{name}: clip_norm", above=0)
        if clip_value is not None:
            self.clip_value = check_number(clip_value, f"{name}: clip_value", above=0)
        if ema_decay is not None:
            self.ema_decay = check_fraction(ema_decay, f"{name}: ema_decay")
            self.slots = (*self.slots, AVERAGE)
        self.rate_factors = _check_factors(rate_factors, name)
        self.last_rate = self.learning_rate
        self.reset()

    @property
    def learning_rate(self) -> float:
        """Size of the coming step; may be set between steps, which ends a schedule."""
        schedule = self.schedule
        if schedule is None:
            return self._learning_rate
        return schedule(self.epoch if schedule.by == "epoch" else self.iterations)

    @learning_rate.setter
    def learning_rate(self, value: float | Schedule) -> None:
        self.schedule = value if isinstance(value, Schedule) else None
        if self.schedule is not None:
            self._learning_rate = self.schedule(0)
            return
        self._learning_rate = check_number(
            value, f"{type(self).__name__}: learning_rate", at_least=0
        )

    def reset(self) -> None:
        """Forget state and counter, and the memory that ``build`` was given."""
        self.iterations = self.epoch = 0
        self._state: dict[str, Array] = {}
        self._runs: list[tuple[Array, ...]] | None = None
        self._groups: dict[float, list[tuple[Array, ...]]] = {}
        self._plan: Any = None

    def build(
        self,
        values: Array,
        gradients: Array,
        runs: Sequence[slice] | None = None,
        factors: Sequence[float] | None = None,
    ) -> None:
        """Take the memory to work on; state of the same size is kept.

        Parameters
        ----------
        values, gradients : array (size,)
            All parameters side by side, and their gradients.
        runs : sequence of slice, optional
            The trainable parts; everything by default.
        factors : sequence of float, optional
            What the learning rate of each run is multiplied with; 1 by default.
        """
        for name in self.slots:
            held = self._state.get(name)
            if held is None or held.shape != values.shape or held.dtype != values.dtype:
                self._state[name] = aligned_empty(values.shape, values.dtype)
                self._state[name].fill(self.starts.get(name, 0.0))
                if name == AVERAGE:
                    np.copyto(self._state[name], values)
        arrays = [values, gradients, *(self._state[name] for name in self.slots)]
        self._runs = [
            tuple(array[run] for array in arrays)
            for run in ([slice(0, values.size)] if runs is None else runs)
        ]
        self._plan = None
        self._groups = {}
        for run, factor in zip(
            self._runs, factors or [1.0] * len(self._runs), strict=True
        ):
            self._groups.setdefault(factor, []).append(run)

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
        gradients = [run[1] for run in self._runs]
        if self.clip_value is not None:
            for gradient in gradients:
                np.clip(gradient, -self.clip_value, self.clip_value, out=gradient)
        if self.clip_norm is not None:
            clip_by_norm(gradients, self.clip_norm)
        rate = self.last_rate = self.learning_rate
        self.advance()
        if self._plan is not None:
            self._plan.run()
        elif [*self._groups] == [1.0] and ours(self):  # kernel calls and no more
            _, self._plan = kernels.record(lambda: self._update_group(1.0))
        else:
            for factor in self._groups:
                if factor != 1:
                    self.set_rate(rate * factor)
                self._update_group(factor)
                if factor != 1:
                    self.set_rate(rate)
        if self.ema_decay is not None:
            for value, *_, average in self._runs:
                kernels.scale(average, self.ema_decay)
                kernels.add_scaled(average, value, 1 - self.ema_decay)
        self.iterations += 1

    def _update_group(self, factor: float) -> None:
        used = len(self.slots) + 2 - (self.ema_decay is not None)
        self.update([run[:used] for run in self._groups[factor]])

    @abstractmethod
    def advance(self) -> None:
        """Count the coming step, write its numbers where the kernels read them."""

    def set_rate(self, rate: float) -> None:
        """Write a learning rate where the kernels read it; called after ``advance``."""
        self._hyper[0] = rate

    _hyper: NDArray[np.float64]

    @abstractmethod
    def update(self, runs: Sequence[tuple[Array, ...]]) -> None:
        """Call the kernel for each (value, gradient, slots...) side by side.

        Nothing here may depend on the number of the step.
        """

    def state(self) -> dict[str, Array]:
        """Live state arrays by name, each as long as all parameters together."""
        return self._state

    def counters(self) -> dict[str, float]:
        """The scalar state: steps, epochs, what the subclass counts, and the rate.

        The rate is missing where a schedule decides it.
        """
        named = {name: float(getattr(self, name)) for name in self.scalars}
        named |= {"iterations": float(self.iterations), "epoch": float(self.epoch)}
        return named if self.schedule else named | {"learning_rate": self.learning_rate}

    def load_counters(self, counters: dict[str, float]) -> None:
        """Set what ``counters`` returned."""
        self.iterations = int(counters["iterations"])
        self.epoch = int(counters["epoch"])
        if self.schedule is None:
            self.learning_rate = counters["learning_rate"]
        for name in self.scalars:
            setattr(self, name, float(counters[name]))

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, fit for JSON."""
        schedule = self.schedule
        common = {
            "clip_norm": self.clip_norm,
            "clip_value": self.clip_value,
            "ema_decay": self.ema_decay,
            "rate_factors": self.rate_factors or None,
        }
        return {
            "learning_rate": self.learning_rate
            if schedule is None
            else {"kind": type(schedule).__name__, "config": schedule.config()},
            "weight_decay": self.weight_decay,
        } | {name: value for name, value in common.items() if value is not None}

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        # Views of a model's memory: the model builds again.
        state["_runs"], state["_groups"], state["_plan"] = None, {}, None
        state["_state"] = {name: array.copy() for name, array in self._state.items()}
        return state

    def __repr__(self) -> str:
        shown = self.config()
        if self.schedule is not None:
            shown["learning_rate"] = self.schedule
        return shown_call(self, shown)


ELSEWHERE = {"lr": "learning_rate", "eps": "epsilon"}
"""What other libraries call an argument, where that looks too different."""


def _refuse_unknown(kind: type[Optimizer], unknown: Mapping[str, object]) -> None:
    """Raise for arguments that neither the class nor ``Optimizer`` has."""
    for name in unknown:
        import inspect  # costs milliseconds at import: only an error pays them

        own = inspect.signature(kind).parameters.values()
        known = [p.name for p in own if p.kind is not p.VAR_KEYWORD]
        known += [word for word in Common.__annotations__ if word not in known]
        near = closest(ELSEWHERE.get(name, name), known)
        raise TypeError(
            describe(
                f"{kind.__name__} got the argument {name}",
                f"Expected {', '.join(known)}",
                f"Did you mean {near}?" if near else f"Leave {name} out.",
            )
        )


def clip_by_norm(gradients: Sequence[Array], limit: float) -> float:
    """Scale vectors so that their common norm is at most ``limit``; return the norm.

    As PyTorch: by limit / (norm + 1e-6) where that is below 1.

    Example
    -------
    >>> gradient = np.array([3.0, 4.0])
    >>> clip_by_norm([gradient], 1.0), gradient.round(3).tolist()
    (5.0, [0.6, 0.8])
    """
    norm = math.sqrt(sum(kernels.sum_of_squares(gradient) for gradient in gradients))
    factor = limit / (norm + 1e-6)
    if factor < 1:
        for gradient in gradients:
            kernels.scale(gradient, factor)
    return norm


def _check_factors(factors: object, name: str) -> dict[str, float]:
    if factors is None:
        return {}
    if not isinstance(factors, Mapping) or not all(isinstance(k, str) for k in factors):
        raise TypeError(
            describe(
                f"{name}: rate_factors is {factors!r}",
                "Expected a dict from names of layers to numbers",
                'Pass rate_factors={"conv2d_*": 0.1}.',
            )
        )
    return {
        word: check_number(factor, f"{name}: rate_factors[{word!r}]", at_least=0)
        for word, factor in factors.items()
    }


def hyper_array(*numbers: float) -> NDArray[np.float64]:
    """The numbers that a step kernel reads at run time."""
    return np.array(numbers, np.float64)
