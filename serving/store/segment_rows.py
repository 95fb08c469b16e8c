"""What Segment's events say only together: products as last seen, prices that began, what came back.

Worked out when the store is read, so that it does not matter which event came first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Connection, select

from features.row_check import EPOCH, MICROSECOND, micros
from features.segment_events import Refund, refund_row
from serving.store.rows import SEGMENT_PRODUCTS, SEGMENT_REFUNDS
from serving.store.schema import contract_rows

Values = dict[str, Any]
SHOWN = ("title", "category", "brand", "image_url")


def segment_products(connection: Connection) -> Iterator[Values]:
    """Products that only events named, by id, each column as the last event that had it."""
    seen: dict[str, Values] = {}
    for sighting in _sightings(connection):
        known = seen.setdefault(sighting["product_id"], {})
        known.update({name: sighting[name] for name in SHOWN if name in sighting})
    named = _first_key_parts(connection, "products")
    for product_id in sorted(seen.keys() - named):
        usual = {"product_id": product_id, "title": product_id, "category": "unknown"}
        yield usual | seen[product_id]


def segment_offers(connection: Connection) -> Iterator[Values]:
    """Prices that began, of products whose prices only orders told."""
    import pandas as pd

    from features.importers.order_lines import begin_prices

    known = _first_key_parts(connection, "offers")
    paid = [s for s in _sightings(connection) if s.get("price_minor", 0) > 0 and s["product_id"] not in known]
    if not paid:
        return
    lines = pd.DataFrame(paid)[["product_id", "seen_time", "price_minor", "currency"]]
    lines["order_time"] = pd.to_datetime(lines["seen_time"], unit="us", utc=True)
    for price in begin_prices(lines, ["price_minor", "currency"]).to_dict("records"):
        began = price["effective_time"].to_pydatetime()
        yield {**price, "effective_time": micros(began)}  # type: ignore[dict-item]


def segment_returns(connection: Connection) -> Iterator[Values]:
    """What refunds say came back, of orders that are known."""
    known = _first_key_parts(connection, "returns")
    for values in _values(connection, SEGMENT_REFUNDS):
        order = _order_lines(connection, values["order_id"])
        time = EPOCH + values["request_time"] * MICROSECOND
        refund = Refund(values["order_id"], time, None)
        for product_id in [values["product_id"]] if values["product_id"] else sorted(order):
            line = order.get(product_id)
            if line is None:
                continue
            quantity = values.get("quantity") or line["quantity"]
            row = refund_row(values["return_id"], refund, product_id, quantity, line["price_minor"])
            if row["return_id"] not in known:
                yield row | {"request_time": values["request_time"]}


def _order_lines(connection: Connection, order_id: str) -> dict[str, Values]:
    """The lines of one order by product."""
    rows = contract_rows.c
    query = select(rows.content).where(
        rows.table_name == "orders", rows.row_key > f"{order_id}\x1f", rows.row_key < f"{order_id}\x20"
    )
    lines = [orjson.loads(content) for content in connection.execute(query).scalars()]
    return {line["product_id"]: line for line in lines}


def _sightings(connection: Connection) -> list[Values]:
    """Products as events showed them, oldest first."""
    found = list(_values(connection, SEGMENT_PRODUCTS))
    found.sort(key=lambda values: (values["seen_time"], values["message_id"], values["place"]))
    return found


def _values(connection: Connection, table_name: str) -> Iterator[Values]:
    rows = contract_rows.c
    query = select(rows.content).where(rows.table_name == table_name).order_by(rows.row_key)
    for content in connection.execute(query).scalars():
        yield orjson.loads(content)


def _first_key_parts(connection: Connection, table_name: str) -> set[str]:
    rows = contract_rows.c
    query = select(rows.row_key).where(rows.table_name == table_name)
    return {key.partition("\x1f")[0] for key in connection.execute(query).scalars()}
