"""Value scores against comparables: hand-worked numbers and laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.quality import Quality
from recsys.value import (
    GOOD_VALUE,
    MAX_COMPARABLES,
    NO_BADGE,
    PROMISING,
    Comparables,
    Proof,
    Scores,
    badges,
    comparables,
    floor_of,
    scores_of,
    worth,
)

N = 12


def scored(price: Any, quality: Any = 0.95, low: Any = 0.92, lam: float = 0.4) -> tuple[Scores, Comparables]:
    """Scores of N products of one group."""
    price = np.broadcast_to(np.asarray(price, dtype=float), N).copy()
    ends = Quality(np.broadcast_to(quality, N).astype(float), np.broadcast_to(low, N).astype(float))
    u, spread = worth(ends, price, np.full(N, lam))
    found = comparables((np.zeros(N, dtype=np.int32),), np.isfinite(u), np.arange(N), None)
    return scores_of(found, u, spread, price), found


def test_equal_products_are_worth_a_half() -> None:
    found, _ = scored(100.0)
    assert found.value_score == pytest.approx(0.5)
    assert (found.n_comparables == N - 1).all()
    assert found.price_percentile == pytest.approx(0.5)


def test_a_score_by_hand() -> None:
    """Equal quality, spread s = 0.4 · (logit .95 − logit .92) / 1.2816; a product at half the price."""
    price = np.full(N, 100.0)
    price[0] = 50.0
    found, _ = scored(price)
    s = 0.4 * (np.log(0.95 / 0.05) - np.log(0.92 / 0.08)) / 1.2815515655446004
    from statistics import NormalDist

    assert found.value_score[0] == pytest.approx(NormalDist().cdf(np.log(2) / (s * np.sqrt(2))))
    assert found.price_percentile[0] == 0
    assert found.price_percentile[1] == pytest.approx((1 + 10 / 2) / 11)


def test_a_pack_of_another_size_at_the_same_unit_price_stays_as_dear() -> None:
    """Red control: the two unit prices differ in their last bit, so a plain comparison tells them apart."""
    one, five = 203.0 / 340.194, 5 * 203.0 / (5 * 340.194)
    assert one != five
    price = np.full(N, one)
    price[: N // 2] = five
    found, _ = scored(price)
    assert (found.price_percentile == 0.5).all()
    price[0] = one * (1 + 1e-6)
    assert scored(price)[0].price_percentile[0] == 1.0


@given(
    prices=st.lists(st.integers(100, 10_000), min_size=N, max_size=N), rise=st.floats(1.0, 5.0),
    row=st.integers(0, N - 1),
)  # fmt: skip
def test_a_higher_price_never_raises_the_score(prices: list[int], rise: float, row: int) -> None:
    before, after = np.array(prices, dtype=float), np.array(prices, dtype=float)
    after[row] *= rise
    old, new = scored(before)[0], scored(after)[0]
    assert new.value_score[row] <= old.value_score[row] + 1e-12
    assert new.value_low[row] <= old.value_low[row] + 1e-12


@given(factor=st.sampled_from([0.01, 100.0, 7.3]))
def test_the_currency_does_not_matter(factor: float) -> None:
    price = np.linspace(50, 500, N)
    assert scored(price * factor)[0].value_score == pytest.approx(scored(price)[0].value_score, abs=1e-9)


def test_little_evidence_pulls_to_a_half() -> None:
    price = np.full(N, 100.0)
    price[0] = 80.0
    sure, unsure = scored(price, low=0.949)[0], scored(price, low=0.6)[0]
    assert 0.5 < unsure.value_score[0] < sure.value_score[0]


def test_fewer_than_eight_comparables_give_no_score() -> None:
    for n, scores in ((9, 9), (8, 0)):
        groups = np.where(np.arange(N) < n, 0, -1).astype(np.int32)
        found = comparables((groups,), np.ones(N, dtype=bool), np.arange(N), None)
        result = scores_of(found, np.zeros(N), np.ones(N), np.ones(N))
        assert (~np.isnan(result.value_score)).sum() == scores
        assert (result.n_comparables > 0).sum() == scores


def test_too_small_a_category_is_compared_within_the_one_above() -> None:
    leaf = np.where(np.arange(N) < 9, 0, 1).astype(np.int32)
    found = comparables((leaf, np.zeros(N, dtype=np.int32)), np.ones(N, dtype=bool), np.arange(N), None)
    result = scores_of(found, np.zeros(N), np.ones(N), np.ones(N))
    assert result.n_comparables.tolist() == [8] * 9 + [11] * 3


def test_a_large_category_is_spoken_for_by_the_same_products_whatever_they_cost() -> None:
    n = 1_000
    order = np.random.default_rng(3).permutation(n)
    found = comparables((np.zeros(n, dtype=np.int32),), np.ones(n, dtype=bool), order, None)
    assert len(np.unique(found.set_row)) == 1
    assert set(found.sets.indices) == set(np.argsort(order)[: MAX_COMPARABLES + 1])


def test_a_listing_split_in_two_scores_nearly_the_same() -> None:
    n = 40
    price = np.linspace(50, 500, n)
    u, spread = -np.log(price), np.full(n, 0.1)
    groups = np.zeros(n, dtype=np.int32)
    whole = comparables((groups,), np.ones(n, dtype=bool), np.arange(n), None)
    before = scores_of(whole, u, spread, price).value_score[7]
    twice = np.r_[np.arange(n), 7]
    split = comparables(
        (np.zeros(n + 1, dtype=np.int32),), np.ones(n + 1, dtype=bool), np.arange(n + 1), None
    )
    after = scores_of(split, u[twice], spread[twice], price[twice]).value_score
    assert after[7] == pytest.approx(before, abs=1 / n)
    assert after[7] == pytest.approx(after[n])


def proof(**changes: Any) -> Proof:
    """Nine products that deserve the badge."""
    base: dict[str, Any] = {
        "quality": Quality(np.full(9, 0.97), np.full(9, 0.95)), "floor": np.full(9, 0.9),
        "price": np.full(9, 100.0), "median_30": np.full(9, 100.0), "public_price": np.full(9, np.nan),
        "n_mature": np.full(9, 50, dtype=np.int32), "supplier_row": np.zeros(9, dtype=np.int32),
    }  # fmt: skip
    return Proof(**(base | changes))


GOOD = Scores(np.full(9, 0.9), np.full(9, 0.7), np.full(9, 0.2), np.full(9, 8, dtype=np.int32))


def test_the_badge_stands_on_each_of_its_conditions() -> None:
    assert (badges(GOOD, proof()) == GOOD_VALUE).all()
    low = np.full(9, 0.59)
    assert (badges(Scores(low, low, low, GOOD.n_comparables), proof()) == NO_BADGE).all()
    assert (badges(GOOD, proof(quality=Quality(np.full(9, 0.97), np.full(9, 0.89)))) == NO_BADGE).all()
    assert (badges(GOOD, proof(median_30=np.full(9, 99.0))) == NO_BADGE).all()
    assert (badges(GOOD, proof(public_price=np.full(9, 99.0))) == NO_BADGE).all()
    assert (badges(GOOD, proof(public_price=np.full(9, 101.0))) == GOOD_VALUE).all()
    few = Scores(GOOD.value_score, GOOD.value_low, GOOD.price_percentile, np.full(9, 7, dtype=np.int32))
    assert (badges(few, proof()) == NO_BADGE).all()


def test_a_new_product_of_a_proven_supplier_is_promising_and_has_no_badge() -> None:
    mature = np.array([0] + [50] * 8, dtype=np.int32)
    assert badges(GOOD, proof(n_mature=mature))[0] == PROMISING
    alone = np.array([0] + [1] * 8, dtype=np.int32)  # its supplier has sold to somebody else only
    assert badges(GOOD, proof(n_mature=mature, supplier_row=alone))[0] == NO_BADGE
    assert badges(GOOD, proof(n_mature=np.zeros(9, dtype=np.int32)))[0] == NO_BADGE


def test_the_floor_is_three_times_as_bad_as_usual() -> None:
    quality = Quality(np.array([0.95, 0.95, 0.8, 0.8]), np.full(4, 0.7))
    rows = np.array([0, 0, 1, 1], dtype=np.int32)
    assert floor_of(quality, rows, np.full(4, 10.0)) == pytest.approx([0.85, 0.85, 0.4, 0.4])
