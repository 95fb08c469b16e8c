"""Segment: e-commerce events as tracking tools send them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from import_cases import do_import, has_note, records, table

from recsys.errors import DataError

MUG = {"product_id": "mug", "name": "Mug", "category": "Home > Kitchen", "brand": "Tao", "price": 19.9}
TEA = {"product_id": "tea", "name": "Tea", "price": 7, "quantity": 2}


def event(name: str, number: int = 1, /, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": name, "messageId": f"m{number}", "userId": "ann",
        "timestamp": f"2024-05-0{number}T10:00:00+08:00", "properties": properties,
    }  # fmt: skip


def order(number: int = 1, **properties: Any) -> dict[str, Any]:
    usual = {"order_id": "o1", "currency": "CNY", "products": [MUG, TEA]}
    return event("Order Completed", number, **(usual | properties))


def write_source(folder: Path, *events: Any) -> Path:
    file = folder / "events.jsonl"
    file.write_text("\n".join(json.dumps(entry, ensure_ascii=False) for entry in events) + "\n", "utf-8")
    return file


def test_an_order_completed_becomes_one_line_per_product(tmp_path: Path) -> None:
    source = write_source(tmp_path, order(owner_id="bea", share_id="s1"))
    summary = do_import("segment", source, tmp_path)
    columns = ("order_id", "order_time", "member_id", "product_id", "quantity", "price_minor", "owner_id")
    time = pd.Timestamp("2024-05-01T02:00:00Z")
    assert records(summary, "orders", *columns) == [
        ("o1", time, "ann", "mug", 1, 1990, "bea"),
        ("o1", time, "ann", "tea", 2, 700, "bea"),
    ]
    assert records(summary, "products", "product_id", "title", "category") == [
        ("mug", "Mug", "Home > Kitchen"),
        ("tea", "Tea", "unknown"),
    ]
    assert records(summary, "offers", "product_id", "price_minor", "currency") == [
        ("mug", 1990, "CNY"),
        ("tea", 700, "CNY"),
    ]


def test_a_currency_without_cents_keeps_its_units(tmp_path: Path) -> None:
    source = write_source(tmp_path, order(currency="JPY", products=[TEA]))
    assert records(do_import("segment", source, tmp_path), "orders", "price_minor") == [(7,)]


def test_times_of_several_offsets_stand_in_one_file(tmp_path: Path) -> None:
    source = write_source(tmp_path, order(1), order(2, order_id="o2") | {"timestamp": "2024-05-01T03:00:00Z"})
    summary = do_import("segment", source, tmp_path)
    times = [time for (time,) in records(summary, "orders", "order_time")]
    assert times[-1] - times[0] == pd.Timedelta(hours=1)


def test_a_refund_returns_what_it_names_or_the_whole_order(tmp_path: Path) -> None:
    source = write_source(
        tmp_path,
        order(1),
        order(2, order_id="o2"),
        event("Order Refunded", 3, order_id="o1", products=[{"product_id": "tea", "quantity": 1}]),
        event("Order Refunded", 4, order_id="o2"),
        event("Order Refunded", 5, order_id="o9"),
    )
    summary = do_import("segment", source, tmp_path)
    assert records(summary, "returns", "return_id", "order_id", "quantity", "refund_minor", "fault") == [
        ("m3-tea", "o1", 1, 700, "unknown"),
        ("m4-mug", "o2", 1, 1990, "unknown"),
        ("m4-tea", "o2", 2, 1400, "unknown"),
    ]
    assert has_note(summary, "1 left out: refunds are of orders that are not in this file")


def test_a_share_keeps_its_channel_and_drops_a_recipient_who_is_an_address(tmp_path: Path) -> None:
    source = write_source(
        tmp_path,
        event("Product Shared", 1, share_via="email", recipient="friend@example.com", **MUG),
        event("Product Shared", 2, share_via="sms", recipient="bea", **MUG),
        event("Product Shared", 3, share_via="whatsapp", recipient="+86 138 0000 0000", **MUG),
        event("Product Shared", 4, recipient="13800000000", **MUG),
        event("Product Shared", 5, recipient="1234567", **MUG),
    )
    summary = do_import("segment", source, tmp_path)
    shares = table(summary, "shares")
    assert list(shares.share_id) == ["m1", "m2", "m3", "m4", "m5"]
    assert list(shares.channel) == ["other", "sms", "private", "other", "other"]
    assert list(shares.recipient_id.fillna("")) == ["", "bea", "", "", "1234567"]
    assert has_note(summary, "3 left out: recipients are e-mail addresses or phone numbers")


def test_a_view_of_a_share_is_an_event_and_any_other_view_is_counted(tmp_path: Path) -> None:
    source = write_source(
        tmp_path,
        event("Product Viewed", 1, share_id="s1", owner_id="bea", **MUG),
        event("Product Added", 2, share_id="s1", **MUG),
        event("Product Viewed", 3, **MUG),
        event("Cart Viewed", 4),
    )
    summary = do_import("segment", source, tmp_path)
    columns = ("event_id", "event_type", "share_id", "member_id", "product_id")
    assert records(summary, "share_events", *columns) == [
        ("m1", "view", "s1", "ann", "mug"),
        ("m2", "add_to_cart", "s1", "ann", "mug"),
    ]
    assert has_note(summary, "1 left out: events 'Product Viewed' name no share_id")
    assert has_note(summary, "1 left out: events 'Cart Viewed' have no table")


def test_an_event_sent_twice_counts_once_and_a_person_may_be_anonymous(tmp_path: Path) -> None:
    guest = order() | {"userId": None, "anonymousId": "guest-1"}
    summary = do_import("segment", write_source(tmp_path, guest, guest), tmp_path)
    assert records(summary, "orders", "member_id") == [("guest-1",), ("guest-1",)]
    assert has_note(summary, "1 left out: events were sent twice")


def test_an_array_and_a_packed_file_read_the_same(tmp_path: Path) -> None:
    lines = do_import("segment", write_source(tmp_path, order()), tmp_path / "a")
    array = tmp_path / "events.json.gz"
    array.write_bytes(gzip.compress(json.dumps([order()], indent=1).encode()))
    assert table(do_import("segment", array, tmp_path / "b"), "orders").equals(table(lines, "orders"))


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (order(2) | {"timestamp": "2024-05-01T10:00:00"}, "timestamp must be RFC 3339 with an offset"),
        (order(2) | {"timestamp": "soon"}, "timestamp must be RFC 3339 with an offset; got 'soon'"),
        (order(2, order_id="o2") | {"userId": "", "anonymousId": ""}, "anonymousId must not be blank"),
        (order(1, order_id="o2"), "messageId must name one event; 'm1' came before"),
        (order(2, order_id="o2", currency="yuan"), "currency must be three capital letters.*got 'yuan'"),
        (order(2, order_id="o2", products=[]), "products must be a list of at least one"),
        (order(2, order_id="o2", products=[MUG | {"price": -1}]), "price must be a number >= 0; got '-1'"),
        (order(2, order_id="o2", products=[MUG | {"price": "9"}]), "price must be a number >= 0; got '9'"),
        (order(2, order_id="o2", products=[MUG | {"quantity": 0}]), "quantity must be a whole number >= 1"),
        (order(2, order_id="o2", products=["mug"]), "products must be a list of objects; got 'mug'"),
        ({"event": "Order Completed", "messageId": "m2"}, "properties must be an object"),
        ("text", "must be one JSON object; got 'text'"),
    ],
)
def test_a_malformed_event_is_named(tmp_path: Path, bad: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=r"events\.jsonl row 2: " + sentence):
        do_import("segment", write_source(tmp_path, order(), bad), tmp_path)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    file = write_source(tmp_path, order())
    file.write_text(file.read_text("utf-8") + '{"event": \n', "utf-8")
    with pytest.raises(DataError, match=r"events\.jsonl row 2: must be one JSON object"):
        do_import("segment", file, tmp_path)
    with pytest.raises(DataError, match="at least one event must name a product"):
        do_import("segment", write_source(tmp_path, event("Cart Viewed")), tmp_path)
