"""Attacks on a small town: what they would move, and that they do not; each with its red control."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.check import check_dataset
from features.columns import outcomes, payable
from features.columns.momentum import momentum
from features.columns.products import product_columns
from features.dataset import open_dataset
from features.graphs.co_purchase import CoPurchase, co_purchase
from features.interactions import member_product
from features.window import Window, open_window
from recsys.errors import UsageError
from recsys.good_value import GoodValue
from recsys.value import GOOD_VALUE
from training.config import Graphs
from training.good_value import good_value
from training.read_inputs import read_inputs
from training.town.attacks import (
    ATTACKS,
    Attacked,
    attack,
    clicks_as_orders,
    read_tables,
    write_attacked,
)
from training.town.config import TownConfig
from training.town.simulate import simulate

AS_OF = datetime(2026, 2, 24, tzinfo=UTC)
PART = 0.03
Get = Callable[[str], tuple[Path, Attacked]]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = TownConfig(n_owners=40, n_members=700, n_products=120, n_days=56, n_orders=8_000, seed=5)
    return simulate(config, tmp_path_factory.mktemp("attacks") / "town").path


@pytest.fixture(scope="module")
def attacked(town: Path) -> Get:
    tables, made = read_tables(town), {}

    def get(name: str) -> tuple[Path, Attacked]:
        if name not in made:
            done = attack(name, tables, AS_OF, PART)
            write_attacked(town, town.with_name(name), done)
            made[name] = done
        return town.with_name(name), made[name]

    return get


def within(path: Path, ask: Callable[[Window], Any]) -> Any:
    with open_window(open_dataset(path), AS_OF) as window:
        return ask(window)


def value_of(path: Path) -> GoodValue:
    found = within(path, lambda window: good_value(window, read_inputs(window, Graphs()), 0))
    assert found is not None
    return found  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def clean(town: Path) -> GoodValue:
    return value_of(town)


def rows_of(path: Path, targets: tuple[str, ...]) -> np.ndarray:
    ids = within(path, lambda window: window.ids["products"]).astype(str)
    return np.searchsorted(ids, np.array(targets))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_keeps_the_contract_and_its_size_and_is_the_same_each_time(
    attacked: Get, name: str
) -> None:
    path, done = attacked(name)
    check_dataset(open_dataset(path)).raise_if_broken()
    before = read_tables(path.with_name("town"))
    again = attack(name, before, AS_OF, PART)
    assert all(again.tables[table].equals(done.tables[table]) for table in done.tables)
    other = attack(name, before, AS_OF, PART, seed=1)
    assert any(not other.tables[table].equals(done.tables[table]) for table in done.tables)
    n_events = len(before["orders"]) + (len(before["share_events"]) if name == "coattails" else 0)
    if name != "raise_then_cut":
        assert done.n_rows == pytest.approx(PART * n_events, rel=0.02)


def test_an_unknown_attack_is_refused(town: Path) -> None:
    with pytest.raises(UsageError, match="attack must be one of"):
        attack("flattery", read_tables(town), AS_OF)


@pytest.mark.long
def test_five_stars_of_no_buyer_move_nothing(clean: GoodValue, attacked: Get) -> None:
    before, after = clean, value_of(attacked("five_stars")[0])
    for name in ("value_score", "value_low", "quality", "badge"):
        assert np.array_equal(getattr(before, name), getattr(after, name)), name


def test_red_control_if_naming_an_order_were_enough_five_stars_would_lift_quality(
    town: Path, attacked: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = attacked("five_stars")

    def by_order_alone(window: Window, lines: Any, at: int) -> Any:
        reviews = window.table("reviews").filter(lambda t: t.order_code.notnull())
        reviews = reviews.filter(outcomes.epoch_seconds(reviews.review_time) <= at)
        reviews = reviews.select(
            "review_id", "review_time", "rating", "incentivised", reviewed="order_code", of="product_row"
        )
        return reviews.join(lines, [reviews.reviewed == lines.order_code, reviews.of == lines.product_row])

    monkeypatch.setattr(outcomes, "verified_reviews", by_order_alone)
    rows = rows_of(town, done.targets)
    low = [within(where, outcomes.outcomes) for where in (town, path)]
    before, after = (found.low_weight[rows].sum() / found.rating_weight[rows].sum() for found in low)
    assert after < 0.8 * before


def popularity(path: Path, targets: tuple[str, ...], weigh: bool) -> float:
    """The part of all purchases' weight that the targets have."""
    rows = rows_of(path, targets)

    def ask(window: Window) -> float:
        found = member_product(window, half_life_days=180.0, weigh=weigh)
        inside = np.isin(found.product_row, rows)
        return float(found.weight[inside].sum() / found.weight.sum())

    return within(path, ask)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["brushing", "owner_ring"])
def test_staged_orders_gain_less_than_half_of_what_they_would(town: Path, attacked: Get, name: str) -> None:
    path, done = attacked(name)
    gained, would = (
        popularity(path, done.targets, weigh) - popularity(town, done.targets, weigh)
        for weigh in (True, False)
    )
    assert would > 0.02, "the red control: unweighed, the attack works"
    assert gained < would / 2


def test_a_ring_makes_nothing_rise(town: Path, attacked: Get) -> None:
    path, done = attacked("owner_ring")
    rows = rows_of(path, done.targets)
    lately = {weigh: within(path, lambda w, weigh=weigh: momentum(w, weigh)).n_recent[rows].sum()
              for weigh in (True, False)}  # fmt: skip
    clean = within(town, lambda w: momentum(w, True)).n_recent[rows].sum()
    assert lately[True] - clean < (lately[False] - clean) / 2


def graph(path: Path) -> CoPurchase:
    return within(path, lambda window: co_purchase(window, weigh=True))  # type: ignore[no-any-return]


def test_clicks_on_two_products_tie_nothing_together(town: Path, attacked: Get, tmp_path: Path) -> None:
    path, done = attacked("coattails")
    before, after = graph(town), graph(path)
    for name in ("product_row", "other_row", "weight"):
        assert np.array_equal(getattr(before, name), getattr(after, name))
    write_attacked(town, tmp_path / "naive", clicks_as_orders(done, read_tables(town)))
    naive = graph(tmp_path / "naive")
    rows = rows_of(town, done.targets)
    tied = [np.isin(found.other_row, rows).sum() for found in (before, naive)]
    assert tied[1] > tied[0], "the red control: where a click is an order, the targets hang on"


@pytest.mark.long
def test_raise_then_cut_earns_no_badge_and_no_score(
    town: Path, clean: GoodValue, attacked: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = attacked("raise_then_cut")
    rows = rows_of(town, done.targets)
    before, after = clean, value_of(path)
    known = rows[(before.value_score[rows] >= 0) & (after.value_score[rows] >= 0)]
    assert after.value_score[known].mean() < before.value_score[known].mean()
    assert not (after.badge[rows] == GOOD_VALUE).any()
    assert (prices(path).price[rows] > prices(path).usual[rows]).mean() > 0.8
    monkeypatch.setattr(payable, "LONG_DAYS", payable.HISTORY_DAYS)
    found = prices(path)
    assert (found.price[rows] <= found.usual[rows]).mean() > 0.8, (
        "the red control: a month alone lets it pass"
    )


def prices(path: Path) -> payable.Payable:
    return within(path, lambda window: payable.payable(window, product_columns(window)))  # type: ignore[no-any-return]


def test_nothing_of_an_attack_lies_after_its_moment(town: Path, attacked: Get) -> None:
    times = {"five_stars": ("reviews", "review_time"), "owner_ring": ("orders", "order_time"),
             "brushing": ("orders", "order_time"), "raise_then_cut": ("offers", "effective_time"),
             "coattails": ("share_events", "event_time")}  # fmt: skip
    for name, (table, column) in times.items():
        _, done = attacked(name)
        added = done.tables[table].slice(len(done.tables[table]) - done.n_rows)[column].to_pylist()
        assert AS_OF - timedelta(days=31) < min(added) <= max(added) <= AS_OF, name
