"""Who bought what: the one table of members × products that graphs and embeddings are made from."""

from __future__ import annotations

from dataclasses import dataclass

import ibis

from features.arrays import Array
from features.expressions import WEIGHT_UNIT, decayed_units
from features.order_weights import orders_with_weights, times_weight
from features.window import Window


@dataclass(frozen=True, slots=True)
class Interactions:
    """Purchases of members, one entry per member and product, sorted by (member_row, product_row).

    `member_row` int32, `product_row` int32, `weight` float32 (purchases, older ones counting less),
    `n` int32 (order lines), `last_time` int64 µs since 1970 UTC, None in a timeless dataset.
    """

    member_row: Array
    product_row: Array
    weight: Array
    n: Array
    last_time: Array | None


def real_orders(window: Window) -> ibis.Table:
    """The order lines that somebody meant: all but test orders."""
    orders = window.table("orders")
    return orders.filter(~orders.is_test)


def circle_demand(window: Window) -> ibis.Table:
    """The order lines that show what a circle wants: owners buying through their own link left out."""
    orders = real_orders(window)
    return orders.filter(~orders.is_self)


def member_purchases(window: Window, half_life_days: float | None, weigh: bool = False) -> ibis.Table:
    """Expression: member_row, product_row, units (int64, summed decays), n (int64), last_time, most.

    `weigh`: each line by what it counts as evidence, see `order_weights`; `most` int64 is the most that one
    of the lines counts.
    """
    orders = orders_with_weights(window, weigh)
    units = decayed_units(orders.order_time, window.as_of_second, half_life_days)
    lines = orders.select(
        "member_row",
        "product_row",
        "order_time",
        "line_weight",
        line_units=times_weight(units, orders.line_weight),
    )
    return lines.group_by("member_row", "product_row").agg(
        units=lines.line_units.sum(),
        n=lines.count(),
        last_time=lines.order_time.max(),
        most=lines.line_weight.max(),
    )


def member_product(
    window: Window, *, half_life_days: float | None = None, weigh: bool = False
) -> Interactions:
    """What each member bought, also through her own link; test orders are left out.

    `weight` is the sum over order lines of 2^(-age / half-life), the plain count without a half-life or
    without times; `weigh` counts staged lines less.
    """
    rows = member_purchases(window, half_life_days, weigh)
    found = window.engine.fetch(
        rows.select(
            "member_row",
            "product_row",
            weight=(rows.units.cast("float64") / float(WEIGHT_UNIT)).cast("float32"),
            n=rows.n.cast("int32"),
            last_time=rows.last_time,
        ),
        ("member_row", "product_row"),
    )
    return Interactions(
        member_row=found["member_row"],
        product_row=found["product_row"],
        weight=found["weight"],
        n=found["n"],
        last_time=None if window.timeless else found["last_time"],
    )
