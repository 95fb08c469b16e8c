"""Lists are as long as the open products allow, and a short list is the beginning of a longer one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from small_model import AS_OF, Item, World, large_town, small_model, town, write_small_snapshot

from recsys import index, ranking
from recsys.domain import Query
from recsys.index import build_index, learn_lists
from recsys.model import Model
from recsys.opening import EVERYTHING, Open
from recsys.ranker import Blend
from recsys.ranking import rank, scoring_of
from recsys.recommend import rank_many_of, recommend

N_QUIET = 12


def with_quiet_corner() -> World:
    """300 products that people order, and 12 in a corner of the catalogue that nobody does."""
    world = large_town(n_products=300)
    quiet = {f"q{i:02}": Item("Quiet > Corner", 50) for i in range(N_QUIET)}
    return replace(world, products={**world.products, **quiet})


def shallow(world: World, per_source: int) -> Model:
    return replace(small_model(world), settings={"candidates_per_source": per_source})


@pytest.fixture
def sources_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The red control: gates close what was proposed, and nobody asks again."""
    monkeypatch.setattr(ranking, "opened", lambda *_: EVERYTHING)
    monkeypatch.setattr(ranking, "_shortest", lambda *_: 10_000)


@pytest.mark.parametrize("owner_id", ["m003", "o-quiet-1", "nobody"])
@pytest.mark.parametrize("asked", [{"category": "Quiet"}, {"max_price_minor": 60}])
def test_a_small_choice_fills_the_list(tmp_path: Path, owner_id: str, asked: dict[str, object]) -> None:
    snapshot = write_small_snapshot(with_quiet_corner(), tmp_path / "s")
    reply = recommend(snapshot, Query(owner_id, n=N_QUIET, **asked))  # type: ignore[arg-type]
    assert {pick.product_id for pick in reply.picks} == {f"q{i:02}" for i in range(N_QUIET)}
    assert reply.shorter_because is None


@pytest.mark.usefixtures("sources_are_not_told")
def test_red_control_gates_after_proposing_leave_the_list_empty(tmp_path: Path) -> None:
    snapshot = write_small_snapshot(with_quiet_corner(), tmp_path / "s")
    assert recommend(snapshot, Query("m003", n=N_QUIET, category="Quiet")).picks == ()


def mostly_sold_out() -> World:
    """Only the 20 least ordered of 300 products are left."""
    world = large_town(n_products=300)
    counts = {p: len(world.buyers(p)) for p in world.products}
    left = sorted(world.products, key=lambda p: counts[p])[:20]
    products = {p: replace(item, stock=5 if p in left else 0) for p, item in world.products.items()}
    return replace(world, products=products)


def test_where_nearly_all_is_sold_out_the_rest_fills_the_list(tmp_path: Path) -> None:
    snapshot = write_small_snapshot(mostly_sold_out(), tmp_path / "s")
    for owner_id in ("m003", "nobody"):
        assert len(recommend(snapshot, Query(owner_id, n=20)).picks) == 20


@pytest.mark.usefixtures("sources_are_not_told")
def test_red_control_what_is_sold_out_takes_the_places(tmp_path: Path) -> None:
    snapshot = write_small_snapshot(mostly_sold_out(), tmp_path / "s")
    assert len(recommend(snapshot, Query("m003", n=20)).picks) < 20


@pytest.mark.parametrize("target", ["circle", "self"])
def test_unseen_fills_the_list_of_somebody_who_ordered_nearly_all(tmp_path: Path, target: str) -> None:
    world = large_town()
    ordered = sorted(world.products)[:100]
    world = replace(world, orders=[*world.orders, *(("m003", p, 2.0) for p in ordered)])
    reply = recommend(
        write_small_snapshot(world, tmp_path / "s"),
        Query("m003", n=10, target=target, unseen=True),  # type: ignore[arg-type]
    )
    assert len(reply.picks) == 10
    assert not world.bought("m003") & {pick.product_id for pick in reply.picks}


@pytest.mark.parametrize("target", ["circle", "self"])
@pytest.mark.parametrize("unseen", [False, True])
def test_a_short_list_is_the_beginning_of_a_longer_one(target: str, unseen: bool) -> None:
    model = shallow(with_quiet_corner(), 6)
    rows = np.arange(len(model.people.owners), dtype=np.int32)
    long = rank_lists(model, rows, 200, target, unseen)
    assert rank_lists(model, rows, 20, target, unseen) == {o: found[:20] for o, found in long.items()}
    assert rank_lists(model, rows[5:6], 40, target, unseen) == {5: long[5][:40]}


def test_red_control_the_depth_of_the_question_moves_the_first_picks() -> None:
    rows = np.arange(60, dtype=np.int32)
    short = rank_lists(shallow(with_quiet_corner(), 6), rows, 20, "circle", False)
    assert short != rank_lists(shallow(with_quiet_corner(), 200), rows, 20, "circle", False)


def rank_lists(model: Model, rows: np.ndarray, n: int, target: str, unseen: bool) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {int(row): [] for row in rows}
    for chunk in rank_many_of(model, rows, n, target, unseen):  # type: ignore[arg-type]
        for owner, product in zip(chunk.owner_row.tolist(), chunk.product_row.tolist(), strict=True):
            found[owner].append(product)
    return found


def test_scores_fall_however_deep_the_list() -> None:
    model = shallow(with_quiet_corner(), 6)
    (chunk,) = rank_many_of(model, np.array([3], np.int32), 290, "circle", False)
    assert len(set(chunk.product_row.tolist())) == len(chunk.product_row) == 290
    assert (np.diff(chunk.score) <= 0).all()
    assert chunk.rank.tolist() == list(range(1, 291))


def test_the_popular_list_has_no_end_but_the_catalogue() -> None:
    products = {f"p{i:04}": Item() for i in range(2_500)}
    flat = Blend({"log_popularity": 1.0})
    world = World(products, [("m0", "p0007", 1.0)], {"o": []}, interests=False, rankers={"self": flat})
    model = small_model(world)
    (chunk,) = rank_many_of(model, np.array([-1], np.int32), 2_000, "self", False)
    assert len(chunk.product_row) == 2_000
    assert model.products.ids[int(chunk.product_row[0])] == "p0007"


def test_a_share_that_lies_ahead_of_the_moment_asked_for_closes_nothing(tmp_path: Path) -> None:
    world = replace(town(), shares=[("o-noodles", "n1", 3.0, 0)])
    snapshot = write_small_snapshot(world, tmp_path / "s")

    def with_n1(days_ago: float) -> bool:
        moment = AS_OF - timedelta(days=days_ago)
        picks = recommend(snapshot, Query("o-noodles", n=100, as_of=moment)).picks
        return "n1" in {pick.product_id for pick in picks}

    assert with_n1(3.1)
    assert not with_n1(3.0)
    assert not with_n1(0.0)


def test_left_out_counts_the_products_of_the_catalogue(tmp_path: Path) -> None:
    snapshot = write_small_snapshot(with_quiet_corner(), tmp_path / "s")
    reply = recommend(snapshot, Query("m003", n=20, category="Quiet > Corner"))
    assert reply.left_out == {"out_of_stock": 18, "other_category": 300, "shared_recently": 1}
    assert reply.shorter_because == "other_category"


def test_inverted_lists_find_open_products_only(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3_000, 8)).astype(np.float32)
    listed = build_index(vectors, learn_lists(vectors, exact_up_to=100))
    queries = rng.normal(size=(20, 8)).astype(np.float32)
    monkeypatch.setattr(index, "EXACT_UP_TO", 100)
    wide, narrow = np.arange(3_000) % 3 > 0, np.arange(3_000) % 50 == 0
    for mask in (wide, narrow):
        rows, scores = listed.top(queries, 40, Open(mask))
        assert mask[rows[rows >= 0]].all()
        assert ((rows >= 0).sum(axis=1) == 40).all()
        exact, _ = build_index(vectors, None).top(queries, 40, Open(mask))
        assert mask[exact].all()
        assert np.mean([len(set(a) & set(b)) / 40 for a, b in zip(rows, exact, strict=True)]) > 0.5
        assert np.allclose(scores[0], vectors[rows[0]] @ queries[0], atol=1e-5)


def test_exact_search_leaves_out_what_is_closed_and_nothing_else() -> None:
    vectors = np.eye(6, dtype=np.float32)
    query = np.array([[6, 5, 4, 3, 2, 1]], dtype=np.float32)
    among = Open(np.array([False, True, True, False, True, True]))
    rows, scores = build_index(vectors, None).top(query, 3, among)
    assert rows.tolist() == [[1, 2, 4]]
    assert scores.tolist() == [[5.0, 4.0, 2.0]]


def test_a_source_that_looks_past_the_gates_is_gated_all_the_same() -> None:
    model = small_model(mostly_sold_out())
    scoring = scoring_of(model, np.array([3], np.int32), "circle")
    ranked = rank(scoring, Query("m003", n=5))
    assert (model.products.stock[ranked.product] != 0).all()
