"""Pictures; matplotlib (the extra `plot`) is imported when one is drawn."""

from pellucid.viz.plots import plot_history

__all__ = ["plot_history"]
