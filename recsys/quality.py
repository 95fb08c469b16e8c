"""How often an order ends well: hierarchical rates with their uncertainty, and their combination.

All arrays have one entry per product. Counts may be fractions: a line that is not mature counts in part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, betaln

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.integer[Any]]

MAX_AGE_DAYS = 120
BAD_SIDE = 0.9  # the quantile of a bad rate that stands for "it may be worse than it looks"
NORMAL_BAD_SIDE = 1.2815515655446004  # the same of a normal
LEAST_STRENGTH, MOST_STRENGTH = 2.0, 5_000.0
DEFAULT_STRENGTH = 45.0  # lines; where there is too little to tell
MIN_RATE = 1e-5
MIN_LINES_TO_FIT = 2_000  # mature lines below which the documented defaults serve
MAX_QUALITY = 0.9999

# How much of each rate counts as "ended badly" before anything is fitted. A late delivery or a missing
# second purchase spoils few orders by itself.
DEFAULT_WEIGHTS: Mapping[str, float] = {
    "returns": 1.0, "complaints": 0.5, "low_ratings": 0.25, "late": 0.15, "no_rebuy": 0.02,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """The posterior Beta(alpha, beta) of one bad rate of each product, and what it started from.

    `prior` is the mean of the group above; `strength` how many lines it is worth.
    """

    alpha: Floats
    beta: Floats
    prior: Floats
    strength: float

    @property
    def mean(self) -> Floats:
        """The expected rate."""
        return self.alpha / (self.alpha + self.beta)

    def bad_side(self) -> Floats:
        """The 90 % quantile: nine times in ten the rate is lower."""
        return np.asarray(betaincinv(self.alpha, self.beta, BAD_SIDE), dtype=np.float64)

    @property
    def spread(self) -> Floats:
        """The posterior's standard deviation."""
        total = self.alpha + self.beta
        return np.sqrt(self.alpha * self.beta / (total**2 * (total + 1)))


def maturity_by_age(n_at_age: Floats, n_back_at: Floats) -> Floats:
    """The fraction of all returns seen by each whole day of age, in [0, 1], never falling.

    n_at_age[d]: lines that are d days old (the last entry: or older); n_back_at[d]: of all lines, those
    returned d days after. A life table, since a line of 3 days says nothing about day 4: the chance to come
    back on day d is over the lines that are at least that old. Without returns every line is mature.
    """
    at_least = np.cumsum(n_at_age[::-1])[::-1]
    earlier = np.r_[0.0, np.cumsum(n_back_at)[:-1]]
    at_risk = np.maximum(at_least - earlier, 1.0)
    chance = np.clip(n_back_at / at_risk, 0.0, 0.5)
    seen = 1.0 - np.cumprod(1.0 - chance)
    if seen[-1] <= 0:
        return np.ones(len(n_at_age))
    return np.asarray(np.minimum(seen / seen[-1], 1.0))


def strength_of(bad: Floats, exposure: Floats, mean: Floats) -> float:
    """How many lines the group's mean is worth: the K that makes the counts most likely.

    Marginal likelihood of a Beta-Binomial with means `mean` and strength K, by golden section over log K.
    """
    used = exposure > 0
    if used.sum() < 10 or bad[used].sum() < 10:
        return DEFAULT_STRENGTH
    b, n, m = bad[used], exposure[used], np.clip(mean[used], MIN_RATE, 0.5)
    b = np.minimum(b, n)

    def surprise(log_k: float) -> float:
        return -log_likelihood(b, n, m, np.exp(log_k))

    low, high = np.log(LEAST_STRENGTH), np.log(MOST_STRENGTH)
    ratio = (np.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = surprise(left), surprise(right)
    while high - low > 1e-3:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = surprise(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = surprise(right)
    return float(np.exp((low + high) / 2))


def log_likelihood(bad: Floats, exposure: Floats, mean: Floats, strength: float) -> float:
    """How likely Beta-Binomial counts are with these means and strength, as a log, up to a constant."""
    a, b = strength * mean, strength * (1 - mean)
    return float((betaln(bad + a, exposure - bad + b) - betaln(a, b)).sum())


def group_prior(bad: Floats, exposure: Floats, levels: Sequence[Rows]) -> Floats:
    """The mean that each product starts from: its finest group's, shrunk to the one above, up to all.

    `levels`: group of each product, coarse to fine, -1 where it has none (it then stays at the level above).
    """
    total = exposure.sum()
    prior = np.full(len(bad), max(bad.sum() / total if total > 0 else MIN_RATE, MIN_RATE))
    for groups in levels:
        inside = groups >= 0
        if not inside.any():
            continue
        rows, n_groups = groups[inside], int(groups.max()) + 1
        group_bad = np.asarray(np.bincount(rows, bad[inside], n_groups), dtype=np.float64)
        group_n = np.asarray(np.bincount(rows, exposure[inside], n_groups), dtype=np.float64)
        size = np.maximum(np.bincount(rows, minlength=n_groups), 1)
        above = np.bincount(rows, prior[inside], n_groups) / size
        strength = strength_of(group_bad, group_n, above)
        means = (group_bad + strength * above) / (group_n + strength)
        prior = prior.copy()
        prior[inside] = means[rows]
    return np.asarray(np.clip(prior, MIN_RATE, 0.9))


def rate_of(bad: Floats, exposure: Floats, levels: Sequence[Rows]) -> Rate:
    """The posterior of one bad rate: each product's counts over what its group suggests."""
    bad = np.minimum(bad, exposure)
    prior = group_prior(bad, exposure, levels)
    strength = strength_of(bad, exposure, prior)
    return rate_from(bad, exposure, prior, strength)


def rate_from(bad: Floats, exposure: Floats, prior: Floats, strength: float) -> Rate:
    """The posterior where prior and strength are given."""
    bad = np.minimum(bad, exposure)
    return Rate(prior * strength + bad, (1 - prior) * strength + exposure - bad, prior, strength)


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """P(an order ends well): `mean` and the 10 % quantile `low`, in (0, 1)."""

    mean: Floats
    low: Floats


def quality_of(rates: Mapping[str, Rate], weights: Mapping[str, float]) -> Quality:
    """1 − Σ weight · rate, and the same at the bad side of the independent rates.

    Every weight is >= 0, so no part that gets worse can help.
    """
    assert all(weight >= 0 for weight in weights.values()), "weights of bad rates must be >= 0"
    n_products = len(next(iter(rates.values())).alpha)
    bad, variance = np.zeros(n_products), np.zeros(n_products)
    for name, rate in rates.items():
        weight = weights.get(name, 0.0)
        bad += weight * rate.mean
        variance += (weight * rate.spread) ** 2
    # a moment-matched Beta: a bad rate near 0 is skewed, so the mean plus 1.28 spreads would overstate it
    mean = np.clip(bad, 1e-6, 1 - 1e-6)
    total = np.maximum(mean * (1 - mean) / np.maximum(variance, 1e-12) - 1, 1e-3)
    worse = np.maximum(betaincinv(mean * total, (1 - mean) * total, BAD_SIDE), mean)
    return Quality(1 - np.clip(mean, 1 - MAX_QUALITY, 0.99), 1 - np.clip(worse, 1 - MAX_QUALITY, 0.99))
