"""Pellucid's bits do not depend on PyTorch being loaded, with its own OpenMP."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.parity.compare import torch

WORK = """
import hashlib, sys
for name in sys.argv[1:]:
    if name == "torch":
        import torch
        torch.set_num_threads(2)
        torch.randn(300, 300) @ torch.randn(300, 300)
    else:
        import numpy as np
        import pellucid as pl
        rng = np.random.default_rng(0)
        x = rng.normal(size=(64, 12, 12, 3)).astype("float32")
        layers = [pl.Conv2D(16, 3, activation="relu"), pl.BatchNorm(), pl.MaxPool2D(2)]
        model = pl.Sequential([*layers, pl.Flatten(), pl.Dense(10)], seed=0)
        model.compile("adam", "softmax_cross_entropy")
        for threads in (1, 2, 3):
            pl.set_num_threads(threads)
            model.fit(x, rng.integers(0, 10, 64), epochs=1, batch_size=16, verbose=0)
        digest = hashlib.sha256()
        for array in (*model.state_dict().values(), model.predict(x)):
            digest.update(np.ascontiguousarray(array).tobytes())
        print(digest.hexdigest())
"""


def digests(*names):
    done = subprocess.run(
        [sys.executable, "-c", WORK, *names],
        env=os.environ | {"PELLUCID_GRAIN": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    "order", [("torch", "pellucid"), ("pellucid", "torch", "pellucid")]
)
def test_bits_beside_pytorch(order):
    assert torch.get_num_threads() >= 1
    alone = digests("pellucid")
    assert len(alone) == 1
    assert len(alone[0]) == 64
    assert digests(*order) == alone * order.count("pellucid")
