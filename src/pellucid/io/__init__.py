"""Files: models and weights as safetensors."""

from pellucid.io.weights import load_model, load_weights, save_model, save_weights

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]
