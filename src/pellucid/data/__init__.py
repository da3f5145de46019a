"""Data: real and synthetic sets, preparation, augmentation, batches."""

from pellucid.data.batches import Batches, Prefetch
from pellucid.data.cifar import CIFAR10_CLASSES, load_cifar10
from pellucid.data.datasets import load_digits, load_fashion_mnist, load_mnist
from pellucid.data.effects import (
    CutMix,
    Cutout,
    Mixup,
    RandomLight,
    RandomNoise,
    augment,
)
from pellucid.data.pictures import ImageFolder, load_image_folder
from pellucid.data.preparation import (
    MinMaxScaler,
    Standardizer,
    one_hot,
    train_validation_split,
)
from pellucid.data.synthetic import (
    make_blobs,
    make_circles,
    make_linear,
    make_moons,
    make_shapes,
    make_spiral,
    make_xor,
)
from pellucid.data.transforms import (
    Compose,
    RandomAffine,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomShift,
    RandomZoom,
    Rescale,
    Transform,
)

__all__ = [
    "CIFAR10_CLASSES",
    "Batches",
    "Compose",
    "CutMix",
    "Cutout",
    "ImageFolder",
    "MinMaxScaler",
    "Mixup",
    "Prefetch",
    "RandomAffine",
    "RandomCrop",
    "RandomFlip",
    "RandomLight",
    "RandomNoise",
    "RandomRotation",
    "RandomShift",
    "RandomZoom",
    "Rescale",
    "Standardizer",
    "Transform",
    "augment",
    "load_cifar10",
    "load_digits",
    "load_fashion_mnist",
    "load_image_folder",
    "load_mnist",
    "make_blobs",
    "make_circles",
    "make_linear",
    "make_moons",
    "make_shapes",
    "make_spiral",
    "make_xor",
    "one_hot",
    "train_validation_split",
]
