"""Start values of parameters.

Every initializer is called as ``initializer(shape, fan_in, fan_out, random=stream,
dtype=dtype)``: ``fan_in`` inputs reach one output of the layer, and one input reaches
``fan_out`` outputs.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.core.random import RandomStream
from pellucid.core.shown import shown_call
from pellucid.errors import argument, check_choice, describe

Array = NDArray[Any]


class Initializer(ABC):
    """Base class: a callable that makes a new array of start values."""

    @abstractmethod
    def __call__(
        self,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        *,
        random: RandomStream,
        dtype: DTypeLike,
    ) -> Array:
        """Return a new array of this shape and dtype."""

    def config(self) -> dict[str, Any]:
        """The arguments that make an equal initializer."""
        return {}

    def __repr__(self) -> str:
        return shown_call(self, self.config())


class _VarianceScaling(Initializer):
    """Numbers of mean 0 and variance gain / fan."""

    gain: ClassVar[float]
    normal: ClassVar[bool]
    average_fan: ClassVar[bool] = False

    def __call__(
        self,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        *,
        random: RandomStream,
        dtype: DTypeLike,
    ) -> Array:
        fan = (fan_in + fan_out) / 2 if self.average_fan else fan_in
        std = math.sqrt(self.gain / fan)
        if self.normal:
            return random.normal(shape, std=std, dtype=dtype)
        limit = math.sqrt(3.0) * std  # a uniform number in (-a, a) has variance a^2/3
        return random.uniform(shape, -limit, limit, dtype=dtype)


class HeNormal(_VarianceScaling):
    """Normal numbers with std = sqrt(2 / fan_in), for layers before a ReLU.

    Source
    ------
    He, Zhang, Ren, Sun (2015), Delving deep into rectifiers.
    """

    gain, normal = 2.0, True


class HeUniform(_VarianceScaling):
    """Numbers from (-a, a) with a = sqrt(6 / fan_in), for layers before a ReLU.

    Source
    ------
    He, Zhang, Ren, Sun (2015), Delving deep into rectifiers.
    """

    gain, normal = 2.0, False


class GlorotNormal(_VarianceScaling):
    """Normal numbers with std = sqrt(2 / (fan_in + fan_out)).

    Source
    ------
    Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks.
    """

    gain, normal, average_fan = 1.0, True, True


class GlorotUniform(_VarianceScaling):
    """Numbers from (-a, a) with a = sqrt(6 / (fan_in + fan_out)).

    Source
    ------
    Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks.
    """

    gain, normal, average_fan = 1.0, False, True


class LeCunNormal(_VarianceScaling):
    """Normal numbers with std = sqrt(1 / fan_in), for layers before a SELU.

    Source
    ------
    LeCun, Bottou, Orr, Mueller (1998), Efficient BackProp.
    """

    gain, normal = 1.0, True


class LeCunUniform(_VarianceScaling):
    """Numbers from (-a, a) with a = sqrt(3 / fan_in).

    Source
    ------
    LeCun, Bottou, Orr, Mueller (1998), Efficient BackProp.
    """

    gain, normal = 1.0, False


class RandomNormal(Initializer):
    """Normal numbers of a fixed mean and standard deviation.

    Parameters
    ----------
    mean : float, default 0
    std : float, default 0.05
        At least 0.
    """

    def __init__(self, mean: float = 0.0, std: float = 0.05) -> None:
        self.mean = check_number(mean, "RandomNormal: mean")
        self.std = check_number(std, "RandomNormal: std", at_least=0)

    def __call__(
        self,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        *,
        random: RandomStream,
        dtype: DTypeLike,
    ) -> Array:
        return random.normal(shape, self.mean, self.std, dtype=dtype)

    def config(self) -> dict[str, Any]:
        return {"mean": self.mean, "std": self.std}


class RandomUniform(Initializer):
    """Numbers spread evenly over (low, high).

    Parameters
    ----------
    low : float, default -0.05
    high : float, default 0.05
        At least ``low``.
    """

    def __init__(self, low: float = -0.05, high: float = 0.05) -> None:
        self.low = check_number(low, "RandomUniform: low")
        self.high = check_number(high, "RandomUniform: high", at_least=self.low)

    def __call__(
        self,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        *,
        random: RandomStream,
        dtype: DTypeLike,
    ) -> Array:
        return random.uniform(shape, self.low, self.high, dtype=dtype)

    def config(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}


class Constant(Initializer):
    """The same number everywhere.

    Parameters
    ----------
    value : float
    """

    def __init__(self, value: float) -> None:
        self.value = check_number(value, "Constant: value")

    def __call__(
        self,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        *,
        random: RandomStream,
        dtype: DTypeLike,
    ) -> Array:
        return np.full(shape, self.value, dtype)

    def config(self) -> dict[str, Any]:
        return {"value": self.value}


class Zeros(Constant):
    """0 everywhere: the default of biases."""

    def __init__(self) -> None:
        super().__init__(0.0)

    def config(self) -> dict[str, Any]:
        return {}


class Ones(Constant):
    """1 everywhere."""

    def __init__(self) -> None:
        super().__init__(1.0)

    def config(self) -> dict[str, Any]:
        return {}


class Orthogonal(Initializer):
    """A random matrix whose columns, or rows if there are fewer, are orthonormal.

    The weight is seen as a matrix of all axes but the last by the last: fan-in rows of
    a filter, one column for each output. Normal numbers are made orthogonal one vector
    after the other (Gram and Schmidt, everything twice, in float64): what comes out
    is spread evenly over all such matrices. Times ``gain``.

    Parameters
    ----------
    gain : float, default 1
        sqrt(2) for layers before a ReLU.

    Example
    -------
    >>> w = Orthogonal()((4, 2), 4, 2, random=RandomStream(0), dtype="float64")
    >>> bool(abs((w[:, :1] * w).sum(axis=0) - [1, 0]).max() < 1e-12)
    True

    Source
    ------
    Saxe, McClelland, Ganguli (2014), Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_number(gain, "Orthogonal: gain")

    def __call__(
        self,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        *,
        random: RandomStream,
        dtype: DTypeLike,
    ) -> Array:
        if len(shape) < 2:
            raise ValueError(
                describe(
                    f"Orthogonal got the shape {shape}, {len(shape)} dimensions",
                    "Expected a weight of at least 2",
                    'Use it for weights; "zeros" is for biases',
                )
            )
        columns = shape[-1]
        rows = math.prod(shape) // columns
        count, length = min(rows, columns), max(rows, columns)
        vectors = _orthonormal(random.normal((count, length), dtype="float64"))
        matrix = vectors if rows < columns else vectors.T
        return (self.gain * matrix).reshape(shape).astype(dtype)

    def config(self) -> dict[str, Any]:
        return {"gain": self.gain}


_BLOCK = 32
"""Vectors that are freed of all before them by one matrix product."""


def _orthonormal(vectors: Array) -> Array:
    """Make the rows orthonormal in place, and return them."""
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        for _ in range(2):  # the second time mends what rounding left of the first
            _subtract_shares(block, vectors[:start])
            for i in range(len(block)):
                row = block[i : i + 1]
                _subtract_shares(row, block[:i])
                row /= math.sqrt(kernels.sum_of_squares(row.reshape(-1)))
    return vectors


def _subtract_shares(rows: Array, others: Array) -> None:
    """Make rows orthogonal to others, which are orthonormal."""
    if len(others):
        shares = kernels.gemm(rows, others, trans_b=True)
        rows -= kernels.gemm(shares, others)


INITIALIZERS: dict[str, type[Initializer]] = {
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "lecun_normal": LeCunNormal,
    "lecun_uniform": LeCunUniform,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "orthogonal": Orthogonal,
    "constant": Constant,
    "zeros": Zeros,
    "ones": Ones,
}


def get_initializer(
    spec: str | Initializer | dict[str, Any], name: str = "initializer"
) -> Initializer:
    """Return the initializer that a name, a config from a file, or an object means.

    Example
    -------
    >>> get_initializer("he_normal"), get_initializer({"kind": "constant", "value": 2})
    (HeNormal(), Constant(value=2.0))
    """
    if isinstance(spec, Initializer):
        return spec
    arguments = dict(spec) if isinstance(spec, dict) else {"kind": spec}
    kind = check_choice(arguments.pop("kind", None), name, INITIALIZERS)
    cls = INITIALIZERS[kind]
    try:
        return cls(**arguments)
    except TypeError as error:
        raise TypeError(
            describe(
                f"{name} is {spec!r}: {error}",
                f"Expected the arguments of {cls.__name__}",
                f"Pass an object: {argument(name)}={cls.__name__}(...).",
            )
        ) from error


def initializer_config(initializer: Initializer | None) -> dict[str, Any] | None:
    """What ``get_initializer`` reads back, fit for JSON; None stays None."""
    if initializer is None:
        return None
    for kind, known in INITIALIZERS.items():
        if type(initializer) is known:
            return {"kind": kind, **initializer.config()}
    raise ValueError(
        describe(
            f"{initializer!r} cannot be written to a file",
            f"Expected one of {', '.join(INITIALIZERS)}",
            "Files keep the weights themselves: give the layer a built-in initializer "
            "before saving.",
        )
    )
