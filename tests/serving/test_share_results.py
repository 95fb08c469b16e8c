"""Which orders a share is credited with: within the days, as often passed on as allowed, never her own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from live_service import NOON, LiveService, live_service, order

from features.row_check import DAY
from recsys.errors import ConfigError
from serving import share_results
from serving.settings import Settings, settings_from
from serving.share_results import Credit, n_hops, owners_rows, results_of

T0 = 1_772_352_000_000_000  # 2026-03-01T08:00:00Z


def share(share_id: str, parent: str | None = None, days: float = 0.0) -> tuple[str, dict[str, Any]]:
    row = {"share_id": share_id, "share_time": T0 + int(days * DAY), "product_id": "p1", "owner_id": "w"}
    return "shares", row | ({} if parent is None else {"parent_share_id": parent})


def line(order_id: str, share_id: str, days: float, member_id: str = "m1") -> tuple[str, dict[str, Any]]:
    return "orders", {
        "order_id": order_id, "order_time": T0 + int(days * DAY), "member_id": member_id,
        "product_id": "p1", "share_id": share_id, "price_minor": 100, "quantity": 1,
    }  # fmt: skip


# s0 by her, passed on as s1 and that as s2; x1 takes up what another owner shared
CHAIN = [share("s0"), share("s1", "s0", 1), share("s2", "s1", 2), share("x1", "somebody-elses", 1)]
ORDERS = [line("o0", "s0", 3), line("o1", "s1", 3), line("o2", "s2", 3), line("o3", "x1", 3)]


def credited(credit: Credit, *rows: tuple[str, dict[str, Any]]) -> dict[str, int]:
    found = results_of("w", owners_rows("w", rows, [], credit), 20)
    assert (found["credit_days"], found["credit_hops"]) == (credit.days, credit.hops)
    return {one["share_id"]: one["n_orders"] for one in found["shares"] if one["n_orders"]}


@pytest.mark.parametrize(
    ("hops", "expected"),
    [
        (0, {"s0": 1, "x1": 1}),
        (1, {"s0": 1, "s1": 1, "x1": 1}),
        (2, {"s0": 1, "s1": 1, "s2": 1, "x1": 1}),
    ],
)
def test_a_link_counts_as_often_passed_on_as_allowed_and_for_the_last_share(
    hops: int, expected: dict[str, int]
) -> None:
    assert credited(Credit(30, hops), *CHAIN, *ORDERS) == expected


def test_red_control_without_the_count_of_hops_a_long_chain_would_be_credited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(share_results, "n_hops", lambda share_id, parents, most: 0)
    assert "s2" in credited(Credit(30, 1), *CHAIN, *ORDERS)


def test_parents_in_a_ring_end() -> None:
    ring = {"a": "b", "b": "a"}
    assert n_hops("a", ring, 3) == 4
    assert credited(Credit(30, 5), share("a", "b"), share("b", "a"), line("o", "a", 1)) == {}


@pytest.mark.parametrize(("days", "at", "n"), [(7, 7.0, 1), (7, 7.001, 0), (30, 7.001, 1), (1, 0.5, 1)])
def test_an_order_counts_within_the_days(days: int, at: float, n: int) -> None:
    assert credited(Credit(days, 1), share("s0"), line("o", "s0", at)) == ({"s0": 1} if n else {})


def test_red_control_with_a_longer_window_the_late_order_would_count() -> None:
    late = share("s0"), line("o", "s0", 31.0)
    assert credited(Credit(30, 1), *late) == {} and credited(Credit(32, 1), *late) == {"s0": 1}


@pytest.mark.parametrize("buyer", ["w", "her-own"])
def test_her_own_purchase_is_never_credited_however_far_it_went(buyer: str) -> None:
    shop = ("owners", {"owner_id": "w", "member_id": "her-own"})
    bought = [line("o0", "s0", 3, buyer), line("o1", "s1", 3, buyer)]
    assert credited(Credit(365, 5), shop, *CHAIN, *bought) == {}
    # red control: the same lines of somebody else count
    others = [line("o0", "s0", 3), line("o1", "s1", 3)]
    assert credited(Credit(365, 5), shop, *CHAIN, *others) == {"s0": 1, "s1": 1}


@pytest.mark.parametrize(
    "wrong", [{"credit_days": 0}, {"credit_days": 366}, {"credit_hops": -1}, {"credit_hops": 6}]
)
def test_a_setting_outside_its_rule_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Settings(**wrong)  # type: ignore[arg-type]


def test_the_environment_is_heard(tmp_path: Path) -> None:
    told = settings_from({"SHAREPICKS_CREDIT_DAYS": "7", "SHAREPICKS_CREDIT_HOPS": "0"})
    assert told.credit == Credit(7, 0) and settings_from(told.to_environment()) == told


def sold(town: LiveService, share_id: str, order_id: str, at: datetime) -> None:
    town.tell(order(order_id, "m0", "n1", at, owner_id="o-noodles", share_id=share_id))


def test_over_http_a_link_that_was_passed_on_counts_once(tmp_path: Path) -> None:
    with live_service(tmp_path) as town:
        body = {"owner_id": "o-noodles", "product_id": "n1"}
        first = town.caller.post("/v1/shares", body).json()["share_id"]
        passed = town.caller.post("/v1/shares", body | {"parent_share_id": first}).json()["share_id"]
        again = town.caller.post("/v1/shares", body | {"parent_share_id": passed}).json()["share_id"]
        for n, share_id in enumerate((first, passed, again)):
            sold(town, share_id, f"x{n}", NOON)
        found = town.caller.get("/v1/owners/o-noodles/results").json()
    assert {one["share_id"]: one["n_orders"] for one in found["shares"]} == {first: 1, passed: 1, again: 0}
    assert (found["n_orders"], found["credit_days"], found["credit_hops"]) == (2, 30, 1)
