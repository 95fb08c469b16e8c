"""POST /v1/events: what is kept, what is refused, and what is said about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgi_caller import Answer, Caller
from fake_snapshots import make_registry, open_fake

from serving.app import create_app
from serving.callers.audit import verify_chain
from serving.service import Service
from serving.settings import Settings
from serving.store.store import Store

NOW = datetime(2024, 5, 10, 12, tzinfo=UTC)
ORDER = {
    "table": "orders", "order_id": "o-1", "order_time": "2024-05-10T10:00:00+08:00", "member_id": "m-1",
    "product_id": "p-1", "quantity": 1, "price_minor": 1990, "owner_id": "w-1",
}  # fmt: skip
SUPPLIER = {"table": "suppliers", "supplier_id": "s-1"}
CANARY = "canary-4711"


def segment(name: str, message_id: str = "msg-1", /, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": name, "messageId": message_id, "userId": "ann",
        "timestamp": "2024-05-10T10:00:00.000Z", "context": {"ip": CANARY}, "properties": properties,
    }  # fmt: skip


MUG = {"product_id": "mug", "name": "Mug", "category": "Home > Kitchen", "price": 19.9}
TEA = {"product_id": "tea", "name": "Tea", "price": 7, "quantity": 2}


@pytest.fixture
def caller(url: str, tmp_path: Path) -> Iterator[Caller]:
    """An app over a store of each kind, at NOW."""
    settings = Settings(snapshots=make_registry(tmp_path / "registry"), store=url)
    app = create_app(settings, open_fake, clock=lambda: NOW)
    service: Service = app.state.service
    service.store.refresh()
    yield Caller(app)
    service.store.close()


def store_of(caller: Caller) -> Store:
    service: Service = caller.app.state.service
    return service.store.store


def send(caller: Caller, *events: Any) -> Answer:
    return caller.post("/v1/events", {"events": list(events)})


def kept(caller: Caller) -> list[tuple[str, Any]]:
    return [(row.table_name, json.loads(row.content)) for row in store_of(caller).rows_after(0)]


def test_a_batch_is_kept_and_counted(caller: Caller) -> None:
    answer = send(caller, ORDER, SUPPLIER, SUPPLIER)
    assert answer.status == 202
    assert answer.json() == {"accepted": 2, "duplicates": 1, "ignored": 0, "errors": []}
    assert [name for name, _ in kept(caller)] == ["orders", "suppliers"]
    assert send(caller, ORDER).json()["duplicates"] == 1


def test_the_good_ones_of_a_batch_are_kept_and_each_bad_one_is_named_by_place_and_rule(
    caller: Caller,
) -> None:
    answer = send(
        caller, ORDER | {"price_minor": -5}, SUPPLIER, ORDER | {"member_id": "ann@example.com"},
        {"table": "wishes"}, 7, {}, ORDER | {CANARY: 1},
    )  # fmt: skip
    assert answer.status == 202 and answer.json()["accepted"] == 1
    found = [(e["index"], e["error"], e["detail"]) for e in answer.json()["errors"]]
    assert found[0] == (0, "invalid", "price_minor must be >= 0")
    assert found[1][2].startswith("member_id must not be personal data and looks like an e-mail address")
    assert found[2][2].startswith("table must be one of products, suppliers")
    assert found[3][2] == "an event must be a JSON object"
    assert found[4][2].startswith("an event names its table")
    assert [index for index, _, _ in found] == [0, 2, 3, 4, 5, 6]
    for leaked in ("-5", "ann@example.com", "wishes", CANARY):
        assert leaked.encode() not in answer.body.replace(b"1 to 128", b"")


def test_a_batch_without_a_good_event_is_422(caller: Caller) -> None:
    answer = send(caller, ORDER | {"quantity": 0})
    assert answer.status == 422
    assert answer.json()["error"] == "invalid"
    assert answer.json()["errors"] == [{"index": 0, "error": "invalid", "detail": "quantity must be >= 1"}]
    assert kept(caller) == []


def test_other_content_under_a_known_id_is_409_and_names_the_id(caller: Caller) -> None:
    send(caller, ORDER)
    answer = send(caller, ORDER | {"quantity": 2})
    assert answer.status == 409 and answer.json()["error"] == "conflict"
    assert answer.json()["errors"][0]["detail"] == (
        "order_id o-1, product_id p-1 is there already with other content"
    )
    mixed = send(caller, ORDER | {"quantity": 2}, SUPPLIER)
    assert mixed.status == 202 and mixed.json()["errors"][0]["error"] == "conflict"


@pytest.mark.parametrize(
    ("age", "code"),
    [
        (timedelta(days=30), None),
        (timedelta(days=30, seconds=1), "too_late"),
        (timedelta(minutes=-5), None),
        (timedelta(minutes=-5, seconds=-1), "too_early"),
        (timedelta(days=365), "too_late"),
        (timedelta(days=-365), "too_early"),
    ],
)
def test_late_events_are_kept_for_30_days_and_5_minutes_ahead_is_the_end(
    caller: Caller, age: timedelta, code: str | None
) -> None:
    moment = (NOW - age).isoformat()
    answer = send(caller, ORDER | {"order_time": moment})
    assert answer.status == (202 if code is None else 422)
    order = segment("Order Completed", order_id="o-2", currency="CNY", products=[MUG])
    second = send(caller, order | {"timestamp": moment})
    assert second.status == answer.status
    for refused in (answer, second):
        assert code is None or refused.json()["errors"][0]["error"] == code


def test_what_is_and_did_not_happen_may_be_of_any_age(caller: Caller) -> None:
    owner = {"table": "owners", "owner_id": "w-1", "joined_time": "2019-01-01T00:00:00Z"}
    product = {"table": "products", "product_id": "p", "title": "t", "category": "c"}
    coming = product | {"available_time": "2024-12-01T00:00:00Z"}
    assert send(caller, owner, coming).json()["accepted"] == 2


def test_segment_events_become_rows_and_what_has_no_table_is_left_out(caller: Caller) -> None:
    answer = send(
        caller,
        segment("Order Completed", "m1", order_id="o1", currency="CNY", products=[MUG, TEA, TEA]),
        segment("Product Shared", "m2", share_via="wechat", recipient="friend@example.com", **MUG),
        segment("Product Viewed", "m3", share_id="m2", **MUG),
        segment("Order Refunded", "m4", order_id="o1"),
        segment("Product Viewed", "m5", **MUG),
        segment("Cart Viewed", "m6"),
        {"type": "identify", "traits": {"email": CANARY}},
    )
    assert answer.status == 202
    assert answer.json() == {"accepted": 4, "duplicates": 0, "ignored": 3, "errors": []}
    rows = kept(caller)
    orders = [(r["order_id"], r["product_id"], r["price_minor"]) for name, r in rows if name == "orders"]
    assert orders == [("o1", "mug", 1990), ("o1", "tea", 700), ("o1#2", "tea", 700)]
    (share,) = [r for name, r in rows if name == "shares"]
    assert share["channel"] == "private" and "recipient_id" not in share
    assert [r["event_type"] for name, r in rows if name == "share_events"] == ["view"]
    assert CANARY not in repr(rows) and "friend@" not in repr(rows)


def test_a_segment_event_that_breaks_a_rule_is_told_without_what_came(caller: Caller) -> None:
    order = segment("Order Completed", order_id="o1", currency="CNY", products=[MUG | {"price": -17}])
    answer = send(caller, order)
    assert answer.json()["errors"] == [
        {"index": 0, "error": "invalid", "detail": "price must be a number >= 0"}
    ]
    again = send(caller, segment("Product Shared", "a\u0000b", **MUG))
    assert again.json()["errors"][0]["detail"] == "messageId must be 1 to 128 printable characters"


LONG_ORDER = [{"product_id": f"p-{n}", "price": 1} for n in range(201)]


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        ({"event": []}, "event must be the name of an event"),
        ({"event": {}}, "event must be the name of an event"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp must be RFC 3339 with an offset"),
        ({"timestamp": "9999-12-31T23:59:59-14:00"}, "timestamp must be RFC 3339 with an offset"),
        ({"messageId": ["m"]}, "messageId must be text"),
        ({"products": [MUG | {"product_id": {"$ne": 1}}]}, "product_id must be text"),
        ({"products": [MUG | {"name": ["Mug"]}]}, "name must be text"),
        ({"currency": "ZZZ"}, "currency must be an ISO 4217 code in capitals, such as CNY"),
        ({"products": LONG_ORDER}, "products must be at most 200; a longer order is a dataset's"),
    ],
)
def test_what_segment_never_sends_is_refused_by_its_rule(
    caller: Caller, event: dict[str, Any], rule: str
) -> None:
    properties = {"order_id": "o1", "currency": "CNY", "products": [MUG]}
    inside = {name: value for name, value in event.items() if name in properties}
    outside = {name: value for name, value in event.items() if name not in properties}
    answer = send(caller, segment("Order Completed", **(properties | inside)) | outside)
    assert answer.status == 422 and answer.json()["errors"][0]["detail"] == rule
    assert kept(caller) == []


def test_a_refund_names_its_products_by_text(caller: Caller) -> None:
    answer = send(caller, segment("Order Refunded", order_id="o1", products=[["mug"]]))
    assert answer.json()["errors"][0]["detail"] == "product_id must be text"


def test_an_event_that_is_refused_leaves_nothing_behind(caller: Caller) -> None:
    first = segment("Order Completed", "m1", order_id="o1", currency="CNY", products=[MUG, TEA])
    assert send(caller, first).status == 202
    before = kept(caller)
    dearer = [TEA | {"product_id": "new"}, MUG | {"price": 99}]
    known_line = segment("Order Completed", "m2", order_id="o1", currency="CNY", products=dearer)
    known_message = segment(
        "Order Completed", "m1", order_id="o2", currency="CNY", products=[MUG | {"price": 9}]
    )
    mixed = send(caller, known_line, SUPPLIER, known_message)
    assert mixed.json()["accepted"] == 1
    assert [(e["index"], e["error"]) for e in mixed.json()["errors"]] == [(0, "conflict"), (2, "conflict")]
    assert kept(caller) == [*before, ("suppliers", {"supplier_id": "s-1"})]
    assert send(caller, first).json()["duplicates"] == 1


def test_red_control_row_by_row_a_refused_event_would_be_kept_in_part(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.store.events.replace", lambda row, n_together: row)
    order = segment("Order Completed", "m1", order_id="o1", currency="CNY", products=[MUG])
    send(caller, order)
    n_before = len(kept(caller))
    other = segment("Order Completed", "m2", order_id="o1", currency="CNY", products=[MUG | {"price": 99}])
    assert send(caller, other).status == 409
    assert len(kept(caller)) > n_before


def test_a_request_whose_events_make_too_many_rows_is_told_to_be_split(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.routes_events.MAX_ROWS", 4)
    order = segment("Order Completed", order_id="o1", currency="CNY", products=[MUG, TEA, TEA])
    answer = send(caller, order)
    assert answer.status == 413 and answer.json()["error"] == "too_large"
    assert kept(caller) == []


@pytest.mark.parametrize("body", [{"events": []}, {"events": [{}] * 1001}, {"events": {}}, {}, {"event": []}])
def test_a_body_that_is_no_batch_is_refused(caller: Caller, body: Any) -> None:
    assert caller.post("/v1/events", body).status == 422


def test_without_a_store_nothing_is_acknowledged(tmp_path: Path) -> None:
    app = create_app(Settings(snapshots=make_registry(tmp_path)), open_fake)
    answer = send(Caller(app), SUPPLIER)
    assert answer.status == 503 and answer.json()["error"] == "store_unavailable"
    assert answer.headers["retry-after"] == "1"


def test_a_member_is_erased_by_an_operator_and_nothing_later_brings_her_back(
    caller: Caller, url: str
) -> None:
    send(caller, ORDER, ORDER | {"order_id": "o-2", "member_id": "m-2"})
    answer = caller.get("/v1/members/m-1", "DELETE")
    assert answer.status == 200 and answer.json()["n_rows"] == 1
    # PostgreSQL's files, its log and whatever was copied from them are its operator's to clean
    assert answer.json()["store_files_clean"] is url.startswith("sqlite")
    late = send(caller, ORDER | {"order_id": "o-3"})
    assert late.status == 422 and late.json()["errors"][0]["error"] == "erased"
    assert [r["member_id"] for _, r in kept(caller)] == ["m-2"]
    assert caller.get("/v1/members/m-1", "DELETE").json()["n_rows"] == 0


def test_an_erasure_is_on_the_record_by_her_salted_hash_and_not_done_without_it(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(caller, ORDER)
    store = store_of(caller)
    monkeypatch.setattr("serving.routes_members.record_act", lambda *act: 1 / 0)
    assert caller.get("/v1/members/m-1", "DELETE").status == 500
    assert [r["member_id"] for _, r in kept(caller)] == ["m-1"]
    monkeypatch.undo()
    assert caller.get("/v1/members/m-1", "DELETE").status == 200
    with store.reading() as connection:
        (row,) = connection.exec_driver_sql("SELECT actor, act, subject, detail FROM audit_log").all()
        assert verify_chain(connection).seq == 1
    assert tuple(row) == ("no key", "erase_member", store.hash_of("m-1"), "{}")
