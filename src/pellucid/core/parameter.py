"""A trainable array and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import describe

if TYPE_CHECKING:
    from pellucid.core.regularizers import Regularizer


class Parameter:
    """An array that training changes, with the gradient of the loss beside it.

    Both arrays belong to the model: a write through ``p.value[...]`` counts at once,
    and ``p.grad`` is rewritten by the next ``backward``. Copy what you want to keep.

    Parameters
    ----------
    value : array
        The start value; the parameter takes the array itself, not a copy.
    name : str
        ``weight``, ``bias``, ``gamma`` or ``beta`` in the built-in layers.
    trainable : bool, default True
        False tells optimizers to leave the value as it is.
    regularizer : Regularizer, optional
        The penalty that a model adds to its loss for this parameter.

    Example
    -------
    >>> import numpy as np
    >>> p = Parameter(np.zeros((2, 3), "float32"), "weight")
    >>> p.value = np.ones((2, 3))
    >>> p.value[0, 0] = 5
    >>> float(p.value.sum()), p.grad.shape
    (10.0, (2, 3))
    """

    __slots__ = ("_grad", "_value", "name", "regularizer", "trainable")

    def __init__(
        self,
        value: NDArray[Any],
        name: str,
        *,
        trainable: bool = True,
        regularizer: Regularizer | None = None,
    ) -> None:
        self._value = value
        self._grad: NDArray[Any] = np.zeros_like(value)
        self.name = name
        self.trainable = trainable
        self.regularizer = regularizer

    @property
    def value(self) -> NDArray[Any]:
        """The live array; assigning copies into it after a check of the shape."""
        return self._value

    @value.setter
    def value(self, new: ArrayLike) -> None:
        _copy_into(self._value, new, f"{self.name}.value")

    @property
    def grad(self) -> NDArray[Any]:
        """Gradient of the loss, of the value's shape; assigning copies into it."""
        return self._grad

    @grad.setter
    def grad(self, new: ArrayLike) -> None:
        _copy_into(self._grad, new, f"{self.name}.grad")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value and of the gradient."""
        return self._value.shape

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size

    def rebind(self, value: NDArray[Any], grad: NDArray[Any]) -> None:
        """Move value and gradient into other memory of the same shape.

        A model calls this once to lay all its parameters out in one flat array.
        """
        for array in (value, grad):
            if array.shape != self.shape:
                raise ValueError(
                    describe(
                        f"{self.name}: the new memory has shape {array.shape}",
                        f"Expected {self.shape}",
                        "Pass views of the parameter's own shape.",
                    )
                )
        value[...] = self._value
        grad[...] = self._grad
        self._value, self._grad = value, grad

    def __repr__(self) -> str:
        frozen = "" if self.trainable else ", trainable=False"
        return f"Parameter({self.name!r}, shape={self.shape}{frozen})"


def _copy_into(target: NDArray[Any], new: ArrayLike, name: str) -> None:
    if new is target:  # p.value += 1 changed the array in place already
        return
    array = np.asarray(new)
    if array.dtype.kind not in "fiu":
        raise TypeError(
            describe(
                f"{name} got an array of dtype {array.dtype}",
                "Expected real numbers",
                f'Convert it first: array.astype("{target.dtype}").',
            )
        )
    if array.shape != target.shape:
        raise ValueError(
            describe(
                f"{name} got an array of shape {array.shape}",
                f"Expected {target.shape}: the layer was built for that",
                "Pass an array of that shape, or build a new layer.",
            )
        )
    target[...] = array
