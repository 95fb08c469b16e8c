"""A small whole dataset, table by table, for tests to break one cell of."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import TABLE_BY_NAME
from features.dataset import ARROW_TYPES

Rows = list[dict[str, str]]

TOWN: Mapping[str, Rows] = {
    "products": [
        {"product_id": "p1", "title": "红茶", "category": "Food > Tea", "supplier_id": "f1"},
        {"product_id": "p2", "title": "Cup, blue", "category": "Home > Kitchen", "unit_quantity": "0.5"},
        {"product_id": "p3", "title": 'The "big" pot', "category": "Home > Kitchen"},
    ],
    "suppliers": [{"supplier_id": "f1", "name": "Farm", "region": "Yunnan"}],
    "offers": [
        {"product_id": "p1", "effective_time": "2024-04-01T00:00:00Z", "price_minor": "1900",
         "currency": "CNY", "commission_rate": "0.1", "expire_time": "2024-06-01T00:00:00Z"},
        {"product_id": "p2", "effective_time": "2024-04-01T00:00:00+08:00", "price_minor": "500",
         "currency": "CNY"},
        {"product_id": "p3", "effective_time": "2024-04-02T00:00:00Z", "price_minor": "900",
         "currency": "CNY"},
    ],
    "stock": [{"product_id": "p1", "stock_time": "2024-04-01T00:00:00Z", "available_quantity": "7"}],
    "owners": [{"owner_id": "w1", "member_id": "m1", "shop_name": "小店"}, {"owner_id": "w2"}],
    "circle": [
        {"owner_id": "w1", "member_id": "m2", "relation": "friend", "since_time": "2024-01-01T00:00:00Z"}
    ],
    "shares": [
        {"share_id": "s1", "share_time": "2024-04-10T09:00:00+08:00", "owner_id": "w1", "product_id": "p1",
         "channel": "moments", "scene": "breakfast"},
        {"share_id": "s2", "share_time": "2024-04-11T09:00:00+08:00", "owner_id": "w2", "product_id": "p2"},
    ],
    "share_events": [
        {"event_id": "e1", "event_time": "2024-04-10T09:05:00+08:00", "event_type": "click",
         "share_id": "s1", "member_id": "m2"}
    ],
    "orders": [
        {"order_id": "o1", "order_time": "2024-04-10T10:00:00+08:00", "member_id": "m2", "product_id": "p1",
         "quantity": "1", "price_minor": "1900", "owner_id": "w1", "share_id": "s1",
         "delivered_time": "2024-04-12T10:00:00+08:00"},
        {"order_id": "o1", "order_time": "2024-04-10T10:00:00+08:00", "member_id": "m2", "product_id": "p2",
         "quantity": "2", "price_minor": "500"},
        {"order_id": "o2", "order_time": "2024-04-13T10:00:00.5Z", "member_id": "m3", "product_id": "p3",
         "quantity": "1", "price_minor": "900"},
    ],
    "returns": [
        {"return_id": "r1", "order_id": "o1", "product_id": "p2", "request_time": "2024-04-15T10:00:00Z",
         "quantity": "1", "reason_code": "size_fit", "fault": "customer", "refund_minor": "500"}
    ],
    "reviews": [
        {"review_id": "v1", "product_id": "p1", "review_time": "2024-04-20T10:00:00Z", "rating": "5",
         "order_id": "o1", "has_photo": "true", "incentivised": "false"}
    ],
    "complaints": [
        {"complaint_id": "c1", "complaint_time": "2024-04-20T10:00:00Z", "product_id": "p2",
         "severity": "2", "topic": "chipped"}
    ],
    "group_buys": [
        {"group_buy_id": "g1", "product_id": "p3", "initiator_id": "m2", "open_time": "2024-04-01T10:00:00Z",
         "required_count": "2", "status": "open"}
    ],
    "group_buy_joins": [{"group_buy_id": "g1", "member_id": "m3", "join_time": "2024-04-02T10:00:00Z"}],
    "impressions": [
        {"request_id": "q1", "impression_time": "2024-04-09T10:00:00Z", "owner_id": "w1",
         "product_id": "p1", "position": "1", "propensity": "0.25"}
    ],
}  # fmt: skip


def town(**changes: Mapping[int, Mapping[str, str]]) -> dict[str, Rows]:
    """The whole town, with cells changed: `town(orders={0: {"price_minor": "-5"}})`; rows count from 0."""
    tables = {name: [dict(row) for row in rows] for name, rows in TOWN.items()}
    for name, rows in changes.items():
        for place, cells in rows.items():
            tables[name][place].update(cells)
    return tables


def small_town(**changes: Mapping[int, Mapping[str, str]]) -> dict[str, Rows]:
    """Only the tables that a dataset must have."""
    tables = town(**changes)
    return {name: tables[name] for name in ("products", "orders")}


def around(table: str, tables: dict[str, Rows]) -> dict[str, Rows]:
    """That table, the tables that a dataset must have, and those that its rows name."""
    parents = {"share_events": "shares", "orders": "shares", "group_buy_joins": "group_buys"}
    kept = {"products", "orders", table, parents.get(table, table)}
    return {name: rows for name, rows in tables.items() if name in kept}


def write_csv(folder: Path, tables: Mapping[str, Rows], ending: str = ".csv") -> Path:
    """Write tables as CSV or CSV.gz; a row's absent columns are empty cells."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        text = io.StringIO()
        writer = csv.DictWriter(text, columns_of(rows), restval="")
        writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode()
        (folder / f"{name}{ending}").write_bytes(gzip.compress(content) if ending == ".csv.gz" else content)
    return folder


def write_parquet(folder: Path, tables: Mapping[str, Rows]) -> Path:
    """Write the same tables as Parquet with the contract's types."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        spec = TABLE_BY_NAME[name]
        arrays = {}
        for column in columns_of(rows):
            kind = spec.column(column).kind
            cells = [_parsed(kind, row.get(column, "")) for row in rows]
            arrays[column] = pa.array(cells, ARROW_TYPES[kind])
        pq.write_table(pa.table(arrays), folder / f"{name}.parquet")
    return folder


def columns_of(rows: Rows) -> list[str]:
    """Every column that some row has, in order of first sight."""
    return list(dict.fromkeys(column for row in rows for column in row))


def _parsed(kind: str, text: str) -> object:
    if not text:
        return None
    if kind == "time":
        return datetime.fromisoformat(text)
    if kind in ("money", "count"):
        return int(text)
    if kind in ("rate", "number"):
        return float(text)
    return text == "true" if kind == "flag" else text
