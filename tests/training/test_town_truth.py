"""The hidden truth of a town agrees with what its dataset shows, and its oracle with what is delivered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy.stats import spearmanr

from recsys.errors import DataError
from training.town import behaviour
from training.town.config import TownConfig
from training.town.goods import LATE_SPOILS
from training.town.simulate import simulate
from training.town.truth import World

TOWN = TownConfig(n_owners=150, n_members=2_000, n_products=400, n_days=60, seed=11, n_orders=20_000)
MIDDLE = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("truth") / "town"
    simulate(TOWN, path)
    return path


@pytest.fixture(scope="module")
def world(town: Path) -> World:
    return World.load(town)


def _columns(query: str) -> list[np.ndarray]:
    return list(duckdb.sql(query).fetchnumpy().values())


def test_returns_complaints_and_low_ratings_fall_with_true_quality(town: Path, world: World) -> None:
    products, returns, complaints, low = _columns(f"""
        select o.product_id, avg((r.order_id is not null)::int), avg((c.order_id is not null)::int),
               coalesce(avg((v.rating <= 2)::int), 0)
        from '{town}/orders.parquet' o
        left join (from '{town}/returns.parquet' where fault = 'supplier') r using (order_id, product_id)
        left join (select distinct order_id, product_id from '{town}/complaints.parquet') c
          using (order_id, product_id)
        left join (from '{town}/reviews.parquet' where order_id is not null) v using (order_id, product_id)
        where o.delivered_time is not null group by 1 having count(*) >= 20""")
    quality = world.quality[world.products(list(products))]
    assert len(quality) > 100
    assert spearmanr(returns, quality).statistic < -0.6
    assert spearmanr(complaints, quality).statistic < -0.5
    assert spearmanr(low, quality).statistic < -0.4


def test_unverified_five_star_reviews_say_nothing_of_quality(town: Path, world: World) -> None:
    products, ratings = _columns(
        f"select product_id, rating from '{town}/reviews.parquet' where order_id is null"
    )
    assert set(ratings.tolist()) == {5}
    assert abs(world.quality[world.products(list(products))].mean() - world.quality.mean()) < 0.1


def test_true_quality_is_the_part_of_lines_that_end_well(town: Path, world: World) -> None:
    product, well, kept = _columns(
        f"select product, avg(ended_well::int), avg(kept::int) from '{town}.truth/lines.parquet' "
        "group by 1 having count(*) >= 100"
    )
    assert np.abs(well - world.quality[product]).mean() < 0.03
    assert np.abs(kept - world.town.p_kept()[product]).mean() < 0.03


def test_p_kept_by_hand() -> None:
    # 10 % defects (6 of 10 sent back); of the other 90, 20 % late and half of those spoiled = 9, a quarter of
    # them sent back; 81 end well and 5 % of them go back all the same: 100 - 6 - 2.25 - 4.05
    kept = behaviour.p_kept(np.array([0.1]), np.array([0.2]), LATE_SPOILS, np.array([0.05]))
    assert kept[0] == pytest.approx(0.8770)


def test_expected_orders_agree_with_the_orders_that_shares_brought(town: Path, world: World) -> None:
    """Calibration: public shares of the last ten days, as of their own days, against their real orders."""
    owners, products, days, n_orders = _columns(f"""
        select s.owner_id, s.product_id, date_diff('day', timestamptz '2026-01-01 00:00:00Z', s.share_time),
               count(o.order_id)
        from '{town}/shares.parquet' s
        left join '{town}/orders.parquet' o
          on o.share_id = s.share_id and o.product_id = s.product_id and o.price_minor > 1
        where s.channel = 'moments' and s.share_time >= timestamptz '2026-01-21 00:00:00Z'
          and s.share_time < timestamptz '2026-02-26 00:00:00Z' group by all""")
    expected = np.zeros(len(owners))
    for day in np.unique(days):
        here = np.flatnonzero(days == day)
        as_of = TOWN.start + timedelta(days=int(day))
        expected[here] = world.expected_orders(list(owners[here]), list(products[here]), as_of)
    assert len(owners) > 1_000
    # fewer in truth than expected: a later share of the day is seen less, some friends buy too late to count
    assert 0.75 < n_orders.sum() / expected.sum() < 1.1
    assert spearmanr(expected, n_orders).statistic > 0.35
    upper = expected > np.quantile(expected, 0.8)
    assert n_orders[upper].mean() > 3 * n_orders[~upper].mean()


def test_delivered_lists_bring_what_was_expected(world: World) -> None:
    owner_ids = [f"o{row:04d}" for row in range(0, 100, 4)]
    rng = np.random.default_rng(5)
    got, expected = 0.0, 0.0
    for owner_id in owner_ids:
        of_all = world.expected_kept_of_all(owner_id, MIDDLE)
        best = int(np.argmax(of_all))
        product_id = f"p{best:06d}"
        assert world.expected_kept_orders([owner_id], [product_id], MIDDLE)[0] == pytest.approx(of_all[best])
        for _ in range(40):
            got += float(world.deliver(owner_id, [product_id], rng, MIDDLE).n_kept.sum())
        expected += 40 * float(of_all[best])
    assert got == pytest.approx(expected, rel=0.08)


def test_an_oracle_beats_popularity_and_commission(town: Path, world: World) -> None:
    popular, _ = _columns(
        f"select product_id, count(*) from '{town}/orders.parquet' group by 1 order by 2 desc, 1 limit 10"
    )
    greedy = np.argsort(-world.town.products.commission_rate, kind="stable")[:10]
    oracle, by_popularity, by_commission = [], [], []
    for row in range(0, 140, 7):
        expected = world.expected_kept_of_all(f"o{row:04d}")
        oracle.append(np.sort(expected)[-10:].mean())
        by_popularity.append(expected[world.products(list(popular))].mean())
        by_commission.append(expected[greedy].mean())
    assert np.mean(oracle) > 1.6 * np.mean(by_popularity)
    assert np.mean(oracle) > 3 * np.mean(by_commission)


def test_the_day_matters(world: World) -> None:
    early = world.expected_kept_of_all("o0003", TOWN.start + timedelta(days=2))
    late = world.expected_kept_of_all("o0003")
    assert not np.allclose(early, late)
    new = int(np.flatnonzero(world.town.products.available_day > 10)[0])
    assert early[new] == 0


def test_value_scores_are_ranks_within_a_leaf(world: World) -> None:
    scores, leaf = world.value_scores(), world.town.products.leaf
    for row in range(len(world.town.leaves)):
        assert np.nanmean(scores[leaf == row]) == pytest.approx(0.5)
    assert spearmanr(scores, world.quality).statistic > 0.1
    ratio = world.town.log_price_ratio(TOWN.n_days) - np.log(world.town.products.unit_quantity)
    first = leaf == 0
    assert spearmanr(scores[first], ratio[first]).statistic < -0.3


def test_good_value_punishes_bad_products(world: World) -> None:
    worst, best = int(np.argmin(world.quality)), int(np.argmax(world.quality * (world.value_scores() > 0.5)))
    owner_ids = [f"o{row:04d}" for row in range(20)]
    bad = world.good_value(owner_ids, [f"p{worst:06d}"] * 20)
    good = world.good_value(owner_ids, [f"p{best:06d}"] * 20)
    assert bad.sum() <= 0 < good.sum()
    cheaper_ties = world.good_value(owner_ids, [f"p{worst:06d}"] * 20, spoiled_cost=0.0)
    assert (cheaper_ties >= bad).all()


def test_mutes_and_spoiled_ties_count_from_their_day(town: Path, world: World) -> None:
    rows, days, factors = _columns(f"from '{town}.truth/tie_changes.parquet' order by day limit 1000")
    muted = np.flatnonzero((factors == 0) & (days > 3) & (world.town.circle.since_day[rows] < 1))
    row, day = int(rows[muted[0]]), int(days[muted[0]])
    assert world.moment(TOWN.start + timedelta(days=day - 1)).tie[row] > 0
    assert world.moment(TOWN.start + timedelta(days=day)).tie[row] == 0


def test_unknown_ids_and_missing_truth_are_sentences(world: World, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="product 'p999999' is not in this town"):
        world.products(["p999999"])
    with pytest.raises(DataError, match="no truth here"):
        World.load(tmp_path / "nowhere")
