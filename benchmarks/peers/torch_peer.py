"""PyTorch as a contestant: eager, channels_last, compile, compile_channels_last."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn

VERSION = f"torch {torch.__version__}"


def mlp(*widths: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers[:-1]


def block(*channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(after), nn.ReLU()]
    return [*layers, nn.MaxPool2d(2)]


def lenet5() -> list[nn.Module]:
    first = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    return [*first, *second, nn.Flatten(), *mlp(400, 120, 84, 10)]


def mnist_cnn() -> list[nn.Module]:
    head = [nn.Linear(3136, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)]
    return [*block(1, 32), *block(32, 64), nn.Flatten(), *head]


def cifar_vgg() -> list[nn.Module]:
    body = [*block(3, 64, 64), *block(64, 128, 128), *block(128, 256, 256)]
    return [*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10)]


NETWORKS: dict[str, tuple[Callable[[], list[nn.Module]], tuple[int, ...], str]] = {
    "mlp_100": (lambda: mlp(64, 100, 10), (64,), "adam"),
    "mlp_128_64": (lambda: mlp(784, 128, 64, 10), (784,), "adam"),
    "mlp_512_512": (lambda: mlp(784, 512, 512, 10), (784,), "adam"),
    "lenet5_sgd": (lenet5, (1, 28, 28), "sgd"),
    "lenet5_adam": (lenet5, (1, 28, 28), "adam"),
    "mnist_cnn": (mnist_cnn, (1, 28, 28), "adam"),
    "cifar_vgg": (cifar_vgg, (3, 32, 32), "sgd"),
}


def prepare(
    network: str, task: str, batch: int, threads: int, mode: str
) -> Callable[[], object]:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    layers, shape, optimizer_name = NETWORKS[network]
    model: Any = nn.Sequential(*layers())
    x = torch.randn(batch, *shape)
    y = torch.randint(0, 10, (batch,))
    if mode.endswith("channels_last") and x.ndim == 4:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    if optimizer_name == "adam":
        optimizer: Any = torch.optim.Adam(model.parameters(), fused=True)
    else:
        optimizer = torch.optim.SGD(
            model.parameters(), lr=0.01, momentum=0.9, fused=True
        )
    runs = torch.compile(model) if mode.startswith("compile") else model
    loss_function = nn.CrossEntropyLoss()
    if task == "train":
        model.train()

        def step() -> float:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_function(runs(x), y)
            loss.backward()
            optimizer.step()
            return float(loss.detach())

        return step
    model.eval()

    def predict() -> Any:
        with torch.inference_mode():
            return runs(x)

    return predict
