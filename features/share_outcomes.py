"""What came of each share: the orders that it led to, and how many of them were kept."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np

from features.arrays import Array
from features.graphs.shares import returned_lines
from features.interactions import circle_demand
from features.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class ShareOutcomes:
    """One entry per share of a known product, sorted by time, owner, product, then by what it led to.

    `owner_row`, `product_row`, `n_orders`, `n_kept` int32; `share_time` int64 µs since 1970 UTC. Orders are
    lines of the shared product that name the share, the owner's own left out; kept are those of which no
    return is known at the window's moment, so that the kept orders of the last days are a little too many.
    """

    owner_row: Array
    product_row: Array
    share_time: Array
    n_orders: Array
    n_kept: Array

    def where(self, chosen: Array) -> ShareOutcomes:
        """The shares where `chosen` is true."""
        return ShareOutcomes(
            self.owner_row[chosen], self.product_row[chosen], self.share_time[chosen],
            self.n_orders[chosen], self.n_kept[chosen],
        )  # fmt: skip


def share_outcomes(window: Window) -> ShareOutcomes | None:
    """The outcomes of all shares up to the moment; None where no times, or no order names its share."""
    if window.timeless or not (window.has("shares", "share_id") and window.has("orders", "share_id")):
        return None
    shares = window.table("shares").select("share_id", "owner_row", "product_row", "share_time")
    credited = credited_orders(window)
    joined = shares.left_join(
        credited, [shares.share_id == credited.through, shares.product_row == credited.of]
    )
    found = window.engine.fetch(
        joined.select(
            "owner_row", "product_row", "share_time",
            n_orders=joined.n_orders.fill_null(0), n_kept=joined.n_kept.fill_null(0),
        ),
        ("share_time", "owner_row", "product_row", "n_orders", "n_kept"),  # she may share twice at an instant
    )  # fmt: skip
    return ShareOutcomes(
        found["owner_row"], found["product_row"], found["share_time"],
        found["n_orders"].astype(np.int32), found["n_kept"].astype(np.int32),
    )  # fmt: skip


def credited_orders(window: Window) -> ibis.Table:
    """What each share led to: through (share_id), of (product_row), n_orders, n_kept; see `ShareOutcomes`."""
    orders = circle_demand(window)
    orders = orders.filter(orders.share_id.notnull())
    returned = returned_lines(window)
    orders = orders.left_join(
        returned, [orders.order_code == returned.returned_code, orders.product_row == returned.returned_row]
    )
    orders = orders.select(
        through="share_id", of="product_row", kept=orders.returned_code.isnull().cast("int64")
    )
    return orders.group_by("through", "of").agg(n_orders=orders.count(), n_kept=orders.kept.sum())
