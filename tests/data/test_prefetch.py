"""Batches prepared ahead: the same ones, errors in place, no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import pellucid as pl
from pellucid import data
from pellucid.data import Batches, Prefetch
from pellucid.data import batches as batches_module


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    names = [thread.name for thread in threading.enumerate()]
    assert "pellucid-prefetch" not in names


def batches(**options) -> Batches:
    x = np.arange(150, dtype=np.float32).reshape(10, 3, 5, 1)
    return Batches(x, np.arange(10), batch_size=3, shuffle=True, **options)


@pytest.mark.parametrize("threshold", [0, 1e-3, 1e9])
@pytest.mark.parametrize("depth", [1, 2, 50])
def test_the_same_batches_in_the_same_order(depth: int, threshold: float) -> None:
    plain, source = batches(), batches()
    ahead = Prefetch(source, depth, threshold)
    assert len(ahead) == len(plain)
    for _ in range(3):
        pairs = zip(list(plain), list(ahead), strict=True)
        for (x, y), (same_x, same_y) in pairs:
            np.testing.assert_array_equal(x, same_x)
            np.testing.assert_array_equal(y, same_y)
    assert source.epoch == 3


class Slow:
    """Numbers that take a while; raises at one of them."""

    def __init__(self, count: int, bad: int = -1, seconds: float = 0.003) -> None:
        self.count, self.bad, self.seconds = count, bad, seconds
        self.threads: set[int] = set()
        self.made = 0

    def __iter__(self) -> Iterator[int]:
        for i in range(self.count):
            self.threads.add(threading.get_ident())
            time.sleep(self.seconds)
            if i == self.bad:
                raise OSError(f"file {i} is gone")
            self.made += 1
            yield i


def test_slow_sources_get_a_thread_and_cheap_ones_none() -> None:
    slow, cheap = Slow(8), Slow(8, seconds=0)
    assert list(Prefetch(slow)) == list(range(8))
    assert len(slow.threads) == 2
    list(Prefetch(cheap, threshold=10))
    assert cheap.threads == {threading.get_ident()}


@pytest.mark.parametrize("spare", [False, True])
def test_computing_gets_a_thread_only_where_a_core_is_free(
    spare: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()

    def compute() -> Iterator[int]:
        for i in range(6):
            threads.add(threading.get_ident())
            end = time.thread_time() + 0.01
            while time.thread_time() < end:
                sum(range(1000))
            yield i

    monkeypatch.setattr(batches_module, "_spare_core", lambda: spare)
    # Beside busy processes waiting for a core counts as waiting: allow 200 ms of it.
    threshold = 0.005 if spare else 0.2
    assert list(Prefetch(compute(), threshold=threshold)) == list(range(6))
    assert len(threads) == 1 + spare


@pytest.mark.parametrize("bad", [0, 1, 3, 4, 6, 7])
@pytest.mark.parametrize("threshold", [0, 1e-3, 10])
def test_088_an_error_comes_where_its_batch_was_due(bad: int, threshold: float) -> None:
    seen = []
    with pytest.raises(OSError, match=f"file {bad} is gone"):
        seen.extend(iter_into(seen, Prefetch(Slow(8, bad), threshold=threshold)))
    assert seen == list(range(bad))


def iter_into(seen: list[int], source: Prefetch) -> list[int]:
    for item in source:
        seen.append(item)
    return []


def test_a_loop_broken_off_stops_the_thread_and_counts_for_nothing() -> None:
    source = batches()
    for taken in range(1, len(source) + 1):
        loop = iter(Prefetch(source, depth=50, threshold=0))
        for _ in range(taken):
            next(loop)
        time.sleep(0.01)  # the thread has run as far as it goes
        loop.close()
        assert source.epoch == 0


def test_only_so_many_wait() -> None:
    slow = Slow(100, seconds=0)
    loop = iter(Prefetch(slow, depth=3, threshold=0))
    next(loop)
    time.sleep(0.05)
    assert slow.made <= 5
    loop.close()


def test_empty_and_short_sources() -> None:
    assert list(Prefetch([])) == []
    assert list(Prefetch([1])) == [1]
    assert list(Prefetch([1, 2, 3], threshold=0)) == [1, 2, 3]


def test_transforms_are_keyed_by_epoch_and_batch() -> None:
    augment = data.Compose([data.RandomFlip(), data.RandomNoise(0.1, None, None)])
    plain, ahead = batches(transform=augment), batches(transform=augment)
    first = [x.tobytes() for x, _ in plain]
    assert [x.tobytes() for x, _ in Prefetch(ahead, threshold=0)] == first
    second = [x.tobytes() for x, _ in plain]
    assert second != first
    resumed = batches(transform=augment)
    resumed.epoch = 1
    assert [x.tobytes() for x, _ in resumed] == second


def test_fit_learns_from_prefetched_augmented_batches() -> None:
    (x, y), _ = data.load_digits()
    train = Batches(x[:400], y[:400], shuffle=True, transform=data.RandomShift(1))

    def weights() -> bytes:
        train.epoch = 0
        model = pl.Sequential(
            [pl.Flatten(), pl.Dense(10)], input_shape=(8, 8, 1), seed=0
        )
        model.compile("adam", "softmax_cross_entropy")
        history = model.fit(Prefetch(train, threshold=0), epochs=3, verbose=0)
        assert history.history["loss"][-1] < history.history["loss"][0]
        return b"".join(value.tobytes() for value in model.state_dict().values())

    assert weights() == weights()


@pytest.mark.parametrize(("depth", "error"), [(0, ValueError), (1.5, TypeError)])
def test_depths_that_are_none(depth, error) -> None:
    with pytest.raises(error, match="depth is"):
        Prefetch([], depth)


def test_a_transform_that_is_none() -> None:
    with pytest.raises(TypeError, match="transform is a list"):
        batches(transform=[data.RandomFlip()])
