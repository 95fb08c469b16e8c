"""Intervals by resampling owners: how far a mean could move if other owners had come.

Owners are drawn with replacement (the percentile bootstrap, Efron 1979). Every column, so every method and
every measure, sees the same draws: that is what makes a difference between two methods a paired one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over owners with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether the whole interval stands on one side of that value."""
        return self.low > value or self.high < value


@dataclass(frozen=True, slots=True)
class Resamples:
    """Means of several columns over the owners as they came, and over each resample."""

    means: NDArray[np.float64]  # [n_columns]
    drawn: NDArray[np.float64]  # [n_resamples, n_columns]

    def interval(self, column: int) -> Interval:
        """The column's mean and the percentiles of its resampled means."""
        return _interval(float(self.means[column]), self.drawn[:, column])

    def difference(self, column: int, other: int) -> Interval:
        """The paired difference `column` - `other`."""
        mean = float(self.means[column] - self.means[other])
        return _interval(mean, self.drawn[:, column] - self.drawn[:, other])

    def ratio(self, column: int, other: int) -> Interval | None:
        """The paired ratio `column` / `other`; None where the other mean or a draw of it is 0."""
        below = self.drawn[:, other]
        if self.means[other] <= 0 or (below <= 0).any():
            return None
        return _interval(float(self.means[column] / self.means[other]), self.drawn[:, column] / below)


def resample(
    values: NDArray[np.float64], rng: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> Resamples:
    """Resampled means of `values float64[n_owners, n_columns]`; ValueError without owners."""
    n_owners, n_columns = values.shape
    if n_owners == 0:
        raise ValueError("a bootstrap needs at least one owner; got none")
    drawn = np.empty((n_resamples, n_columns))
    # About 64 MB of weights at a time, whatever the number of owners.
    step = max(1, min(n_resamples, 8_000_000 // n_owners))
    for start in range(0, n_resamples, step):
        stop = min(start + step, n_resamples)
        drawn[start:stop] = _multinomial_weights(n_owners, stop - start, rng) @ values / n_owners
    return Resamples(values.mean(axis=0), drawn)


def _multinomial_weights(n_owners: int, n_rows: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each owner was drawn in each of `n_rows` resamples: each row is Multinomial(n, 1/n)."""
    picks = rng.integers(0, n_owners, size=(n_rows, n_owners))
    picks += np.arange(n_rows)[:, None] * n_owners
    counts = np.bincount(picks.ravel(), minlength=n_rows * n_owners)
    return counts.reshape(n_rows, n_owners).astype(np.float64)


def _interval(mean: float, drawn: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean, float(low), float(high))
