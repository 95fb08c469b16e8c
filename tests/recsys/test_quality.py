"""Rates with their uncertainty, against hand-worked numbers and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.quality import (
    MAX_AGE_DAYS,
    group_prior,
    maturity_by_age,
    quality_of,
    rate_from,
    rate_of,
    strength_of,
)


def test_much_evidence_gives_the_plain_ratio() -> None:
    bad, lines = np.array([3_000.0, 10_000.0]), np.array([100_000.0, 100_000.0])
    found = rate_from(bad, lines, np.array([0.5, 0.01]), 50.0)
    assert found.mean == pytest.approx(bad / lines, rel=0.01)
    assert found.bad_side() == pytest.approx(bad / lines, rel=0.05)


def test_no_evidence_gives_the_groups_rate() -> None:
    found = rate_from(np.zeros(1), np.zeros(1), np.array([0.04]), 45.0)
    assert found.mean[0] == pytest.approx(0.04)
    assert found.bad_side()[0] > 0.04


def test_a_posterior_by_hand() -> None:
    # 2 of 10 lines over a prior of 5 % worth 20 lines: (1 + 2) / (20 + 10)
    assert rate_from(np.array([2.0]), np.array([10.0]), np.array([0.05]), 20.0).mean[0] == pytest.approx(0.1)


@given(
    bad=st.integers(0, 50), lines=st.integers(51, 500), prior=st.floats(0.001, 0.5),
    strength=st.floats(2, 500),
)  # fmt: skip
def test_one_more_bad_outcome_never_lowers_a_bad_rate(
    bad: int, lines: int, prior: float, strength: float
) -> None:
    counts = np.array([bad, bad + 1], dtype=float)
    found = rate_from(counts, np.full(2, float(lines)), np.full(2, prior), strength)
    assert found.mean[1] > found.mean[0]
    assert found.bad_side()[1] > found.bad_side()[0]


def test_a_product_starts_from_its_supplier_in_its_category() -> None:
    """A new product of a supplier who fails often starts below one of a supplier who does not."""
    category = np.zeros(40, dtype=np.int32)
    supplier = np.repeat([0, 1], 20).astype(np.int32)
    bad = np.r_[np.full(20, 20.0), np.full(20, 1.0)]
    lines = np.full(40, 100.0)
    bad[0] = bad[20] = lines[0] = lines[20] = 0.0  # the two that are new
    found = rate_of(bad, lines, (category, supplier))
    assert found.mean[0] > 0.15
    assert found.mean[20] < 0.03
    red = rate_of(bad, lines, (category,))  # without the supplier's level they start alike
    assert red.mean[0] == pytest.approx(red.mean[20])


def test_a_product_without_a_supplier_starts_from_its_category() -> None:
    found = group_prior(
        np.array([1.0, 0, 0]), np.array([100.0, 100, 0]), (np.zeros(3, dtype=int), np.array([0, 0, -1]))
    )
    assert 0 < found[2] < 0.02


@pytest.mark.parametrize("true_strength", [10.0, 60.0, 400.0])
def test_the_strength_of_a_prior_is_found_again(true_strength: float) -> None:
    rng = np.random.default_rng(5)
    rate = rng.beta(0.05 * true_strength, 0.95 * true_strength, 4_000)
    lines = np.full(4_000, 200.0)
    bad = rng.binomial(200, rate).astype(float)
    found = strength_of(bad, lines, np.full(4_000, 0.05))
    assert found == pytest.approx(true_strength, rel=0.2)


def test_a_young_line_counts_by_the_returns_seen_at_its_age() -> None:
    # 100 lines, all old; 6 came back on day 0 and 4 on day 2
    ages, back = np.zeros(MAX_AGE_DAYS + 1), np.zeros(MAX_AGE_DAYS + 1)
    ages[-1], back[0], back[2] = 100, 6, 4
    found = maturity_by_age(ages, back)
    assert found[0] == pytest.approx(0.6)
    assert found[1] == pytest.approx(0.6)
    assert found[2] == found[-1] == 1


def test_young_lines_do_not_hide_that_returns_come_late() -> None:
    """Half of the lines are one day old: day 5 is judged by those that reached it."""
    ages, back = np.zeros(MAX_AGE_DAYS + 1), np.zeros(MAX_AGE_DAYS + 1)
    ages[1], ages[-1], back[0], back[5] = 100, 100, 10, 10
    found = maturity_by_age(ages, back)
    assert found[1] == pytest.approx(0.05 / (1 - 0.95 * (1 - 10 / 90)), rel=0.01)  # a plain ratio says 0.5


def test_without_returns_every_line_is_mature() -> None:
    assert maturity_by_age(np.ones(MAX_AGE_DAYS + 1), np.zeros(MAX_AGE_DAYS + 1)).min() == 1


def test_one_five_star_order_never_beats_480_good_of_500() -> None:
    found = rate_from(np.array([0.0, 20.0]), np.array([1.0, 500.0]), np.full(2, 0.08), 45.0)
    quality = quality_of({"returns": found}, {"returns": 1.0})
    assert quality.low[0] < quality.low[1]
    assert quality.mean[0] < quality.mean[1]


def test_a_weight_below_nothing_is_refused() -> None:
    found = rate_from(np.ones(1), np.full(1, 10.0), np.full(1, 0.1), 10.0)
    with pytest.raises(AssertionError, match="must be >= 0"):
        quality_of({"returns": found}, {"returns": -0.1})
