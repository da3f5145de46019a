"""scikit-learn's MLPClassifier as a contestant, for the networks of dense layers.

`partial_fit` on one batch takes one step of Adam; it also checks its input and has an
L2 penalty, as every user of it gets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

VERSION = f"scikit-learn {sklearn.__version__}"

NETWORKS = {
    "mlp_100": (64, (100,)),
    "mlp_128_64": (784, (128, 64)),
    "mlp_512_512": (784, (512, 512)),
}


def prepare(
    network: str, task: str, batch: int, threads: int, mode: str
) -> Callable[[], object]:
    inputs, widths = NETWORKS[network]
    random = np.random.default_rng(0)
    model = MLPClassifier(widths, batch_size=batch, random_state=0)
    x = random.standard_normal((batch, inputs), dtype=np.float32)
    y = random.integers(0, 10, batch)
    model.partial_fit(x, y, classes=np.arange(10))
    if task == "train":
        return lambda: model.partial_fit(x, y)
    return lambda: model.predict_proba(x)
