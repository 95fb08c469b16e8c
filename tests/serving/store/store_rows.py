"""Rows for tests of the store."""

from __future__ import annotations

from typing import Any

from features.row_check import RowError, check_row
from serving.store.rows import store_row
from serving.store.seam import StoreRow

RECEIVED = 1_714_523_400_000_000


def row(table_name: str, **columns: Any) -> StoreRow:
    """A checked row; AssertionError when it breaks a rule."""
    values = check_row(table_name, columns)
    assert not isinstance(values, RowError), values
    return store_row(table_name, values, RECEIVED)


def order(order_id: str = "o-1", product_id: str = "p-1", **columns: Any) -> StoreRow:
    """An order line by m-1 from w-1."""
    usual = {
        "order_time": "2024-05-01T08:30:00+08:00", "member_id": "m-1", "quantity": 1, "price_minor": 1990,
        "owner_id": "w-1",
    }  # fmt: skip
    return row("orders", order_id=order_id, product_id=product_id, **(usual | columns))


def product(product_id: str = "p-1", **columns: Any) -> StoreRow:
    """A product."""
    return row("products", product_id=product_id, **({"title": "面条", "category": "Food"} | columns))
