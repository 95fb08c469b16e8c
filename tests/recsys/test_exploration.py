"""Exploration slots: drawn among promising products, with a propensity that is true."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_model import AS_OF, town
from valued_model import valued_model

from recsys.domain import Query
from recsys.exploration import with_slots
from recsys.list_rules import ListRules
from recsys.model_files import write_model
from recsys.recommend import rank_many, recommend
from recsys.snapshot import Snapshot, open_snapshot
from recsys.snapshot_writer import SnapshotWriter
from recsys.value import PROMISING

N_DRAWS = 20_000
RULES = ListRules(exploration_slots=2, exploration_pool=5)


def marked(*places: int, n: int = 30) -> np.ndarray[Any, Any]:
    found = np.zeros(n, dtype=bool)
    found[list(places)] = True
    return found


@pytest.mark.parametrize("places", [(12, 15, 20, 29), (1, 9, 12), (25,), (3, 10, 11, 12, 13, 14, 15, 16)])
def test_the_logged_propensity_is_the_frequency(places: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    logged: dict[tuple[int, int], float] = {}
    seen: Counter[tuple[int, int]] = Counter()
    for _ in range(N_DRAWS):
        for position, place in enumerate(with_slots(marked(*places), 10, RULES, rng), start=1):
            seen[position, place.at] += 1
            assert logged.setdefault((position, place.at), place.propensity) == place.propensity
    for key, propensity in logged.items():
        assert seen[key] / N_DRAWS == pytest.approx(propensity, abs=4 * 0.5 / N_DRAWS**0.5), key
    for position in range(1, 11):
        assert sum(p for (at, _), p in logged.items() if at == position) == pytest.approx(1)


def test_red_control_another_pool_than_the_logged_one_is_seen() -> None:
    rng, seen = np.random.default_rng(5), 0
    for _ in range(N_DRAWS):
        seen += any(p.at == 12 for p in with_slots(marked(12, 15, 20), 10, RULES, rng)[8:9])
    assert abs(seen / N_DRAWS - 1 / 4) > 4 * 0.5 / N_DRAWS**0.5


def test_earned_places_keep_their_order_and_nothing_stands_twice() -> None:
    found = [p.at for p in with_slots(marked(2, 9, 15, 20), 10, RULES, np.random.default_rng(1))]
    assert found[:8] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert set(found[8:]) <= {9, 15, 20}
    assert len(set(found)) == 10


def test_fewer_promising_products_than_slots_leave_the_rest_earned() -> None:
    found = with_slots(marked(20), 10, RULES, np.random.default_rng(1))
    assert [p.at for p in found] == [*range(9), 20]
    assert [p.propensity for p in found] == [1.0] * 10


def test_without_promising_products_or_slots_every_place_is_earned() -> None:
    rng = np.random.default_rng(1)
    for promising, rules in ((marked(), RULES), (marked(20), ListRules())):
        assert [p.at for p in with_slots(promising, 10, rules, rng)] == list(range(10))


def test_the_first_place_is_never_drawn() -> None:
    assert [p.at for p in with_slots(marked(20), 1, RULES, np.random.default_rng(1))] == [0]


def test_where_all_that_is_ranked_is_shown_nothing_is_drawn() -> None:
    found = with_slots(marked(8, n=9), 10, RULES, np.random.default_rng(1))
    assert [(p.at, p.propensity) for p in found] == [(at, 1.0) for at in range(9)]


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """Every product is promising, one slot of a list is drawn among four."""
    model = valued_model(town())
    value = replace(model.value, badge=np.full(model.n_products, PROMISING, np.int8))  # type: ignore[type-var]
    rules = {"list": {"exploration_slots": 1, "exploration_pool": 4}}
    with SnapshotWriter(tmp_path / "s") as writer:
        write_model(writer, replace(model, value=value, settings=rules), ["s0"])
        writer.commit(as_of=AS_OF.isoformat())
    return open_snapshot(tmp_path / "s")


def ids(snapshot: Snapshot, **asked: Any) -> list[str]:
    return [pick.product_id for pick in recommend(snapshot, Query("o-noodles", n=5, **asked)).picks]


def test_a_seed_decides_the_draw(snapshot: Snapshot) -> None:
    assert ids(snapshot, seed=3) == ids(snapshot, seed=3)
    found = {tuple(ids(snapshot, seed=seed)) for seed in range(40)}
    assert {lists[:4] for lists in found} == {tuple(ids(snapshot)[:4])}
    assert len({lists[4] for lists in found}) == 4
    drawn = recommend(snapshot, Query("o-noodles", n=5, seed=3)).picks
    assert [pick.propensity for pick in drawn] == [1.0] * 4 + [0.25]
    assert [pick.position for pick in drawn] == [1, 2, 3, 4, 5]


def test_without_a_seed_for_herself_named_and_in_bulk_nothing_is_drawn(snapshot: Snapshot) -> None:
    plain = recommend(snapshot, Query("o-noodles", n=5)).picks
    assert {pick.propensity for pick in plain} == {1.0}
    named = tuple(f"n{at}" for at in range(10))
    for asked in ({"product_ids": named}, {"target": "self"}):
        assert len({tuple(ids(snapshot, seed=seed, **asked)) for seed in range(10)}) == 1
    (chunk,) = rank_many(snapshot, np.array([1], np.int32), 5)
    assert len(chunk.rank) == 5
