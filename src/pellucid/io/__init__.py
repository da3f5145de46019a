"""Files: models and weights as safetensors."""

from pellucid.io.weights import (
    load_checkpoint,
    load_model,
    load_weights,
    read_checkpoint,
    save_model,
    save_weights,
)

__all__ = [
    "load_checkpoint",
    "load_model",
    "load_weights",
    "read_checkpoint",
    "save_model",
    "save_weights",
]
