"""Data: embedded and downloadable sets, synthetic points, batches."""

from pellucid.data.batches import Batches
from pellucid.data.datasets import load_digits, load_fashion_mnist, load_mnist
from pellucid.data.synthetic import (
    make_blobs,
    make_circles,
    make_moons,
    make_spiral,
    make_xor,
)

__all__ = [
    "Batches",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "make_blobs",
    "make_circles",
    "make_moons",
    "make_spiral",
    "make_xor",
]
