"""Whom of her circle to tell: hers alone, by what happened until now, and never what anybody bought."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from callers.callers_town import Town, make_town
from live_service import NOON, LiveService, live_service, order

from serving.callers import declare
from serving.circle_replies import AudienceBody
from serving.live import audience_now

ADDRESS = "/v1/owners/o-noodles/products/n1/audience"
BEFORE = NOON - timedelta(minutes=5)


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveService]:
    monkeypatch.setattr(audience_now, "QUICK_S", 1e9)  # a slow machine must not change what is known
    with live_service(tmp_path) as found:
        yield found


def asked(town: LiveService, target: str = ADDRESS) -> dict[str, Any]:
    answer = town.caller.get(target)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    AudienceBody.model_validate(found)
    return found


def names(town: LiveService, target: str = ADDRESS) -> list[str]:
    return [glad["member_id"] for glad in asked(town, target)["members"]]


def click(event_id: str, member_id: str, **more: Any) -> dict[str, Any]:
    return {
        "table": "share_events", "event_id": event_id, "event_time": BEFORE.isoformat(),
        "event_type": "click", "member_id": member_id, **more,
    }  # fmt: skip


def test_her_circle_is_told_of_and_nobody_elses(town: LiveService) -> None:
    found = asked(town)
    assert sorted(names(town)) == ["m0", "m1", "m2", "m3"]
    assert [glad["position"] for glad in found["members"]] == [1, 2, 3, 4]
    scores = [glad["score"] for glad in found["members"]]
    assert scores == sorted(scores, reverse=True)
    assert found["shorter_because"] == "small_circle" and found["degraded"] is False
    assert len(names(town, ADDRESS + "?n=2")) == 2
    assert asked(town, ADDRESS + "?n=2")["shorter_because"] is None


def test_who_came_back_to_her_a_moment_ago_stands_first_and_it_is_said(town: LiveService) -> None:
    before = names(town)
    town.tell(
        click("e1", before[-1], owner_id="o-noodles", product_id="n5"),
        order("o1", before[-1], "n6", BEFORE, owner_id="o-noodles"),
    )
    first = asked(town)["members"][0]
    assert first["member_id"] == before[-1]
    assert first["reasons"] == [
        {"code": "came_to_you", "text": "came to what you shared 2 times", "evidence": {"n_times": 2}}
    ]
    assert "n5" not in json.dumps(first) and "n6" not in json.dumps(first)


def test_what_comes_after_the_moment_does_not_count_yet(town: LiveService) -> None:
    before = asked(town)["members"]
    late = {
        **click("e1", "m3", owner_id="o-noodles"),
        "event_time": (NOON + timedelta(minutes=2)).isoformat(),
    }
    town.tell(late)
    assert asked(town)["members"] == before
    town.later(minutes=3)
    assert asked(town)["members"][0]["member_id"] == "m3"


def test_a_reaction_that_names_the_share_alone_counts_for_whose_share_it_is(town: LiveService) -> None:
    share_id = town.share("n2").json()["share_id"]
    town.later(minutes=10)
    event = click("e1", "m2", share_id=share_id)
    town.tell({**event, "event_time": (NOON + timedelta(minutes=3)).isoformat()})
    assert asked(town)["members"][0]["member_id"] == "m2"


def test_who_joined_or_came_back_since_is_of_her_circle(town: LiveService) -> None:
    town.tell(
        {"table": "circle", "owner_id": "o-noodles", "member_id": "m-new"},
        order("o1", "m9", "k1", BEFORE, owner_id="o-noodles"),
    )
    assert {"m-new", "m9"} <= set(names(town))
    assert "m9" not in names(town, "/v1/owners/o-new/products/n1/audience")


def test_an_erased_member_is_gone_at_once(town: LiveService) -> None:
    assert "m1" in names(town)
    assert town.caller.get("/v1/members/m1", "DELETE").status == 200
    town.look()
    assert "m1" not in names(town)


def test_red_control_without_the_look_at_erasures_she_would_still_be_named(town: LiveService) -> None:
    assert town.caller.get("/v1/members/m1", "DELETE").status == 200
    town.look()
    town.service.live._is_erased = lambda _member_id: False
    assert "m1" in names(town)


def test_an_unknown_owner_is_no_error_and_an_unknown_product_is_404(town: LiveService) -> None:
    found = asked(town, "/v1/owners/nobody/products/n1/audience")
    assert (found["members"], found["shorter_because"]) == ([], "unknown_circle")
    assert town.caller.get("/v1/owners/o-noodles/products/what/audience").status == 404
    assert town.caller.get(ADDRESS + "?n=0").status == 422


def test_without_a_store_the_snapshot_alone_answers(tmp_path: Path) -> None:
    with live_service(tmp_path, has_store=False) as found:
        assert sorted(names(found)) == ["m0", "m1", "m2", "m3"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/owners/o%2Fa/products/p%2Fb/audience", 404),  # one id each: read, and nobody knows the product
        ("/v1/owners/o/a/products/n1/audience", 404),
        ("/v1/owners/o-noodles/products/x/products/n1/audience", 404),
        ("/v1/owners//products/n1/audience", 422),
        ("/v1/owners/o-noodles/products/%00/audience", 422),
    ],
)
def test_a_path_of_two_ids_is_read_in_one_way(town: LiveService, path: str, status: int) -> None:
    assert town.caller.get(path).status == status


MINE = "/v1/owners/owner%2FA/products/p1/audience"
MAY = {"storefront", "token A", "owner key A"}  # to whom ids of members may be told


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return make_town(tmp_path_factory.mktemp("callers"))


def allowed(callers: Town, target: str) -> set[str]:
    """Who is let through to the answer, which is 404 here: the fake snapshot knows no product."""
    return {who for who in callers.headers if callers.send(who, "GET", target).status == 404}


def test_ids_of_members_are_for_the_storefront_and_the_owner_herself(callers: Town) -> None:
    assert allowed(callers, MINE) == MAY
    assert allowed(callers, MINE.replace("owner%2FA", "owner-B")) == {"storefront", "token B"}


def test_her_id_in_the_place_of_the_product_opens_nothing(callers: Town) -> None:
    assert allowed(callers, "/v1/owners/owner-B/products/owner%2FA/audience") == {"storefront", "token B"}
    for trick in (
        "/v1/owners/owner-B/products/x/products/p1/audience",
        "/v1/owners/owner/A/products/p1/audience",
    ):
        assert callers.send("token A", "GET", trick).status == 403
        assert callers.send("token B", "GET", trick).status == 403


def test_red_control_without_the_check_of_whose_it_is_another_owner_would_be_answered(
    callers: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declare, "read_own_id", lambda request, name: request.scope[declare.CALLER].scope_id)
    assert "token B" in allowed(callers, MINE)
