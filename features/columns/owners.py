"""What is known of each owner at the moment: what she shared, sold and bought, and when she was last here."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np

from features.arrays import NO_ROW, NO_TIME, UNKNOWN, Array, read_only
from features.columns.circle import circle_members
from features.columns.products import within_days
from features.graphs.shares import SHARE_VALUES, ShareValues, returned_lines
from features.interactions import real_orders
from features.window import Window


@dataclass(frozen=True, slots=True)
class OwnerColumns:
    """One entry per owner_row in every array.

    int32: `n_shares`, `n_shares_30` (in 30 days, -1 when timeless), `n_orders` (lines credited to her, her
    own not), `n_returns` (of those), `n_circle` (members of her circle), `n_own_orders` (lines she bought
    as a member), `member_row` (herself, -1 none), `upline_row` (-1 none). int64 µs, NO_TIME when never:
    `last_time` (last share, credited order or own order), `joined_time`.
    """

    n_shares: Array
    n_shares_30: Array
    n_orders: Array
    n_returns: Array
    n_circle: Array
    n_own_orders: Array
    member_row: Array
    upline_row: Array
    last_time: Array
    joined_time: Array


def owner_columns(window: Window, values: ShareValues = SHARE_VALUES) -> OwnerColumns:
    """Columns of every owner in `window.ids["owners"]`; test orders are left out."""
    n_owners = window.count("owners")
    members = circle_members(window, values)
    parts = {
        "shares": _shares(window),
        "orders": _credited(window),
        "own": _own(window),
        "circle": members.group_by("owner_row").agg(n_circle=members.count()),
        "owners": _registered(window),
    }
    found = {name: window.engine.fetch(rows, ("owner_row",)) for name, rows in parts.items()}

    def spread(part: str, name: str, missing: int, dtype: str = "int32") -> Array:
        column = np.full(n_owners, missing, dtype=dtype)
        column[found[part]["owner_row"]] = found[part][name]
        return read_only(column)

    lasts = [spread(part, "last_time", NO_TIME, "int64") for part in ("shares", "orders", "own")]
    unknown = read_only(np.full(n_owners, UNKNOWN, dtype=np.int32))
    return OwnerColumns(
        n_shares=spread("shares", "n_shares", 0),
        n_shares_30=unknown if window.timeless else spread("shares", "n_shares_30", 0),
        n_orders=spread("orders", "n_orders", 0),
        n_returns=spread("orders", "n_returns", 0),
        n_circle=spread("circle", "n_circle", 0),
        n_own_orders=spread("own", "n_own_orders", 0),
        member_row=window.owner_member,
        upline_row=spread("owners", "upline_owner_row", NO_ROW),
        last_time=read_only(np.maximum.reduce(lasts)),
        joined_time=spread("owners", "joined_time", NO_TIME, "int64"),
    )


def upline_rows(window: Window) -> Array:
    """The owner who brought each owner in: int32, one per owner_row, -1 where none is told."""
    found = window.engine.fetch(_registered(window), ("owner_row",))
    column = np.full(window.count("owners"), NO_ROW, dtype=np.int32)
    column[found["owner_row"]] = found["upline_owner_row"]
    return read_only(column)


def _shares(window: Window) -> ibis.Table:
    shares = window.table("shares")
    recent = within_days(window, shares.share_time, 30).cast("int64")
    shares = shares.mutate(recent=recent)
    return shares.group_by("owner_row").agg(
        n_shares=shares.count(), n_shares_30=shares.recent.sum(), last_time=shares.share_time.max()
    )


def _credited(window: Window) -> ibis.Table:
    orders = real_orders(window)
    orders = orders.filter(orders.owner_row.notnull() & ~orders.is_self)
    returned = returned_lines(window)
    orders = orders.left_join(
        returned,
        [orders.order_code == returned.returned_code, orders.product_row == returned.returned_row],
    )
    orders = orders.mutate(came_back=orders.returned_code.notnull().cast("int64"))
    return orders.group_by("owner_row").agg(
        n_orders=orders.count(), n_returns=orders.came_back.sum(), last_time=orders.order_time.max()
    )


def _own(window: Window) -> ibis.Table:
    own = window.owner_members.select(own_owner="owner_row", own_member="member_row")
    orders = real_orders(window).select("member_row", "order_time")
    bought = orders.join(own, orders.member_row == own.own_member)
    return bought.group_by(owner_row="own_owner").agg(
        n_own_orders=bought.count(), last_time=bought.order_time.max()
    )


def _registered(window: Window) -> ibis.Table:
    owners = window.table("owners")
    return owners.group_by("owner_row").agg(
        upline_owner_row=owners.upline_owner_row.max(), joined_time=owners.joined_time.max()
    )
