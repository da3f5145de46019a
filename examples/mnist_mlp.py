"""The multilayer perceptron 784-128-64-10 on MNIST: 50 epochs, batches of 32.

60,000 pictures, of which 12,000 are for validation. The textbook run of this net, plain
gradient descent with momentum from weights of size 0.01, reaches 97.24 % in 245.3 s.

    python examples/mnist_mlp.py
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pellucid as pl

MILESTONES = {10: 0.4872, 20: 0.3145, 30: 0.2514, 40: 0.2103}
"""Training loss of the textbook run, by epoch from 0."""


def run(epochs: int = 50, seed: int = 0) -> dict[str, Any]:
    """Train and return validation accuracy, the losses at the milestones, seconds."""
    (x, y), test = pl.data.load_mnist()
    model = pl.mlp([784, 128, 64, 10], dropout=0.2, seed=seed)
    model.compile(
        pl.Adam(pl.CosineAnnealing(2e-3, period=epochs)),
        "softmax_cross_entropy",
        ["accuracy"],
    )
    start = perf_counter()
    history = model.fit(
        x.reshape(-1, 784), y, epochs=epochs, batch_size=32, validation_split=0.2
    ).history
    seconds = perf_counter() - start
    return {
        "validation accuracy": history["val_accuracy"][-1],
        "losses": {at: history["loss"][at] for at in MILESTONES if at < epochs},
        "test accuracy": model.evaluate(test[0].reshape(-1, 784), test[1])["accuracy"],
        "seconds": seconds,
    }


def main() -> None:
    """Print the result beside the textbook's."""
    result = run()
    print(f"validation accuracy {result['validation accuracy']:.4f}   bar 0.9724")
    for epoch, loss in result["losses"].items():
        print(f"loss at epoch {epoch}    {loss:.4f}   bar {MILESTONES[epoch]:.4f}")
    print(f"test accuracy       {result['test accuracy']:.4f}")
    print(f"seconds             {result['seconds']:.1f}   textbook 245.3")


if __name__ == "__main__":
    main()
