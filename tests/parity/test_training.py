"""Training a network follows PyTorch's training, step by step."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from tests.parity.compare import WORST, arithmetic, every_dtype, torch

STEPS = 20
RELATIVE = {"float32": 1e-4, "float64": 1e-9}
OPTIMIZERS = {
    "sgd": (
        lambda: pl.SGD(0.05, momentum=0.9, weight_decay=1e-4),
        lambda p: torch.optim.SGD(p, 0.05, 0.9, weight_decay=1e-4),
    ),
    "adam": (lambda: pl.Adam(1e-3), lambda p: torch.optim.Adam(p, 1e-3)),
}


def network(dtype):
    return pl.Sequential(
        [
            pl.Conv2D(8, 3, padding="same"),
            pl.BatchNorm(),
            pl.ReLU(),
            pl.MaxPool2D(2),
            pl.Conv2D(16, 3, padding="same", activation="relu"),
            pl.AvgPool2D(2),
            pl.Flatten(),
            pl.Dense(10),
        ],
        input_shape=(12, 12, 2),
        seed=3,
        dtype=dtype,
    )


def twin(state):
    """The same network in PyTorch, with the same weights."""
    nn = torch.nn

    class ChannelsLast(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1).flatten(1)

    same = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        ChannelsLast(),
        nn.Linear(144, 10),
    )
    with torch.no_grad():
        for layer, name in [(same[0], "conv2d_1"), (same[4], "conv2d_2")]:
            weight = torch.tensor(state[f"{name}.weight"]).permute(3, 2, 0, 1)
            layer.weight.copy_(weight)
            layer.bias.copy_(torch.tensor(state[f"{name}.bias"]))
        same[8].weight.copy_(torch.tensor(state["dense_1.weight"]).T)
        same[8].bias.copy_(torch.tensor(state["dense_1.bias"]))
    return same


@every_dtype
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_losses_of_twenty_steps(name, dtype):
    rng = np.random.default_rng(0)
    with arithmetic(dtype):
        model = network(dtype)
        own, their = OPTIMIZERS[name]
        model.compile(own(), "softmax_cross_entropy")
        same = twin(model.state_dict())
        optimizer = their(same.parameters())
        losses = []
        for step in range(STEPS):
            y = rng.integers(0, 10, 32)
            x = rng.normal(size=(32, 12, 12, 2)) + 0.3 * y[:, None, None, None]
            x = x.astype(dtype)
            losses.append(model.train_on_batch(x, y)["loss"])
            optimizer.zero_grad()
            logits = same(torch.tensor(x).permute(0, 3, 1, 2))
            want = torch.nn.functional.cross_entropy(logits, torch.tensor(y))
            want.backward()
            optimizer.step()
            deviation = abs(losses[-1] / want.item() - 1)
            assert deviation <= RELATIVE[dtype], step
            table = f"losses of {STEPS} training steps"
            WORST[dtype][table] = max(WORST[dtype].get(table, 0.0), deviation)
        assert losses[-1] < losses[0] - 0.2
