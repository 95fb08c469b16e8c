"""Segment: e-commerce events as tracking tools send them, JSON lines or one JSON array, plain or .gz.

Read are `Order Completed`, `Order Refunded`, `Product Shared`, and `Product Viewed` / `Product Added` when
they carry a `share_id`; others are counted. A person is `userId`, or `anonymousId` where there is none. The
properties `owner_id` and `share_id`, which Segment leaves to the platform, are carried over where present.
Source of the names: Segment's e-commerce events specification, version 2.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from babel.numbers import get_currency_precision

from features.contract import CHANNELS, TABLE_BY_NAME
from features.dataset import DatasetWriter
from features.importers.order_lines import begin_prices, number_repeated_lines
from features.importers.source_rows import read_lines
from recsys.errors import DataError

EVENT_TYPES = {"Product Viewed": "view", "Product Added": "add_to_cart"}
CHANNEL_OF = {"whatsapp": "private", "messenger": "private", "wechat": "private", "wechat_moments": "moments"}
# an e-mail address or a phone number, which the contract refuses as an id: better one too many dropped
PERSONAL = re.compile(r".*@.*|\+.*|\d{10,}|[\d(][\d ().-]*[ ().-][\d ().-]*")


@dataclass(slots=True)
class _Rows:
    """What the events seen so far become, by table, and what could not be carried over."""

    file: str
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    order_lines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, table: str, **row: Any) -> None:
        self.tables.setdefault(table, []).append(row)

    def see_product(self, place: str, product: Any) -> str:
        """The product's id, its name, category, brand and picture kept as last seen."""
        if not isinstance(product, dict):
            raise DataError(f"{place}: products must be a list of objects; got {str(product)[:80]!r}")
        product_id = _text(place, product, "product_id")
        known = self.products.setdefault(product_id, {})
        for column, key in (("title", "name"), ("category", "category"), ("brand", "brand"),
                            ("image_url", "image_url")):  # fmt: skip
            if product.get(key):
                known[column] = str(product[key])
        return product_id


def import_dataset(source: Path, writer: DatasetWriter) -> None:
    """Write orders, returns, shares and reactions to shares from the events of one file."""
    rows = _Rows(source.name)
    for place, event in _in_time_order(source, rows):
        take = TAKERS.get(event["event"])
        if take is None:
            rows.left_out[f"events '{event['event']}' have no table"] += 1
        else:
            take(rows, place, event)
    if not rows.products:
        raise DataError(f"{source.name}: at least one event must name a product; none does")
    rows.tables["products"] = [
        {"product_id": product_id, "title": product_id, "category": "unknown"} | rows.products[product_id]
        for product_id in sorted(rows.products)
    ]
    for table, written in rows.tables.items():
        _write(table, pd.DataFrame(written), writer)
    writer.note(
        "Segment has no stock, circles, suppliers or package sizes; their tables and columns are absent."
    )
    writer.note("Titles, categories and brands are as the last event naming the product had them.")
    for what, n in sorted(rows.left_out.items()):
        writer.note(f"{n:,} left out: {what}.")


def _in_time_order(source: Path, rows: _Rows) -> Iterable[tuple[str, dict[str, Any]]]:
    """Events with their place in the file, each messageId once, oldest first."""
    seen: dict[str, Any] = {}
    events: list[tuple[datetime, str, dict[str, Any]]] = []
    for place, event in _read(source):
        message_id = _text(place, event, "messageId")
        if message_id in seen:
            if seen[message_id] != event:
                raise DataError(
                    f"{place}: messageId must name one event; {message_id!r} came before with other content"
                )
            rows.left_out["events were sent twice with one messageId"] += 1
            continue
        seen[message_id] = event
        _text(place, event, "event")
        if not isinstance(event.get("properties"), dict):
            raise DataError(
                f"{place}: properties must be an object; got {str(event.get('properties'))[:80]!r}"
            )
        events.append((_time(place, event), place, event))
    events.sort(key=lambda entry: entry[0])
    return [(place, event) for _, place, event in events]


def _read(source: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    lines = read_lines(source)
    first = next((line.lstrip() for line in lines if line.strip()), "")
    if first.startswith("["):
        try:
            entries = list(enumerate(json.loads("\n".join(lines), parse_float=Decimal), start=1))
        except json.JSONDecodeError as error:
            raise DataError(
                f"{source.name} line {error.lineno}: not readable as JSON: {error.msg}"
            ) from error
    else:
        entries = []
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    entries.append((number, json.loads(line, parse_float=Decimal)))
                except json.JSONDecodeError as error:
                    raise DataError(
                        f"{source.name} row {number}: must be one JSON object; {error.msg} in {line[:80]!r}"
                    ) from error
    for number, entry in entries:
        if not isinstance(entry, dict):
            raise DataError(f"{source.name} row {number}: must be one JSON object; got {str(entry)[:80]!r}")
        if entry.get("type", "track") == "track":
            yield f"{source.name} row {number}", entry


def _take_order(rows: _Rows, place: str, event: dict[str, Any]) -> None:
    properties = event["properties"]
    order_id = _text(place, properties, "order_id")
    if order_id in rows.order_lines:
        rows.left_out["orders came again under another messageId, and the first counts"] += 1
        return
    currency = _text(place, properties, "currency")
    if not re.fullmatch("[A-Z]{3}", currency):
        raise DataError(f"{place}: currency must be three capital letters (ISO 4217); got {currency!r}")
    rows.order_lines[order_id] = []
    for product in _products(place, properties):
        line = {
            "order_id": order_id,
            "order_time": _time(place, event),
            "member_id": _person(place, event),
            "product_id": rows.see_product(place, product),
            "quantity": _quantity(place, product),
            "price_minor": _minor(place, product, "price", currency),
            "owner_id": properties.get("owner_id"),
            "share_id": properties.get("share_id"),
        }
        rows.order_lines[order_id].append(line | {"currency": currency})
        rows.add("orders", **line, currency=currency)


def _take_refund(rows: _Rows, place: str, event: dict[str, Any]) -> None:
    properties = event["properties"]
    order_id = _text(place, properties, "order_id")
    ordered = {line["product_id"]: line for line in rows.order_lines.get(order_id, ())}
    named = properties.get("products") or [{"product_id": product_id} for product_id in ordered]
    if not named:
        rows.left_out["refunds are of orders that are not in this file"] += 1
    for product in named:
        product_id = _text(place, product, "product_id") if isinstance(product, dict) else str(product)
        line = ordered.get(product_id)
        if line is None:
            rows.left_out["refunded products are of orders that are not in this file"] += 1
            continue
        quantity = _quantity(place, product) if "quantity" in product else line["quantity"]
        rows.add(
            "returns", return_id=f"{event['messageId']}-{product_id}", order_id=order_id,
            product_id=product_id, request_time=_time(place, event), quantity=quantity,
            fault="unknown", refund_minor=quantity * line["price_minor"],
        )  # fmt: skip


def _take_share(rows: _Rows, place: str, event: dict[str, Any]) -> None:
    properties = event["properties"]
    via = str(properties.get("share_via", "other")).lower()
    recipient = properties.get("recipient")
    if recipient is not None and PERSONAL.fullmatch(str(recipient)):
        rows.left_out["recipients are e-mail addresses or phone numbers; the share stays, they do not"] += 1
        recipient = None
    rows.add(
        "shares", share_id=str(properties.get("share_id") or event["messageId"]),
        share_time=_time(place, event), owner_id=str(properties.get("owner_id") or _person(place, event)),
        product_id=rows.see_product(place, properties),
        channel=CHANNEL_OF.get(via, via if via in CHANNELS else "other"), recipient_id=recipient,
    )  # fmt: skip


def _take_reaction(rows: _Rows, place: str, event: dict[str, Any]) -> None:
    properties = event["properties"]
    product_id = rows.see_product(place, properties)
    if not properties.get("share_id"):
        rows.left_out[f"events '{event['event']}' name no share_id, so they answer no share"] += 1
        return
    rows.add(
        "share_events", event_id=event["messageId"], event_time=_time(place, event),
        event_type=EVENT_TYPES[event["event"]], share_id=str(properties["share_id"]),
        owner_id=properties.get("owner_id"), product_id=product_id, member_id=_person(place, event),
    )  # fmt: skip


TAKERS: Mapping[str, Callable[[_Rows, str, dict[str, Any]], None]] = {
    "Order Completed": _take_order,
    "Order Refunded": _take_refund,
    "Product Shared": _take_share,
    "Product Viewed": _take_reaction,
    "Product Added": _take_reaction,
}


def _write(table: str, frame: pd.DataFrame, writer: DatasetWriter) -> None:
    if table == "orders":
        offers = begin_prices(frame[frame["price_minor"] > 0], ["price_minor", "currency"])
        if len(offers):
            writer.append("offers", offers.to_dict("series"))
        frame["order_id"] = number_repeated_lines(frame["order_id"], frame["product_id"])
    columns = [column.name for column in TABLE_BY_NAME[table].columns if column.name in frame]
    writer.append(table, frame[columns].to_dict("series"))


def _text(place: str, holder: Mapping[str, Any], key: str) -> str:
    value = holder.get(key)
    if value is None or str(value).strip() == "":
        raise DataError(f"{place}: {key} must not be blank; got nothing")
    return str(value)


def _person(place: str, event: Mapping[str, Any]) -> str:
    return _text(place, event, "userId" if event.get("userId") else "anonymousId")


def _time(place: str, event: Mapping[str, Any]) -> datetime:
    text = _text(place, event, "timestamp")
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise DataError(f"{place}: timestamp must be RFC 3339 with an offset; got {text!r}")
    return time


def _products(place: str, properties: Mapping[str, Any]) -> list[Any]:
    products = properties.get("products")
    if not isinstance(products, list) or not products:
        raise DataError(f"{place}: products must be a list of at least one; got {str(products)[:80]!r}")
    return products


def _quantity(place: str, product: Mapping[str, Any]) -> int:
    quantity = product.get("quantity", 1)
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
        raise DataError(f"{place}: quantity must be a whole number >= 1; got {str(quantity)[:80]!r}")
    return quantity


def _minor(place: str, product: Mapping[str, Any], key: str, currency: str) -> int:
    price = product.get(key)
    if isinstance(price, bool) or not isinstance(price, int | Decimal) or price < 0:
        raise DataError(f"{place}: {key} must be a number >= 0; got {str(price)[:80]!r}")
    return int((Decimal(price) * 10 ** get_currency_precision(currency)).to_integral_value())
