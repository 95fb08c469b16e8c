"""Signals: hand-worked numbers, and a town whose hidden truth they must come near."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from test_assemble import csr_of
from test_labels import purchases, world

from features.columns.groups import GroupBuys, group_buys
from features.columns.momentum import Momentum
from features.columns.rebuy import RebuyGaps
from features.dataset import open_dataset
from features.window import open_window
from recsys.signals import NO_SIGNALS
from training.config import config_from
from training.content import content_vectors
from training.groups import GroupOdds, group_odds, one_short
from training.inputs import Inputs, Movement, Purchases, Shares
from training.read_inputs import read_inputs
from training.rebuy import median_gaps, rebuy_chances
from training.signals import _new_proven, peers, rising, signals_of
from training.town.config import TownConfig
from training.town.simulate import simulate

DAY_US = 86_400_000_000
NOW_US = 400 * DAY_US


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int32)


def test_rising_is_what_exceeds_the_growth_of_the_shop() -> None:
    # the shop took 40 in the last week for 80 before: half; of 20 before, 10 are expected, 21 came
    found = rising(ints(21, 10, 2, 7), ints(20, 40, 0, 20))
    assert found.tolist() == pytest.approx([11 / np.sqrt(11), 0.0, 0.0, 0.0])


def test_two_buyers_in_a_week_are_no_rise() -> None:
    assert rising(ints(2, 3), ints(0, 0)).tolist() == [0.0, 3.0]
    assert rising(ints(1, 2), ints(0, 50)).tolist() == [0.0, 0.0]


def gaps(*found: tuple[int, int, int]) -> RebuyGaps:
    columns = np.array(sorted(found), dtype=np.int32).reshape(-1, 3)
    return RebuyGaps(columns[:, 0], columns[:, 1], columns[:, 2])


def test_the_median_gap_is_the_lower_one_and_needs_five() -> None:
    median = median_gaps(gaps((0, 10, 2), (0, 30, 2), (0, 90, 1), (1, 7, 4), (3, 5, 3), (3, 6, 3)), 4)
    assert median.tolist()[0] == 30
    assert np.isnan(median[1:3]).all()
    assert median[3] == 5
    assert np.isnan(median_gaps(gaps(), 3)).all()


def bought_days_ago(days: list[float], product: int = 0) -> Inputs:
    """Members who bought one product so many days ago, of a world of two products."""
    n = len(days)
    rows, ones = np.arange(n, dtype=np.int32), np.ones(n, dtype=np.int32)
    when = np.array([NOW_US - int(d * DAY_US) for d in days], dtype=np.int64)
    bought = Purchases(rows, np.full(n, product, np.int32), ones.astype(np.float32), ones, when)
    return replace(world(n, 2, []), purchases=bought, as_of_us=NOW_US)


def test_what_is_used_up_about_now_is_due_and_what_was_just_bought_is_not() -> None:
    pace = gaps(*[(0, day, 5) for day in range(25, 36)])  # about 30 days, 55 gaps
    chances = rebuy_chances(bought_days_ago([1, 10, 28, 33, 119, 200]), pace).toarray()[:, 0]
    assert chances[0] == chances[1] == chances[5] == 0  # too early, too early, moved on
    assert chances[2] > 0.3
    assert chances[3] > 0.3
    assert 0 <= chances[4] < chances[3]


def test_a_product_without_a_pace_is_never_due() -> None:
    assert rebuy_chances(bought_days_ago([30.0] * 4, 1), gaps((0, 30, 9))).nnz == 0
    assert rebuy_chances(bought_days_ago([30.0] * 4), gaps()).nnz == 0


def momentum_of(kept: list[int], lines: list[int], first_days_ago: list[float]) -> Momentum:
    zeros = np.zeros(len(kept), dtype=np.int32)
    first = np.array([NOW_US - int(d * DAY_US) for d in first_days_ago], dtype=np.int64)
    return Momentum(zeros, zeros, ints(*lines), ints(*kept), first, NOW_US - 300 * DAY_US)


def moved(momentum: Momentum) -> Movement:
    return Movement(momentum, gaps(), True, False, None, None, None, None, None)


def test_only_new_products_of_suppliers_with_a_record_count() -> None:
    # suppliers 0 (900 of 1,000 lines kept), 1 (300 of 1,000), 2 (nothing yet); products 3 to 6 are new
    inputs = world(1, 7, [])
    catalogue = replace(
        inputs.catalogue, supplier_row=ints(0, 1, 2, 0, 1, 2, -1), supplier_ids=np.array(["a", "b", "c"])
    )
    movement = moved(
        momentum_of([900, 300, 2, 0, 0, 0, 0], [1000, 1000, 2, 0, 0, 0, 0], [90, 90, 90, 5, 5, 5, 5])
    )
    inputs = replace(inputs, catalogue=catalogue, movement=movement, as_of_us=NOW_US)
    found = _new_proven(inputs, movement)
    score = found["new_proven"].tolist()
    assert score[3] > score[4] > 0
    assert [score[row] for row in (0, 1, 2, 5, 6)] == [0] * 5
    assert found["supplier_kept"].tolist() == [900, 300, 2, 900, 300, 2, 0]


def test_what_was_there_when_the_data_began_is_not_new() -> None:
    inputs = replace(world(1, 1, []), as_of_us=NOW_US)
    catalogue = replace(inputs.catalogue, supplier_row=ints(0), supplier_ids=np.array(["a"]))
    young = replace(momentum_of([50], [50], [20]), start_time=NOW_US - 25 * DAY_US)
    assert _new_proven(replace(inputs, catalogue=catalogue), moved(young))["new_proven"].tolist() == [0.0]


def test_peers_are_owners_of_shared_products_and_members_and_their_successes_count() -> None:
    # owners 0 and 1 know member 5, 0 and 2 share product 0; 3 knows nobody of them
    circle = csr_of((0, 1, 2, 3), (5, 5, 6, 7), np.ones(4), (4, 8))
    inputs = world(4, 6, [])
    shares = Shares(
        ints(0, 1, 2, 2, 3), ints(0, 1, 0, 2, 3), np.ones(5, np.float32), np.ones(5, np.int32),
        ints(9, 3, 0, 2, 8), None,
    )  # fmt: skip
    found = peers(replace(inputs, shares=shares), circle)
    of_first, _ = found.row(0)
    assert of_first.tolist() == [1, 2]  # not her own product 0, not the stranger's 3
    assert found.row(3)[0].tolist() == []
    assert found.extra["n_owners"][found.span(0)].tolist() == [1, 1]


def test_products_of_one_kind_are_alike_by_content() -> None:
    n = 80
    inputs = world(1, n, [])
    kind = np.arange(n) % 2
    titles = np.array(
        [f"{'红茶 black tea' if k else 'steel pan'} {'abcdefgh'[i % 8] * 3}" for i, k in enumerate(kind)]
    )
    catalogue = replace(
        inputs.catalogue, titles=titles, category_paths=("Food", "Food > Tea", "Home"),
        category_row=np.where(kind, 1, 2).astype(np.int32), supplier_row=(kind * 3).astype(np.int32),
        price_minor=np.where(kind, 900, 5000),
    )  # fmt: skip
    found = content_vectors(catalogue, None, 0)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(n), abs=1e-5)
    alike = found @ found.T
    assert alike[0, 2::2].mean() > alike[0, 1::2].mean() + 0.5
    assert np.array_equal(found, content_vectors(catalogue, None, 0))


def test_a_timeless_world_has_no_signals_at_all() -> None:
    inputs = replace(world(3, 4, [(0, 1)]), purchases=purchases([(1, 2)]))
    none = csr_of((), (), (), (3, 4))
    assert signals_of(inputs, none, csr_of((), (), (), (3, 3)), None, 0) is NO_SIGNALS  # type: ignore[arg-type]


def groups(rows: list[tuple[int, int, int]]) -> GroupBuys:
    """(owner, product, outcome) of groups of three."""
    owner, product, outcome = np.array(rows).T
    n = len(rows)
    return GroupBuys(
        owner.astype(np.int32), product.astype(np.int32), np.full(n, 3, np.int32),
        np.where(outcome == -1, 2, 3 * outcome).astype(np.int32), outcome.astype(np.int8),
        np.arange(n, dtype=np.int64) + 7,
    )  # fmt: skip


def test_an_owner_whose_groups_fill_has_better_chances() -> None:
    found = group_odds(groups([(0, 0, 1)] * 12 + [(1, 0, 0)] * 12 + [(2, 0, 1), (2, 0, 0)]), ints(0), 1, 4)
    shift = found.shift.tolist()
    assert shift[0] > shift[2] > shift[1]
    assert shift[3] == 0  # she opened none
    assert found.sizes.tolist() == [3]


def test_failures_of_a_weak_circle_do_not_count_against_the_product() -> None:
    # product 0 fails with owner 1 only, whose groups for product 1 fail too; product 2 fails with everybody
    rows = [(0, 0, 1)] * 10 + [(1, 0, 0)] * 10 + [(1, 1, 0)] * 20 + [(0, 1, 1)] * 10
    rows += [(0, 2, 1)] * 10 + [(2, 2, 0)] * 10 + [(2, 1, 1)] * 20
    found = group_odds(groups(rows), ints(0, 1, 2), 3, 3)
    weak, strong = found.rate[0, 0], found.rate[2, 0]  # both filled 10 of 20
    assert weak > strong + 0.05


def test_no_group_ever_over_has_no_rate() -> None:
    found = group_odds(groups([(0, 0, -1)]), ints(0), 1, 2)
    assert found.rate.shape == (1, 0)
    assert found.shift.tolist() == [0, 0]


def test_open_groups_that_lack_one_are_kept_once_each() -> None:
    found = one_short(groups([(1, 4, -1), (0, 2, 1), (1, 4, -1), (1, 3, -1), (-1, 3, -1)]), 2, 5)
    assert found.row(0)[0].tolist() == []
    assert found.row(1)[0].tolist() == [3, 4]
    assert found.extra["expire_time"].tolist() == [10, 7]  # of two of product 4 the one that ends first


@pytest.fixture(scope="module")
def grouping_town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grouping") / "town"
    simulate(TownConfig(n_owners=300, n_members=4_000, n_products=1_000, n_days=60, seed=7), path)
    return path


def test_chances_of_groups_come_true_in_the_town(grouping_town: Path) -> None:
    """Fitted on forty days, judged on the groups opened after: closer to the truth than one rate for all."""
    with open_window(open_dataset(grouping_town)) as window:
        whole, category = (
            group_buys(window),
            read_inputs(window, config_from({}).graphs).catalogue.category_row,
        )
        assert window.as_of is not None
        cut_us = int((window.as_of - timedelta(days=20)).timestamp()) * 1_000_000
        n_owners = window.count("owners")
    early, late = (chosen(whole, mask) for mask in (whole.expire_time <= cut_us, whole.expire_time > cut_us))
    late = chosen(late, (late.outcome >= 0) & (late.owner_row >= 0))
    odds = group_odds(early, category, int(category.max()) + 1, n_owners)
    one_rate = np.full(len(late.outcome), early.outcome[early.outcome >= 0].mean())
    assert len(late.outcome) > 60
    assert log_loss(late, chances(odds, late, category)) < log_loss(late, one_rate) - 0.05
    without_owner = replace(odds, shift=np.zeros_like(odds.shift))
    assert log_loss(late, chances(odds, late, category)) < log_loss(
        late, chances(without_owner, late, category)
    )
    calm = chances(odds, late, category)
    assert abs(calm.mean() - late.outcome.mean()) < 0.1


def chosen(found: GroupBuys, mask: np.ndarray) -> GroupBuys:
    return GroupBuys(*(getattr(found, name)[mask] for name in found.__dataclass_fields__))


def chances(odds: GroupOdds, asked: GroupBuys, category: np.ndarray) -> np.ndarray:
    size = np.searchsorted(odds.sizes, asked.required)
    found = odds.rate[category[asked.product_row], size] + odds.shift[asked.owner_row]
    return np.clip(found, 0.005, 0.995)


def log_loss(asked: GroupBuys, chance: np.ndarray) -> float:
    return float(-np.log(np.where(asked.outcome == 1, chance, 1 - chance)).mean())
