"""Ratios and their differences, with the cluster as the unit: what was assigned together counts as one draw.

A ratio of sums over clusters is linearised (Taylor; Deng, Knoblich and Lu 2018, "Applying the Delta Method in
Metric Analytics"); with one cluster per owner it is the interval over owners. Worlds may stand side by side:
the last axis is the clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A value, its standard error and the ends of its interval; NaN where nothing tells. All (...)."""

    value: Floats
    error: Floats
    freedom: Floats
    low: Floats
    high: Floats

    def excludes(self, value: float) -> NDArray[np.bool_]:
        """Whether the whole interval stands on one side of that value."""
        return np.asarray((self.low > value) | (self.high < value))


def ratio(above: Floats, below: Floats, level: float = LEVEL) -> Estimate:
    """Sum of `above` over sum of `below`, each (..., n_clusters), with Student's t of n_clusters - 1."""
    n_clusters = np.shape(above)[-1]
    total: Floats = np.asarray(np.sum(below, axis=-1, dtype=np.float64))
    if n_clusters == 0:
        return _estimate(
            np.full_like(total, np.nan), np.full_like(total, np.nan), np.zeros_like(total), level
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        value: Floats = np.asarray(np.sum(above, axis=-1, dtype=np.float64) / total)
        residual = above - value[..., None] * below
        spread = np.sum(residual**2, axis=-1) * n_clusters / (n_clusters - np.float64(1))
        error: Floats = np.sqrt(spread) / np.abs(total)
    return _estimate(value, error, np.full_like(total, n_clusters - 1), level)


def difference(one: Estimate, other: Estimate, level: float = LEVEL) -> Estimate:
    """`one` - `other` of two independent groups of clusters; degrees of freedom after Welch (1947)."""
    variance, beside = one.error**2, other.error**2
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (variance + beside) ** 2 / (variance**2 / one.freedom + beside**2 / other.freedom)
    return _estimate(one.value - other.value, np.sqrt(variance + beside), freedom, level)


def _estimate(value: Floats, error: Floats, freedom: Floats, level: float) -> Estimate:
    reach = stats.t.ppf((1 + level) / 2, freedom) * error
    return Estimate(value, error, freedom, value - reach, value + reach)
