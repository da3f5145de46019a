"""Callbacks: what runs between the steps and epochs of ``fit``."""

from pellucid.callbacks.base import Callback, LambdaCallback
from pellucid.callbacks.checkpoint import ModelCheckpoint
from pellucid.callbacks.early_stopping import EarlyStopping
from pellucid.callbacks.guards import TerminateOnNaN
from pellucid.callbacks.logging import CSVLogger, LearningRateLogger
from pellucid.callbacks.plateau import ReduceLROnPlateau
from pellucid.callbacks.progress import ProgressBar

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "LambdaCallback",
    "LearningRateLogger",
    "ModelCheckpoint",
    "ProgressBar",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
