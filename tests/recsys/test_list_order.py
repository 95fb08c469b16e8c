"""The order of a list: expected good value first, commission only inside its band."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau
from small_model import small_model, town
from valued_model import valued_model

from recsys.calibration import Calibration
from recsys.domain import Query
from recsys.list_rules import ListRules, rules_of
from recsys.model import Model
from recsys.ranking import Ranked, rank, scoring_of
from recsys.selection import order_of, rungs_of, worth_of

BAND = 0.05
Array = np.ndarray[Any, Any]


def ordered(worth: Array, commission: Array | None, band: float = BAND, owner: Array | None = None) -> Array:
    n = len(worth)
    owner = np.zeros(n, np.int32) if owner is None else owner
    rules = ListRules(commission_band=band)
    product, score = np.arange(n, dtype=np.int32), np.zeros(n, np.float32)
    return order_of(owner, worth.astype(np.float32), score, product, commission, rules)


def n_inversions(worth: Array, band: float = BAND) -> int:
    """Places below which something stands that is worth more than the band more; worth in list order."""
    if len(worth) < 2:
        return 0
    best_below = np.maximum.accumulate(worth[::-1])[::-1][1:]
    return int((best_below > worth[:-1] * (1 + band)).sum())


def test_more_good_value_stands_above_more_commission() -> None:
    assert ordered(np.array([1.0, 1.2]), np.array([0.9, 0.0])).tolist() == [1, 0]


def test_inside_the_band_the_higher_commission_stands_first() -> None:
    """1.00 and 1.02 stand on one rung of a ladder of 5 %: 1.02 < 1.05."""
    assert ordered(np.array([1.0, 1.02]), np.array([0.3, 0.1])).tolist() == [0, 1]
    assert ordered(np.array([1.0, 1.02]), np.array([0.1, 0.3])).tolist() == [1, 0]


def test_without_commission_good_value_alone_decides() -> None:
    assert ordered(np.array([1.0, 1.02, 0.5]), None).tolist() == [1, 0, 2]


def test_a_band_of_nothing_leaves_commission_exact_ties() -> None:
    worth, commission = np.array([1.0, 1.0, 1.0001]), np.array([0.1, 0.2, 0.0])
    assert ordered(worth, commission, band=0).tolist() == [2, 1, 0]


def test_an_unknown_commission_stands_behind_every_known_one() -> None:
    assert ordered(np.array([1.0, 1.0]), np.array([-1.0, 0.0])).tolist() == [1, 0]


def test_what_is_worth_nothing_stands_by_score() -> None:
    owner, product = np.zeros(3, np.int32), np.arange(3, dtype=np.int32)
    worth, score = np.zeros(3, np.float32), np.array([1, 3, 2], np.float32)
    found = order_of(owner, worth, score, product, np.array([0.9, 0.1, 0.5], np.float32), ListRules())
    assert found.tolist() == [1, 2, 0]


def test_owners_stand_apart() -> None:
    owner = np.array([1, 0, 1, 0], np.int32)
    assert ordered(np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4), owner=owner).tolist() == [3, 1, 2, 0]


worths = st.lists(st.floats(0, 1e6, width=32) | st.floats(1.0, 1.25, width=32), min_size=1, max_size=60)


@given(worths, st.sampled_from([0.0, 0.01, 0.05, 0.3, 1.0]), st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_no_product_ever_stands_above_one_worth_more_than_the_band_more(
    values: list[float], band: float, random: Any
) -> None:
    worth = np.array(values, np.float32)
    commission = np.array([random.random() for _ in values])
    found = ordered(worth, commission, band)
    assert sorted(found.tolist()) == list(range(len(values)))
    assert n_inversions(worth[found].astype(np.float64), band) == 0


def lists(n_lists: int, n: int, spread: float = 1.0) -> tuple[Array, Array, Array, np.random.Generator]:
    rng = np.random.default_rng(11)
    worth = np.exp(rng.normal(0, spread, n_lists * n)).astype(np.float32)
    return np.repeat(np.arange(n_lists, dtype=np.int32), n), worth, rng.random(n_lists * n), rng


def test_ten_thousand_lists_have_no_inversion_above_the_band() -> None:
    owner, worth, commission, _ = lists(10_000, 60, spread=0.3)
    found = ordered(worth, commission, owner=owner)
    shown = worth[found].astype(np.float64).reshape(10_000, 60)
    below = np.maximum.accumulate(shown[:, ::-1], axis=1)[:, ::-1][:, 1:]
    assert int((below > shown[:, :-1] * (1 + BAND)).sum()) == 0
    assert (np.diff(shown, axis=1) > 0).mean() > 0.1  # commission did move something


def test_red_control_a_wider_band_is_seen() -> None:
    owner, worth, commission, _ = lists(100, 60, spread=0.3)
    found = ordered(worth, commission, band=0.2, owner=owner)
    assert sum(n_inversions(worth[found][owner[found] == at].astype(float)) for at in range(100)) > 100


def test_red_control_groups_of_neighbours_inside_the_band_are_no_order() -> None:
    """The band is not transitive: twelve products each within it of the next are worth 54 % more to less."""
    worth, commission = 1.04 ** -np.arange(12.0), np.arange(12.0)
    assert (worth[:-1] <= worth[1:] * (1 + BAND)).all()
    assert n_inversions(worth[np.argsort(-commission)]) > 0
    assert n_inversions(worth[ordered(worth, commission)]) == 0


def test_shuffled_commissions_leave_the_lists_alike() -> None:
    owner, worth, commission, rng = lists(200, 100)
    rungs = rungs_of(worth, BAND)
    key = np.lexsort((rng.random(len(worth)), rungs, owner))
    home = np.lexsort((np.arange(len(worth)), rungs, owner))
    shuffled = commission.copy()
    shuffled[home] = commission[key]  # inside one owner's rung
    before, after = (np.argsort(ordered(worth, c, owner=owner)) for c in (commission, shuffled))
    taus = [kendalltau(before[owner == at], after[owner == at]).statistic for at in range(200)]
    assert np.mean(taus) >= 0.95
    assert np.mean(taus) < 1  # red control: the shuffle did move something


def ranked(model: Model, target: str = "circle", n: int = 10, **query: Any) -> Ranked:
    rows = np.array([model.people.owners.row("o-noodles")], np.int32)
    return rank(scoring_of(model, rows, target), Query("o-noodles", n=n, target=target, **query))  # type: ignore[arg-type]


def test_the_list_for_a_circle_stands_by_expected_good_value() -> None:
    found = ranked(valued_model(town()))
    assert found.worth is not None
    assert (np.diff(found.worth) <= 0).all()
    assert not (np.diff(found.score) <= 0).all()  # the ranker alone would order otherwise


def test_what_she_would_buy_herself_stands_by_the_ranker_alone() -> None:
    model = valued_model(town())
    plain = ranked(replace(model, value=None), "self")
    found = ranked(model, "self")
    assert found.worth is None
    assert found.product.tolist() == plain.product.tolist()
    assert np.array_equal(found.score, plain.score)


def test_without_a_value_commission_moves_no_bit() -> None:
    plain = ranked(small_model(town()))
    rates = np.random.default_rng(2).random(small_model(town()).n_products).astype(np.float32)
    found = ranked(replace(small_model(town()), commission=rates))
    for name in ("owner", "product", "score", "source"):
        assert np.array_equal(getattr(found, name), getattr(plain, name)), name
    assert (np.diff(plain.score) <= 0).all()


def test_commission_moves_ties_and_no_more() -> None:
    model = valued_model(town())
    flat = Calibration(np.array([0.0, 1.0], np.float32), np.array([1.0, 1.0], np.float32))
    same = np.full(model.n_products, 0.6, np.float32)
    value = replace(model.value, value_score=same)  # type: ignore[type-var]
    model = replace(model, value=value, calibrations={"circle": flat})
    rates = np.linspace(0, 1, model.n_products).astype(np.float32)
    found = ranked(replace(model, commission=rates))
    assert (np.diff(rates[found.product]) <= 0).all()  # all are worth the same
    steep = Calibration(np.array([-9, 9], np.float32), np.array([0.0, 100.0], np.float32))
    one = ranked(replace(model, commission=rates, calibrations={"circle": steep}))
    assert one.worth is not None
    assert n_inversions(one.worth.astype(float)) == 0


def test_worth_is_kept_orders_times_gain() -> None:
    model = valued_model(town())
    line = Calibration(np.array([0.0, 10.0], np.float32), np.array([0.0, 5.0], np.float32))
    model = replace(model, calibrations={"circle": line})
    owner, product = np.zeros(2, np.int32), np.array([3, 4], np.int32)
    score, first = np.array([2.0, 4.0], np.float32), np.zeros(2, np.int8)
    found = worth_of(model, "circle", owner, product, score, first)
    assert found.tolist() == pytest.approx([1.0 * model.gain[3], 2.0 * model.gain[4]])


def test_without_a_calibration_a_score_counts_against_her_best() -> None:
    model = valued_model(town())
    owner, product = np.array([0, 0, 1], np.int32), np.array([3, 3, 3], np.int32)
    score = np.array([2.0, 1.0, -7.0], np.float32)
    found = worth_of(model, "circle", owner, product, score, np.zeros(3, np.int8))
    assert found.tolist() == pytest.approx(model.gain[3] * np.array([1, np.exp(-1), 1]))


def test_what_a_deeper_question_finds_stands_below() -> None:
    model = valued_model(town())
    owner, product = np.zeros(3, np.int32), np.array([3, 3, 3], np.int32)
    score = np.array([1.0, 0.5, 3.0], np.float32)
    found = worth_of(model, "circle", owner, product, score, np.array([0, 0, 1], np.int8))
    assert found[2] == found[1] < found[0]


def test_fewer_picks_are_the_beginning_of_more_where_value_orders_too() -> None:
    model = replace(valued_model(town()), settings={"candidates_per_source": 2})
    long = ranked(model, n=20)
    assert long.deeper.max() > 0
    short = ranked(model, n=3)
    assert short.product[:3].tolist() == long.product[:3].tolist()
    assert long.worth is not None
    assert n_inversions(long.worth.astype(float)) == 0


def test_rules_that_a_snapshot_does_not_name_are_the_defaults() -> None:
    assert rules_of({}) == ListRules()
    assert rules_of({"list": {"value_floor": 0.3, "unheard_of": 1}}) == ListRules(value_floor=0.3)
