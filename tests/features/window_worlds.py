"""Small worlds with every table, and what their future looks like: for the tests of windows and graphs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from features.columns.circle import circle, circle_columns
from features.columns.groups import group_buys
from features.columns.momentum import momentum
from features.columns.owners import owner_columns
from features.columns.products import product_columns
from features.columns.rebuy import rebuy_gaps
from features.contract import TABLES
from features.dataset import Dataset, DatasetWriter, open_dataset
from features.graphs.co_purchase import co_purchase
from features.graphs.shares import owner_member, owner_product, triple
from features.graphs.substitutes import substitutes
from features.interactions import member_product
from features.window import Window

AS_OF = datetime(2024, 6, 1, 12, tzinfo=UTC)
Rows = Mapping[str, list[Any]]
World = Mapping[str, Rows]


def write_world(path: Path, world: World, *, timeless: bool = False, priceless: bool = False) -> Dataset:
    """The world as a dataset; columns that are None in every row are absent."""
    with DatasetWriter(path, timeless=timeless, priceless=priceless, overwrite=True) as writer:
        for name, rows in world.items():
            present = {c: values for c, values in rows.items() if any(v is not None for v in values)}
            if present:
                writer.append(name, present)
    return open_dataset(path)


def make_world(rng: np.random.Generator, begin: datetime, end: datetime, letter: str = "") -> World:
    """Every table with a few dozen rows whose own times lie in [begin, end], some right at the ends.

    `letter` marks the ids of the rows (orders, shares, …); people and products are the same in every world.
    """
    span = int((end - begin) / timedelta(seconds=1))

    def times(n: int) -> list[datetime]:
        drawn = [begin + timedelta(seconds=int(s)) for s in rng.integers(0, span + 1, n)]
        return [begin, end, *drawn[2:]] if n > 2 else drawn

    def some(prefix: str, n: int, of: int, missing: float = 0.0) -> list[str | None]:
        rows = rng.integers(0, of, n)
        gone = rng.random(n) < missing
        return [None if g else f"{prefix}{r}" for r, g in zip(rows, gone, strict=True)]

    def keys(prefix: str, n: int) -> list[str]:
        return [f"{prefix}{letter}{row}" for row in range(n)]

    n = 60
    basket = rng.integers(0, 25, n)
    lines = sorted({(int(b), f"p{p}") for b, p in zip(basket, rng.integers(0, 9, n), strict=True)})
    order_time, buyer = times(25), some("m", 25, 8)
    n_lines = len(lines)
    orders = {
        "order_id": [f"o{letter}{b}" for b, _ in lines],
        "order_time": [order_time[b] for b, _ in lines],
        "member_id": [buyer[b] for b, _ in lines],
        "product_id": [p for _, p in lines],
        "quantity": rng.integers(1, 4, n_lines).tolist(),
        "price_minor": rng.choice([1, 500, 1299, 2500, 99900], n_lines).tolist(),
        "owner_id": some("w", n_lines, 4, 0.4),
        "share_id": some(f"s{letter}", n_lines, 30, 0.6),
        "status": ["paid"] * n_lines,
        "delivered_time": [order_time[b] + timedelta(days=2) for b, _ in lines],
    }
    return {
        "suppliers": {"supplier_id": ["f0", "f1"]},
        "products": {
            "product_id": [f"p{row}" for row in range(9)],
            "title": [f"Product {row}" for row in range(9)],
            "category": ["Home > Tea" if row % 3 else "Home" for row in range(9)],
            "supplier_id": ["f0", "f1", None] * 3,
            "available_time": [None, *[AS_OF - timedelta(days=400)] * 8],
        },
        "offers": {
            "product_id": some("p", 12, 9), "effective_time": times(12), "currency": ["CNY"] * 12,
            "price_minor": rng.integers(100, 999, 12).tolist(),
            "expire_time": [t + timedelta(days=20) for t in times(12)],
        },
        "stock": {
            "product_id": some("p", 8, 9), "stock_time": times(8),
            "available_quantity": rng.integers(0, 9, 8).tolist(),
        },
        "owners": {
            "owner_id": ["w0", "w1", "w2"], "member_id": ["m0", "m1", None],
            "upline_owner_id": [None, "w0", "w0"], "joined_time": [None, *[AS_OF - timedelta(days=300)] * 2],
        },
        "circle": {
            "owner_id": ["w0", "w0", "w1", "w2"], "member_id": ["m2", "m0", "m0", "m7"],
            "since_time": [None, AS_OF - timedelta(days=90), None, AS_OF],
        },
        "shares": {
            "share_id": keys("s", 30), "share_time": times(30), "owner_id": some("w", 30, 4),
            "product_id": some("p", 30, 9), "recipient_id": some("m", 30, 8, 0.5),
        },
        "share_events": {
            "event_id": keys("e", 30), "event_time": times(30),
            "event_type": rng.choice(["view", "click", "reply", "mute"], 30).tolist(),
            "share_id": some(f"s{letter}", 30, 30, 0.3), "owner_id": some("w", 30, 4, 0.3),
            "product_id": some("p", 30, 9, 0.3), "member_id": some("m", 30, 8, 0.3),
        },
        "orders": orders,
        "returns": {
            "return_id": keys("r", 8), "order_id": orders["order_id"][:8],
            "product_id": orders["product_id"][:8], "request_time": times(8),
        },
        "reviews": {
            "review_id": keys("v", 6), "product_id": some("p", 6, 9), "review_time": times(6),
            "rating": rng.integers(1, 6, 6).tolist(), "member_id": some("m", 6, 8),
        },
        "complaints": {
            "complaint_id": keys("c", 4), "complaint_time": times(4), "product_id": some("p", 4, 9),
        },
        "group_buys": {
            "group_buy_id": keys("g", 4), "product_id": some("p", 4, 9), "initiator_id": some("m", 4, 8),
            "open_time": times(4), "required_count": [2] * 4, "status": ["open"] * 4,
            "expire_time": [AS_OF + timedelta(days=1), *[AS_OF - timedelta(days=1)] * 3],
        },
        "group_buy_joins": {
            "group_buy_id": some(f"g{letter}", 4, 4), "member_id": keys("m", 4), "join_time": times(4),
        },
        "impressions": {
            "request_id": keys("q", 4), "impression_time": times(4), "owner_id": some("w", 4, 4),
            "product_id": some("p", 4, 9), "position": [1] * 4,
        },
    }  # fmt: skip


def with_future(world: World, rng: np.random.Generator) -> World:
    """The same world some weeks after `AS_OF`: later rows in every table, and what was overwritten since."""
    later = make_world(rng, AS_OF + timedelta(microseconds=1), AS_OF + timedelta(days=60), letter="x")
    soon = AS_OF + timedelta(seconds=1)
    rows = {name: {c: list(values) for c, values in table.items()} for name, table in world.items()}
    for name, table in later.items():
        if name not in ("products", "owners", "circle", "suppliers"):
            for column in rows[name]:
                rows[name][column] += list(table[column])
    _add(rows["products"], product_id="p-new", title="New", category="Aa > Early", available_time=soon)
    _add(rows["owners"], owner_id="a-new", member_id="a-member", upline_owner_id="w0", joined_time=soon)
    _add(rows["circle"], owner_id="w0", member_id="b-member", since_time=soon)
    _add(rows["circle"], owner_id="w1", member_id="m5", since_time=AS_OF + timedelta(days=9))
    _add(
        rows["returns"], return_id="r-late", order_id=rows["orders"]["order_id"][12],
        product_id=rows["orders"]["product_id"][12], request_time=soon,
    )  # fmt: skip
    _add(
        rows["share_events"], event_id="e-late", event_time=soon, event_type="click", share_id="s3",
        member_id="m5",
    )  # fmt: skip
    rows["orders"]["status"] = ["refunded"] * len(rows["orders"]["status"])
    rows["orders"]["delivered_time"] = [
        t if t is not None and t <= AS_OF else AS_OF + timedelta(days=3)
        for t in rows["orders"]["delivered_time"]
    ]
    rows["group_buys"]["status"][0] = "succeeded"
    return rows


def _add(rows: dict[str, list[Any]], **row: Any) -> None:
    for column, values in rows.items():
        values.append(row.get(column))


def tables_fingerprint(window: Window) -> dict[str, Any]:
    """The ids and every table of a window: all that graphs and columns can read."""
    found: dict[str, Any] = {f"ids {kind}": list(ids) for kind, ids in window.ids.items()}
    found["as_of"], found["categories"] = window.as_of, window.categories.paths
    for table in TABLES:
        rows = window.table(table.name)
        found[f"table {table.name}"] = sorted(map(repr, window.engine.arrow(rows).to_pylist()))
    return found


def graphs_and_columns(window: Window) -> dict[str, Any]:
    """What graphs and columns a window gives, by name."""
    parts: dict[str, Any] = {
        "co_purchase": co_purchase(window, member_cap=4, min_members=1),
        "substitutes": substitutes(window, min_members=1, min_lift=0.0, max_together=0.9),
        "interactions": member_product(window, half_life_days=30.0),
        "owner_product": owner_product(window), "owner_member": owner_member(window),
        "triple": triple(window), "products": product_columns(window), "owners": owner_columns(window),
        "circle": circle(window), "circle_columns": circle_columns(window),
    }  # fmt: skip
    if not window.timeless:
        parts |= {
            "momentum": momentum(window), "rebuy_gaps": rebuy_gaps(window), "group_buys": group_buys(window),
        }  # fmt: skip
    return parts


def fingerprint(window: Window) -> dict[str, Any]:
    """Everything that comes out of a window, to be compared bit by bit."""
    found = tables_fingerprint(window)
    for name, part in graphs_and_columns(window).items():
        for field in part.__dataclass_fields__:
            value = getattr(part, field)
            found[f"{name}.{field}"] = (
                (value.dtype.str, value.tobytes()) if hasattr(value, "tobytes") else value
            )
    return found


def differences(one: Mapping[str, Any], two: Mapping[str, Any]) -> list[str]:
    """What differs between two fingerprints, by name."""
    return [name for name in one if one[name] != two[name]]
