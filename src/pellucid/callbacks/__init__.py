"""Callbacks: what runs between the steps and epochs of ``fit``."""

from pellucid.callbacks.base import Callback, LambdaCallback
from pellucid.callbacks.early_stopping import EarlyStopping
from pellucid.callbacks.guards import TerminateOnNaN
from pellucid.callbacks.logging import CSVLogger
from pellucid.callbacks.progress import ProgressBar

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "LambdaCallback",
    "ProgressBar",
    "TerminateOnNaN",
]
