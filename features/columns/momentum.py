"""What moves: which products were kept by more people lately than before, and which are new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import NO_TIME, Array, read_only
from features.columns.products import within_days
from features.graphs.shares import returned_lines
from features.order_weights import WHOLE, orders_with_weights
from features.window import Window

RECENT_DAYS = 7
BEFORE_DAYS = 21


@dataclass(frozen=True, slots=True)
class Momentum:
    """One entry per product_row in every array.

    int32: `n_recent` and `n_before`, distinct members whose order of it in the last 7 days, and in the 21
    days before, was not returned as of the moment; `n_lines` and `n_kept` of all its order lines.
    `first_time` int64 µs, when it was first available, offered or ordered, whichever was first (NO_TIME:
    never). `start_time` int64 µs of the first order of the dataset: what was seen by then may be older.
    """

    n_recent: Array
    n_before: Array
    n_lines: Array
    n_kept: Array
    first_time: Array
    start_time: int


def momentum(window: Window, weigh: bool = False) -> Momentum:
    """The movement of every product up to the moment; only for a window with times.

    `weigh`: an order that counts less than half as evidence moves nothing, see `order_weights`.
    """
    lines = orders_with_weights(window, weigh)
    returned = returned_lines(window)
    lines = lines.left_join(
        returned, [lines.order_code == returned.returned_code, lines.product_row == returned.returned_row]
    )
    kept = lines.returned_code.isnull()
    meant = kept & (lines.line_weight * 2 >= WHOLE)
    recent = within_days(window, lines.order_time, RECENT_DAYS)
    lately = within_days(window, lines.order_time, RECENT_DAYS + BEFORE_DAYS)
    counted = lines.group_by("product_row").agg(
        n_recent=lines.member_row.nunique(where=meant & recent).cast("int32"),
        n_before=lines.member_row.nunique(where=meant & lately & ~recent).cast("int32"),
        n_lines=lines.count().cast("int32"),
        n_kept=kept.cast("int64").sum().cast("int32"),
        first_time=lines.order_time.min(),
    )
    found = window.engine.fetch(counted, ("product_row",))
    n_products = window.count("products")
    columns = {}
    for name in ("n_recent", "n_before", "n_lines", "n_kept"):
        columns[name] = np.zeros(n_products, dtype=np.int32)
        columns[name][found["product_row"]] = found[name]
        read_only(columns[name])
    start = int(found["first_time"].min()) if len(found["first_time"]) else NO_TIME
    return Momentum(**columns, first_time=_first_seen(window, found), start_time=start)


def _first_seen(window: Window, ordered: dict[str, Array]) -> Array:
    """The earliest of availability, first offer and first order."""
    latest = np.iinfo(np.int64).max
    first = np.full(window.count("products"), latest, dtype=np.int64)
    first[ordered["product_row"]] = ordered["first_time"]
    products = window.table("products").select("product_row", time="available_time")
    offers = window.table("offers")
    offered = offers.group_by("product_row").agg(time=offers.effective_time.min())
    for rows in (products, offered):
        found = window.engine.fetch(rows.filter(rows.time.notnull()), ("product_row",))
        first[found["product_row"]] = np.minimum(first[found["product_row"]], found["time"])
    return read_only(np.where(first == latest, NO_TIME, first))
