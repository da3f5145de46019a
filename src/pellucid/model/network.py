"""A structure that computes, and that files can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.core.chain import backward_chain
from pellucid.core.layer import Array
from pellucid.model import state
from pellucid.model.inference import BATCH_SIZE, check_batch_size, infer_all
from pellucid.model.structure import Structure


class Network(Structure):
    """Forward, backward, weights by name. The base of ``Sequential``."""

    def forward(self, x: Any, training: bool = False) -> Array:
        """Go through the layers one by one; ``training=True`` prepares ``backward``.

        Example
        -------
        >>> import pellucid as pl
        >>> model = pl.Sequential([pl.ReLU()])
        >>> y = model.forward([[-1.0, 2.0]], training=True)
        >>> y, model.backward([[1.0, 1.0]])
        (array([[0., 2.]], dtype=float32), array([[0., 1.]], dtype=float32))
        """
        self.require_layers("forward")
        door = self.door(x)
        y = features = door.features(x)
        self.build_for(door)
        if y.dtype != self.dtype and not self._layers[0].accepts_bytes:
            y = y.astype(self.dtype)
        if training:
            if y is x or not y.flags.owndata:  # backward reads what came in
                y = y.copy()
            with self.training("forward(training=True)"):
                for layer in self._layers:
                    y = layer.forward(y, training=True)
        else:
            for layer in self._layers:
                y = layer.forward(y)
        return door.outward(y.copy() if np.may_share_memory(y, features) else y)

    def backward(self, dy: ArrayLike) -> Array:
        """Go back through the layers: write every ``p.grad`` and return dx.

        Raises
        ------
        RuntimeError
            No ``forward(training=True)`` came before.
        """
        self.require_built("backward")
        with self.training("backward"):
            gradient = np.asarray(dy)
            if self._channels_first and gradient.ndim == 4:
                gradient = np.ascontiguousarray(gradient.transpose(0, 2, 3, 1))
            gradient = backward_chain(self._layers, gradient)
        if self._channels_first and gradient.ndim == 4:
            gradient = np.ascontiguousarray(gradient.transpose(0, 3, 1, 2))
        return gradient

    def predict(self, x: Any, *, batch_size: int = BATCH_SIZE) -> Array:
        """The last layer's output for every sample; safe from many threads.

        ``evaluate`` and validation see the same bits. BatchNorm directly behind a layer
        with weights, which has no activation of its own, is folded into that layer:

        y = activation(sum * scale + shift), scale = gamma / sqrt(variance + epsilon),
        shift = (bias - mean) * scale + beta

        and so is a ReLU, Sigmoid or Tanh layer after either. ``forward(x)``, which goes
        layer by layer, gives the same up to rounding: for a direct sum of k products,
        both are within (4 * sqrt(k) + 2) * u * (abs(scale) * (sum of abs(x * weight)
        + abs(bias) + abs(mean)) + abs(beta)) of the exact y, with u = 2**-24, or 2**-53
        in float64. Scale, shift and the filters that Winograd transforms are
        computed at every call: a write to parameters or running statistics, such as
        ``p.value[...] = 0``, counts at once.

        Parameters
        ----------
        x : array_like (n, ...)
        batch_size : int
            Samples computed at once; bounds the memory.

        Returns
        -------
        array (n, ...)

        Raises
        ------
        RuntimeError
            The model is not built.
        TypeError, ValueError
            Data that does not fit.

        Example
        -------
        >>> import pellucid as pl
        >>> pl.Sequential([pl.Tanh()], input_shape=(2,)).predict([[0, 0], [0, 0]]).shape
        (2, 2)
        """
        if batch_size == BATCH_SIZE and not self._channels_first:
            y = self.prepared.again(x)
            if y is not None:
                return y
        self.require_built("predict")
        size = check_batch_size(batch_size)
        door = self.door(x)
        return door.outward(infer_all(self, door.features(x), size))

    # Files and copies ----------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Copies of parameters and running statistics: ``conv2d_1.weight``, ...

        Example
        -------
        >>> import pellucid as pl
        >>> list(pl.mlp([4, 3, 2]).state_dict())
        ['dense_1.weight', 'dense_1.bias', 'dense_2.weight', 'dense_2.bias']
        """
        self.require_built("state_dict")
        return {k: v.copy() for k, v in state.live_state(self).items()}

    def load_state_dict(self, arrays: Mapping[str, ArrayLike]) -> None:
        """Copy arrays in by name; a state that does not fit changes nothing."""
        self.require_built("load_state_dict")
        state.load_state(self, arrays)
