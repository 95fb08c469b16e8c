"""What rows must be to one another: within a table (keys, currencies) and between tables.

Each breach is a sentence about a column and the SQL of its rows: `row_number` and the `value` that came. The
tables stand in that SQL under `typed_NAME`, see `check.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breach:
    """Rows that break a rule between rows; `refused` False means that they are counted and kept."""

    table: str
    column: str
    text: str
    sql: str
    refused: bool = True


@dataclass(frozen=True, slots=True)
class Reference:
    """Columns of a table that name a row of another, under the same names.

    Refused where the row means nothing without it; else counted, because a history may begin later or a
    catalogue may have moved on.
    """

    table: str
    columns: tuple[str, ...]
    parent: str
    refused: bool


REFERENCES = (
    Reference("shares", ("product_id",), "products", True),
    Reference("share_events", ("share_id",), "shares", True),
    Reference("orders", ("product_id",), "products", True),
    Reference("returns", ("order_id", "product_id"), "orders", True),
    Reference("group_buy_joins", ("group_buy_id",), "group_buys", True),
    Reference("products", ("supplier_id",), "suppliers", False),
    Reference("offers", ("product_id",), "products", False),
    Reference("stock", ("product_id",), "products", False),
    Reference("share_events", ("product_id",), "products", False),
    Reference("orders", ("share_id",), "shares", False),
    Reference("orders", ("group_buy_id",), "group_buys", False),
    Reference("reviews", ("product_id",), "products", False),
    Reference("reviews", ("order_id",), "orders", False),
    Reference("complaints", ("product_id",), "products", False),
    Reference("complaints", ("order_id",), "orders", False),
    Reference("group_buys", ("product_id",), "products", False),
    Reference("impressions", ("product_id",), "products", False),
)

# (table, its time, its keys to the parent, parent, the parent's time)
LATER_THAN = (
    ("share_events", "event_time", ("share_id",), "shares", "share_time"),
    ("returns", "request_time", ("order_id", "product_id"), "orders", "order_time"),
    ("group_buy_joins", "join_time", ("group_buy_id",), "group_buys", "open_time"),
)


def breaches(tables: Collection[str]) -> list[Breach]:
    """Every rule between rows that holds for a dataset with those tables, but that of the keys."""
    found = [reference_breach(r) for r in REFERENCES if {r.table, r.parent} <= set(tables)]
    found += [
        _early(table, time, keys, parent, parent_time)
        for table, time, keys, parent, parent_time in LATER_THAN
        if {table, parent} <= set(tables)
    ]
    if {"orders", "shares"} <= set(tables):
        found.append(_OTHER_OWNER)
        found.append(_BEFORE_SHARE)
    if {"offers", "products"} <= set(tables):
        found.append(_CURRENCY_MIX)
    return found


def joined(columns: tuple[str, ...], child: str = "c", parent: str = "p") -> str:
    """SQL that a child's row names a parent's."""
    return " AND ".join(f"{child}.{name} = {parent}.{name}" for name in columns)


def present(columns: tuple[str, ...], child: str = "c") -> str:
    """SQL that a child's row names a parent's row at all."""
    return " AND ".join(f"{child}.{name} IS NOT NULL" for name in columns)


def cells(columns: tuple[str, ...], child: str = "c") -> str:
    """SQL of those cells as one text."""
    return f"concat_ws(', ', {', '.join(f'{child}.{name}' for name in columns)})"


def reference_breach(reference: Reference) -> Breach:
    """The rows whose reference names no row."""
    columns = reference.columns
    sql = (
        f"SELECT c.row_number, {cells(columns)} AS value FROM typed_{reference.table} c "
        f"ANTI JOIN typed_{reference.parent} p ON {joined(columns)} WHERE {present(columns)}"
    )
    text = f"must stand in {reference.parent}"
    return Breach(reference.table, ", ".join(columns), text, sql, reference.refused)


def _early(table: str, time: str, keys: tuple[str, ...], parent: str, parent_time: str) -> Breach:
    sql = (
        f"SELECT c.row_number, CAST(c.{time} AS VARCHAR) AS value FROM typed_{table} c "
        f"SEMI JOIN typed_{parent} p ON {joined(keys)} AND c.{time} < p.{parent_time}"
    )
    return Breach(table, time, f"must not be before the {parent_time} of its row in {parent}", sql)


_OTHER_OWNER = Breach(
    "orders", "owner_id", "must be the owner of the share that the order is credited to",
    "SELECT c.row_number, c.owner_id AS value FROM typed_orders c "
    "SEMI JOIN typed_shares p ON c.share_id = p.share_id AND c.owner_id <> p.owner_id",
)  # fmt: skip

_BEFORE_SHARE = Breach(
    "orders", "order_time", "must not be before the share_time of its row in shares",
    "SELECT c.row_number, CAST(c.order_time AS VARCHAR) AS value FROM typed_orders c "
    "SEMI JOIN typed_shares p ON c.share_id = p.share_id AND c.order_time < p.share_time",
    refused=False,
)  # fmt: skip

# Nothing is converted in silence, so a category's offers have one currency; the rarer ones are the breach.
_CURRENCY_MIX = Breach(
    "offers", "currency", "must be the one currency of the category",
    """
    WITH priced AS (
        SELECT c.row_number, p.category, c.currency
        FROM typed_offers c
        JOIN (SELECT product_id, min(category) AS category FROM typed_products GROUP BY ALL) p
        ON c.product_id = p.product_id
        WHERE regexp_full_match(c.currency, '[A-Z]{3}') AND p.category IS NOT NULL
    ), counted AS (SELECT category, currency, count(*) AS n FROM priced GROUP BY ALL),
    main AS (
        SELECT category, first(currency ORDER BY n DESC, currency) AS main_currency
        FROM counted GROUP BY category HAVING count(*) > 1
    )
    SELECT row_number, currency || ' where ' || category || ' is in ' || main_currency AS value
    FROM priced JOIN main USING (category) WHERE currency <> main_currency
    """,
)  # fmt: skip
