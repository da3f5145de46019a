"""What can be told from the data without any network: do neighbours agree?"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5
ROWS = 800
PERMUTATIONS = 30
SHIFTS = (1, -1, 2, -2, 3, -3)


class Neighbours:
    """How well the five nearest other rows predict the target of a row.

    Columns are scaled to deviation 1 first. The score is the accuracy (labels) or the
    correlation (values); what chance gives is measured on shuffled targets.

    Parameters
    ----------
    x : array (n, ...)
    y : array (n,)
        Labels or values.
    labels : bool
        Whether y holds classes.

    Example
    -------
    >>> x = np.repeat([[0.0], [9.0]], 20, axis=0)
    >>> near = Neighbours(x, np.repeat([0, 1], 20), labels=True)
    >>> near.score, near.z > 3
    (1.0, True)
    """

    def __init__(self, x: NDArray[np.generic], y: NDArray[np.generic], labels: bool):
        self.labels = labels
        count = min(len(x), ROWS)
        self.rows = slice(0, count)
        flat = np.asarray(x[:count].reshape(count, -1), np.float64)
        self.y = np.asarray(y)
        deviation = flat.std(axis=0)
        used = deviation > 1e-12 * (np.abs(flat).max(axis=0) + 1e-300)
        flat = (flat[:, used] - flat[:, used].mean(axis=0)) / deviation[used]
        square = (flat * flat).sum(axis=1)
        distance = square[:, None] + square - 2 * flat @ flat.T
        np.fill_diagonal(distance, np.inf)
        near = min(NEIGHBOURS, count - 1)
        self._near = np.argpartition(distance, near - 1, axis=1)[:, :near]
        self._chance_scores = self._shuffled()

    def _score(self, y: NDArray[np.generic]) -> float:
        votes, truth = y[self._near], y[self.rows]
        if self.labels:
            classes = np.unique(y)
            counts = np.stack([(votes == c).sum(axis=1) for c in classes], axis=1)
            return float((classes[counts.argmax(axis=1)] == truth).mean())
        guess = votes.mean(axis=1, dtype=np.float64)
        if guess.std() == 0 or truth.std() == 0:
            return 0.0
        return float(np.corrcoef(guess, truth)[0, 1])

    def _shuffled(self) -> NDArray[np.float64]:
        rng = np.random.default_rng(0)
        y = self.y[self.rows]
        return np.array([self._score(rng.permutation(y)) for _ in range(PERMUTATIONS)])

    @cached_property
    def score(self) -> float:
        """Accuracy or correlation on the targets as they are."""
        return self._score(self.y[self.rows])

    @property
    def chance(self) -> float:
        """The same on shuffled targets."""
        return float(self._chance_scores.mean())

    def _deviations(self, score: float) -> float:
        spread = max(float(self._chance_scores.std()), 0.5 / len(self._near))
        return (score - self.chance) / spread

    @property
    def z(self) -> float:
        """Score less chance, in standard deviations of chance."""
        return self._deviations(self.score)

    @cached_property
    def best_shift(self) -> tuple[int, float, float]:
        """The shift of y by some rows that fits best: shift, score, deviations."""
        found = []
        for shift in SHIFTS:
            score = self._score(np.roll(self.y, shift)[self.rows])
            found.append((score, shift))
        score, shift = max(found)
        return shift, score, self._deviations(score)
