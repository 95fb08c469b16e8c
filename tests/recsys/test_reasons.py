"""Reasons are checked against the lists the world was written from, counted here with sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_model import World, large_town, town, write_small_snapshot

from recsys.domain import Pick, Query, Reason, Target
from recsys.recommend import recommend
from recsys.snapshot import Snapshot

WORLD = large_town()


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write_small_snapshot(WORLD, tmp_path_factory.mktemp("large") / "snapshot")


def is_true(world: World, owner: str, target: Target, pick: Pick, reason: Reason) -> bool:
    """Whether what a reason says follows from the world's lists."""
    said, circle = dict(reason.evidence), set(world.circle.get(owner, ()))
    buyers = world.buyers(pick.product_id)
    if reason.code == "circle_ordered":
        return target == "circle" and said == {"n_members": len(buyers & circle)}
    if reason.code == "circle_category":
        lately = {
            m for m, p, days in world.orders if days < 30 and world.products[p].category == pick.category
        }
        return said == {"n_members": len(lately & circle), "category": pick.category, "days": 30}
    if reason.code == "bought_together":
        other = str(said["product_id"])
        profile = circle if target == "circle" else {owner}
        in_profile = bool(world.buyers(other) & profile)
        return in_profile and said["n_members"] == len(buyers & world.buyers(other)) >= 2
    if reason.code == "share_did_well":
        n = sum(followed for o, p, _, followed in world.shares if (o, p) == (owner, pick.product_id))
        return said == {"n_orders": n} and n > 0
    if reason.code == "ordered_again":
        return target == "self" and pick.product_id in world.bought(owner)
    if reason.code == "popular":
        return said == {"n_members": len(buyers)} and bool(buyers)
    return reason.code == "new" and not buyers


@pytest.mark.parametrize("target", ["circle", "self"])
def test_every_reason_is_true_and_every_pick_has_one(snapshot: Snapshot, target: Target) -> None:
    codes = set()
    for owner in [*WORLD.circle, "nobody"]:
        for pick in recommend(snapshot, Query(owner, n=30, target=target)).picks:
            assert 1 <= len(pick.reasons) <= 3
            for reason in pick.reasons:
                assert is_true(WORLD, owner, target, pick, reason), (owner, pick.product_id, reason)
                codes.add(reason.code)
    assert {"bought_together", "popular"} <= codes
    if target == "circle":
        assert {"circle_ordered", "circle_category"} <= codes
    else:
        assert "ordered_again" in codes
        assert not codes & {"circle_ordered", "circle_category"}


def test_the_figures_stand_in_the_sentence(snapshot: Snapshot) -> None:
    for pick in recommend(snapshot, Query("m003", n=50)).picks:
        for reason in pick.reasons:
            for name, value in reason.evidence.items():
                if name.startswith("n_") and reason.code != "new":
                    assert str(value) in reason.text.split()


def test_one_member_alone_is_never_told_of(tmp_path: Path) -> None:
    """Only m0 of her circle ordered k1: to say so would tell what one friend bought."""
    world = town()
    orders = [(m, p, d) for m, p, d in world.orders if not (m != "m0" and p == "k1")]
    alone = replace(world, orders=[*orders, ("m0", "k1", 1.0)])
    reply = recommend(write_small_snapshot(alone, tmp_path / "s"), Query("o-noodles", n=100))
    (pick,) = [pick for pick in reply.picks if pick.product_id == "k1"]
    assert not {reason.code for reason in pick.reasons} & {"circle_ordered", "circle_category"}


def test_hand_worked_a_circle_of_four(tmp_path: Path) -> None:
    """m0 to m3 know o-noodles; n3 was ordered by m0 (n0 to n4), m1, m2 and m3, and by m9 of nobody's."""
    snapshot = write_small_snapshot(town(), tmp_path / "s")
    picks = {p.product_id: p for p in recommend(snapshot, Query("o-noodles", n=20)).picks}
    first, second = picks["n3"].reasons[:2]
    assert (first.code, first.text) == ("circle_ordered", "4 of your circle ordered it before")
    assert second.text == "4 of your circle bought from Food > Noodles in 30 days"


def test_a_share_that_led_to_orders_is_a_reason(tmp_path: Path) -> None:
    world = replace(town(), shares=[("o-kitchen", "n1", 20, 2), ("o-kitchen", "n1", 30, 1)])
    reply = recommend(write_small_snapshot(world, tmp_path / "s"), Query("o-kitchen", n=100))
    (pick,) = [pick for pick in reply.picks if pick.product_id == "n1"]
    assert ("share_did_well", {"n_orders": 3}) in [(r.code, dict(r.evidence)) for r in pick.reasons]


def test_a_product_without_orders_says_that_it_is_new(tmp_path: Path) -> None:
    world = town()
    fresh = replace(world, products={**world.products, "z": world.products["n0"]})
    snapshot = write_small_snapshot(fresh, tmp_path / "s")
    (pick,) = recommend(snapshot, Query("o-noodles", product_ids=("z",))).picks
    assert pick.reasons[-1].code == "new"
