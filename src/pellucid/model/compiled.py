"""A network with an optimizer, a loss and metrics: what it takes to train."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import kernels
from pellucid.core.inputs import check_number
from pellucid.core.layer import Array, Layer
from pellucid.errors import describe
from pellucid.losses import Loss, get_loss
from pellucid.metrics import Kind, Metric, get_metrics
from pellucid.model import state
from pellucid.model.history import History
from pellucid.model.inference import BATCH_SIZE
from pellucid.model.network import Network
from pellucid.model.training import TrainingStep
from pellucid.model.wiring import claim, refuse_owned
from pellucid.optimizers import Optimizer, get_optimizer


class Compiled(Network):
    """What ``compile`` decides, what it says of the output, and the state it leads to.

    The base of ``Sequential``, whose arguments these are.
    """

    def __init__(self, layers: Iterable[Layer] = (), **options: Any) -> None:
        super().__init__(layers, **options)
        self.stop_training = False
        self.epochs_done = 0
        self.history = History()
        self.callbacks: list[Any] = []
        self.callback_states: list[dict[str, Any]] = []
        self._optimizer: Optimizer | None = None
        self._loss: Loss | None = None
        self._metrics: list[Metric] = []
        self._step: TrainingStep | None = None

    @property
    def compiled(self) -> bool:
        """True after ``compile``."""
        return self._optimizer is not None

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer that ``compile`` was given."""
        if self._optimizer is None:
            raise RuntimeError(_not_compiled())
        return self._optimizer

    @property
    def loss(self) -> Loss:
        """The loss that ``compile`` was given."""
        if self._loss is None:
            raise RuntimeError(_not_compiled())
        return self._loss

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that ``compile`` was given."""
        return self._metrics

    def compile(
        self,
        optimizer: str | Optimizer,
        loss: str | Loss,
        metrics: Sequence[str | Metric] = (),
    ) -> None:
        """Choose how to train. Weights stay; the optimizer's state starts anew.

        Parameters
        ----------
        optimizer : str or Optimizer
            Such as "adam" or ``Adam(1e-3)``.
        loss : str or Loss
            Such as "softmax_cross_entropy".
        metrics : sequence of str or Metric
            Such as ["accuracy"].

        Raises
        ------
        ValueError
            An unknown name; an optimizer that belongs to another model.
        TypeError
            Objects of the wrong kind.

        Example
        -------
        >>> import pellucid as pl
        >>> model = pl.mlp([4, 3], seed=0)
        >>> model.compile(pl.SGD(0.1, momentum=0.9), "softmax_cross_entropy", ["acc"])
        >>> model.loss, model.metrics[0].name
        (SoftmaxCrossEntropy(label_smoothing=0.0, reduction='mean'), 'accuracy')
        """
        with self.training("compile"):
            chosen = get_optimizer(optimizer)
            loss_object = get_loss(loss)
            found = get_metrics(metrics)
            refuse_owned([chosen], self)
            kind: Kind = getattr(loss_object, "kind", "regression")
            from_logits = getattr(loss_object, "from_logits", False)
            for metric in found:
                if hasattr(metric, "configure"):
                    metric.configure(kind, from_logits)
            chosen.reset()
            self._optimizer, self._loss, self._metrics = chosen, loss_object, found
            claim([chosen], self)
            self._step = None
            if self._input_shape is not None and self._layers:
                self.require_built("compile")

    def averaged_weights(self) -> AbstractContextManager[None]:
        """Use the average that an optimizer with ``ema_decay`` keeps, inside a with.

        Within the block every use of the model, ``save`` too, sees the averaged
        weights; after it the model has its own again. Running statistics stay.

        Raises
        ------
        RuntimeError
            The optimizer has no ``ema_decay``, or has not taken a step.

        Example
        -------
        >>> import pellucid as pl
        >>> model = pl.Sequential([pl.Dense(1)], input_shape=(1,), seed=0)
        >>> model.compile(pl.SGD(0.1, ema_decay=0.5), "mse")
        >>> values = model.train_on_batch([[1.0]], [2.0])
        >>> with model.averaged_weights():
        ...     averaged = model.predict([[1.0]])
        """
        self._require_compiled()
        return state.averaged_weights(self)

    def training_loss(self) -> tuple[Loss, bool]:
        """The loss to train with, and whether it contains the last activation.

        A cross-entropy of probabilities after a softmax or sigmoid becomes the stable
        one on logits, and the last layer leaves its activation out.
        """
        last, loss = self._layers[-1], self.loss
        fused = loss.fused() if isinstance(loss, Loss) else None
        ours = type(last).__module__.startswith("pellucid.layers.")
        if fused is not None and ours and last.activation == loss.activation:
            return fused, True
        return loss, False

    def predict_proba(self, x: Any, *, batch_size: int = BATCH_SIZE) -> Array:
        """Probabilities: the output, after softmax or sigmoid when it is logits.

        Raises
        ------
        RuntimeError
            Neither the last layer nor the loss says that the output is a probability.

        Example
        -------
        >>> import pellucid as pl
        >>> model = pl.Sequential(
        ...     [pl.Dense(2, kernel_initializer="zeros")], input_shape=(3,)
        ... )
        >>> model.compile("adam", "softmax_cross_entropy")
        >>> model.predict_proba([[1, 2, 3]])
        array([[0.5, 0.5]], dtype=float32)
        """
        self.require_built("predict_proba")
        activation = self._probability()
        y = self.predict(x, batch_size=batch_size)
        if self._layers[-1].activation == activation or not y.size:
            return y
        if activation == "softmax":
            return kernels.softmax(y)
        return kernels.activation(y, "sigmoid")

    def predict_classes(
        self, x: Any, *, threshold: float = 0.5, batch_size: int = BATCH_SIZE
    ) -> NDArray[np.int64]:
        """The class of every sample: the largest output, or p >= threshold.

        Parameters
        ----------
        x : array_like (n, ...)
        threshold : float
            For models with one output column.
        batch_size : int

        Returns
        -------
        int64 array (n,)

        Example
        -------
        >>> import pellucid as pl
        >>> model = pl.Sequential([pl.Softmax()], input_shape=(3,))
        >>> model.predict_classes([[0.1, 0.7, 0.2], [0.9, 0.0, 0.1]])
        array([1, 0])
        """
        self.require_built("predict_classes")
        limit = check_number(threshold, "threshold", at_least=0, at_most=1)
        if self.inner_shapes[-1] == (1,):
            p = self.predict_proba(x, batch_size=batch_size)
            return (p[:, 0] >= limit).astype(np.int64)
        y = self.predict(x, batch_size=batch_size)
        if y.ndim == 4 and self._channels_first:
            y = y.transpose(0, 2, 3, 1)
        return kernels.argmax(y)

    # State ---------------------------------------------------------------------

    def compile_config(self) -> dict[str, Any] | None:
        """The arguments of ``compile`` for a file; None when there are none."""
        return state.compile_config(self)

    def load_compile_config(self, config: Mapping[str, Any]) -> None:
        """Compile with what ``compile_config`` returned."""
        state.load_compile_config(self, config)

    def training_state(self) -> dict[str, Any]:
        """Optimizer state, counters and random streams, nested."""
        return state.training_state(self)

    def load_training_state(self, saved: Mapping[str, Any]) -> None:
        """Go on from what ``training_state`` returned."""
        with self.training("load_training_state"):
            state.load_training_state(self, saved)

    def restore_training(self, saved: Mapping[str, Any], seed: int) -> None:
        """``load_training_state`` from within a training call, with another seed."""
        state.load_training_state(self, saved)
        self.seed = seed
        for _, layer in self.walk():
            layer.random.seed = seed

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_step": None, "callbacks": []}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        super().__setstate__(kept)
        if self._optimizer is not None:
            claim([self._optimizer], self)

    def _require_compiled(self) -> None:
        if self._optimizer is None:
            raise RuntimeError(_not_compiled())

    def _probability(self) -> str:
        """The activation that makes the output a probability."""
        own = self._layers[-1].activation
        if own in ("softmax", "sigmoid"):
            return own
        if self._loss is not None and getattr(self._loss, "from_logits", False):
            activation = getattr(self._loss, "activation", None)
            if activation in ("softmax", "sigmoid"):
                return str(activation)
        raise RuntimeError(
            describe(
                f"the output of {self._layers[-1].label} is not known to be a "
                "probability",
                'Expected a last layer with activation="softmax" or "sigmoid", or '
                "a loss on logits",
                'Call compile(..., loss="softmax_cross_entropy") or '
                '"sigmoid_binary_cross_entropy", or use predict().',
            )
        )


def _not_compiled() -> str:
    return describe(
        "the model is not compiled",
        "Expected an optimizer and a loss",
        'Call model.compile(optimizer="adam", loss="softmax_cross_entropy") first.',
    )
