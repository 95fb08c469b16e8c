from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from small_model import AS_OF, World, town, write_small_snapshot

from recsys import ranking
from recsys.domain import Query, Reply
from recsys.recommend import recommend

OWNER = "o-noodles"


def ask(world: World, folder: Path, **more: object) -> Reply:
    return recommend(write_small_snapshot(world, folder / "s"), Query(OWNER, n=100, **more))  # type: ignore[arg-type]


def ids(reply: Reply) -> set[str]:
    return {pick.product_id for pick in reply.picks}


def shared(days_ago: float) -> World:
    return replace(town(), shares=[(OWNER, "n1", days_ago, 0)])


def sold_out(product_id: str) -> World:
    world = town()
    sold = replace(world.products[product_id], stock=0)
    return replace(world, products={**world.products, product_id: sold})


@pytest.fixture
def no_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The red control: every gate stands open."""
    monkeypatch.setattr(ranking, "gates", lambda *_: {})


def test_a_product_out_of_stock_is_never_picked(tmp_path: Path) -> None:
    reply = ask(sold_out("n1"), tmp_path)
    assert "n1" not in ids(reply)
    assert reply.left_out == {"out_of_stock": 1}


@pytest.mark.usefixtures("no_gates")
def test_red_control_without_gates_the_sold_out_product_is_picked(tmp_path: Path) -> None:
    assert "n1" in ids(ask(sold_out("n1"), tmp_path))


@pytest.mark.parametrize("stock", [-1, 1])
def test_unknown_stock_and_one_left_are_open(tmp_path: Path, stock: int) -> None:
    world = town()
    products = {**world.products, "n1": replace(world.products["n1"], stock=stock)}
    assert "n1" in ids(ask(replace(world, products=products), tmp_path))


@pytest.mark.parametrize(
    ("days_ago", "is_open"), [(0, False), (1, False), (13.9, False), (14, True), (30, True)]
)
def test_what_she_shared_within_14_days_waits(tmp_path: Path, days_ago: float, is_open: bool) -> None:
    assert ("n1" in ids(ask(shared(days_ago), tmp_path))) is is_open


@pytest.mark.usefixtures("no_gates")
def test_red_control_without_gates_the_shared_product_is_picked(tmp_path: Path) -> None:
    assert "n1" in ids(ask(shared(1), tmp_path))


def test_what_she_shared_comes_back_as_time_goes_on(tmp_path: Path) -> None:
    assert "n1" not in ids(ask(shared(10), tmp_path, as_of=AS_OF))
    snapshot = write_small_snapshot(shared(10), tmp_path / "later")
    later = recommend(snapshot, Query(OWNER, n=100, as_of=AS_OF + timedelta(days=4, seconds=1)))
    assert "n1" in ids(later)


def test_what_another_owner_shared_is_open(tmp_path: Path) -> None:
    world = replace(town(), shares=[("o-kitchen", "n1", 1, 0)])
    assert "n1" in ids(ask(world, tmp_path))


def test_without_times_nothing_was_shared_recently(tmp_path: Path) -> None:
    assert "n1" in ids(ask(replace(shared(0), timeless=True), tmp_path))


def test_a_category_holds_what_lies_in_it_and_below(tmp_path: Path) -> None:
    snapshot = write_small_snapshot(town(), tmp_path / "s")
    food = recommend(snapshot, Query(OWNER, n=100, category="Food"))
    noodles = recommend(snapshot, Query(OWNER, n=100, category="Food > Noodles"))
    assert ids(food) == {"t0"} | {f"n{i}" for i in range(10)}
    assert ids(noodles) == {f"n{i}" for i in range(10)}
    assert ids(recommend(snapshot, Query(OWNER, n=100, category="Foo"))) == set()


@pytest.mark.usefixtures("no_gates")
def test_red_control_without_gates_other_categories_are_picked(tmp_path: Path) -> None:
    assert "t0" in ids(ask(town(), tmp_path, category="Food > Noodles"))


def test_a_highest_price_leaves_out_what_is_dearer_or_has_no_price(tmp_path: Path) -> None:
    world = town()
    products = {**world.products, "n0": replace(world.products["n0"], price_minor=-1)}
    reply = ask(replace(world, products=products), tmp_path, max_price_minor=700)
    assert ids(reply) == {"n1", "n2"}  # 600 and 700; n0 has none, n3 costs 800
    assert reply.shorter_because == "over_max_price"


@pytest.mark.usefixtures("no_gates")
def test_red_control_without_gates_dear_products_are_picked(tmp_path: Path) -> None:
    assert "n9" in ids(ask(town(), tmp_path, max_price_minor=700))


@pytest.mark.parametrize("target", ["circle", "self"])
def test_unseen_leaves_out_what_she_ordered_herself(tmp_path: Path, target: str) -> None:
    snapshot = write_small_snapshot(town(), tmp_path / "s")
    everything = recommend(snapshot, Query(OWNER, n=100, target=target))  # type: ignore[arg-type]
    unseen = recommend(snapshot, Query(OWNER, n=100, target=target, unseen=True))  # type: ignore[arg-type]
    assert ids(everything) - ids(unseen) == {"t0"} == town().bought(OWNER)
    assert unseen.left_out == {"ordered_before": 1}


@pytest.mark.usefixtures("no_gates")
def test_red_control_without_gates_she_sees_it_again(tmp_path: Path) -> None:
    assert "t0" in ids(ask(town(), tmp_path, unseen=True))


def test_gates_hold_for_her_own_list_too(tmp_path: Path) -> None:
    reply = ask(sold_out("n1"), tmp_path, product_ids=("n1", "n2"))
    assert ids(reply) == {"n2"}
    assert reply.shorter_because == "out_of_stock"


def test_every_owner_of_a_chunk_has_her_own_gates(tmp_path: Path) -> None:
    from recsys.recommend import rank_many

    snapshot = write_small_snapshot(shared(1), tmp_path / "s")
    owners, products = snapshot.ids("owners"), snapshot.ids("products")
    (chunk,) = rank_many(snapshot, np.arange(len(owners), dtype=np.int32), 100)
    with_n1 = {owners[int(o)] for o in chunk.owner_row[chunk.product_row == products.row("n1")]}
    assert with_n1 == {"o-kitchen", "o-new"}
