"""Intervals over clusters and the sequential test hold their error where nothing differs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from training.experiments.clustered import difference, ratio
from training.experiments.sequential import always_valid_p, log_likelihood_ratio, reach

Worlds = np.ndarray


def test_a_ratio_and_its_error_by_hand() -> None:
    found = ratio(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0]))
    assert float(found.value) == 1.0  # residuals -1, 0, 1; their squares 2 · 3/2 = 3; √3 / 6
    assert float(found.error) == pytest.approx(np.sqrt(3) / 6)
    assert float(found.high) == pytest.approx(1 + 4.302653 * np.sqrt(3) / 6, rel=1e-6)  # t(2) at .975


def test_a_difference_by_hand_has_the_freedom_of_welch() -> None:
    one, other = ratio(np.array([1.0, 2.0, 3.0]), np.ones(3)), ratio(np.array([0.0, 4.0]), np.ones(2))
    found = difference(one, other)
    assert float(found.value) == 0.0  # variances 1/3 and 4
    assert float(found.error) == pytest.approx(np.sqrt(13 / 3))
    assert float(found.freedom) == pytest.approx((13 / 3) ** 2 / (1 / 9 / 2 + 16))


def test_no_clusters_or_none_below_tell_nothing() -> None:
    assert np.isnan(ratio(np.zeros(0), np.zeros(0)).value)
    assert np.isnan(ratio(np.zeros(3), np.zeros(3)).low)


def test_the_sequential_evidence_by_hand() -> None:
    effect, error = np.array(2.0), np.array(1.0)  # ½ log ½ + 4 / (2 · 2)
    assert float(log_likelihood_ratio(effect, error, 1.0)) == pytest.approx(1 - 0.5 * np.log(2))
    p = always_valid_p(np.array([0.0, 2.0, 0.0, np.nan]), np.ones(4), 1.0)
    assert p == pytest.approx(
        [1.0, np.sqrt(2) * np.exp(-1), np.sqrt(2) * np.exp(-1), np.sqrt(2) * np.exp(-1)]
    )


def test_at_the_end_of_the_interval_the_p_value_is_alpha() -> None:
    error = np.array([0.1, 1.0, 7.0])
    end = reach(error, 0.5, 0.05)
    assert np.exp(-log_likelihood_ratio(end, error, 0.5)) == pytest.approx(0.05)


def aa_worlds(n_worlds: int, seed: int) -> tuple[Worlds, Worlds]:
    """Kept orders and shares of (worlds, 2 policies, 80 clusters, 5 owners) who differ and move together."""
    rng = np.random.default_rng(seed)
    shape = (n_worlds, 2, 80, 5)
    rate = 0.3 * rng.gamma(4, 1 / 4, (*shape[:3], 1)) * rng.gamma(4, 1 / 4, shape)
    shares = 1 + rng.poisson(6, shape)
    return rng.poisson(rate * shares).astype(float), shares.astype(float)


def rejected(kept: Worlds, shares: Worlds) -> float:
    one, other = (ratio(kept[:, side], shares[:, side]) for side in (0, 1))
    return float(difference(one, other).excludes(0.0).mean())


def test_aa_tests_reject_in_five_of_a_hundred_and_owners_as_units_in_far_more() -> None:
    kept, shares = aa_worlds(4_000, seed=1)
    assert 0.03 <= rejected(kept.sum(axis=-1), shares.sum(axis=-1)) <= 0.07
    every_owner = (4_000, 2, 400)  # red control: as if she had been assigned alone
    assert rejected(kept.reshape(every_owner), shares.reshape(every_owner)) > 0.10


def daily_looks(n_worlds: int, seed: int, lift: float = 1.0) -> tuple[Worlds, Worlds, Worlds]:
    """Effect, error and control's mean of 30 daily looks at worlds of 2 · 100 owners who come by and by."""
    rng = np.random.default_rng(seed)
    n_owners, n_days = 100, 30
    rate = 0.5 * rng.gamma(2, 1 / 2, (n_worlds, 2, n_owners)) * np.array([1.0, lift])[:, None]
    begins = np.where(np.arange(n_owners) < 60, 0, rng.integers(0, n_days, (n_worlds, 2, n_owners)))
    kept, effects, errors, means = np.zeros_like(rate), [], [], []
    for day in range(n_days):
        here = begins <= day
        kept += rng.poisson(rate) * here
        control, new = (ratio(kept[:, side], here[:, side].astype(float)) for side in (0, 1))
        found = difference(new, control)
        effects.append(found.value)
        errors.append(found.error)
        means.append(control.value)
    return np.stack(effects, -1), np.stack(errors, -1), np.stack(means, -1)


def per_day(effect: Worlds, error: Worlds, mean: Worlds) -> tuple[Worlds, Worlds, Worlds]:
    days = np.arange(1, effect.shape[-1] + 1)
    return effect / days, error / days, mean / days


def test_daily_looks_at_aa_tests_reject_in_five_of_a_hundred_at_most_and_naive_peeking_far_more() -> None:
    effect, error, mean = per_day(*daily_looks(2_000, seed=2))
    p = always_valid_p(effect, error, 0.1 * mean)
    assert (p[:, -1] < 0.05).mean() <= 0.05
    naive = 2 * stats.norm.sf(np.abs(effect / error))  # red control: the daily p-value taken at its word
    assert (naive.min(axis=-1) < 0.05).mean() > 0.10


def test_a_real_effect_is_found_before_the_end() -> None:
    effect, error, mean = per_day(*daily_looks(500, seed=3, lift=1.6))
    p = always_valid_p(effect, error, 0.3 * mean)
    assert (p[:, -1] < 0.05).mean() > 0.8
