from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_model import AS_OF_US, Item, World, large_town, small_model, town, write_small_snapshot

from recsys.domain import Query, Reply
from recsys.errors import QueryError
from recsys.model_files import model_of
from recsys.ranker import Blend
from recsys.recommend import SOURCE_NAMES, rank_many, recommend
from recsys.snapshot import Snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write_small_snapshot(town(), tmp_path_factory.mktemp("town") / "snapshot")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write_small_snapshot(large_town(), tmp_path_factory.mktemp("large") / "snapshot")


def ids(reply: Reply) -> list[str]:
    return [pick.product_id for pick in reply.picks]


def test_owners_with_the_same_purchases_and_other_circles_get_other_lists(snapshot: Snapshot) -> None:
    noodles = ids(recommend(snapshot, Query("o-noodles", n=5)))
    kitchen = ids(recommend(snapshot, Query("o-kitchen", n=5)))
    assert all(p.startswith(("n", "t")) for p in noodles)
    assert all(p.startswith(("k", "t")) for p in kitchen)


def test_for_herself_their_lists_are_the_same(snapshot: Snapshot) -> None:
    noodles = recommend(snapshot, Query("o-noodles", target="self"))
    assert ids(noodles) == ids(recommend(snapshot, Query("o-kitchen", target="self")))


@pytest.mark.parametrize("owner_id", ["nobody", "o-new", "", "不在", "x" * 2000, "nul\0"])
@pytest.mark.parametrize("target", ["circle", "self"])
def test_an_owner_nobody_knows_gets_the_popular_list_and_is_told(
    snapshot: Snapshot, owner_id: str, target: str
) -> None:
    reply = recommend(snapshot, Query(owner_id, n=5, target=target))  # type: ignore[arg-type]
    assert reply.fallback == "popular"
    assert len(reply.picks) == 5
    assert {pick.source for pick in reply.picks} == {"popular"}
    assert reply.picks[0].product_id == "t0"  # 14 buyers; no other product has more than three
    assert all(pick.reasons for pick in reply.picks)


def test_an_owner_with_a_circle_is_no_fallback(snapshot: Snapshot) -> None:
    assert recommend(snapshot, Query("o-noodles")).fallback is None


def test_the_same_question_has_the_same_answer(large: Snapshot, tmp_path: Path) -> None:
    again = write_small_snapshot(large_town(), tmp_path / "again")
    assert again.manifest.snapshot_id == large.manifest.snapshot_id
    for owner_id in ("m000", "m031", "nobody"):
        assert recommend(large, Query(owner_id)) == recommend(again, Query(owner_id))


def test_positions_count_from_one_and_scores_fall(large: Snapshot) -> None:
    picks = recommend(large, Query("m003", n=50)).picks
    assert [pick.position for pick in picks] == list(range(1, len(picks) + 1))
    scores = [pick.score for pick in picks]
    assert scores == sorted(scores, reverse=True)
    assert len(set(ids(recommend(large, Query("m003", n=50))))) == len(picks)


def test_fewer_picks_are_the_beginning_of_more(large: Snapshot) -> None:
    assert ids(recommend(large, Query("m004", n=5))) == ids(recommend(large, Query("m004", n=50)))[:5]


@pytest.mark.parametrize("n", [0, -1, 101])
def test_n_outside_its_rule_is_refused(snapshot: Snapshot, n: int) -> None:
    with pytest.raises(QueryError, match=rf"n must be between 1 and 100; got {n}"):
        recommend(snapshot, Query("o-noodles", n=n))


def test_a_shorter_list_says_why(snapshot: Snapshot) -> None:
    reply = recommend(snapshot, Query("o-noodles", n=100))
    assert 0 < len(reply.picks) < 100
    assert reply.shorter_because == "few_products"


def test_an_empty_list_says_which_gate_emptied_it(snapshot: Snapshot) -> None:
    reply = recommend(snapshot, Query("o-noodles", max_price_minor=1))
    assert reply.picks == ()
    assert reply.shorter_because == "over_max_price"


def test_an_empty_catalogue_is_said(tmp_path: Path) -> None:
    flat = Blend({"log_popularity": 1.0})
    world = World({}, [], {"o": []}, interests=False, rankers={"circle": flat, "self": flat})
    reply = recommend(write_small_snapshot(world, tmp_path / "s"), Query("o"))
    assert (reply.picks, reply.shorter_because) == ((), "empty_catalogue")


def test_her_own_list_comes_back_ranked(large: Snapshot) -> None:
    named = ("p005", "p001", "p020", "p001", "unknown", "p004")
    reply = recommend(large, Query("m003", n=10, product_ids=named))
    assert sorted(ids(reply)) == ["p001", "p004", "p005", "p020"]
    assert {pick.source for pick in reply.picks} == {"own_list"}
    assert reply.shorter_because == "list_ended"
    scores = [pick.score for pick in reply.picks]
    assert scores == sorted(scores, reverse=True)


def test_her_own_list_has_the_scores_of_the_open_list(large: Snapshot) -> None:
    free = {pick.product_id: pick.score for pick in recommend(large, Query("m003", n=30)).picks}
    named = recommend(large, Query("m003", n=30, product_ids=tuple(free)))
    assert {pick.product_id: pick.score for pick in named.picks} == pytest.approx(free, abs=1e-6)


@pytest.mark.parametrize("target", ["circle", "self"])
@pytest.mark.parametrize("unseen", [False, True])
def test_many_owners_at_once_get_what_each_gets_alone(large: Snapshot, target: str, unseen: bool) -> None:
    model = model_of(large)
    rows = np.arange(len(model.people.owners), dtype=np.int32)
    found: dict[str, list[tuple[int, str, float, str]]] = {owner: [] for owner in model.people.owners}
    for chunk in rank_many(large, rows, 20, target, unseen):  # type: ignore[arg-type]
        for at in range(len(chunk.rank)):
            pick = (int(chunk.rank[at]), model.products.ids[int(chunk.product_row[at])],
                    float(chunk.score[at]), SOURCE_NAMES[chunk.source[at]])  # fmt: skip
            found[model.people.owners[int(chunk.owner_row[at])]].append(pick)
    assert len(found) == 60
    for owner_id, picks in found.items():
        alone = recommend(large, Query(owner_id, 20, target, unseen=unseen)).picks  # type: ignore[arg-type]
        assert [p[:2] for p in picks] == [(p.position, p.product_id) for p in alone], owner_id
        assert [p[2] for p in picks] == pytest.approx([p.score for p in alone], abs=1e-6)
        assert [p[3] for p in picks] == [p.source for p in alone]


def test_a_pick_carries_its_price_title_and_category(snapshot: Snapshot) -> None:
    picks = {pick.product_id: pick for pick in recommend(snapshot, Query("o-noodles", n=20)).picks}
    pick = picks["n3"]
    assert (pick.title, pick.category) == ("Title of n3", "Food > Noodles")
    assert pick.offer is not None
    assert (pick.offer.price_minor, pick.offer.currency) == (800, "CNY")


def test_a_product_without_a_price_has_no_offer(tmp_path: Path) -> None:
    world = town()
    priceless = replace(world, products={p: replace(i, price_minor=-1) for p, i in world.products.items()})
    snapshot = write_small_snapshot(priceless, tmp_path / "s")
    assert {pick.offer for pick in recommend(snapshot, Query("o-noodles")).picks} == {None}


def test_the_source_named_is_one_that_proposed_the_product(large: Snapshot) -> None:
    from recsys.ranking import CANDIDATES_PER_SOURCE, DEEPER, scoring_of
    from recsys.sources import SOURCES

    model = model_of(large)
    row = model.people.owners.row("m003")
    scoring = scoring_of(model, np.array([row], np.int32), "circle")
    asked = CANDIDATES_PER_SOURCE * DEEPER**2  # a hundred picks take deeper and deeper questions
    proposed = {s.name: set(s.propose(scoring, asked).product.tolist()) for s in SOURCES}
    for pick in recommend(large, Query("m003", n=100)).picks:
        assert model.products.ids.row(pick.product_id) in proposed[pick.source]


def test_an_open_snapshot_is_read_into_a_model_once(snapshot: Snapshot) -> None:
    assert model_of(snapshot) is model_of(snapshot)


def test_the_written_model_is_the_one_in_memory(snapshot: Snapshot) -> None:
    written, made = model_of(snapshot), small_model(town())
    assert list(written.products.ids) == list(made.products.ids)
    assert written.as_of_us == AS_OF_US
    assert [o.name for o in written.operators] == [o.name for o in made.operators]
    assert np.array_equal(written.people.circle_orders.data, made.people.circle_orders.data)
    assert isinstance(written.rankers["circle"], Blend)


def test_equal_scores_stand_in_the_order_of_their_ids(tmp_path: Path) -> None:
    products = {f"p{i}": Item() for i in range(4)}
    orders = [(f"m{i}", f"p{i}", 1.0) for i in (2, 0, 3, 1)]
    flat = Blend({"log_popularity": 1.0})
    world = World(products, orders, {"o": []}, interests=False, rankers={"circle": flat, "self": flat})
    snapshot = write_small_snapshot(world, tmp_path / "s")
    assert ids(recommend(snapshot, Query("o"))) == ["p0", "p1", "p2", "p3"]
