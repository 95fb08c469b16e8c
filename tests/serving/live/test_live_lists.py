"""What happens after the snapshot shows in the next list, and only in the lists that it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_service import NOON, LiveService, live_service, offer, order, stock

from serving.live.live import Live
from serving.snapshots import Served


@pytest.fixture
def town(tmp_path: Path) -> Iterator[LiveService]:
    with live_service(tmp_path) as found:
        yield found


def reasons(pick: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {reason["code"]: reason for reason in pick["reasons"]}


def n_computed(town: LiveService) -> float:
    text = town.caller.get("/metrics").body.decode()
    lines = [
        line for line in text.splitlines() if line.startswith('sharepicks_replies_total{origin="computed"}')
    ]
    return float(lines[0].split()[-1]) if lines else 0.0


def test_what_is_sold_out_leaves_the_next_list_and_comes_back_with_new_stock(town: LiveService) -> None:
    assert "n1" in town.picks()
    town.tell(stock("n1", 0))
    assert (
        "n1" not in town.picks() and "n1" not in town.picks("o-kitchen") and "n1" not in town.picks("nobody")
    )
    town.tell(stock("n1", 7, NOON + timedelta(seconds=1)))
    assert "n1" in town.picks()


def test_an_older_count_that_comes_late_changes_nothing(town: LiveService) -> None:
    town.tell(stock("n1", 0))
    town.tell(stock("n1", 7, NOON - timedelta(minutes=1)))
    assert "n1" not in town.picks()


def test_red_control_without_the_live_state_what_is_sold_out_is_shown(
    town: LiveService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(live: Live, served: Served, query: Any) -> Any:
        return served.recommend(query)

    monkeypatch.setattr(Live, "answer", answer)
    town.tell(stock("n1", 0))
    assert "n1" in town.picks()


def test_a_new_price_is_shown_and_nothing_is_said_that_hung_on_the_old_one(town: LiveService) -> None:
    before = town.picks()["n1"]
    town.tell(offer("n1", 550))
    after = town.picks()["n1"]
    assert (before["offer"]["price_minor"], after["offer"]["price_minor"]) == (600, 550)
    assert before["good_value"]["value_score"] is not None
    assert after["good_value"]["value_score"] is None and after["good_value"]["price_percentile"] is None
    assert after["good_value"]["quality"] == before["good_value"]["quality"]
    assert "n1" in town.picks(query="?n=100&max_price_minor=560")


def test_what_became_clearly_dearer_is_no_good_value_until_it_is_worked_out_again(town: LiveService) -> None:
    town.tell(offer("n1", 640))
    assert "n1" not in town.picks()
    assert "n1" in town.picks(query="?n=100&target=self")


def test_an_offer_holds_from_its_moment_to_its_end(town: LiveService) -> None:
    begins, ends = NOON + timedelta(minutes=2), NOON + timedelta(hours=2)
    town.tell(offer("n1", 500, begins, expire_time=ends.isoformat()))
    assert town.picks()["n1"]["offer"]["price_minor"] == 600
    town.later(minutes=3)
    town.look()
    assert town.picks()["n1"]["offer"]["price_minor"] == 500
    town.later(hours=2)
    town.look()
    assert town.picks()["n1"]["offer"]["price_minor"] == 600


def test_an_offer_in_another_currency_is_not_compared(town: LiveService) -> None:
    town.tell(offer("n1", 90, currency="USD"))
    assert town.picks()["n1"]["offer"]["price_minor"] == 600


def test_a_burst_of_bad_endings_blocks_for_everybody(town: LiveService) -> None:
    for i in range(12):
        at = (NOON - timedelta(minutes=i)).isoformat()
        town.tell({"table": "complaints", "complaint_id": f"c{i}", "complaint_time": at, "product_id": "n1",
                   "order_id": f"x{i}"})  # fmt: skip
    assert "n1" not in town.picks() and "n1" not in town.picks("o-kitchen") and "n2" in town.picks()


@pytest.mark.parametrize(
    ("told", "is_blocked"),
    [
        ({"fault": "supplier"}, True), ({"reason_code": "not_as_described"}, True), ({}, True),
        ({"fault": "customer"}, False), ({"fault": "logistics"}, False),
        ({"reason_code": "changed_mind"}, False), ({"fault": "unknown", "reason_code": "size_fit"}, False),
        ({"fault": "supplier", "reason_code": "size_fit"}, True),
    ],
)  # fmt: skip
def test_only_what_may_be_the_products_fault_counts_against_it(
    town: LiveService, told: dict[str, str], is_blocked: bool
) -> None:
    at = (NOON - timedelta(minutes=1)).isoformat()
    town.tell(*({"table": "returns", "return_id": f"r{i}", "order_id": f"x{i}", "product_id": "n1",
                 "request_time": at, **told} for i in range(12)))  # fmt: skip
    assert ("n1" not in town.picks()) is is_blocked


def test_complaints_without_an_order_block_nothing(town: LiveService) -> None:
    for i in range(12):
        at = (NOON - timedelta(minutes=i)).isoformat()
        town.tell({"table": "complaints", "complaint_id": f"c{i}", "complaint_time": at, "product_id": "n1"})
    assert "n1" in town.picks()


def test_what_she_shared_waits_and_another_owner_keeps_it(town: LiveService) -> None:
    assert "n1" in town.picks()
    assert town.share("n1").status == 201
    assert "n1" not in town.picks() and "n1" in town.picks("o-kitchen")
    town.later(days=14, seconds=1)
    assert "n1" in town.picks()


def test_fresh_orders_of_her_circle_move_her_list_and_are_counted(town: LiveService) -> None:
    before = town.reply(query="?n=5")
    rows = [order(f"x{m}", f"m{m}", "k3", NOON - timedelta(minutes=5)) for m in range(4)]
    town.tell(*rows)
    after = town.picks(query="?n=100")
    assert reasons(after["k3"])["circle_ordered"]["evidence"] == {"n_members": 4}
    assert town.reply(query="?n=5")["picks"] != before["picks"]
    assert after["k3"]["position"] < len(after)


def test_an_owner_who_came_after_the_snapshot_gets_picks_of_her_own(town: LiveService) -> None:
    assert town.reply("o-today")["fallback"] == "popular"
    town.tell(
        *({"table": "circle", "owner_id": "o-today", "member_id": m} for m in ("x1", "x2")),
        order("x1", "x1", "k1"), order("x2", "x2", "k2"),
    )  # fmt: skip
    reply = town.reply("o-today", "?n=4")
    assert reply["fallback"] is None
    scores = {pick["product"]["product_id"]: pick["score"] for pick in town.reply("o-today")["picks"]}
    kitchen, noodles = (sum(scores[f"{letter}{i}"] for i in range(3, 9)) for letter in "kn")
    assert kitchen > noodles


def test_a_list_is_worked_out_again_only_when_something_of_hers_changed(town: LiveService) -> None:
    town.reply()
    before = n_computed(town)
    town.tell(order("x1", "m9", "k3"))  # nobody of her circle
    town.tell(stock("n1", 50))
    town.share("n2", "o-kitchen")
    town.look()
    town.reply()
    assert n_computed(town) == before + 1  # that there is stock of n1 now may open it
    town.tell(stock("n1", 30, NOON + timedelta(seconds=1)), order("x2", "m9", "k3"))
    town.reply()
    assert n_computed(town) == before + 1
    town.tell(order("x3", "m0", "k3"))
    town.reply()
    assert n_computed(town) == before + 2


def test_each_word_of_hers_changes_the_next_list_and_is_said(town: LiveService) -> None:
    for product_id, word in (("n1", "not_for_my_people"), ("k1", "complaint"), ("k2", "already_have")):
        assert town.say(product_id, word).status == 201
        assert product_id not in town.picks()
    stands_in = reasons(town.picks()["n3"])["you_said"]
    assert stands_in["evidence"] == {"said": "not_for_my_people", "product_id": "n1"}
    assert stands_in["text"].endswith("which you said is not for your people")
    assert "n1" in town.picks("o-kitchen")
    town.later(days=31)
    assert "n1" in town.picks()


def test_too_dear_closes_what_costs_as_much_in_the_category(town: LiveService) -> None:
    town.say("n4", "too_dear")  # n0 costs 500, each next 100 more
    assert {p for p in town.picks() if p.startswith("n")} == {"n0", "n1", "n2", "n3"}
    assert any(p.startswith("k") for p in town.picks())


def test_two_that_are_not_for_her_people_close_the_category(town: LiveService) -> None:
    town.say("k1", "not_for_my_people")
    assert "k2" in town.picks()
    town.say("k3", "not_for_my_people")
    assert not any(p.startswith("k") for p in town.picks())


def test_a_circle_that_had_its_shares_of_the_day_is_left_in_peace(town: LiveService) -> None:
    assert town.reply()["fatigue"] == {
        "n_shared": 0, "shares_a_day": 5, "n_left": 5, "resting_categories": [], "saturation": 0.0,
    }  # fmt: skip
    for product_id in ("n1", "k1", "t0", "n2", "n2"):
        town.share(product_id)
    reply = town.reply()
    assert (reply["fatigue"]["n_left"], reply["fatigue"]["resting_categories"]) == (1, ["Food > Noodles"])
    assert reply["fatigue"]["saturation"] == round(4 / 35, 3)
    assert not any(pick["product"]["product_id"].startswith("n") for pick in reply["picks"])
    town.share("k2")
    reply = town.reply()
    assert (reply["picks"], reply["shorter_because"], reply["fatigue"]["n_left"]) == ([], "fatigue", 0)
    assert town.reply(query="?n=5&target=self")["picks"]
    town.later(days=1, seconds=1)
    reply = town.reply()
    assert (reply["fatigue"]["n_left"], reply["shorter_because"]) == (5, "category_rests")
    town.later(days=2)
    assert town.reply()["picks"]


def test_an_erased_member_is_gone_from_the_live_state(town: LiveService) -> None:
    town.tell(*(order(f"x{m}", f"m{m}", "k3") for m in range(4)))
    assert reasons(town.picks()["k3"])["circle_ordered"]["evidence"] == {"n_members": 4}
    assert town.caller.get("/v1/members/m0", "DELETE").status == 200
    town.look()
    assert reasons(town.picks()["k3"])["circle_ordered"]["evidence"] == {"n_members": 3}
    assert "m0" not in town.service.live.facts.orders


def test_a_second_process_meets_what_the_first_was_told(town: LiveService, tmp_path: Path) -> None:
    town.tell(stock("n1", 0), offer("n2", 650), order("x1", "m0", "k3"))
    town.share("n3")
    town.say("n4", "too_dear")
    with live_service(tmp_path) as other:
        mine, others = town.reply(), other.reply()
        assert mine.pop("request_id") != others.pop("request_id")
        assert mine == others


def test_without_the_store_picks_come_from_what_was_last_known_and_say_so(town: LiveService) -> None:
    town.tell(stock("n1", 0))
    assert town.reply()["degraded"] is False
    town.service.store.close()
    town.later(seconds=6)
    reply = town.reply()
    assert reply["degraded"] is True and reply["picks"] and "n1" not in town.picks()


def test_a_service_without_a_store_is_not_degraded_and_keeps_no_words(tmp_path: Path) -> None:
    with live_service(tmp_path, has_store=False) as plain:
        reply = plain.reply()
        assert (reply["degraded"], reply["fatigue"]) == (False, None) and reply["picks"]
        assert plain.say("n1", "complaint").status == 503


PRODUCTS = ("n0", "n1", "k0", "t0")
STEP = st.tuples(st.sampled_from(PRODUCTS), st.sampled_from((0, 3)), st.integers(0, 50))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, min_size=1, max_size=8))
def test_whatever_the_order_of_counts_only_what_can_be_bought_is_shown(
    town: LiveService, steps: list[tuple[str, int, int]]
) -> None:
    """Counts come shuffled and twice; of each product the latest decides, on every list."""
    town.later(hours=1)
    counts = {(product_id, second): units for product_id, units, second in steps}
    rows = [stock(p, units, town.clock[0] + timedelta(seconds=s)) for (p, s), units in counts.items()]
    town.later(minutes=1)
    town.tell(*rows, *rows)
    latest = {p: units for (p, s), units in sorted(counts.items(), key=lambda item: item[0][1])}
    for owner_id in ("o-noodles", "o-new", "nobody"):
        shown = town.picks(owner_id)
        for product_id, units in latest.items():
            assert (product_id in shown) is (units > 0)
