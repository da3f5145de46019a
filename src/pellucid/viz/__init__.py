"""Pictures; matplotlib and plotly (the extra `plot`) are imported when one is drawn.

Functions take the axes to draw on, or make a figure that nothing else holds, and return
the axes. None opens a window: save with ``ax.figure.savefig(path)``, or let a notebook
show ``ax.figure``.
"""

from pellucid.viz.classes import plot_confusion_matrix, plot_misclassified
from pellucid.viz.features import plot_feature_maps, plot_filters
from pellucid.viz.functions import optimizer_path, plot_activations, plot_optimizers
from pellucid.viz.history import (
    plot_history,
    plot_rate_search,
    plot_schedules,
    plot_training,
)
from pellucid.viz.network import export_network
from pellucid.viz.performance import plot_memory, plot_throughput, plot_width
from pellucid.viz.points import plot_decision_boundary, plot_points
from pellucid.viz.roofline import plot_roofline
from pellucid.viz.saliency import grad_cam, plot_grad_cam, plot_saliency, saliency
from pellucid.viz.topology import network_figure, plot_network
from pellucid.viz.weights import plot_gradients, plot_weights

__all__ = [
    "export_network",
    "grad_cam",
    "network_figure",
    "optimizer_path",
    "plot_activations",
    "plot_confusion_matrix",
    "plot_decision_boundary",
    "plot_feature_maps",
    "plot_filters",
    "plot_grad_cam",
    "plot_gradients",
    "plot_history",
    "plot_memory",
    "plot_misclassified",
    "plot_network",
    "plot_optimizers",
    "plot_points",
    "plot_rate_search",
    "plot_roofline",
    "plot_saliency",
    "plot_schedules",
    "plot_throughput",
    "plot_training",
    "plot_weights",
    "plot_width",
    "saliency",
]
