"""A share has a link, the link counts and leads on, and what came of it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from asgi_caller import JSON, Answer, Caller
from callers.callers_town import make_town
from fake_snapshots import make_registry, open_fake
from fastapi import FastAPI

from recsys.errors import ConfigError
from serving.app import create_app
from serving.replies import ShareBody
from serving.routes_shares import new_link
from serving.service import Service
from serving.settings import Settings, settings_from
from serving.share_results import owners_rows, results_of

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
STOREFRONT = "https://shop.example/p/{product_id}?share={share_id}"
SHARE = {"owner_id": "w-1", "product_id": "p/1", "channel": "group", "scene": "breakfast"}


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    """An app over an empty store, whose ids are id-0, id-1 …"""
    store = f"sqlite:///{tmp_path}/store.db"
    settings = Settings(make_registry(tmp_path / "registry"), store=store, storefront=STOREFRONT)
    numbers = count()
    made: FastAPI = create_app(settings, open_fake, clock=lambda: NOW, make_id=lambda: f"id-{next(numbers)}")
    service: Service = made.state.service
    service.store.refresh()
    yield Caller(made)
    service.store.close()


@pytest.fixture
def shop(caller: Caller) -> Caller:
    """The same with a snapshot that serves."""
    service_of(caller).keeper.refresh()
    return caller


def service_of(caller: Caller) -> Service:
    found: Service = caller.app.state.service
    return found


def order(order_id: str, **columns: Any) -> dict[str, Any]:
    usual = {
        "table": "orders", "order_id": order_id, "order_time": "2026-03-01T08:01:00Z", "member_id": "m-1",
        "product_id": "p/1", "quantity": 1, "price_minor": 1990, "owner_id": "w-1", "share_id": "id-0",
    }  # fmt: skip
    return usual | columns


def send(caller: Caller, *events: dict[str, Any]) -> None:
    answer = caller.post("/v1/events", {"events": list(events)})
    assert answer.status == 202 and answer.json()["errors"] == [], answer.body


def follow(caller: Caller, share_id: str) -> Answer:
    return caller.get(f"/s/{share_id}")


def test_a_share_is_kept_and_its_link_leads_to_the_storefront_and_nowhere_else(caller: Caller) -> None:
    answer = caller.post("/v1/shares", SHARE)
    assert answer.status == 201
    body = answer.json()
    assert (body["share_id"], body["share_time"], body["link"]) == ("id-0", "2026-03-01T08:00:00Z", "/s/id-0")
    led = follow(caller, "id-0")
    assert (led.status, led.headers["location"]) == (302, "https://shop.example/p/p%2F1?share=id-0")
    assert led.headers["referrer-policy"] == "no-referrer"
    assert follow(caller, "id-77").status == 404
    kept = [(row.table_name, json.loads(row.content)) for row in service_of(caller).store.store.rows_after(0)]
    assert [name for name, _ in kept] == ["shares", "share_events"]
    assert kept[0][1]["scene"] == "breakfast" and kept[0][1]["share_link_id"] == "id-0"
    assert (kept[1][1]["event_type"], kept[1][1]["share_id"]) == ("click", "id-0")


def test_the_way_from_share_to_result(caller: Caller) -> None:
    caller.post("/v1/shares", SHARE)
    follow(caller, "id-0")
    follow(caller, "id-0")
    send(caller, order("o-1"), order("o-2", member_id="m-2"))
    send(caller, {
        "table": "returns", "return_id": "r-1", "order_id": "o-2", "product_id": "p/1",
        "request_time": "2026-03-01T08:02:00Z",
    })  # fmt: skip
    found = caller.get("/v1/owners/w-1/results").json()
    (share,) = found["shares"]
    assert [found[f"n_{name}"] for name in ("shares", "clicks", "orders", "kept", "returned")] == [
        1,
        2,
        2,
        1,
        1,
    ]
    assert (share["n_clicks"], share["n_orders"], share["n_kept"], share["scene"]) == (2, 2, 1, "breakfast")
    assert caller.get("/v1/owners/w-2/results").json()["n_shares"] == 0


@pytest.mark.parametrize(
    "not_hers",
    [
        {"member_id": "w-1"},  # bought by herself
        {"member_id": "her-own"},  # the member that her shop names
        {"share_id": "another"},
        {"order_time": "2026-02-28T08:00:00Z"},  # before the share
        {"order_time": "2026-03-31T08:00:01Z"},  # a second too late
    ],
)
def test_what_a_share_did_not_bring_is_not_credited_to_it(not_hers: dict[str, Any]) -> None:
    def us(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp()) * 1_000_000

    share = {"share_id": "id-0", "share_time": us("2026-03-01T08:00:00Z"), "product_id": "p/1"}
    line = {
        "order_id": "o-1", "product_id": "p/1", "member_id": "m-1", "share_id": "id-0",
        "order_time": us("2026-03-31T08:00:00Z"),
    }  # fmt: skip
    shop = {"owner_id": "w-1", "member_id": "her-own"}
    for change, n_orders in ((not_hers, 0), ({}, 1)):
        time = change.get("order_time")
        other = line | change | ({} if time is None else {"order_time": us(time)})
        rows = owners_rows("w-1", [("owners", shop), ("shares", share), ("orders", other)], [])
        assert results_of("w-1", rows, 20)["n_orders"] == n_orders


def test_a_friend_goes_on_when_her_click_cannot_be_kept(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.post("/v1/shares", SHARE)
    store = service_of(caller).store.store
    monkeypatch.setattr(store._writer, "_closed", True)
    assert follow(caller, "id-0").status == 302
    assert caller.post("/v1/shares", SHARE).status == 503


def test_a_share_without_its_product_or_of_another_kind_is_refused(caller: Caller) -> None:
    assert caller.post("/v1/shares", {"owner_id": "w-1"}).status == 422
    assert caller.post("/v1/shares", SHARE | {"channel": "pigeon"}).status == 422
    assert caller.post("/v1/shares", SHARE | {"owner_id": "ann@example.com"}).status == 422
    assert service_of(caller).store.store.rows_after(0) == []


@pytest.mark.parametrize(
    "storefront",
    [
        "javascript:alert({product_id},{share_id})", "https://{product_id}.example/{share_id}",
        "https://a/{share_id}", "https://a/{product_id}{product_id}", "/p/{product_id}{share_id}",
        "https://a/{product_id}/{share_id}/{share_id}", "https://a/{product_id}/{share_id}\n",
    ],
)  # fmt: skip
def test_a_storefront_that_would_lead_anywhere_is_refused(storefront: str) -> None:
    with pytest.raises(ConfigError, match="STOREFRONT must be an address"):
        settings_from({"SHAREPICKS_STOREFRONT": storefront})
    assert settings_from({"SHAREPICKS_STOREFRONT": STOREFRONT}).storefront == STOREFRONT


def test_links_are_not_guessed() -> None:
    assert len({new_link() for _ in range(1000)}) == 1000 and len(new_link()) == 24


def test_a_share_comes_with_words_in_the_language_asked_for_and_a_poster(shop: Caller) -> None:
    body = shop.post("/v1/shares", SHARE | {"language": "zh_Hant"}).json()
    ShareBody.model_validate(body)
    assert len(set(body["texts"])) == 3 and all("廣告" in text for text in body["texts"])
    assert body["poster"] == "/shop/w-1/poster?share_id=id-0&language=zh_Hant"
    poster = shop.get(body["poster"])
    assert poster.headers["content-type"] == "image/png" and poster.body.startswith(b"\x89PNG")
    assert "廣告" in shop.get(body["poster"] + "&format=svg").body.decode()
    other = shop.send(
        "POST", "/v1/shares", [json.dumps(SHARE).encode()], [JSON, ("accept-language", "zh-CN,zh;q=0.9")]
    ).json()
    assert all("广告" in text for text in other["texts"]) and other["poster"].endswith("language=zh_Hans")
    assert shop.post("/v1/shares", SHARE | {"language": "tlh"}).status == 422


def test_her_page_and_the_call_offer_the_same_words(shop: Caller) -> None:
    body = shop.post("/v1/shares", SHARE | {"language": "en"}).json()
    page = shop.send("GET", "/shop/w-1/shared?share_id=id-0", headers=[("accept-language", "en")])
    assert body["texts"] and all(text in unescape(page.body.decode()) for text in body["texts"])


def test_without_a_snapshot_a_share_is_kept_and_nothing_is_said_of_its_product(caller: Caller) -> None:
    answer = caller.post("/v1/shares", SHARE)
    assert (answer.status, answer.json()["texts"], answer.json()["poster"]) == (201, [], None)


def test_a_poster_opens_for_the_same_callers_as_the_share(tmp_path: Path) -> None:
    town = make_town(tmp_path)
    sent = json.dumps({"owner_id": "owner/A", "product_id": "p1"}).encode()
    body = town.send("owner key A", "POST", "/v1/shares", sent).json()
    opened = {who for who in town.headers if town.send(who, "GET", body["poster"]).status == 200}
    assert opened == {"storefront", "token A", "owner key A", "session A"}
