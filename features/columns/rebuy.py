"""How long it takes until the same member buys the same product again."""

from __future__ import annotations

from dataclasses import dataclass

import ibis

from features.arrays import Array
from features.expressions import day_number
from features.interactions import real_orders
from features.window import Window


@dataclass(frozen=True, slots=True)
class RebuyGaps:
    """Completed gaps between two days on which a member bought a product, sorted by product and gap.

    `product_row` int32, `gap_days` int32 (1 and up), `n` int32: how often that gap came.
    """

    product_row: Array
    gap_days: Array
    n: Array


def rebuy_gaps(window: Window) -> RebuyGaps:
    """Every completed gap up to the moment; only for a window with times. Test orders are left out."""
    orders = real_orders(window)
    days = orders.select("member_row", "product_row", day=day_number(orders.order_time)).distinct()
    order = ibis.window(group_by=[days.member_row, days.product_row], order_by=days.day)
    gaps = days.mutate(gap=days.day - days.day.lag().over(order))
    gaps = gaps.filter(gaps.gap.notnull())
    counted = gaps.group_by("product_row", "gap").agg(n=gaps.count().cast("int32"))
    counted = counted.mutate(gap=counted.gap.cast("int32"))
    found = window.engine.fetch(counted, ("product_row", "gap"))
    return RebuyGaps(found["product_row"], found["gap"], found["n"])
