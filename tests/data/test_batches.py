"""Batches: every sample once an epoch, in an order that follows from the seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.data import Batches


def samples(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(n * 3, dtype=np.float32).reshape(n, 3), np.arange(n)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("n", "size"), [(10, 4), (8, 4), (7, 1), (3, 10), (1, 4)])
def test_an_epoch_has_every_sample_once(n: int, size: int, shuffle: bool) -> None:
    x, y = samples(n)
    batches = Batches(x, y, batch_size=size, shuffle=shuffle)
    seen = list(batches)
    assert len(seen) == len(batches)
    assert sorted(int(label) for _, part in seen for label in part) == list(range(n))
    for features, labels in seen:
        np.testing.assert_array_equal(features, x[labels])


@pytest.mark.parametrize(
    ("n", "size", "sizes"),
    [
        (9, 4, [4, 5]),
        (10, 4, [4, 4, 2]),
        (5, 1, [1] * 5),
        (1, 4, [1]),
        (4, 0, [4]),
        (3, 2, [3]),
    ],
)
def test_a_single_sample_left_over_joins(n: int, size: int, sizes: list[int]) -> None:
    batches = Batches(*samples(n), batch_size=size)
    assert [len(y) for _, y in batches] == sizes
    assert len(batches) == len(sizes)


def test_weights_come_along() -> None:
    x, y = samples(6)
    for features, labels, weights in Batches(x, y, y * 2.0, batch_size=4, shuffle=True):
        np.testing.assert_array_equal(weights, labels * 2.0)
        assert len(features) == len(weights)


def test_order_without_shuffle() -> None:
    batches = Batches(*samples(6), batch_size=3)
    for _ in range(2):
        assert [y.tolist() for _, y in batches] == [[0, 1, 2], [3, 4, 5]]


def orders(batches: Batches, epochs: int) -> list[list[int]]:
    return [[int(k) for _, y in batches for k in y] for _ in range(epochs)]


def test_every_epoch_has_its_own_order_and_seeds_repeat_it() -> None:
    first, second = (
        orders(Batches(*samples(50), shuffle=True, seed=3), 3) for _ in range(2)
    )
    assert first == second
    assert first[0] != first[1] != first[2]
    assert first != orders(Batches(*samples(50), shuffle=True, seed=4), 3)


def test_a_loop_broken_off_does_not_count() -> None:
    batches = Batches(*samples(50), shuffle=True)
    peeked = next(iter(batches))[1].tolist()
    assert orders(batches, 1)[0][: len(peeked)] == peeked
    assert batches.epoch == 1


def test_memory_mapped_arrays_stay_on_disk(tmp_path: Path) -> None:
    x, y = samples(20)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    batches = Batches(mapped, y, batch_size=8, shuffle=True)
    assert isinstance(batches.arrays[0], np.memmap)
    for features, labels in batches:
        np.testing.assert_array_equal(features, x[labels])


def test_fit_takes_them() -> None:
    import pellucid as pl

    x, y = pl.data.make_xor(64)
    model = pl.Sequential([pl.Dense(2)], input_shape=(2,), seed=0)
    model.compile("sgd", "softmax_cross_entropy")
    history = model.fit(Batches(x, y, batch_size=16, shuffle=True), epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


@pytest.mark.parametrize(
    "arrays",
    [
        (np.zeros((3, 2)), np.zeros(4)),
        (np.zeros((3, 2)), np.zeros(3), np.zeros(2)),
        (np.float32(1), np.zeros(1)),
        (np.zeros((0, 2)), np.zeros(0)),
    ],
)
def test_arrays_that_do_not_fit(arrays) -> None:
    with pytest.raises(ValueError, match="sample"):
        Batches(*arrays)


@pytest.mark.parametrize("size", [2.0, True, "8", None])
def test_batch_sizes_of_another_kind(size) -> None:
    with pytest.raises(TypeError, match="batch_size is"):
        Batches(*samples(3), batch_size=size)


def test_a_negative_batch_size() -> None:
    with pytest.raises(ValueError, match="batch_size is -1"):
        Batches(*samples(3), batch_size=-1)
