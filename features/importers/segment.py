"""Segment: e-commerce events as tracking tools send them, JSON lines or one JSON array, plain or .gz.

Read are `Order Completed`, `Order Refunded`, `Product Shared`, and `Product Viewed` / `Product Added` when
they carry a `share_id`; others are counted. A person is `userId`, or `anonymousId` where there is none. The
properties `owner_id` and `share_id`, which Segment leaves to the platform, are carried over where present.
Source of the names: Segment's e-commerce events specification, version 2.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from features.contract import TABLE_BY_NAME
from features.dataset import DatasetWriter
from features.importers.order_lines import begin_prices, number_repeated_lines
from features.importers.source_rows import read_lines
from features.segment_events import (
    EVENT_TYPES,
    ORDER,
    REFUND,
    SHARE,
    SegmentError,
    Sighting,
    read_order,
    read_reaction,
    read_refund,
    read_share,
    refund_row,
    require_event,
    time_of,
)
from recsys.errors import DataError


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

    def see(self, product: Sighting) -> None:
        """Keep the product's name, category, brand and picture as last seen."""
        self.products.setdefault(product.product_id, {}).update(product.columns)


def import_dataset(source: Path, writer: DatasetWriter) -> None:
    """Write orders, returns, shares and reactions to shares from the events of one file."""
    rows = _Rows(source.name)
    for place, event in _in_time_order(source, rows):
        take = TAKERS.get(event["event"])
        if take is None:
            rows.left_out[f"events '{event['event']}' have no table"] += 1
        else:
            try:
                take(rows, event)
            except SegmentError as error:
                raise _at(place, error) from None
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
        try:
            require_event(event)
        except SegmentError as error:
            raise _at(place, error) from None
        message_id = str(event["messageId"])
        if message_id in seen:
            if seen[message_id] != event:
                raise DataError(
                    f"{place}: messageId must name one event; {message_id!r} came before with other content"
                )
            rows.left_out["events were sent twice with one messageId"] += 1
            continue
        seen[message_id] = event
        events.append((time_of(event), place, event))
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


def _take_order(rows: _Rows, event: dict[str, Any]) -> None:
    lines = read_order(event)
    order_id = lines[0][0]["order_id"]
    if order_id in rows.order_lines:
        rows.left_out["orders came again under another messageId, and the first counts"] += 1
        return
    rows.order_lines[order_id] = [line for line, _, _ in lines]
    for line, currency, product in lines:
        rows.see(product)
        rows.add("orders", **line, currency=currency)


def _take_refund(rows: _Rows, event: dict[str, Any]) -> None:
    refund = read_refund(event)
    ordered = {line["product_id"]: line for line in rows.order_lines.get(refund.order_id, ())}
    named = refund.products if refund.products is not None else tuple((p, None) for p in ordered)
    if not named:
        rows.left_out["refunds are of orders that are not in this file"] += 1
    for product_id, quantity in named:
        line = ordered.get(product_id)
        if line is None:
            rows.left_out["refunded products are of orders that are not in this file"] += 1
            continue
        price_minor = line["price_minor"]
        row = refund_row(event["messageId"], refund, product_id, quantity or line["quantity"], price_minor)
        rows.add("returns", **row)


def _take_share(rows: _Rows, event: dict[str, Any]) -> None:
    row, product, is_personal = read_share(event)
    rows.see(product)
    if is_personal:
        rows.left_out["recipients are e-mail addresses or phone numbers; the share stays, they do not"] += 1
    rows.add("shares", **row)


def _take_reaction(rows: _Rows, event: dict[str, Any]) -> None:
    row, product = read_reaction(event)
    rows.see(product)
    if row is None:
        rows.left_out[f"events '{event['event']}' name no share_id, so they answer no share"] += 1
    else:
        rows.add("share_events", **row)


TAKERS: Mapping[str, Callable[[_Rows, dict[str, Any]], None]] = {
    ORDER: _take_order,
    REFUND: _take_refund,
    SHARE: _take_share,
    **dict.fromkeys(EVENT_TYPES, _take_reaction),
}


def _at(place: str, error: SegmentError) -> DataError:
    return DataError(f"{place}: {error.rule}; got {error.got}")


def _write(table: str, frame: pd.DataFrame, writer: DatasetWriter) -> None:
    if table == "orders":
        offers = begin_prices(frame[frame["price_minor"] > 0], ["price_minor", "currency"])
        if len(offers):
            writer.append("offers", offers.to_dict("series"))
        frame["order_id"] = number_repeated_lines(frame["order_id"], frame["product_id"])
    columns = [column.name for column in TABLE_BY_NAME[table].columns if column.name in frame]
    writer.append(table, frame[columns].to_dict("series"))
