"""Models: layers in a row, trained and used."""

from pellucid.model.history import History
from pellucid.model.sequential import Sequential

__all__ = ["History", "Sequential"]
