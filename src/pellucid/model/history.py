"""What training recorded."""

from __future__ import annotations

import math
from typing import Any


class History:
    """Values of every epoch of one call of ``fit``.

    Attributes
    ----------
    history : dict of lists
        One list for each of ``loss``, the metrics, their ``val_`` forms,
        ``learning_rate`` and ``seconds``.
    epoch : list of int
        Numbers of the epochs; they count from 0, on over calls of ``fit``.

    Example
    -------
    >>> record = History()
    >>> record.append(0, {"loss": 0.5}); record.append(1, {"loss": 0.25})
    >>> record.history, record.epoch, record.best_epoch
    ({'loss': [0.5, 0.25]}, [0, 1], 1)
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def append(self, epoch: int, logs: dict[str, float]) -> None:
        """Add the values of an epoch."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest ``val_loss``, else ``loss``; None without any."""
        values = self.history.get("val_loss", self.history.get("loss", []))
        finite = [(value, i) for i, value in enumerate(values) if math.isfinite(value)]
        return self.epoch[min(finite)[1]] if finite else None

    def plot(self, *, metric: str = "loss", ax: Any = None) -> Any:
        """Draw one value and its validation form; see ``pellucid.viz.plot_history``."""
        from pellucid.viz import plot_history

        return plot_history(self, metric=metric, ax=ax)

    def _repr_html_(self) -> str:
        from pellucid.model.html import history_html

        return history_html(self)

    def __len__(self) -> int:
        return len(self.epoch)

    def __repr__(self) -> str:
        if not self.epoch:
            return "History(no epochs)"
        last = ", ".join(
            f"{key}={list_[-1]:.4g}" for key, list_ in self.history.items()
        )
        return f"History(epochs {self.epoch[0]} to {self.epoch[-1]}; last: {last})"
