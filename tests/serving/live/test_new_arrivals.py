"""A product that came after the snapshot: in the next list of whoever's circle likes its category, gated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from live_service import NOON, LiveService, live_service, offer, order, stock

from recsys import arrival_picks
from serving.replies import ProductValueBody, RecommendBody

NOODLES, KITCHEN = "o-noodles", "o-kitchen"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[LiveService]:
    with live_service(tmp_path) as found:
        yield found


def product(product_id: str = "new-1", category: str = "Food > Noodles", **more: Any) -> dict[str, Any]:
    return {
        "table": "products",
        "product_id": product_id,
        "title": "New noodles",
        "category": category,
        **more,
    }


def arrive(town: LiveService, product_id: str = "new-1", price_minor: int = 700, **more: Any) -> None:
    town.tell(product(product_id, **more), offer(product_id, price_minor, NOON - timedelta(minutes=1)))


def shown(
    town: LiveService, owner_id: str = NOODLES, query: str = "?n=20", product_id: str = "new-1"
) -> bool:
    return product_id in town.picks(owner_id, query)


def test_it_is_picked_for_a_circle_that_likes_its_category_and_not_for_others(town: LiveService) -> None:
    assert not shown(town)
    arrive(town)
    reply = town.reply(query="?n=20")
    RecommendBody.model_validate(reply)
    assert [pick["position"] for pick in reply["picks"]] == list(range(1, len(reply["picks"]) + 1))
    pick = town.picks(query="?n=20")["new-1"]
    assert pick["source"] == "new_arrival" and pick["offer"] == {"price_minor": 700, "currency": "CNY"}
    assert pick["reasons"][0]["code"] == "new_arrival"
    assert pick["reasons"][0]["evidence"] == {"n_comparables": 10}
    assert pick["reasons"][1]["code"] == "circle_category"
    value = pick["good_value"]
    assert value["n_mature"] == 0 and 0 < value["value_low"] < value["value_score"] < 1
    assert not shown(town, KITCHEN) and not shown(town, "nobody")


def test_red_control_without_the_look_at_categories_everybody_would_be_shown_it(
    town: LiveService, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = lambda scoring: frozenset(range(len(scoring.model.products.categories)))  # noqa: E731
    monkeypatch.setattr(arrival_picks, "_liked_categories", every)
    arrive(town)
    assert shown(town, KITCHEN)


def test_a_cheap_one_stands_above_a_dear_one_by_its_value(town: LiveService) -> None:
    arrive(town, "new-1", 520)
    arrive(town, "new-2", 1390)
    picks = town.picks(query="?n=20")
    low, high = picks["new-2"]["good_value"]["value_score"], picks["new-1"]["good_value"]["value_score"]
    assert low < high and picks["new-1"]["position"] < picks["new-2"]["position"]


def test_its_value_can_be_worked_out_by_hand_and_is_uncertain(town: LiveService) -> None:
    assert town.caller.get("/v1/products/new-1/good-value").status == 404
    arrive(town)
    body = town.caller.get("/v1/products/new-1/good-value").json()
    ProductValueBody.model_validate(body)
    chances = [other["p_worse"] for other in body["comparables"]]
    assert sum(chances) / len(chances) == pytest.approx(body["good_value"]["value_score"], abs=1e-6)
    (part,) = body["arithmetic"]["parts"]
    assert part["part"] == "expected" and 1 - part["rate"] == pytest.approx(body["good_value"]["quality"])
    assert body["good_value"]["quality"] == pytest.approx(0.95) and body["good_value"]["quality_low"] < 0.91


@pytest.mark.parametrize(
    ("closes", "gate"),
    [
        ([stock("new-1", 0)], "out_of_stock"),
        ([offer("new-1", 700, NOON, public_price_minor=650)], "parity"),
        ([{"table": "complaints", "complaint_id": f"c{n}", "complaint_time": NOON.isoformat(),
           "product_id": "new-1", "order_id": f"x{n}"} for n in range(12)], "blocked"),
        ([offer("new-1", 90_000, NOON)], "no_good_value"),
    ],
)  # fmt: skip
def test_every_gate_holds_for_it(town: LiveService, closes: list[dict[str, Any]], gate: str) -> None:
    arrive(town)
    assert shown(town)
    town.tell(*closes)
    assert not shown(town)
    served = town.service.keeper.served
    assert served is not None
    model = town.service.live.model_of(served)
    assert model is not None and gate in model.arrivals.by_id["new-1"].gates


def test_red_control_without_its_gates_it_would_be_shown(
    town: LiveService, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(town)
    town.tell(stock("new-1", 0))
    assert not shown(town)
    monkeypatch.setattr(arrival_picks, "_closing", lambda scoring, query, one: iter(()))
    town.later(seconds=1)
    town.share("n9")  # drops the kept reply
    assert shown(town)


def test_what_she_asks_for_and_says_holds_for_it_too(town: LiveService) -> None:
    arrive(town)
    assert not shown(town, query="?n=20&max_price_minor=699") and shown(
        town, query="?n=20&max_price_minor=700"
    )
    assert not shown(town, query="?n=20&category=Food%20%3E%20Tea") and shown(
        town, query="?n=20&category=Food"
    )
    assert town.say("new-1", "not_for_my_people").status == 201
    assert not shown(town)
    town.later(days=31)
    town.look()
    assert shown(town)


def test_too_dear_said_of_another_closes_it(town: LiveService) -> None:
    arrive(town)
    town.say("n1", "too_dear")  # 600
    assert not shown(town)


def test_what_she_shared_rests_and_counts_in_the_fatigue_of_her_circle(town: LiveService) -> None:
    arrive(town)
    made = town.share("new-1")
    assert not any("of 100 similar" in text for text in made.json()["texts"])  # nothing is evidence of it yet
    assert made.status == 201 and made.json()["texts"] and "New noodles" in made.json()["texts"][0]
    assert not shown(town)
    assert town.reply()["fatigue"]["n_shared"] == 1
    arrive(town, "new-2")
    town.share("new-2")
    assert town.reply()["fatigue"]["resting_categories"] == ["Food > Noodles"]
    assert not any(name.startswith("n") for name in town.picks(query="?n=20"))


def test_a_list_takes_one_in_ten_and_her_own_list_all(town: LiveService) -> None:
    for n in range(1, 6):
        arrive(town, f"new-{n}", 500 + n)
    ours = [name for name in town.picks(query="?n=10") if name.startswith("new")]
    assert ours == ["new-1"]
    asked = ["n1", *(f"new-{n}" for n in range(1, 6))]
    ranked = town.caller.post(f"/v1/owners/{NOODLES}/rank", {"product_ids": asked}).json()
    assert {pick["product"]["product_id"] for pick in ranked["picks"]} == set(asked)


def test_without_a_price_or_before_it_is_there_it_is_not_shown(town: LiveService) -> None:
    town.tell(product())
    assert not shown(town)
    ahead = (NOON + timedelta(minutes=4)).isoformat()
    arrive(town, "new-2", available_time=ahead)
    assert not shown(town, product_id="new-2")
    town.later(minutes=5)
    town.look()
    assert shown(town, product_id="new-2")


def test_in_another_currency_or_category_than_any_nothing_speaks_for_it(town: LiveService) -> None:
    town.tell(product(), offer("new-1", 700, NOON - timedelta(minutes=1), currency="USD"))
    arrive(town, "new-2", category="Garden > Seeds")
    assert not shown(town) and not shown(town, product_id="new-2")


def test_a_kept_reply_that_it_may_enter_is_dropped_and_the_page_shows_it(town: LiveService) -> None:
    town.reply(query="?n=20")
    arrive(town, price_minor=510)
    assert shown(town)
    page = town.caller.send(
        "GET", f"/shop/{NOODLES}", headers=[("accept-language", "en"), ("host", "shop.test")]
    )
    assert (
        "New noodles" in page.body.decode()
        and "New here: its own orders tell nothing yet" in page.body.decode()
    )
    assert "Expected to be better value than" in page.body.decode()
    why = town.caller.send(
        "GET", f"/shop/{NOODLES}/why?product_id=new-1", headers=[("accept-language", "en")]
    )
    assert why.status == 200 and "Expected of a product without orders" in why.body.decode()
    assert town.caller.get(f"/v1/owners/{NOODLES}/products/new-1/audience").status == 200


def test_it_comes_and_goes_the_same_in_another_replica(tmp_path: Path, town: LiveService) -> None:
    arrive(town)
    with live_service(tmp_path, url=f"sqlite:///{tmp_path}/store.db") as other:
        assert other.picks(query="?n=20")["new-1"] == town.picks(query="?n=20")["new-1"]


def test_an_order_of_it_is_no_error(town: LiveService) -> None:
    arrive(town)
    town.tell(order("x1", "m0", "new-1", NOON, owner_id=NOODLES))
    assert shown(town)
